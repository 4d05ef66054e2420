import type { LocationAdmin, ResyncProgress, ResyncScope } from "../ports.ts";
import { type Answer, json, problem } from "./answer.ts";
import type { LocationModules } from "./aor-routes.ts";
import { fieldsOf, numberIn } from "./fields.ts";
import { BUSY_RETRY_AFTER_SEC, MAX_NAME_LENGTH, MAX_RESYNC_RATE } from "./limits.ts";
import { dateOf, type ViewClock } from "./record-view.ts";
import type { AdminRequest, Route } from "./routes.ts";

/** Registering anew upstream: begin, look, stop. */
export function resyncRoutes({ operations, clock }: LocationModules): Route[] {
  const progress = (status: number): Answer =>
    json(status, progressView(operations.resync(), clock));
  return [
    {
      path: "/api/v1/resync",
      handlers: {
        GET: () => progress(200),
        POST: (request) => start(request, { operations }) ?? progress(202),
        DELETE: () => {
          operations.stopResync();
          return progress(200);
        },
      },
    },
  ];
}

/** Begins; the answer says why not. */
function start(
  { body }: AdminRequest,
  { operations }: Pick<LocationModules, "operations">,
): Answer | undefined {
  const fields = fieldsOf(body, ["aor", "upstream", "rate"]);
  if (typeof fields === "string") return problem(400, fields);
  const scope = scopeOf(fields);
  if (typeof scope === "string") return problem(422, scope);
  const aor = scope.aor === undefined ? undefined : operations.canonical(scope.aor);
  if (scope.aor !== undefined && aor === undefined) return problem(404, NOT_FOUND);
  return REFUSALS[operations.startResync({ ...scope, aor })]?.();
}

/** What is to be registered anew; otherwise a sentence that says what is wrong. */
function scopeOf({ aor, upstream, rate }: Readonly<Record<string, unknown>>): ResyncScope | string {
  if (!isName(aor)) return "aor must be an address-of-record.";
  if (!isName(upstream)) return UPSTREAM_RULE;
  if (rate === undefined) return { aor, upstream, rate };
  const given = numberIn(rate, 1, MAX_RESYNC_RATE);
  if (given === undefined) return `rate must be a whole number from 1 to ${MAX_RESYNC_RATE}.`;
  return { aor, upstream, rate: given };
}

const REFUSALS: Readonly<
  Record<ReturnType<LocationAdmin["startResync"]>, (() => Answer) | undefined>
> = {
  started: undefined,
  running: () => problem(409, "A resync is running already; DELETE it first, or wait."),
  "not-found": () => problem(404, NOT_FOUND),
  invalid: () => problem(422, UPSTREAM_RULE),
  busy: () => problem(503, "Midreg is stopping.", { "Retry-After": `${BUSY_RETRY_AFTER_SEC}` }),
};

const NOT_FOUND = "No such address-of-record is registered.";
const UPSTREAM_RULE =
  "upstream must be the name of a main registrar, a SIP URI, HOST or HOST:PORT.";

function isName(value: unknown): value is string | undefined {
  if (value === undefined) return true;
  return typeof value === "string" && value !== "" && value.length <= MAX_NAME_LENGTH;
}

function progressView(progress: ResyncProgress, clock: ViewClock): object {
  const { scope, startedAtMs, endedAtMs, inFlight, results, isResumed, ...rest } = progress;
  return {
    ...rest,
    resumed: isResumed,
    aor: scope.aor ?? null,
    upstream: scope.upstream ?? null,
    in_flight: inFlight,
    results: Object.fromEntries(
      Object.entries(results).map(([name, count]) => [name.replaceAll("-", "_"), count]),
    ),
    started_at: startedAtMs === undefined ? null : dateOf(startedAtMs, clock),
    ended_at: endedAtMs === undefined ? null : dateOf(endedAtMs, clock),
  };
}
