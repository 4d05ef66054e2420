/** What the tests of routing share: requests inside and outside of dialogs, and all a decision takes. */
import type { Binding } from "../../src/location/binding.ts";
import { type GruuLookup, resolveGruu } from "../../src/location/gruu.ts";
import { decideRequest } from "../../src/proxy/decide-request.ts";
import { buildDialogToken, type DialogToken } from "../../src/proxy/dialog-token.ts";
import type { LookupPolicy } from "../../src/proxy/lookup-policy.ts";
import type { ProxyDecision, ProxyInput, RelayBranch, Side } from "../../src/proxy/proxy-input.ts";
import { ctidOf } from "../../src/registrar/rewrite-register.ts";
import {
  AOR,
  buildBinding,
  CTID,
  NOW_MS,
  recordOf,
  SENT_BY,
  SOURCE,
  UPSTREAM_CONTACT,
} from "../registrar/fixtures.ts";
import { message, requestOf } from "../support/messages.ts";
import { SequentialIds } from "../support/sequential-ids.ts";
import { LOOKUP, POLICY } from "../support/world.ts";

const IDS = new SequentialIds();
export const MAIN_SOURCE = "udp:192.0.2.1:5060<192.0.2.50:5060";
/** A second listener, such as one on a network of the phones. */
export const INSIDE_SENT_BY = "10.0.0.1:5080";
export const INSIDE_SOURCE = `udp:${INSIDE_SENT_BY}<10.0.0.7:5060`;

export interface RequestParts {
  readonly method?: string;
  readonly uri?: string;
  readonly from?: string;
  readonly to?: string;
  readonly callId?: string;
  readonly maxForwards?: string;
  readonly routes?: readonly string[];
  readonly headers?: readonly string[];
}

export function requestText(parts: RequestParts = {}): string {
  const method = parts.method ?? "INVITE";
  return message(
    `${method} ${parts.uri ?? UPSTREAM_CONTACT} SIP/2.0`,
    "Via: SIP/2.0/UDP 192.0.2.50:5060;branch=z9hG4bK-1",
    ...(parts.maxForwards === "" ? [] : [`Max-Forwards: ${parts.maxForwards ?? "70"}`]),
    ...(parts.routes ?? []).map((route) => `Route: ${route}`),
    `From: ${parts.from ?? "<sip:bob@sip.test>;tag=bob"}`,
    `To: ${parts.to ?? "<sip:alice@sip.test>"}`,
    `Call-ID: ${parts.callId ?? "call-1"}`,
    `CSeq: 1 ${method}`,
    ...(parts.headers ?? []),
    "Content-Length: 0",
  );
}

export interface InputParts extends RequestParts {
  readonly sender?: ProxyInput["sender"];
  readonly source?: string;
  readonly bindings?: readonly Binding[];
  readonly lookup?: Partial<LookupPolicy>;
  /** Listeners, where they are not the two of UDP. */
  readonly sides?: readonly Side[];
  readonly upstreamSide?: Side;
  /** Flows that lead nowhere any more. */
  readonly dead?: readonly string[];
  /** How fast devices have answered pings, by their contacts. */
  readonly latencies?: Readonly<Record<string, number>>;
  /** Addresses-of-record of contact identifiers, where they are not alice's. */
  readonly aors?: Readonly<Record<string, string>>;
  /** Contact identifiers of the bindings whose devices are asleep. */
  readonly asleep?: readonly string[];
}

/** GRUUs of alice's bindings, looked up among these. */
function buildGruuLookup(bindings: readonly Binding[]): GruuLookup {
  const record = recordOf(AOR, bindings);
  return {
    aorPolicy: POLICY.aor,
    record: (aor) => (aor === AOR ? record : undefined),
    keys: IDS,
    isTarget: ({ expiresAtMs }) => expiresAtMs > NOW_MS,
  };
}

/** Everything a decision takes: from the main registrar, for a device that is registered. */
export function buildInput(parts: InputParts = {}): ProxyInput {
  const bindings = parts.bindings ?? [buildBinding()];
  const own = [SENT_BY, INSIDE_SENT_BY];
  const sides = parts.sides ?? own.map((sentBy) => ({ sentBy, protocol: "udp" as const }));
  const source = parts.source ?? (parts.sender === "device" ? SOURCE : MAIN_SOURCE);
  return {
    request: requestOf(requestText(parts)),
    sender: parts.sender ?? "upstream",
    source,
    sideOf: (flow) =>
      sides.find(({ protocol, sentBy }) => flow.startsWith(`${protocol}:${sentBy}<`)),
    upstreamSide: parts.upstreamSide ?? { sentBy: SENT_BY, protocol: "udp" },
    upstream: "",
    upstreamHost: "192.0.2.50:5060",
    flowsOf: (binding) => [binding],
    isOwnHost: (host, port) => own.includes(`${host}:${port ?? 5060}`),
    isUpstreamHost: (host, port) => `${host}:${port ?? 5060}` === "192.0.2.50:5060",
    callerBinding: () => bindings.find((binding) => binding.source === source),
    mac: (text) => IDS.mac(text),
    isMac: (text, mac) => IDS.isMac(text, mac),
    ctidOf: (uri) => ctidOf(uri, POLICY),
    lookupFor: () => ({ ...LOOKUP, ...parts.lookup }),
    isReachable: ({ source: flow }) => parts.dead?.includes(flow) !== true,
    isFlowOpen: (flow) => parts.dead?.includes(flow) !== true,
    latencyMsOf: ({ contact }) => parts.latencies?.[contact],
    targetsOf: (uri) => bindings.filter(({ ctid }) => ctid === ctidOf(uri, POLICY)),
    bindingOf: (ctid) => bindings.find((binding) => binding.ctid === ctid),
    aorOf: (ctid) =>
      parts.aors?.[ctid] ?? (bindings.some((one) => one.ctid === ctid) ? AOR : undefined),
    gruuTarget: (uri) => resolveGruu(uri, buildGruuLookup(bindings)),
    isAsleep: ({ ctid }) => parts.asleep?.includes(ctid) ?? false,
  };
}

/** A decision, with the parts of its first branch. */
export type FirstBranch = ProxyDecision & Partial<RelayBranch>;

export function decide(parts: InputParts = {}): FirstBranch {
  return withFirstBranch(decideRequest(buildInput(parts)));
}

export function withFirstBranch(decision: ProxyDecision): FirstBranch {
  return decision.kind === "relay" ? { ...decision, ...decision.branches[0] } : decision;
}

/** The text of the relayed request; fails where it is answered instead. */
export function relayedText(decision: FirstBranch): string {
  if (decision.text === undefined) throw new Error(JSON.stringify(decision));
  return decision.text;
}

/** A Route of midreg's own for the dialog of requestText, made when bob called alice. */
export function ownRoute(
  parts: Partial<DialogToken> & { readonly at?: string; readonly tag?: string } = {},
): string {
  const { at = SENT_BY, tag = "bob", ...token } = parts;
  const seal = { callId: "call-1", initiatorTag: tag };
  const user = buildDialogToken(
    { role: "callee", flow: SOURCE, ctid: CTID, ...token },
    seal,
    (text) => IDS.mac(text),
  );
  return `<sip:${user}@${at};lr>`;
}
