import type { Log, Push, PushOutcome } from "../ports.ts";
import { Breaker } from "./breaker.ts";
import {
  FIRST_BACKOFF_MS,
  MAX_ATTEMPTS,
  MAX_BACKOFF_MS,
  MAX_PUSHES_PER_LANE,
  MAX_RETRY_AFTER_MS,
  MIN_ATTEMPT_MS,
  SLOW_ANSWER_MS,
} from "./limits.ts";
import {
  type Attempt,
  calledOff,
  type GatewayClock,
  outcomeOf,
  type PushSender,
  unavailable,
} from "./push-sender.ts";

export interface LaneModules {
  readonly clock: GatewayClock;
  /** From 0 (included) to 1 (excluded), for jitter. */
  readonly fraction: () => number;
  readonly log: Log;
  /** An attempt that is to be made again. */
  readonly retried: () => void;
}

type Phase = "ready" | "in-flight" | "waiting" | "over";

interface Entry {
  readonly push: Push;
  readonly done: (outcome: PushOutcome) => void;
  phase: Phase;
  attempts: number;
  /** How the last attempt has ended. */
  last: PushOutcome | undefined;
  readonly abort: AbortController;
  callOffDeadline: () => void;
  callOffRetry: () => void;
}

/**
 * The pushes for one place: a bounded queue, where those to refresh come last, as many attempts at once as the sender allows, and further attempts as
 * long as the push's deadline allows. While the provider is to be left alone, pushes wait if that ends before their
 * deadline, and fail at once if it does not, so that nobody waits for nothing.
 */
export class PushLane {
  readonly #sender: PushSender;
  readonly #modules: LaneModules;
  readonly #breaker = new Breaker();
  readonly #all = new Set<Entry>();
  /** Those that somebody waits for, and those that come after them. */
  #ready: Entry[] = [];
  #patient: Entry[] = [];
  #inFlight = 0;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  /** Why nothing is sent at the moment. */
  #pauseOutcome: PushOutcome = outcomeOf("unavailable", "breaker-open", "the provider fails");
  #callOffWakeUp: (() => void) | undefined;

  constructor(sender: PushSender, modules: LaneModules) {
    this.#sender = sender;
    this.#modules = modules;
  }

  /** Pushes that wait or are under way. */
  get size(): number {
    return this.#all.size;
  }

  /** Whether the breaker has opened and the provider has not worked since. */
  get isFailing(): boolean {
    return this.#breaker.isProbing;
  }

  /** Whether there is nothing to remember about it. */
  get isIdle(): boolean {
    return this.size === 0 && !this.isFailing && this.#openAtMs <= this.#modules.clock.nowMs();
  }

