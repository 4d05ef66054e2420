/**
 * The interfaces behind which all input and output lives. `server` sees only these; `cli` builds the
 * adapters and hands them over.
 */
import type { AorRecord, Binding, DeRegistration } from "./location/binding.ts";
import type { AorChange } from "./location/change.ts";
import type { Decision } from "./location/decision.ts";
import type { PushDevice } from "./location/push-device.ts";

/** The only source of time. */
export interface Clock {
  /**
   * Milliseconds on a steady timeline: close to the Unix epoch, never stepped while the process runs,
   * continued after a restart, with a fraction. Everything that is stored or compared uses it.
   */
  nowMs(): number;
  /** The wall clock as it stands, for Date headers only. */
  wallMs(): number;
  /** Calls `ring` once, at `atMs` or as soon as possible after; a later call replaces an earlier one. */
  setAlarm(atMs: number, ring: () => void): void;
}

/** Unguessable identifiers, all from a cryptographic source. */
export interface Ids {
  /** A Via branch with the RFC 3261 cookie, at least 72 random bits. */
  branch(): string;
  /** A From or To tag, at least 64 random bits. */
  tag(): string;
  /** A Call-ID, at least 120 random bits. */
  callId(): string;
  /** The contact identifier of a device: keyed, stable, 16 hexadecimal digits. */
  ctid(aor: string, device: string): string;
  /** A keyed digest of a text in base64url, truncated to 80 bits, for tokens midreg hands out. */
  mac(text: string): string;
  /** Whether a mac was made of a text by this install, with its present secret or one before that is kept. */
  isMac(text: string, mac: string): boolean;
  /** A text encrypted and authenticated, other each time, in base64url; undefined beyond 256 bytes. */
  seal(text: string): string | undefined;
  /** The text that was sealed; undefined when it was not sealed by this install, or altered since. */
  unseal(sealed: string): string | undefined;
  /** A number from 0 (included) to 1 (excluded), for jitter. */
  fraction(): number;
}

/** What a save ends with; called once, never before `save` has returned in a durable store. */
export interface Commit {
  committed(): void;
  failed(reason: string): void;
}

/** How the store is doing, for health and metrics. */
export interface StoreStatus {
  readonly isWritable: boolean;
  /** Empty while all is well. */
  readonly problem: string;
  readonly aors: number;
  readonly bindings: number;
  readonly deRegistrations: number;
}

/** A binding and whose it is. */
export interface HeldBinding {
  readonly aor: string;
  readonly binding: Binding;
}

/**
 * The location service's memory. Reads see what is committed and nothing else. Callers save changes of
 * one address-of-record one at a time: the next only after the last has ended.
 */
export interface LocationStore {
  lookup(aor: string): AorRecord | undefined;
  /** The binding with that contact identifier, expired or not. */
  lookupCtid(ctid: string): { readonly aor: string; readonly binding: Binding } | undefined;
  /** Whether some binding, expired or not, was last refreshed from that flow (location/flow.ts). */
  hasSource(source: string): boolean;
  /** One of the bindings whose flow it is; undefined when there is none. */
  bindingAt(source: string): Binding | undefined;
  /** All of them, of every address-of-record. */
  bindingsAt(source: string): readonly HeldBinding[];
  /** Makes the change durable as the configured durability asks, then visible, then says so. */
  save(change: AorChange, commit: Commit): void;
  records(): Iterable<AorRecord>;
  deRegistrations(): Iterable<DeRegistration>;
  /** The de-registration owed for a contact identifier. */
  deRegistration(ctid: string): DeRegistration | undefined;
  /** A small value that is kept besides the location data; undefined when there is none. */
  readMeta(key: string): string | undefined;
  /** Keys and values of those whose keys begin so. */
  metaOf(prefix: string): Iterable<readonly [key: string, value: string]>;
  /** Stores such a value the way `save` stores a change; an empty one is forgotten. */
  writeMeta(key: string, value: string, commit: Commit): void;
  status(): StoreStatus;
  /** Commits what is under way, then releases everything. */
  close(): Promise<void>;
}

/** The transports of SIP: RFC 3261 section 18, RFC 7118. All but "udp" are connections. */
export type Protocol = "udp" | "tcp" | "tls" | "ws" | "wss";

/** A bound socket that phones and the main registrar can send to. */
export interface Listener {
  /** Protocol, bind address and bind port: "udp:192.0.2.1:5060", "tls:[::1]:5061". */
  readonly id: string;
  readonly protocol: Protocol;
  readonly family: 4 | 6;
  /** Bind address (may be a wildcard) without brackets, and bind port. */
  readonly address: string;
  readonly port: number;
  /** What goes into Via, Contact and Record-Route: host (IPv6 in brackets) and port. */
  readonly sentBy: string;
}

