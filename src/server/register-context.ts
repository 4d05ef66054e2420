import type { AorQueue } from "./aor-queue.ts";
import type { AttemptModules } from "./attempt.ts";
import type { ErrorLimiter } from "./error-limiter.ts";
import type { Outbox } from "./outbox.ts";
import type { OutgoingPolicy } from "./outgoing-policy.ts";
import type { PendingIdentities } from "./pending-identities.ts";
import type { RegisterMetrics } from "./register-metrics.ts";
import type { ServerModules, ServerOptions } from "./server-modules.ts";
import type { Sweep } from "./sweep.ts";
import type { Upstream } from "./upstream.ts";

/** What handling REGISTERs takes, shared by all of them. */
export interface RegisterContext extends ServerModules, AttemptModules {
  readonly options: ServerOptions;
  readonly queue: AorQueue;
  /** For what is decided of REGISTERs; options has it as the operator has written it. */
  readonly policy: OutgoingPolicy;
  readonly identities: PendingIdentities;
  readonly upstream: Upstream;
  readonly outbox: Outbox;
  readonly sweep: Sweep;
  readonly tallies: RegisterMetrics;
  readonly isOwnHost: (host: string, port: number | undefined) => boolean;
  /** Registers under way upstream, for the limit and the gauge. */
  readonly inFlight: { n: number };
  readonly dateLine: () => string;
  readonly errors: ErrorLimiter;
}
