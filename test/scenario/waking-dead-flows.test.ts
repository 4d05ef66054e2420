/** Phones that sleep while their connection looks open, as mobile networks leave them. */
import { describe, expect, test } from "vitest";
import { answerTo, methodOf } from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { AWAKE, answers, BED, contactOf, got, SleepWorld } from "../support/sleepers.ts";

interface Scene {
  readonly sleep: SleepWorld;
  readonly phone: Phone;
}

/** A phone with an open connection, through which nothing comes. */
async function connected(options: Parameters<typeof SleepWorld.start>[0] = {}): Promise<Scene> {
  const sleep = await SleepWorld.start({ hasStreams: true, ...options });
  sleep.world.transport.connect(BED);
  return { sleep, phone: sleep.sleeper() };
}

/** It comes back on another connection. */
function comeBack({ sleep }: Scene): Phone {
  sleep.world.transport.connect(AWAKE);
  const phone = sleep.world.phone("alice", AWAKE);
  answers(phone, 180, 200);
  phone.register({ contact: contactOf(BED), callId: "woken" });
  sleep.pass(0.5);
  return phone;
}

describe("a device whose connection is open", () => {
  test("is called at once, and not pushed to while it answers", async () => {
    const { sleep, phone } = await connected();
    answers(phone, 180);
    sleep.call();
    sleep.pass(30);
    expect(got(phone)).toHaveLength(1);
    expect(sleep.pushes).toEqual([]);
    expect(sleep.heard()).toEqual([100, 180]);
  });

  test("is left alone when it has said 100, however long it takes", async () => {
    const { sleep, phone } = await connected();
    answers(phone, 100);
    sleep.call();
    sleep.pass(30);
    expect(sleep.pushes).toEqual([]);
  });

  test("is woken when it says nothing, and rings on its new connection", async () => {
    const scene = await connected();
    const { sleep, phone } = scene;
    sleep.call();
    sleep.pass(3);
    expect(sleep.pushes).toEqual([]);
    sleep.pass(1.5);
    expect(sleep.pushes).toEqual(["call"]);
    const moved = comeBack(scene);
    expect(got(moved)).toHaveLength(1);
    expect(sleep.heard()).toEqual([100, 180, 200]);
    expect(got(phone)).toHaveLength(1);
    expect(sleep.pending).toEqual([0, 0]);
  });

  test("is woken at once when the connection breaks off under the call", async () => {
    const scene = await connected();
    const { sleep } = scene;
    sleep.world.transport.unreachable.add(`tcp:${BED}`);
    sleep.call();
    expect(sleep.pushes).toEqual(["call"]);
    expect(got(comeBack(scene))).toHaveLength(1);
    expect(sleep.heard()).toEqual([100, 180, 200]);
  });

  test("is woken when a proxy on its Path says that its flow has failed (RFC 5626 section 5.3)", async () => {
    const { sleep, phone } = await connected();
    phone.onRequest = (text, from) => {
      if (methodOf(text) !== "ACK") phone.send(answerTo(text, 430, "Flow Failed"), undefined, from);
    };
    sleep.call();
    expect(sleep.pushes).toEqual(["call"]);
    expect(sleep.heard()).toEqual([100]);
  });

  test("is woken once: when it does not come, the caller hears 480", async () => {
    const { sleep, phone } = await connected();
    sleep.call();
    sleep.pass(11);
    expect(sleep.pushes).toEqual(["call", "call-over"]);
    expect(sleep.heard()).toEqual([100, 480]);
    sleep.pass(60);
    expect(got(phone)).toHaveLength(1);
  });

  test("is not called the same way again where no push is allowed any more", async () => {
    const budget = { perCaller: 0, perDevice: 1, total: 0 };
    const { sleep, phone } = await connected({ push: { budget, callOver: [] } });
    for (const callId of ["call-1", "call-2"]) {
      sleep.call({ callId });
      sleep.pass(12);
      expect(sleep.heard(callId)).toEqual([100, 480]);
    }
    expect(sleep.pushes).toEqual(["call"]);
    expect(got(phone)).toHaveLength(2);
  });

  test("hears nothing more of a call that was given up meanwhile", async () => {
    const scene = await connected();
    const { sleep } = scene;
    sleep.call();
    sleep.pass(4.5);
    sleep.cancel();
    expect(sleep.heard()).toEqual([100, 487]);
    expect(got(comeBack(scene))).toEqual([]);
  });

  test("is not woken by what asks only whether it is there", async () => {
    const { sleep } = await connected();
    sleep.world.transport.unreachable.add(`tcp:${BED}`);
    sleep.call({ method: "OPTIONS" });
    sleep.pass(10);
    expect(sleep.pushes).toEqual([]);
  });

  test("gets a message, too, when the connection breaks off under it", async () => {
    const scene = await connected();
    const { sleep } = scene;
    sleep.world.transport.unreachable.add(`tcp:${BED}`);
    sleep.call({ method: "MESSAGE" });
    expect(sleep.pushes).toEqual(["message"]);
    expect(got(comeBack(scene), "MESSAGE")).toHaveLength(1);
  });
});