/** One place a message can be sent to. */
export interface Target {
  readonly protocol: Protocol;
  /** IP literal without brackets. */
  readonly address: string;
  readonly port: number;
  /**
   * The one connection that will do, as in a flow (location/flow.ts); a send fails when it has ended.
   * Undefined: one that is open to that place already, or a new one. UDP has none.
   */
  readonly connection?: string | undefined;
  /** The name it was found by, which its certificate has to be for (RFC 5922); undefined for a literal. */
  readonly domain?: string | undefined;
}

/** Where a message came from. */
export interface Source {
  /** Remote IP literal without brackets. */
  readonly address: string;
  readonly port: number;
  /** Name of the connection it came on, as in a flow (location/flow.ts); UDP has none. */
  readonly connection?: string | undefined;
}

/** Takes what a listener has received. */
export interface Receiver {
  /** A whole message as a byte string. */
  receive(text: string, listener: Listener, from: Source): void;
  /** Whether a registered device lives on the flow, so that it must not be ended for being silent. */
  isInUse(flow: string): boolean;
  /** A connection has ended, whoever ended it, or nothing was heard on a flow for as long as was promised. */
  closed(flow: string, reason: FlowEnd): void;
}

/** Why a flow has ended. */
export type FlowEnd =
  | "peer"
  | "error"
  | "refused"
  | "idle"
  | "silent"
  | "slow-sender"
  | "slow-reader"
  | "malformed"
  /** No keep-alive within the time that was promised (RFC 5626 section 5.4). */
  | "keep-alive"
  /** midreg itself stops. */
  | "stopped";

export interface Transport {
  readonly listeners: readonly Listener[];
  /** Opens the listeners and passes on what they hear. */
  start(receiver: Receiver): Promise<void>;
  /**
   * Sends a message from a listener: a datagram from its socket, or on a connection that was accepted by it
   * or is opened for it. `failed` is called with an error code when it could not leave.
   */
  send(text: string, listener: Listener, target: Target, failed?: (code: string) => void): void;
  /**
   * Whether a message can be sent on that flow: always where there is a listener for it, unless its connection has ended
   * or promised keep-alives are missing.
   */
  isOpen(flow: string): boolean;
  /** From now on the flow has ended when nothing is heard on it for that long. */
  expectKeepAlive(flow: string, withinMs: number): void;
  /** Closes the listeners. */
  stop(): Promise<void>;
}

/** Finds the next hops for a URI, best first (RFC 3263). */
export interface Resolver {
  /** Calls back at once for literals and cached names. An empty list means nothing was found. */
  resolve(uri: string, done: (targets: readonly Target[]) => void): void;
  /** Puts a target behind its alternatives for a while, after a time-out, a transport error or a 503. */
  markFailed(target: Target): void;
}

/** What a push is for; a call rings, a refresh must not be seen by its user. */
export type PushPurpose = "call" | "message" | "request" | "refresh" | "call-over" | "test";

/** One push to one device (RFC 8599). */
export interface Push {
  readonly device: PushDevice;
  readonly purpose: PushPurpose;
  /** The same for pushes that replace each other: a keyed digest of the Call-ID, at most 32 characters of base64url. */
  readonly topic: string;
  /** Call-ID of the request that waits; empty for a refresh or a test. */
  readonly callId: string;
  /** Who calls, where the operator wants the provider to know it. */
  readonly caller: PushCaller | undefined;
  /** After this moment (steady milliseconds) it is of no use: not sent again, and dropped by the provider. */
  readonly deadlineMs: number;
}

/** Byte strings from the wire, not escaped for any format. */
interface PushCaller {
  readonly uri: string;
  readonly displayName: string;
}

export type PushResult =
  /** The provider has taken it. */
  | "accepted"
  /** The device is gone, or the token is none: it is of no use to push to it again. */
  | "dead-token"
  /** The provider does not take it from us: credentials, topic or project are wrong. */
  | "rejected"
  | "throttled"
  /** An error of the provider, no connection, or its breaker is open. */
  | "unavailable"
  /** No answer before the deadline. */
  | "timeout"
  /** Too many wait already. */
  | "overloaded"
  /** It was not wanted any more before it had left. */
  | "called-off";

export interface PushOutcome {
  readonly result: PushResult;
  /** The provider's own code, of a closed set ("Unregistered", "QUOTA_EXCEEDED", "503"); "" when there is none. */
  readonly reason: string;
  /** What that means and what to do, for operators; without tokens and keys. */
  readonly detail: string;
  /** Since when the token is dead, in steady milliseconds, where the provider says it (APNs 410). */
  readonly deadSinceMs: number | undefined;
}

