import { RunningCredentials } from "../../src/cli/credential-admin.ts";
import { adminRoutes } from "../../src/http/admin-routes.ts";
import type { LocationModules } from "../../src/http/aor-routes.ts";
import { findRoute, handlerOf } from "../../src/http/routes.ts";
import type { CredentialAdmin } from "../../src/ports.ts";
import type { World } from "../support/world.ts";

export function locationOf(world: World): LocationModules {
  return { store: world.store, operations: world.server.admin, clock: world.clock };
}

/** The credentials of a world, kept in memory only, with no file. */
export function credentialsOf({ credentials: table }: Pick<World, "credentials">): CredentialAdmin {
  return new RunningCredentials({ table, store: undefined, reload: () => undefined });
}

/** What tests read of the documents; each has some of it. */
interface Document {
  readonly aors: ReadonlyArray<{ readonly aor: string }>;
  readonly next: string | null;
  readonly contacts: readonly [
    {
      readonly expires: number;
      readonly expires_at: string;
      readonly last_modified: string;
      readonly upstream: { readonly expires: number };
    },
  ];
  readonly detail: string;
}

interface Called {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Document;
}

/** Asks the routes without a socket; time passes until the answer is there. */
export async function call(
  world: World,
  method: "GET" | "POST" | "PUT" | "DELETE",
  target: string,
  body?: unknown,
): Promise<Called> {
  const [path = "", query = ""] = target.split("?");
  const routes = adminRoutes({
    renderMetrics: () => Promise.resolve(""),
    metricsContentType: "",
    readiness: () => ({ isReady: true, checks: {} }),
    location: locationOf(world),
    credentials: credentialsOf(world),
  });
  const found = findRoute(routes, path);
  const handler = found === undefined ? undefined : handlerOf(found.route, method);
  if (found === undefined || handler === undefined) throw new Error(`nothing at ${target}`);
  const asked = { params: found.params, query: new URLSearchParams(query), body };
  const answer = handler(asked);
  world.pass(15);
  const { status, headers = {}, body: text } = await answer;
  return { status, headers, body: JSON.parse(text) as Document };
}
