import { type Answer, json } from "./answer.ts";

/** One thing health depends on. */
interface Check {
  readonly isOk: boolean;
  /** Shown, but the appliance is ready without it. */
  readonly isInformational?: boolean;
  /** A few words when there is something to say. */
  readonly detail?: string;
}

/** Whether the appliance should get traffic, and what that was decided from. */
export interface Readiness {
  readonly isReady: boolean;
  readonly checks: Readonly<Record<string, Check>>;
}

/** What the routes show. */
export interface AdminModules {
  readonly renderMetrics: () => Promise<string>;
  /** Content-Type of what `renderMetrics` gives. */
  readonly metricsContentType: string;
  readonly readiness: () => Readiness;
}

/** Answers one request; HEAD is answered like GET, without the body. */
type Handler = () => Answer | Promise<Answer>;

/** Handlers by path, then by method. */
export type Routes = ReadonlyMap<string, Readonly<Partial<Record<"GET", Handler>>>>;

/** Metrics and health. */
export function adminRoutes(modules: AdminModules): Routes {
  const ready: Handler = () => readinessAnswer(modules.readiness());
  return new Map([
    ["/metrics", { GET: () => metricsAnswer(modules) }],
    ["/livez", { GET: () => json(200, { status: "alive" }) }],
    ["/readyz", { GET: ready }],
    ["/healthz", { GET: ready }],
  ]);
}

async function metricsAnswer(modules: AdminModules): Promise<Answer> {
  const body = await modules.renderMetrics();
  return { status: 200, contentType: modules.metricsContentType, body };
}

function readinessAnswer({ isReady, checks }: Readiness): Answer {
  const shown = Object.entries(checks).map(([name, check]) => {
    const { isOk, isInformational = false, detail = "" } = check;
    return [name, { ok: isOk, informational: isInformational, detail }] as const;
  });
  const status = isReady ? "ready" : "not ready";
  return json(isReady ? 200 : 503, { status, checks: Object.fromEntries(shown) });
}
