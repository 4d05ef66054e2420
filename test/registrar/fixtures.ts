/** What the tests of REGISTER decisions share: a phone's request, its binding, and all a decision takes. */
import type { AorRecord, Binding, UpstreamRegistration } from "../../src/location/binding.ts";
import { decideRegister, type RegisterDecision } from "../../src/registrar/decide-register.ts";
import { type RegisterAsk, readRegister } from "../../src/registrar/read-register.ts";
import type { RegisterInput } from "../../src/registrar/register-input.ts";
import type { RegisterPolicy } from "../../src/registrar/register-policy.ts";
import type { Identity } from "../../src/registrar/upstream-identity.ts";
import type { SipRequest } from "../../src/sip/message.ts";
import { message, requestOf } from "../support/messages.ts";
import { SequentialIds } from "../support/sequential-ids.ts";
import { POLICY } from "../support/world.ts";

export const NOW_MS = Date.UTC(2026, 0, 1);
export const AOR = "alice@sip.test";
export const AOR_URI = "sip:alice@sip.test";
export const CONTACT = "sip:alice@198.51.100.7:40000";
export const SOURCE = "udp:192.0.2.1:5060<198.51.100.7:40000";
export const SENT_BY = "192.0.2.1:5060";
export const CTID = new SequentialIds().ctid(AOR, CONTACT);
export const UPSTREAM_CONTACT = `sip:alice@${SENT_BY};ctid=${CTID}`;

export interface RegisterParts {
  readonly uri?: string;
  readonly from?: string;
  readonly to?: string;
  readonly callId?: string;
  readonly cseq?: number;
  readonly maxForwards?: string;
  /** Values of Contact headers, one line for each. */
  readonly contacts?: readonly string[];
  /** Value of the Expires header; undefined leaves it out. */
  readonly expires?: string | undefined;
  /** Further header lines. */
  readonly headers?: readonly string[];
}

/** A REGISTER as the phone sends it: with a Contact and no Expires header unless told otherwise. */
export function registerText(parts: RegisterParts = {}): string {
  const contacts = parts.contacts ?? [`<${CONTACT}>;expires=60`];
  return message(
    `REGISTER ${parts.uri ?? "sip:sip.test"} SIP/2.0`,
    "Via: SIP/2.0/UDP 198.51.100.7:40000;branch=z9hG4bK-phone",
    ...(parts.maxForwards === "" ? [] : [`Max-Forwards: ${parts.maxForwards ?? "70"}`]),
    `From: ${parts.from ?? `<${AOR_URI}>;tag=phone`}`,
    `To: ${parts.to ?? `<${AOR_URI}>`}`,
    `Call-ID: ${parts.callId ?? "phone-call-id"}`,
    `CSeq: ${parts.cseq ?? 2} REGISTER`,
    ...contacts.map((contact) => `Contact: ${contact}`),
    ...(parts.expires === undefined ? [] : [`Expires: ${parts.expires}`]),
    ...(parts.headers ?? []),
    "Content-Length: 0",
  );
}

export type BindingParts = Omit<Partial<Binding>, "upstream"> & {
  readonly upstream?: Partial<UpstreamRegistration>;
};

/** The binding that the phone's last REGISTER has left: a minute here, an hour upstream. */
export function buildBinding({ upstream, ...parts }: BindingParts = {}): Binding {
  return {
    ctid: CTID,
    contact: CONTACT,
    params: "",
    q: undefined,
    callId: "phone-call-id",
    cseq: 1,
    expiresAtMs: NOW_MS + 30_000,
    updatedAtMs: NOW_MS - 30_000,
    source: SOURCE,
    path: "",
    userAgent: "",
    replay: "",
    mode: "contact",
    methods: "",
    attr: "",
    registeredAtMs: NOW_MS - 30_000,
    upstreamGruu: "",
    push: "",
    upstream: {
      upstream: "",
      callId: "upstream-call-id",
      cseq: 7,
      expiresAtMs: NOW_MS + 3_570_000,
      contact: UPSTREAM_CONTACT,
      requestUri: "sip:sip.test",
      to: AOR_URI,
      from: "",
      ...upstream,
    },
    ...parts,
  };
}

export interface InputParts {
  /** What the phone sends: parts of it, or a whole text. */
  readonly register?: RegisterParts | string;
  readonly bindings?: readonly Binding[];
  readonly policy?: Partial<RegisterPolicy>;
  readonly source?: string;
  readonly nowMs?: number;
  readonly sentBy?: string;
  readonly ids?: SequentialIds;
  readonly identities?: readonly Identity[];
  /** ctids of registrations that are doubted. */
  readonly doubted?: readonly string[];
  readonly dateLine?: string;
}

/** Everything a decision takes. No bindings mean that the address-of-record is unknown. */
export function buildInput(parts: InputParts = {}): RegisterInput {
  const text = typeof parts.register === "string" ? parts.register : registerText(parts.register);
  const request = requestOf(text);
  const policy = { ...POLICY, ...parts.policy };
  const ask = askOf(request, policy);
  const sentBy = parts.sentBy ?? SENT_BY;
  return {
    request,
    ask,
    record: recordOf(ask.aor, parts.bindings),
    source: parts.source ?? SOURCE,
    nowMs: parts.nowMs ?? NOW_MS,
    policy,
    ids: parts.ids ?? new SequentialIds(),
    longestOutgoingSec: policy.outgoingExpiresSec,
    upstreamSentBy: sentBy,
    identities: (ctid) => parts.identities?.find(({ key }) => key === ctid),
    isDoubted: (ctid) => parts.doubted?.includes(ctid) === true,
    isOwnHost: (host, port) => `${host}:${port ?? 5060}` === sentBy,
    dateLine: parts.dateLine ?? "",
  };
}

export function recordOf(aor: string, bindings: readonly Binding[] = []): AorRecord | undefined {
  return bindings.length === 0 ? undefined : { aor, bindings };
}

/** Reads a request that must be good. */
function askOf(request: SipRequest, policy: RegisterPolicy): RegisterAsk {
  const ask = readRegister(request, policy);
  if ("status" in ask) throw new Error(`Refused: ${ask.reason}`);
  return ask;
}

export function decide(parts: InputParts = {}): RegisterDecision {
  return decideRegister(buildInput(parts));
}

type Kind = RegisterDecision["kind"];

/** The decision, which must be of that kind. */
export function decideAs<K extends Kind>(
  kind: K,
  parts: InputParts = {},
): Extract<RegisterDecision, { kind: K }> {
  const decision = decide(parts);
  if (!isKind(decision, kind)) throw new Error(`${decision.kind}: ${decision.reason}`);
  return decision;
}

function isKind<K extends Kind>(
  decision: RegisterDecision,
  kind: K,
): decision is Extract<RegisterDecision, { kind: K }> {
  return decision.kind === kind;
}
