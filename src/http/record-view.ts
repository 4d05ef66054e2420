/** What operators see of the location data: JSON with the field names of Kamailio's usrloc records. */
import { type AorRecord, type Binding, upstreamName } from "../location/binding.ts";
import type { Decision } from "../location/decision.ts";
import { bracketAddress, parseFlow } from "../location/flow.ts";
import { maskSecrets } from "../location/mask-secrets.ts";
import { parsePush } from "../location/push-device.ts";
import { readPushParams } from "../location/push-params.ts";
import type { Clock, LocationAdmin, PingView } from "../ports.ts";
import { paramValue, unquote } from "../sip/params.ts";
import { parseUri } from "../sip/uri.ts";
import { toText } from "./byte-text.ts";

/** The clocks a view is made by: lifetimes count on the steady one, dates are shown on the wall's. */
export type ViewClock = Pick<Clock, "nowMs" | "wallMs">;

/** An address-of-record in a list. */
export function summaryOf({ aor, bindings }: AorRecord, clock: ViewClock): object {
  const ends = bindings.map(({ expiresAtMs }) => expiresAtMs);
  const upstreamEnds = bindings.map(({ upstream }) => upstream.expiresAtMs);
  return {
    aor: toText(aor),
    contacts: bindings.length,
    expires: secondsLeft(Math.max(...ends), clock),
    upstream_expires: secondsLeft(Math.min(...upstreamEnds), clock),
  };
}

/** An address-of-record with all that is kept of its contacts. */
export function recordView(
  { aor, bindings }: AorRecord,
  clock: ViewClock,
  pings: ReadPings,
): object {
  const contacts = bindings.map((binding) => contactView(binding, clock, pings));
  return { aor: toText(aor), contacts };
}

/** What pings have told of a binding; undefined for nothing. */
export type ReadPings = LocationAdmin["pings"];

/** A binding, field for field as Kamailio shows one, and what midreg keeps besides. */
export function contactView(binding: Binding, clock: ViewClock, pings: ReadPings): object {
  const { upstream, params } = binding;
  const flow = parseFlow(binding.source);
  const regId = paramValue(params, "reg-id");
  return {
    ruid: binding.ctid,
    contact: toText(maskSecrets(binding.contact)),
    received: flow === undefined ? null : `sip:${bracketAddress(flow.address)}:${flow.port}`,
    path: toText(maskSecrets(binding.path)),
    expires: secondsLeft(binding.expiresAtMs, clock),
    expires_at: dateOf(binding.expiresAtMs, clock),
    q: binding.q === undefined ? null : binding.q / 1000,
    call_id: toText(binding.callId),
    cseq: binding.cseq,
    state: binding.expiresAtMs > clock.nowMs() ? "active" : "expired",
    user_agent: toText(binding.userAgent),
    socket: flow?.listener ?? null,
    last_modified: dateOf(binding.updatedAtMs, clock),
    methods: methodsOf(binding),
    instance: instanceOf(params),
    reg_id: regId === undefined ? null : Number(regId),
    attributes: toText(maskSecrets(params)),
    mode: binding.mode,
    attr: toText(binding.attr),
    push: pushView(binding),
    ...NOT_KEPT,
    ...pingFields(pings(binding), clock),
    upstream: {
      name: upstreamName(upstream),
      contact: toText(maskSecrets(upstream.contact)),
      call_id: upstream.callId,
      cseq: upstream.cseq,
      expires: secondsLeft(upstream.expiresAtMs, clock),
      expires_at: dateOf(upstream.expiresAtMs, clock),
      request_uri: toText(maskSecrets(upstream.requestUri)),
      to: toText(maskSecrets(upstream.to)),
      from: toText(maskSecrets(upstream.from === "" ? upstream.to : upstream.from)),
    },
  };
}

/**
 * Whether the device can be woken, and by which provider: what its contact names, as long as it is no other text than
 * a name. Never more than that.
 */
function pushView({ contact, push }: Binding): object | null {
  const uri = parseUri(contact);
  const provider = parsePush(push)?.provider ?? (uri && readPushParams(uri)?.provider);
  if (provider === undefined) return null;
  return { provider: PROVIDER.test(provider) ? provider : "other", pushable: push !== "" };
}

const PROVIDER = /^[a-z0-9._-]{1,32}$/u;

/** Fields of Kamailio's records that mean nothing here, so that a reader of them finds them all. */
const NOT_KEPT = {
  flags: 0,
  cflags: 0,
  server_id: null,
  tcpconn_id: null,
};

/** Kamailio's fields of its keep-alives (the round trip in microseconds), and what midreg keeps besides. */
function pingFields(pings: PingView | undefined, clock: ViewClock): object {
  if (pings === undefined) {
    return { keepalive: null, last_keepalive: null, ka_roundtrip: null, ping: null };
  }
  const { state, pingedAtMs, answeredAtMs, latencyMs, lost } = pings;
  const answeredAt = answeredAtMs === undefined ? null : dateOf(answeredAtMs, clock);
  return {
    keepalive: 1,
    last_keepalive: answeredAt,
    ka_roundtrip: latencyMs === undefined ? null : Math.round(latencyMs * 1000),
    ping: {
      state,
      latency_ms: latencyMs === undefined ? null : Math.round(latencyMs * 10) / 10,
      last_ping: dateOf(pingedAtMs, clock),
      last_answer: answeredAt,
      lost,
    },
  };
}

/** What the device allows: its Allow header, or else the parameter of its contact; null when it did not say. */
function methodsOf({ params, methods }: Binding): string | null {
  if (methods !== "") return toText(methods);
  const param = paramValue(params, "methods");
  return param === undefined ? null : toText(unquote(param));
}

function instanceOf(params: string): string | null {
  const instance = paramValue(params, "+sip.instance");
  return instance === undefined ? null : toText(unquote(instance));
}

/** A recent decision. */
export function decisionView(decision: Decision, clock: ViewClock): object {
  return {
    at: dateOf(decision.atMs, clock),
    first_at: dateOf(decision.firstAtMs, clock),
    count: decision.count,
    kind: decision.kind,
    reason: decision.reason,
    outcome: decision.outcome,
    ruid: decision.ctid,
    contacts: decision.contacts,
    age: decision.ageSec ?? null,
    expires: decision.expiresSec ?? null,
    upstream_expires: decision.upstreamSec ?? null,
    proof: decision.proof,
    status: decision.status ?? null,
    duration_ms: decision.durationMs ?? null,
    rule: decision.rule,
    source: decision.source,
  };
}

/** Whole seconds until a moment; negative once it is past. */
function secondsLeft(atMs: number, clock: ViewClock): number {
  return Math.floor((atMs - clock.nowMs()) / 1000);
}

/** A moment of the steady timeline as a date of the wall clock, in ISO 8601. */
export function dateOf(atMs: number, clock: ViewClock): string {
  return new Date(atMs + clock.wallMs() - clock.nowMs()).toISOString();
}
