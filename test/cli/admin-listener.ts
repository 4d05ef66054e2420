import { AdminServer } from "../../src/http/admin-server.ts";
import { credentialsOf, locationOf } from "../http/api.ts";
import type { World } from "../support/world.ts";

/** The admin listener of a midreg on the network in memory, on a real port: where it is, and how it is ended. */
export async function startAdminListener(
  world: World,
): Promise<{ readonly place: string; readonly stop: () => Promise<void> }> {
  const server = new AdminServer(
    { address: "127.0.0.1", port: 0 },
    {
      renderMetrics: () => Promise.resolve(""),
      metricsContentType: "",
      readiness: () => ({ isReady: true, checks: {} }),
      location: locationOf(world),
      credentials: credentialsOf(world),
      log: world.recording.log,
    },
  );
  const { port } = await server.start();
  return { place: `127.0.0.1:${port}`, stop: async () => server.stop() };
}
