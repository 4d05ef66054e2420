import type { Listener, Log, Metrics, Target } from "../ports.ts";
import { parseUri } from "../sip/uri.ts";
import type { Arrival } from "./arrival.ts";
import { Attempt, type AttemptModules, type AttemptUser } from "./attempt.ts";
import { PEER_MEMORY_MS, PROBE_INTERVAL_MS, RESOLVE_INTERVAL_MS } from "./limits.ts";
import type { TimerOwner } from "./timer-queue.ts";

export interface UpstreamOptions {
  readonly uri: string;
  /** How long the main registrar may take to answer in all. */
  readonly timeoutMs: number;
  /** The address of this machine that the way to the main registrar starts from, if it is known. */
  readonly localAddress: string | undefined;
  /** Whether an address and port besides the resolved ones are the main registrar's. */
  readonly isTrusted: (address: string, port: number) => boolean;
  readonly userAgent: string;
}

export interface UpstreamModules extends AttemptModules {
  readonly listeners: readonly Listener[];
  readonly log: Log;
  readonly metrics: Metrics;
  readonly nowMs: () => number;
  readonly ids: { tag(): string; callId(): string };
}

/** Where a message came from; the connection is "" for UDP. */
export type Peer = Pick<Arrival, "address" | "port" | "connection">;

/** The main registrar: where it is, which listener faces it, and whether it answers. */
export class Upstream implements TimerOwner {
  readonly #options: UpstreamOptions;
  readonly #modules: UpstreamModules;
  #targets: readonly Target[] = [];
  #side: Pick<Listener, "sentBy" | "protocol"> = { sentBy: "", protocol: "udp" };
  /** "address port" of every target, its address alone where it is reached by connections, and when the name last resolved to it. */
  readonly #peers = new Map<string, number>();
  #isUp = false;
  #heardAtMs = Number.NEGATIVE_INFINITY;
  #isStopped = false;

