import type { CredentialAdmin } from "../ports.ts";
import { type Answer, json } from "./answer.ts";
import { aorRoutes, type LocationModules } from "./aor-routes.ts";
import { credentialRoutes } from "./credential-routes.ts";
import { resyncRoutes } from "./resync-routes.ts";
import type { Handler, Route } from "./routes.ts";

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
  readonly location: LocationModules;
  readonly credentials: CredentialAdmin;
}

/** Metrics, health, and what operators do. */
export function adminRoutes(modules: AdminModules): readonly Route[] {
  const ready: Handler = () => readinessAnswer(modules.readiness());
  return [
    { path: "/metrics", handlers: { GET: async () => metricsAnswer(modules) } },
    { path: "/livez", handlers: { GET: () => json(200, { status: "alive" }) } },
    { path: "/readyz", handlers: { GET: ready } },
    { path: "/healthz", handlers: { GET: ready } },
    ...aorRoutes(modules.location),
    ...resyncRoutes(modules.location),
    ...credentialRoutes(modules.credentials),
  ];
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
