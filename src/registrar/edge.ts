/**
 * midreg as the edge of a main registrar that does outbound itself (RFC 5626 sections 5.1 and 5.4): the Path of its own that
 * a REGISTER gets, and what the main registrar says of outbound.
 */
import type { Binding } from "../location/binding.ts";
import { isFlowUpstream } from "../location/flow-key.ts";
import { buildFlowToken } from "../location/flow-token.ts";
import { HEADER } from "../sip/header-name.ts";
import { secondsHeader, tokensOf } from "../sip/header-values.ts";
import type { SipRequest, SipResponse } from "../sip/message.ts";
import type { MessageRewrite } from "../sip/message-rewrite.ts";
import type { EdgeRole } from "./outbound.ts";
import { flowTimerOf } from "./outbound.ts";
import type { AskedContact, RegisterAsk } from "./read-register.ts";
import type { RegisterPolicy } from "./register-policy.ts";

/** What names a flow toward the main registrar, whatever else of the contact it is told. */
const FLOW_PARAMS: readonly string[] = ["+sip.instance", "reg-id"];

/** What a Path of midreg's own is made with. */
export interface EdgePlace {
  /** The flow of the device. */
  readonly source: string;
  /** host:port of the listener that faces the main registrar. */
  readonly upstreamSentBy: string;
  readonly policy: Pick<RegisterPolicy, "extraContactParams">;
  readonly ids: { mac(text: string): string };
}

/** Contact parameters that the main registrar is told besides those that the configuration names. */
export function edgeParams(
  names: readonly string[],
  { edge }: Pick<RegisterAsk, "edge">,
  { flowKey }: Pick<AskedContact, "flowKey">,
): readonly string[] {
  return edge === undefined || flowKey === undefined ? names : [...names, ...FLOW_PARAMS];
}

/** A REGISTER at the edge, and which contact its Path leads to. */
interface EdgeRegister extends EdgePlace {
  readonly ask: Pick<RegisterAsk, "edge" | "path">;
}

/**
 * The Path with midreg's own value before those that came (RFC 3327 section 5.2); empty where midreg is no edge. Only the
 * first hop may say "ob" (RFC 5626 section 5.1).
 */
function edgePath(register: EdgeRegister, ctid: string): string {
  const { edge, path } = register.ask;
  if (edge === undefined) return "";
  const own = ownPath(register, edge, ctid);
  return path === "" ? own : `${own}, ${path}`;
}

function ownPath({ source, upstreamSentBy, policy, ids }: EdgePlace, edge: EdgeRole, ctid: string) {
  const token = buildFlowToken({ flow: source, ctid }, (text) => ids.mac(text));
  // The main registrar reaches it as it reaches the contacts.
  const [transport = ""] = /;transport=[^;]*/iu.exec(policy.extraContactParams) ?? [];
  return `<sip:${token}@${upstreamSentBy}${transport};lr${edge === "first-hop" ? ";ob" : ""}>`;
}

/** Gives a REGISTER its Path, where midreg is an edge. */
export function addEdgePath(
  rewrite: MessageRewrite,
  register: EdgeRegister & { readonly request: SipRequest },
  ctid: string,
): void {
  const { edge } = register.ask;
  if (edge === undefined) return;
  rewrite.prepend(`Path: ${ownPath(register, edge, ctid)}`);
  // Whoever adds a Path is served by one that understands it, not the device (RFC 3327 section 5.1).
  if (!tokensOf(register.request, HEADER.supported).includes("path")) {
    rewrite.prepend("Supported: path");
  }
}

/** The contact that the Path of a REGISTER leads to: the flow that it registers, else one that it ends. */
export function flowContact<T extends { readonly asked: AskedContact }>(
  contacts: readonly T[],
): T | undefined {
  const flows = contacts.filter(({ asked }) => asked.flowKey !== undefined);
  return flows.find(({ asked }) => asked.lifetimeSec > 0) ?? flows[0];
}

/** The Path of a registration for the device's answer, which tells it that "ob" is there (RFC 5626 section 8). */
export function edgePathLine(
  register: EdgeRegister & { readonly ask: Pick<RegisterAsk, "supportsPath"> },
  ctid: string | undefined,
): string {
  const { edge, supportsPath } = register.ask;
  if (edge === undefined || !supportsPath || ctid === undefined) return "";
  return `Path: ${edgePath(register, ctid)}\r\n`;
}

/**
 * What the main registrar says of outbound, as the device is told and absorbed answers say it again. The last proxy before
 * the device may set the Flow-Timer (section 5.4).
 */
export function edgeLines(ask: RegisterAsk, response: SipResponse): string {
  if (ask.edge === undefined || !ask.isOutbound) return "";
  if (!tokensOf(response, HEADER.require).includes("outbound")) return "";
  const given = secondsHeader(response, HEADER.flowTimer) ?? 0;
  const own = flowTimerOf(ask);
  const sec = own > 0 ? own : given;
  return `Require: outbound\r\n${sec > 0 ? `Flow-Timer: ${sec}\r\n` : ""}`;
}

const EDGE_LINES = /^(?:Require|Flow-Timer):.*\r\n/gmu;

/** What absorbed answers say again: of outbound only to who supports it and has registered a flow. */
export function replayLines(
  { replay }: Pick<Binding, "replay">,
  { edge, isOutbound }: Pick<RegisterAsk, "edge" | "isOutbound">,
): string {
  const isTold = edge !== undefined && isOutbound;
  return isTold || !isFlowUpstream({ replay }) ? replay : replay.replaceAll(EDGE_LINES, "");
}

/** The Flow-Timer that an answer tells; 0 for none. */
export function toldFlowTimer(answer: string): number {
  return Number(/^Flow-Timer: (\d{1,9})\r$/mu.exec(answer)?.[1] ?? 0);
}

/** What a REGISTER of midreg's own has to say for a flow that the main registrar knows: parameters and header lines. */
export function edgeResync(
  binding: Binding,
  { ids, upstreamSentBy, policy }: Omit<EdgePlace, "source">,
): { readonly params: readonly string[]; readonly lines: string } {
  if (!isFlowUpstream(binding)) return { params: [], lines: "" };
  const { source, path, ctid } = binding;
  const ask = { edge: path === "" ? "first-hop" : "later-hop", path } as const;
  const value = edgePath({ ask, source, ids, upstreamSentBy, policy }, ctid);
  return { params: FLOW_PARAMS, lines: `Path: ${value}\r\nSupported: path, outbound\r\n` };
}
