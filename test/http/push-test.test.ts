import { describe, expect, test } from "vitest";
import { AOR, BED, SleepWorld, TOKEN } from "../support/sleepers.ts";
import { World } from "../support/world.ts";
import { call } from "./api.ts";

const PUSH_TEST = `/api/v1/aors/${AOR}/push-test`;

describe("trying out the push of an address-of-record", () => {
  test("pushes to its devices and gives back what their providers said, without tokens", async () => {
    const sleep = await SleepWorld.start();
    sleep.sleeper();
    sleep.gateway.answer = () => ({
      result: "dead-token",
      reason: "Unregistered",
      detail: "the app is gone from the device",
    });
    const { status, body } = await call(sleep.world, "POST", PUSH_TEST, {});
    const [binding] = sleep.world.record(AOR)?.bindings ?? [];
    expect(status).toBe(200);
    expect(body).toEqual({
      aor: AOR,
      pushes: [
        {
          ruid: binding?.ctid,
          provider: "apns",
          result: "dead-token",
          reason: "Unregistered",
          detail: "the app is gone from the device",
        },
      ],
    });
    expect(sleep.pushes).toEqual(["test"]);
    expect(JSON.stringify(body)).not.toContain(TOKEN);
  });

  test("can be for one contact only", async () => {
    const sleep = await SleepWorld.start();
    sleep.sleeper();
    sleep.sleeper("198.51.100.8:40000", { token: "ffffffffffffffff" });
    const [first] = sleep.world.record(AOR)?.bindings ?? [];
    const { status } = await call(sleep.world, "POST", PUSH_TEST, { contact: first?.ctid });
    expect(status).toBe(200);
    expect(sleep.gateway.sent.map(({ device }) => device.prid)).toEqual([TOKEN]);
  });

  test.each([
    ["a body that is none", "x", 400],
    ["a contact that is no text", { contact: 7 }, 422],
    ["a contact there is not", { contact: "0000000000000000" }, 404],
  ])("refuses %s", async (_, body, expected) => {
    const sleep = await SleepWorld.start();
    sleep.sleeper();
    const { status } = await call(sleep.world, "POST", PUSH_TEST, body);
    expect(status).toBe(expected);
    expect(sleep.pushes).toEqual([]);
  });

  test("says when nobody is registered, or nothing asked to be woken, or no provider is there", async () => {
    const sleep = await SleepWorld.start();
    expect((await call(sleep.world, "POST", PUSH_TEST, {})).status).toBe(404);
    sleep.world.phone("alice", BED).register({ expires: 600 });
    sleep.pass(1);
    const nothing = await call(sleep.world, "POST", PUSH_TEST, {});
    expect([nothing.status, nothing.body.detail]).toEqual([
      422,
      "Nothing of it asked to be woken when it registered.",
    ]);
    const without = await World.start();
    without.phone("alice", BED).register({ expires: 600 });
    without.pass(1);
    const none = await call(without, "POST", PUSH_TEST, {});
    expect([none.status, none.body.detail]).toEqual([
      422,
      "No push provider is configured (push.providers).",
    ]);
  });
});