/** The push providers. */
export interface PushGateway {
  /** The values of pn-provider that can be pushed to. */
  readonly providers: readonly string[];
  /** The public key that Web Push subscriptions are made with (RFC 8292), for sip.vapid; undefined for other providers. */
  vapidKey(provider: string): string | undefined;
  /** Whether the push resource has the form its provider wants, so that a 555 can tell the device at once. */
  canPush(device: PushDevice): boolean;
  /**
   * Sends it, again where that helps, until its deadline. `done` is called once, never before `send` returns. What is
   * given back calls it off: what is not under way to the provider ends, what is ends as it would.
   */
  send(push: Push, done: (outcome: PushOutcome) => void): () => void;
}

/** A counter that the hot path increments directly. */
export interface Tally {
  n: number;
}

export interface Timing {
  observe(seconds: number): void;
}

export type CounterName =
  | "sip_requests_total"
  | "sip_responses_total"
  | "sip_parse_errors_total"
  | "sip_retransmits_total"
  | "sip_dropped_total"
  | "sip_connections_opened_total"
  | "sip_connections_closed_total"
  | "sip_connections_refused_total"
  | "registers_total"
  | "proxied_requests_total"
  | "usrloc_expired_total"
  | "flows_ended_total"
  | "deregistrations_total"
  | "auth_failures_total"
  | "pings_total"
  | "ping_removed_total"
  | "resync_registers_total"
  | "push_requests_total"
  | "push_retries_total"
  | "wakes_total"
  | "push_refreshes_total";

export type TimingName =
  | "register_duration_seconds"
  | "ping_duration_seconds"
  | "upstream_register_duration_seconds"
  | "storage_op_duration_seconds"
  | "push_duration_seconds"
  | "wake_register_seconds"
  | "wake_ring_seconds";

export type GaugeName =
  | "sip_transactions"
  | "sip_connections"
  | "sip_connection_backlog_bytes"
  | "tls_certificate_expiry_seconds"
  | "usrloc_aors"
  | "usrloc_contacts"
  | "upstream_up"
  | "upstream_registrations"
  | "deregistrations_pending"
  | "registers_in_flight"
  | "resync_remaining"
  | "pinged_contacts"
  | "dead_contacts"
  | "pings_in_flight"
  | "ping_round_seconds"
  | "ping_mass_loss"
  | "storage_up"
  | "udp_receive_buffer_bytes"
  | "push_queued"
  | "push_provider_failing"
  | "wakes_pending"
  | "wake_requests_held"
  | "push_refreshes_scheduled";

/** Prometheus, seen from the inside. Names lack the prefix "midreg_"; labels are closed sets. */
export interface Metrics {
  counter(name: CounterName, labels?: Readonly<Record<string, string>>): Tally;
  timing(name: TimingName, labels?: Readonly<Record<string, string>>): Timing;
  gauge(name: GaugeName, labels: Readonly<Record<string, string>>, read: () => number): void;
}

/** Structured log: fields first, then a short constant text. Never secrets, tokens or raw messages. */
export interface Log {
  /** Whether debug lines are wanted, so that the hot path need not build their fields. */
  readonly isDebug: boolean;
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}

/** A contact that an operator adds by hand. */
export interface ManualContact {
  /** Contact URI without angle brackets. */
  readonly uri: string;
  /** Lifetime in seconds, at least 1; clamped like a phone's. */
  readonly expiresSec: number;
  /** Preference in thousandths, 0 to 1000. */
  readonly q: number | undefined;
}

/** How an operator's change of the location data ended. */
export type AdminOutcome =
  /** Committed; the ctids of the bindings that were added or removed. */
  | { readonly kind: "done"; readonly ctids: readonly string[] }
  | { readonly kind: "not-found" }
  /** What was asked for makes no sense, or a limit forbids it. */
  | { readonly kind: "invalid"; readonly detail: string }
  /** The main registrar has refused, or has not answered (status 504); nothing was changed. */
  | { readonly kind: "refused"; readonly status: number; readonly detail: string }
  /** Too much is under way, the process is stopping, or the store cannot be written. */
  | { readonly kind: "busy"; readonly detail: string };

/** What the provider has said to a push that an operator tries a device out with. */
export interface PushTest {
  readonly ctid: string;
  /** Value of pn-provider. */
  readonly provider: string;
  readonly outcome: PushOutcome;
}

export type PushTestOutcome =
  | { readonly kind: "done"; readonly tests: readonly PushTest[] }
  | { readonly kind: "not-found" }
  /** There is nothing to push to, or nothing to push with. */
  | { readonly kind: "invalid"; readonly detail: string };

/** Which registrations are made anew upstream, and how fast. */
export interface ResyncScope {
  readonly aor: string | undefined;
  /** Only what went there: a SIP URI, HOST or HOST:PORT. */
  readonly upstream: string | undefined;
  /** REGISTERs a second; undefined for the configured rate. */
  readonly rate: number | undefined;
}