  /** Gives back what calls it off, as long as it is not under way. */
  send(push: Push, done: (outcome: PushOutcome) => void): () => void {
    const { clock } = this.#modules;
    const refusal = this.#refusal(push);
    if (refusal !== undefined) {
      clock.after(0, () => done(refusal));
      return () => undefined;
    }
    const entry: Entry = {
      push,
      done,
      phase: "ready",
      attempts: 0,
      last: undefined,
      abort: new AbortController(),
      callOffDeadline: clock.after(push.deadlineMs - clock.nowMs(), () => this.#expire(entry)),
      callOffRetry: () => undefined,
    };
    this.#all.add(entry);
    this.#makeReady(entry);
    this.#pump();
    return () => {
      if (entry.phase !== "in-flight") this.#finish(entry, CALLED_OFF);
    };
  }

  /** Something has changed that may have been at fault: the provider is tried at once. */
  reset(): void {
    this.#breaker.succeeded();
    this.#pausedUntilMs = Number.NEGATIVE_INFINITY;
    this.#callOffWakeUp?.();
    this.#pump();
  }

  /** Ends everything that waits or is under way. */
  stop(outcome: PushOutcome): void {
    this.#callOffWakeUp?.();
    for (const entry of this.#all) this.#finish(entry, outcome);
  }

  #refusal({ deadlineMs }: Push): PushOutcome | undefined {
    if (deadlineMs <= this.#modules.clock.nowMs()) return calledOff().outcome;
    if (this.size >= MAX_PUSHES_PER_LANE) {
      return outcomeOf("overloaded", "queue-full", "too many pushes wait for the provider");
    }
    return deadlineMs <= this.#openAtMs ? this.#pauseOutcome : undefined;
  }

  /** From when on something may be sent. */
  get #openAtMs(): number {
    return Math.max(this.#pausedUntilMs, this.#breaker.openUntilMs);
  }

  #pump(): void {
    const waitMs = this.#openAtMs - this.#modules.clock.nowMs();
    if (waitMs > 0) {
      this.#wakeUpAfter(waitMs);
      return;
    }
    const limit = this.#breaker.isProbing ? 1 : this.#sender.maxInFlight;
    while (this.#inFlight < limit) {
      const entry = this.#ready.shift() ?? this.#patient.shift();
      if (entry === undefined) return;
      if (entry.phase === "ready") void this.#attempt(entry);
    }
  }

  #wakeUpAfter(delayMs: number): void {
    this.#callOffWakeUp?.();
    this.#callOffWakeUp = this.#modules.clock.after(delayMs, () => {
      this.#callOffWakeUp = undefined;
      this.#pump();
    });
  }

  async #attempt(entry: Entry): Promise<void> {
    const { clock } = this.#modules;
    const startedMs = clock.nowMs();
    entry.phase = "in-flight";
    entry.attempts += 1;
    this.#inFlight += 1;
    const attempt = await this.#sender
      .attempt(entry.push, entry.abort.signal)
      .catch((error: unknown) => this.#failedInside(error));
    this.#inFlight -= 1;
    this.#learn(attempt, clock.nowMs() - startedMs);
    if (!isOver(entry)) {
      entry.phase = "waiting";
      this.#settle(entry, attempt);
    }
    this.#pump();
  }

  #failedInside(error: unknown): Attempt {
    // The stack says where; the message may hold what was sent.
    const where = error instanceof Error ? (error.stack ?? "").split("\n").slice(1, 4) : [];
    this.#modules.log.error({ provider: this.#sender.provider, where }, "push sender failed");
    return { ...unavailable("internal", "a fault in midreg; see its log"), isRetriable: false };
  }

  /** What the attempt says about the provider. */
  #learn(attempt: Attempt, tookMs: number): void {
    const { clock, log } = this.#modules;
    const { provider } = this.#sender;
    const nowMs = clock.nowMs();
    const { reason, result, detail } = attempt.outcome;
    if (attempt.pauseMs !== undefined && attempt.pauseMs > 0) {
      const pauseMs = Math.min(attempt.pauseMs, MAX_RETRY_AFTER_MS);
      const isNew = this.#pausedUntilMs <= nowMs;
      if (isNew)
        log.warn(
          { provider, reason, detail, retryInMs: pauseMs },
          "push provider asks for a pause",
        );
      this.#pausedUntilMs = nowMs + pauseMs;
      this.#closeGate(outcomeOf(result, reason, detail));
    }
    if (attempt.health === "good") {
      if (this.isFailing) log.info({ provider }, "push provider works again");
      this.#breaker.succeeded();
      return;
    }
    const isBad = attempt.health === "bad" || tookMs >= SLOW_ANSWER_MS;
    if (!isBad || !this.#breaker.failed(nowMs)) return;
    const retryInMs = Math.round(this.#breaker.openUntilMs - nowMs);
    log.warn({ provider, reason, detail, retryInMs }, "push provider fails and is left alone");
    this.#closeGate(outcomeOf("unavailable", "breaker-open", `left alone since: ${detail}`));
  }

  /** Ends the pushes that would wait in vain. */
  #closeGate(outcome: PushOutcome): void {
    this.#pauseOutcome = outcome;
    for (const entry of this.#all) {
      if (entry.phase === "in-flight" || entry.push.deadlineMs > this.#openAtMs) continue;
      this.#finish(entry, outcome);
    }
    this.#ready = this.#ready.filter(({ phase }) => phase === "ready");
    this.#patient = this.#patient.filter(({ phase }) => phase === "ready");
  }

  /** A device that is to refresh its registration has minutes for it; a caller has seconds. */
  #makeReady(entry: Entry): void {
    const queue = entry.push.purpose === "refresh" ? this.#patient : this.#ready;
    queue.push(entry);
  }

  #settle(entry: Entry, attempt: Attempt): void {
    const { clock, retried } = this.#modules;
    entry.last = attempt.outcome;
    const delayMs = this.#delayMs(entry, attempt);
    const leftMs = entry.push.deadlineMs - clock.nowMs() - delayMs;
    if (!attempt.isRetriable || entry.attempts >= MAX_ATTEMPTS || leftMs < MIN_ATTEMPT_MS) {
      this.#finish(entry, attempt.outcome);
      return;
    }
    retried();
    entry.callOffRetry = clock.after(delayMs, () => {
      entry.phase = "ready";
      this.#makeReady(entry);
      this.#pump();
    });
  }

  #delayMs({ attempts }: Entry, { retryAfterMs = 0 }: Attempt): number {
    const { clock, fraction } = this.#modules;
    const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** (attempts - 1), MAX_BACKOFF_MS);
    const jitteredMs = backoffMs * (1 - fraction() / 2);
    // After a pause they come back one after another, not all at its end.
    const closedMs = this.#openAtMs - clock.nowMs();
    if (closedMs > 0) return Math.max(closedMs, retryAfterMs) + fraction() * FIRST_BACKOFF_MS;
    return retryAfterMs > 0 ? retryAfterMs + fraction() * FIRST_BACKOFF_MS : jitteredMs;
  }

  #expire(entry: Entry): void {
    const { outcome } = calledOff();
    this.#finish(entry, entry.phase === "in-flight" ? outcome : (entry.last ?? outcome));
  }

  #finish(entry: Entry, outcome: PushOutcome): void {
    if (isOver(entry)) return;
    // An abort makes an exception with a stack, and tells all who listen: for those only whose sender is still at it.
    const isUnderWay = entry.phase === "in-flight";
    entry.phase = "over";
    this.#all.delete(entry);
    entry.callOffDeadline();
    entry.callOffRetry();
    if (isUnderWay) entry.abort.abort();
    entry.done(outcome);
  }
}

const CALLED_OFF = outcomeOf("called-off", "", "it was not wanted any more");

function isOver({ phase }: Entry): boolean {
  return phase === "over";
}
