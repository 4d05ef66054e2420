import { describe, expect, test } from "vitest";
import { World } from "../support/world.ts";
import { call } from "./api.ts";

const PATH = "/api/v1/resync";

async function withUsers(count: number): Promise<World> {
  const world = await World.start();
  for (let at = 0; at < count; at += 1) {
    world.phone(`user${at}`, `198.51.100.7:${41_000 + at}`).register({ expires: 600 });
  }
  world.pass(1);
  return world;
}

describe("registering anew", () => {
  test("nothing has run yet", async () => {
    const { status, body } = await call(await withUsers(1), "GET", PATH);
    expect(status).toBe(200);
    expect(body).toMatchObject({ state: "idle", rate: 100, total: 0, started_at: null });
  });

  test("is begun, shows how far it is, and how it ended", async () => {
    const world = await withUsers(3);
    const body = { aor: "sip:user1@sip.test", upstream: "192.0.2.50", rate: 7 };
    expect(await call(world, "POST", PATH, body)).toMatchObject({
      status: 202,
      body: { state: "running", aor: "user1@sip.test", upstream: "192.0.2.50", rate: 7, total: 1 },
    });
    expect(await call(world, "GET", PATH)).toMatchObject({
      status: 200,
      body: {
        state: "finished",
        seen: 1,
        in_flight: 0,
        results: { accepted: 1, contact_missing: 0 },
        started_at: expect.stringMatching(/Z$/u),
        ended_at: expect.stringMatching(/Z$/u),
      },
    });
  });

  test("is one at a time, until it is stopped", async () => {
    const world = await withUsers(60);
    await call(world, "POST", PATH, { rate: 1 });
    expect(await call(world, "POST", PATH, {})).toMatchObject({
      status: 409,
      body: { title: "Conflict" },
    });
    expect(await call(world, "DELETE", PATH)).toMatchObject({
      status: 200,
      body: { state: "stopped" },
    });
    expect(await call(world, "POST", PATH, {})).toMatchObject({ status: 202 });
  });

  test.each<[unknown, number]>([
    [[], 400],
    [{ all: true }, 400],
    [{ aor: 5 }, 422],
    [{ aor: "" }, 422],
    [{ aor: "nobody@sip.test" }, 404],
    [{ aor: "nobody" }, 404],
    [{ upstream: "a b" }, 422],
    [{ rate: 0 }, 422],
    [{ rate: 1.5 }, 422],
    [{ rate: 100_000 }, 422],
  ])("%j is refused with the reason", async (body, status) => {
    const answer = await call(await withUsers(1), "POST", PATH, body);
    expect(answer.status).toBe(status);
    expect(answer.body.detail).toMatch(/^[A-Za-z].*\.$/u);
  });

  test("is not begun while midreg stops", async () => {
    const world = await withUsers(1);
    void world.server.drain();
    expect(await call(world, "POST", PATH, {})).toMatchObject({ status: 503 });
  });
});