export interface ResyncProgress {
  readonly state: "idle" | "running" | "finished" | "stopped";
  readonly scope: ResyncScope;
  readonly rate: number;
  /** Whether it goes on from before a restart: then the counts are of what was left to do. */
  readonly isResumed: boolean;
  /** Bindings there were when it began, and those that have been looked at. */
  readonly total: number;
  readonly seen: number;
  /** Bindings that were out of scope, have expired or gone, or share a registration with another one. */
  readonly skipped: number;
  /** REGISTERs that wait for their turn or for an answer. */
  readonly inFlight: number;
  /** REGISTERs that have ended, by how. */
  readonly results: Readonly<Record<ResyncResult, number>>;
  readonly startedAtMs: number | undefined;
  readonly endedAtMs: number | undefined;
}

export type ResyncResult =
  | "accepted"
  | "challenged"
  | "refused"
  | "failed"
  | "timeout"
  | "contact-missing"
  /** The main registrar has accepted what could not be stored. */
  | "store"
  /** The address-of-record had too much under way already. */
  | "busy";

/** What pings have told of the device of a binding. Moments are on the steady timeline. */
export interface PingView {
  readonly state: "alive" | "silent" | "dead";
  readonly pingedAtMs: number;
  /** Undefined when it has answered none. */
  readonly answeredAtMs: number | undefined;
  readonly latencyMs: number | undefined;
  /** Pings in a row without an answer. */
  readonly lost: number;
}

/** What operators can ask of a running server. Addresses-of-record are canonical unless it says otherwise. */
export interface LocationAdmin {
  /** The canonical form of an address-of-record as a person writes it; undefined when it is none. */
  canonical(written: string): string | undefined;
  /** The recent decisions about an address-of-record, the latest first. */
  decisions(aor: string): readonly Decision[];
  /** Undefined when its present flow was never pinged. */
  pings(binding: Binding): PingView | undefined;
  /**
   * Removes a binding by its ctid or contact URI, or all of an address-of-record, here and upstream. `done` is
   * called once, after the commit.
   */
  remove(aor: string, contact: string | undefined, done: (outcome: AdminOutcome) => void): void;
  /** Registers a contact upstream and binds it here if that is accepted. `done` is called once. */
  add(aor: string, contact: ManualContact, done: (outcome: AdminOutcome) => void): void;
  /**
   * Pushes to a device by its ctid or contact URI, or to all of an address-of-record, with nothing to wake for.
   * `done` is called once, when the providers have answered.
   */
  testPush(
    aor: string,
    contact: string | undefined,
    done: (outcome: PushTestOutcome) => void,
  ): void;
  /** Begins to register anew upstream, unless that is going on already. */
  startResync(scope: ResyncScope): "started" | "running" | "not-found" | "invalid" | "busy";
  /** Sends no further REGISTER; those under way end. */
  stopResync(): void;
  resync(): ResyncProgress;
}

/** A user of a realm that phones are checked against. Texts are byte strings. */
export interface CredentialName {
  readonly username: string;
  readonly realm: string;
}

/** What may be shown of one. */
interface CredentialView extends CredentialName {
  readonly algorithms: readonly string[];
  /** Whether auth.credentials_file has the user, which wins over what is stored. */
  readonly isInFile: boolean;
}

/** What a user is given: a password, for some algorithms or all, or what was computed from it. */
export type CredentialSecret =
  | { readonly password: string; readonly algorithms: readonly string[] | undefined }
  | { readonly ha1s: Readonly<Record<string, string>> };

/** How an operator's change of credentials ended. */
export type CredentialOutcome =
  /** Stored for good, and in force; how many credentials came or went. */
  | { readonly kind: "done"; readonly count: number }
  | { readonly kind: "not-found" }
  /** auth.credentials_file has the user, so that the change would have no effect. */
  | { readonly kind: "in-file" }
  | { readonly kind: "invalid"; readonly detail: string }
  /** It could not be stored; nothing was changed. */
  | { readonly kind: "busy"; readonly detail: string };

type CredentialDone = (outcome: CredentialOutcome) => void;

/** What operators can ask about the credentials of a running midreg. `done` is called once, after the commit. */
export interface CredentialAdmin {
  names(): Iterable<CredentialName>;
  find(name: CredentialName): CredentialView | undefined;
  /** Puts a secret in the place of all that is stored of the user. */
  set(name: CredentialName, secret: CredentialSecret, done: CredentialDone): void;
  remove(name: CredentialName, done: CredentialDone): void;
  /** Adds credentials, or replaces those of the same user, realm and algorithm; all of them or none. */
  add(
    credentials: ReadonlyArray<
      CredentialName & { readonly algorithm: string; readonly ha1: string }
    >,
    done: CredentialDone,
  ): void;
  /** Reads auth.credentials_file anew; with a mistake in it nothing changes. The count is of all users there are then. */
  reload(): CredentialOutcome;
}