  constructor(options: UpstreamOptions, modules: UpstreamModules) {
    this.#options = options;
    this.#modules = modules;
    modules.metrics.gauge("upstream_up", { upstream: options.uri }, () => (this.#isUp ? 1 : 0));
  }

  get uri(): string {
    return this.#options.uri;
  }

  /** Host part (and port) of its URI. */
  get host(): string {
    return hostOf(this.#options.uri);
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Where requests to it go, best first. */
  get targets(): readonly Target[] {
    return this.#targets;
  }

  get isResolved(): boolean {
    return this.#targets.length > 0;
  }

  /** Resolves the name, probes, and keeps doing both. */
  start(): void {
    this.#side = this.#modules.listeners[0] ?? this.#side;
    this.#modules.resolver.resolve(this.#options.uri, (targets) => {
      this.#resolved(targets);
      this.#probe();
    });
    this.#modules.timers.start(RESOLVE_INTERVAL_MS, this, "resolve");
    this.#modules.timers.start(PROBE_INTERVAL_MS, this, "probe");
  }

  stop(): void {
    this.#isStopped = true;
  }

  /**
   * Whether a request comes from the main registrar. On a connection its port says nothing, unless midreg has opened it
   * (a large request goes by TCP to one that is reached by UDP); its address is enough where it is reached by connections.
   */
  isPeer({ address, port, connection }: Peer): boolean {
    if (this.#peers.has(`${address} ${port}`)) return true;
    if (connection !== "" && this.#peers.has(address)) return true;
    return this.#options.isTrusted(address, port);
  }

  /** The listener that faces a target: the one on the way to it, else a wildcard, else any that fits. */
  listenerFor(target: Target): Listener | undefined {
    const family = target.address.includes(":") ? 6 : 4;
    const fitting = this.#modules.listeners.filter(
      (listener) => listener.protocol === target.protocol && listener.family === family,
    );
    const onLoopback = isLoopback(target.address);
    return (
      fitting.find(({ address }) => address === this.#options.localAddress) ??
      fitting.find(({ address }) => isLoopback(address) === onLoopback && !isWildcard(address)) ??
      fitting.find(({ address }) => isWildcard(address)) ??
      fitting[0]
    );
  }

  /** host:port under which the main registrar reaches midreg. */
  get sentBy(): string {
    return this.#side.sentBy;
  }

  /** The listener that faces it, as it reaches that. */
  get side(): Pick<Listener, "sentBy" | "protocol"> {
    return this.#side;
  }

  /** Sends a request that has no Via of midreg's yet. */
  send(text: string, method: string, user: AttemptUser, isBounded: boolean): Attempt {
    const attempt = new Attempt(
      {
        text,
        method,
        targets: this.#targets,
        listenerFor: (target) => this.listenerFor(target),
        limitMs: isBounded ? this.#options.timeoutMs : undefined,
      },
      this.#watch(user),
      this.#modules,
    );
    attempt.start();
    return attempt;
  }

  /** One of several targets has failed: from now on it comes last, and not only after the next look-up. */
  onFailed(failed: Target): void {
    const isOwn = this.#targets.some(
      ({ protocol, address, port }) =>
        protocol === failed.protocol && address === failed.address && port === failed.port,
    );
    if (!isOwn || this.#targets.length < 2 || this.#isStopped) return;
    this.#modules.resolver.resolve(this.#options.uri, (targets) => this.#resolved(targets));
  }

  onTimer(what: string): void {
    if (this.#isStopped) return;
    const { timers, resolver } = this.#modules;
    if (what === "resolve") {
      resolver.resolve(this.#options.uri, (targets) => this.#resolved(targets));
      timers.start(RESOLVE_INTERVAL_MS, this, "resolve");
      return;
    }
    if (this.#modules.nowMs() - this.#heardAtMs >= PROBE_INTERVAL_MS) this.#probe();
    timers.start(PROBE_INTERVAL_MS, this, "probe");
  }

  #resolved(targets: readonly Target[]): void {
    if (targets.length === 0) {
      this.#modules.log.warn({ upstream: this.#options.uri }, "main registrar not found");
      return;
    }
    this.#targets = targets;
    const [first] = targets;
    const facing = first === undefined ? undefined : this.listenerFor(first);
    this.#side = facing ?? this.#modules.listeners[0] ?? this.#side;
    const nowMs = this.#modules.nowMs();
    for (const { protocol, address, port } of targets) {
      this.#peers.set(`${address} ${port}`, nowMs);
      if (protocol !== "udp") this.#peers.set(address, nowMs);
    }
    // A name that moves on leaves its old address a while, for the calls it still routes here.
    for (const [peer, seenAtMs] of this.#peers) {
      if (nowMs - seenAtMs > PEER_MEMORY_MS) this.#peers.delete(peer);
    }
  }

  /** Passes everything on, and learns from it whether the main registrar is there. */
  #watch(user: AttemptUser): AttemptUser {
    return {
      onResponse: (response) => {
        this.#heard();
        user.onResponse(response);
      },
      onFailure: (failure) => {
        this.#silent(failure);
        user.onFailure(failure);
      },
    };
  }

  #heard(): void {
    this.#heardAtMs = this.#modules.nowMs();
    if (this.#isUp) return;
    this.#isUp = true;
    this.#modules.log.info({ upstream: this.#options.uri }, "main registrar answers");
  }

  #silent(failure: string): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#modules.log.warn({ upstream: this.#options.uri, failure }, "main registrar is silent");
  }

  /** Any answer to OPTIONS, even a refusal, shows that somebody is there (RFC 3261 section 11). */
  #probe(): void {
    if (this.#targets.length === 0 || this.#isStopped) return;
    const { ids } = this.#modules;
    const { uri, userAgent } = this.#options;
    const text =
      `OPTIONS ${uri} SIP/2.0\r\nMax-Forwards: 70\r\n` +
      `From: <sip:midreg@${this.sentBy}>;tag=${ids.tag()}\r\nTo: <${uri}>\r\n` +
      `Call-ID: ${ids.callId()}\r\nCSeq: 1 OPTIONS\r\nUser-Agent: ${userAgent}\r\n` +
      "Content-Length: 0\r\n\r\n";
    this.send(text, "OPTIONS", NOBODY, true);
  }
}

const NOBODY: AttemptUser = {
  onResponse: () => undefined,
  onFailure: () => undefined,
};

/** What takes the place of midreg's own host and port in a Request-URI. */
function hostOf(uriText: string): string {
  const uri = parseUri(uriText);
  if (uri === undefined) return "";
  return uri.port === undefined ? uri.host : `${uri.host}:${uri.port}`;
}

function isWildcard(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}
