/**
 * `midreg explain`: which rule a REGISTER hits, why the others do not match, and what holds for it then.
 */
import { listenerId } from "../config/address.ts";
import type { Settings } from "../config/settings.ts";
import { addressGroups } from "../location/network.ts";
import { explainRules } from "../registrar/explain-rules.ts";
import { readRegister } from "../registrar/read-register.ts";
import { mismatchOf, RegisterFacts, type RegisterOrigin } from "../registrar/rules.ts";
import type { SipRequest } from "../sip/message.ts";
import { paramValue } from "../sip/params.ts";
import { parseMessage } from "../sip/parse-message.ts";
import { isOwnHostBy } from "./own-hosts.ts";
import { buildRegisterPolicy, buildRegisterRules } from "./register-policy.ts";
import { outcomeLines } from "./rule-outcome.ts";

/** What is asked about; texts are as they were given. */
export interface RegisterQuestion {
  /** The REGISTER as a byte string; its lines may end in LF. */
  readonly text: string;
  /** Where it comes from: `ADDRESS` or `ADDRESS:PORT`; otherwise what its Via says. */
  readonly source: string | undefined;
  /** Identifier of the listener it comes to; otherwise the first one. */
  readonly listener: string | undefined;
}

/** The question cannot be answered; the message says why in one line. */
export class ExplainError extends Error {
  override readonly name = "ExplainError";
  readonly code = "EXPLAIN_FAILED";
}

/**
 * The explanation in lines for a terminal.
 *
 * @throws ExplainError when there is no REGISTER in the text, or the source or listener makes no sense.
 */
export function explainRegister(settings: Settings, question: RegisterQuestion): string {
  const request = parseRegister(question.text);
  const origin = originOf(settings, question, request);
  const base = buildRegisterPolicy(settings, undefined);
  const rules = buildRegisterRules(settings, undefined);
  const facts = new RegisterFacts(request, origin, base);
  const matched = rules.findIndex(({ match }) => mismatchOf(match, facts) === undefined);
  const rule = rules[matched];
  const policy = rule?.policy ?? base;
  const { address, listener } = origin;
  const { registrar, lookup, operation } = settings;
  const general = { policy: base, registrar, lookup, ping: operation.pings.policy.choice };
  return [
    `REGISTER for ${facts.aor} from ${address} to ${listener.id}`,
    "",
    rules.length === 0 ? "There are no rules." : "Rules:",
    ...verdictLines(explainRules(rules, facts)),
    "",
    rule === undefined ? "In force, without a rule:" : `In force, * by rule ${policy.rule}:`,
    ...outcomeLines({ ...general, ...settings.rules[matched], policy }, general),
    ...refusalLines(readRegister(request, policy, address, isOwnHostBy(settings))),
    "",
  ].join("\n");
}

function parseRegister(text: string): SipRequest {
  const lines = text.replaceAll(/\r?\n/gu, "\r\n").replace(/^(\r\n)+/u, "");
  const head = lines.includes("\r\n\r\n") ? lines : `${lines.replace(/\r\n$/u, "")}\r\n\r\n`;
  const parsed = parseMessage(head);
  if (parsed.kind === "malformed") throw new ExplainError(`malformed: ${parsed.error.reason}`);
  if (parsed.kind !== "request" || parsed.method !== "REGISTER") {
    throw new ExplainError("holds no REGISTER: a request line, Via and the other headers, as text");
  }
  return parsed;
}

function originOf(
  { listeners }: Settings,
  { source, listener }: RegisterQuestion,
  { via }: SipRequest,
): RegisterOrigin {
  const ids = listeners.map(listenerId);
  const id = listener ?? ids[0] ?? "";
  const found = listeners[ids.indexOf(id)];
  if (found === undefined) throw new ExplainError(`--listener must be one of ${ids.join(", ")}`);
  const received = paramValue(via.params, "received");
  const written = source ?? received ?? via.host;
  const address = addressIn(written);
  if (address === undefined) {
    const what = source === undefined ? `the Via names ${written}` : written;
    throw new ExplainError(`--source must be ADDRESS or ADDRESS:PORT, not ${JSON.stringify(what)}`);
  }
  return { listener: { id, protocol: found.protocol }, address };
}

/** The address of `ip`, `ip:port`, `[v6]` or `[v6]:port`. */
function addressIn(text: string): string | undefined {
  const [, v6, v4] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{1,5})?$/u.exec(text) ?? [];
  const address = v6 ?? v4 ?? text;
  return addressGroups(address) === undefined ? undefined : address;
}

function verdictLines(verdicts: ReturnType<typeof explainRules>): string[] {
  const first = verdicts.findIndex(({ isMatched }) => isMatched);
  return verdicts.map(({ name, isMatched, reason }, at) => {
    const later = `would match, but rule ${first + 1} comes first`;
    const word = at === first ? "MATCH" : later;
    return `  ${at + 1}. ${name}: ${isMatched ? word : `no match: ${reason}`}`;
  });
}

/** What the REGISTER is answered before anything is looked up, if it is. */
function refusalLines(ask: ReturnType<typeof readRegister>): string[] {
  return "status" in ask ? ["", `It is refused with ${ask.status} ${ask.reason}.`] : [];
}
