import { canonicalAor } from "../location/address-of-record.ts";
import type { AorRecord } from "../location/binding.ts";
import type { FlowEnd, Listener, Receiver, Source } from "../ports.ts";
import type { RegisterPolicy } from "../registrar/register-policy.ts";
import { buildResponse, statelessTag } from "../sip/build-response.ts";
import type { SipRequest } from "../sip/message.ts";
import { type MalformedRequest, parseMessage } from "../sip/parse-message.ts";
import { AorQueue } from "./aor-queue.ts";
import { type Arrival, sendResponse } from "./arrival.ts";
import { buildPinger } from "./build-pinger.ts";
import { CountingTransport } from "./counting-transport.ts";
import { DateLine } from "./date-line.ts";
import { DecisionLog } from "./decision-log.ts";
import { DigestGate, type DigestGateModules } from "./digest-gate.ts";
import { ErrorLimiter } from "./error-limiter.ts";
import { type FlowEndModules, FlowEnds } from "./flow-ends.ts";
import { LargeRequests } from "./large-requests.ts";
import { BUSY_RETRY_AFTER_SEC, DRAIN_LIMIT_MS, MAX_REQUEST_BYTES } from "./limits.ts";
import { LineLimiter } from "./line-limiter.ts";
import { LostFlows } from "./lost-flows.ts";
import { MergedRequests } from "./merged-requests.ts";
import { MessageTallies } from "./message-tallies.ts";
import { onRegister } from "./on-register.ts";
import { onAck, onCancel, onRequest, type RequestContext } from "./on-request.ts";
import { Outbox } from "./outbox.ts";
import { OutgoingPolicy } from "./outgoing-policy.ts";
import { PendingIdentities } from "./pending-identities.ts";
import { buildPushing } from "./pushing.ts";
import type { RegisterContext } from "./register-context.ts";
import { RegisterMetrics } from "./register-metrics.ts";
import { Resync } from "./resync.ts";
import { ServerAdmin } from "./server-admin.ts";
import { buildIsOwnHost, type ServerModules, type ServerOptions } from "./server-modules.ts";
import { Sweep } from "./sweep.ts";
import { TimerQueue } from "./timer-queue.ts";
import { Transactions } from "./transactions.ts";
import type { UpstreamModules } from "./upstream.ts";
import { tellingResolver, Upstreams } from "./upstreams.ts";

/** The loop: takes what the transport hears, lets the pure rooms decide, and carries it out. */
export class Server implements Receiver {
  readonly #modules: ServerModules;
  readonly #context: RegisterContext & RequestContext;
  readonly #timers: TimerQueue;
  readonly #tallies: MessageTallies;
  readonly #resync: Resync;
  readonly #lostFlows: LostFlows;
  /** What operators can do. */
  readonly admin: ServerAdmin;
  #isDraining = false;

