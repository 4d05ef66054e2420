import type { AorQueue } from "./aor-queue.ts";
import type { AttemptModules } from "./attempt.ts";
import type { DecisionLog } from "./decision-log.ts";
import type { DigestGate } from "./digest-gate.ts";
import type { ErrorLimiter } from "./error-limiter.ts";
import type { LineLimiter } from "./line-limiter.ts";
import type { Outbox } from "./outbox.ts";
import type { OutgoingPolicy } from "./outgoing-policy.ts";
import type { PendingIdentities } from "./pending-identities.ts";
import type { Pinger } from "./pinger.ts";
import type { PushRefresher } from "./push-refresher.ts";
import type { RegisterMetrics } from "./register-metrics.ts";
import type { ServerModules, ServerOptions } from "./server-modules.ts";
import type { Sweep } from "./sweep.ts";
import type { Upstreams } from "./upstreams.ts";
import type { Waker } from "./waker.ts";

/** What handling REGISTERs takes, shared by all of them. */
export interface RegisterContext extends ServerModules, AttemptModules {
  readonly options: ServerOptions;
  readonly queue: AorQueue;
  /** Undefined unless every REGISTER has to bring credentials. */
  readonly gate: DigestGate | undefined;
  /** What the policies in `options` ask of the main registrar by now. */
  readonly outgoing: OutgoingPolicy;
  readonly identities: PendingIdentities;
  readonly upstreams: Upstreams;
  readonly outbox: Outbox;
  readonly sweep: Sweep;
  readonly tallies: RegisterMetrics;
  readonly isOwnHost: (host: string, port: number | undefined) => boolean;
  /** Registers under way upstream, for the limit and the gauge. */
  readonly inFlight: { n: number };
  readonly dateLine: () => string;
  readonly errors: ErrorLimiter;
  /** Lines in the log about Paths that are refused. */
  readonly foreignPaths: LineLimiter;
  readonly decisions: DecisionLog;
  /** Wakes devices so that they stay registered; undefined where no device can be woken. */
  readonly refresher: PushRefresher | undefined;
  /** Has requests that wait for devices sent on; undefined where no device can be woken. */
  readonly waker: Waker | undefined;
  readonly pinger: Pinger;
}