  constructor(options: ServerOptions, adapters: ServerModules) {
    const transport = new CountingTransport(adapters.transport, adapters.metrics);
    const modules = { ...adapters, transport };
    this.#modules = modules;
    this.#timers = new TimerQueue(modules.clock, (err) => {
      this.#tallies.internalError.n += 1;
      modules.log.error({ err }, "timer not handled");
    });
    this.#tallies = new MessageTallies(modules.metrics);
    this.#context = buildContext(options, modules, this.#timers);
    const { registerPolicy: policy, resyncRate: rate, userAgent } = options;
    const nowMs = (): number => modules.clock.nowMs();
    const resync = new Resync({ rate, policy, userAgent }, { ...this.#context, nowMs });
    this.#resync = resync;
    this.#lostFlows = new LostFlows({ ...this.#context, timers: this.#timers });
    this.admin = new ServerAdmin(this.#context, resync, () => this.#isDraining);
  }

  /** Takes up what the store holds, opens the listeners and starts the work that nobody asks for. */
  async start(): Promise<void> {
    const { sweep, refresher, outbox, pinger, upstreams, identities, outgoing } = this.#context;
    identities.start();
    outgoing.start();
    await this.#modules.transport.start(this);
    sweep.start();
    refresher?.start();
    outbox.start();
    pinger.start();
    upstreams.start();
    const { removesDeadFlows, deadFlowGraceMs } = this.#context.options;
    if (removesDeadFlows) this.#lostFlows.start(deadFlowGraceMs);
    this.#resync.resume();
  }

  /** The main registrars, for health. */
  get upstreams(): Upstreams {
    return this.#context.upstreams;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /**
   * Takes no new work, lets what is under way finish (for at most DRAIN_LIMIT_MS), then stops. Resolves
   * to whether everything had finished.
   */
  async drain(): Promise<boolean> {
    this.#isDraining = true;
    const { sweep, refresher, waker, outbox, pinger, upstreams } = this.#context;
    const { clock, transactions, queue } = this.#context;
    sweep.stop();
    refresher?.stop();
    outbox.stop();
    pinger.stop();
    upstreams.stop();
    this.#lostFlows.stop();
    this.#resync.suspend();
    const endMs = clock.nowMs() + DRAIN_LIMIT_MS;
    const isOpen = (): boolean => transactions.openCount > 0 || queue.size > 0;
    await new Promise<void>((resolve) => {
      const onTimer = (): void => {
        if (!isOpen() || clock.nowMs() >= endMs) resolve();
        else this.#timers.start(DRAIN_TICK_MS, { onTimer }, "drain");
      };
      onTimer();
    });
    const isDone = !isOpen();
    // Nobody retransmits a call that was answered with 100.
    waker?.stop();
    this.#timers.stop();
    await this.#modules.transport.stop();
    return isDone;
  }

  /** Takes one message. A fault of midreg's own costs that message and a line in the log, no more. */
  receive(text: string, listener: Listener, { address, port, connection = "" }: Source): void {
    try {
      const atMs = this.#modules.clock.nowMs();
      this.#receive(text, { listener, address, port, connection, atMs });
    } catch (err) {
      this.#tallies.internalError.n += 1;
      this.#modules.log.error({ err, address, port }, "message not handled");
    }
  }

  isInUse(flow: string): boolean {
    return this.#modules.store.hasSource(flow);
  }

  closed(flow: string, reason: FlowEnd): void {
    try {
      this.#context.flows.ended(flow, reason);
    } catch (err) {
      this.#tallies.internalError.n += 1;
      this.#modules.log.error({ err, reason }, "end of a flow not handled");
    }
  }

  #receive(text: string, arrival: Arrival): void {
    const message = parseMessage(text, arrival.address, arrival.port);
    switch (message.kind) {
      case "request":
        this.#tallies.request(message.method, arrival.listener.protocol);
        if (text.length > MAX_REQUEST_BYTES) return this.#onTooLarge(message, arrival);
        return this.#onRequest(message, arrival);
      case "response": {
        this.#tallies.response(message.cseq.method, message.status, arrival.listener.protocol);
        const isKnown = this.#context.transactions.receive(message);
        if (!isKnown) this.#tallies.strayResponse.n += 1;
        return undefined;
      }
      case "malformed":
        return this.#onMalformed(message, arrival);
      case "garbage":
        this.#tallies.parseError(message.reason).n += 1;
        return undefined;
      default:
        return message satisfies never;
    }
  }

  #onRequest(request: SipRequest, arrival: Arrival): void {
    const { method } = request;
    if (method === "ACK") return onAck(request, arrival, this.#context);
    const known = this.#context.transactions.find(request);
    if (known !== undefined) return known.repeat();
    if (this.#isDraining && this.#refuses(request, arrival)) return undefined;
    if (method === "REGISTER") return onRegister(request, arrival, this.#context);
    if (method === "CANCEL") return onCancel(request, arrival, this.#context);
    return onRequest(request, arrival, this.#context);
  }

  /**
   * While draining, a REGISTER gets no answer: its retransmission finds the process that starts next, unless a call
   * waits for its device here. A new call is told at once, so that the caller's side can try elsewhere. Calls that stand go on.
   */
  #refuses(request: SipRequest, arrival: Arrival): boolean {
    if (request.method === "REGISTER") return !this.#isAwaited(request);
    if (request.method === "CANCEL" || request.toTag !== "") return false;
    const headers = `Retry-After: ${BUSY_RETRY_AFTER_SEC}\r\n`;
    const toTag = statelessTag(request, this.#modules.ids);
    const text = buildResponse(request, 503, "Service Unavailable", { toTag, headers });
    sendResponse(this.#modules.transport, arrival, request, text);
    return true;
  }

  #isAwaited({ to }: SipRequest): boolean {
    const { waker, options } = this.#context;
    const aor = canonicalAor(to.uri, options.registerPolicy.aor);
    return typeof aor === "string" && waker?.awaits(aor) === true;
  }

  #onTooLarge(head: SipRequest, arrival: Arrival): void {
    const error = { status: 513, reason: "Message Too Large" };
    this.#tallies.parseError("too-large").n += 1;
    this.#answerError({ method: head.method, error, head }, arrival);
  }

  #onMalformed(request: MalformedRequest, arrival: Arrival): void {
    this.#tallies.parseError("bad-request").n += 1;
    this.#answerError(request, arrival);
  }

  /** A stateless error, but an ACK never gets anything (RFC 3261 section 17.1.1.3). */
  #answerError({ method, error, head }: Omit<MalformedRequest, "kind">, arrival: Arrival): void {
    if (method === "ACK" || !this.#context.errors.allows(arrival.address, arrival.atMs)) return;
    const toTag = this.#modules.ids.tag();
    const text = buildResponse(head, error.status, error.reason, { toTag });
    sendResponse(this.#modules.transport, arrival, head, text);
  }
}

const DRAIN_TICK_MS = 20;

function buildContext(
  options: ServerOptions,
  modules: ServerModules,
  timers: TimerQueue,
): RegisterContext & RequestContext {
  const { clock, ids, metrics, store, transport, log, credentials } = modules;
  const nowMs = (): number => clock.nowMs();
  const transactions = new Transactions({ transport, timers, ids, metrics });
  const queue = new AorQueue();
  const resolver = tellingResolver(modules.resolver, (target) => upstreams.onFailed(target));
  const sending = { transactions, timers, resolver, largeRequests: new LargeRequests(nowMs) };
  const around = { listeners: transport.listeners, log, metrics, nowMs, ids, ...sending };
  const upstreams = buildUpstreams(options, around);
  const decisions = new DecisionLog(options.decisions);
  const owing = {
    decisions,
    store,
    queue,
    upstreams,
    timers,
    log,
    metrics,
    ids,
    nowMs,
    userAgent: options.userAgent,
    credentials,
  };
  const outbox = new Outbox(owing);
  const identities = new PendingIdentities({ store, timers });
  const asking = { store, nowMs, uris: urisOf(options) };
  const outgoing = new OutgoingPolicy(policiesOf(options), asking);
  const ending = { ...owing, ...options.push, outbox, identities, outgoing };
  const pushing = buildPushing(options, modules, ending);
  const sweep = new Sweep({ ...ending, ...pushing, graceMs: graceBy(options, upstreams) });
  const inFlight = { n: 0 };
  const isOwnHost = buildIsOwnHost(transport.listeners, options.ownHosts);
  watchGauges(modules, inFlight);
  return {
    ...modules,
    ...sending,
    options,
    outgoing,
    queue,
    upstreams,
    outbox,
    sweep,
    ...pushing,
    inFlight,
    identities,
    tallies: new RegisterMetrics(metrics),
    tally: (direction, result) => metrics.counter("proxied_requests_total", { direction, result }),
    ...limiters(),
    isOwnHost,
    pinger: buildPinger(options, { ...ending, ...sending, transport, isOwnHost }),
    gate: buildGate(options, { credentials, ids, metrics, isOwnHost, nowMs }),
    decisions,
    ...flowModules(ending, options),
    dateLine: new DateLine(clock).read,
  };
}

/** What keeps peers from causing answers and lines in the log without end. */
function limiters(): Pick<RegisterContext, "errors" | "foreignPaths"> {
  return { errors: new ErrorLimiter(), foreignPaths: new LineLimiter() };
}

/** What knows of the flows of devices. */
function flowModules(
  ending: FlowEndModules,
  options: ServerOptions,
): Pick<RequestContext, "flows" | "merged"> {
  return { flows: new FlowEnds(ending, options), merged: new MergedRequests() };
}

/** Bindings are kept beyond their end while their main registrar is away. */
function graceBy({ lookup }: ServerOptions, upstreams: Upstreams): (record: AorRecord) => number {
  return ({ bindings }) => {
    const isAway = bindings.some(({ upstream }) => upstreams.isAway(upstream.upstream));
    return isAway ? lookup.serveExpiredMs : 0;
  };
}

function buildUpstreams(options: ServerOptions, modules: UpstreamModules): Upstreams {
  const { upstreamUri, upstreamTimeoutMs, isTrustedUpstream, upstreamLocalAddress } = options;
  const { userAgent, moreUpstreams } = options;
  const main = {
    uri: upstreamUri,
    timeoutMs: upstreamTimeoutMs,
    isTrusted: isTrustedUpstream,
    localAddress: upstreamLocalAddress,
    userAgent,
  };
  const others = moreUpstreams.map((one) => ({ ...one, userAgent }));
  return new Upstreams(main, others, modules);
}

/** Where the main registrars are, by their names. */
function urisOf({ upstreamUri, moreUpstreams }: ServerOptions): ReadonlyMap<string, string> {
  return new Map([
    ["", upstreamUri],
    ...moreUpstreams.map(({ name, uri }) => [name, uri] as const),
  ]);
}

function policiesOf({ registerPolicy, registerRules }: ServerOptions): readonly RegisterPolicy[] {
  return [registerPolicy, ...registerRules.map(({ policy }) => policy)];
}

function buildGate(options: ServerOptions, modules: DigestGateModules): DigestGate | undefined {
  const isNeeded = policiesOf(options).some(({ absorb }) => absorb === "digest");
  return isNeeded ? new DigestGate(options.digest, modules) : undefined;
}

function watchGauges({ metrics, store }: ServerModules, inFlight: { readonly n: number }): void {
  metrics.gauge("registers_in_flight", {}, () => inFlight.n);
  metrics.gauge("usrloc_aors", {}, () => store.status().aors);
  metrics.gauge("usrloc_contacts", {}, () => store.status().bindings);
  metrics.gauge("upstream_registrations", {}, () => store.status().bindings);
  metrics.gauge("storage_up", {}, () => (store.status().isWritable ? 1 : 0));
}
