/** Callers, phones and clocks that mean harm, or have bad luck. */
import { describe, expect, test } from "vitest";
import { MAX_WAITING_PER_WAKE } from "../../src/server/limits.ts";
import { methodOf } from "../support/messages.ts";
import { AWAKE, answers, BED, contactOf, DESK, got, SleepWorld } from "../support/sleepers.ts";

const unlimited = { perCaller: 0, perDevice: 0, total: 0 };

describe("whoever comes back", () => {
  test("under another address-of-record gets no call of the sleeping one's, though it has its token", async () => {
    const sleep = await SleepWorld.start();
    sleep.sleeper();
    const thief = sleep.world.phone("mallory", AWAKE);
    sleep.call();
    thief.register({ contact: contactOf(BED), expires: 600 });
    sleep.pass(0.5);
    expect(thief.lastStatus).toBe(200);
    expect(got(thief)).toEqual([]);
    expect(sleep.pending).toEqual([1, 1]);
  });

  test("a thousand times without credentials gets nothing, and the device then gets the call once", async () => {
    const sleep = await SleepWorld.start({ push: { wakeTimeoutMs: 60_000 } });
    const phone = sleep.sleeper();
    const thief = sleep.world.phone("alice", AWAKE);
    sleep.call();
    sleep.world.main.isChallenging = true;
    for (let count = 0; count < 1000; count += 1) {
      thief.register({ contact: contactOf(BED), callId: `guess-${count}` });
      sleep.pass(0.01);
    }
    expect(thief.statuses.every((status) => status === 401)).toBe(true);
    expect(got(thief)).toEqual([]);
    const headers = ['Authorization: Digest username="alice"'];
    for (let count = 0; count < 20; count += 1) {
      phone.register({ contact: contactOf(BED), callId: `woken-${count}`, headers });
      sleep.pass(0.05);
    }
    sleep.pass(5);
    expect([got(phone), got(thief)].map(({ length }) => length)).toEqual([1, 0]);
    expect(sleep.pushes).toEqual(["call"]);
  });
});

describe("many callers", () => {
  test("of one device: as many wait as anybody can answer, for one push; the others go the way there was", async () => {
    const sleep = await SleepWorld.start({ push: { budget: unlimited } });
    const phone = sleep.sleeper();
    const count = MAX_WAITING_PER_WAKE + 8;
    for (let at = 0; at < count; at += 1) {
      sleep.send({ callId: `call-${at}`, from: `<sip:caller${at}@sip.test>;tag=${at}` });
    }
    sleep.pass(0.1);
    expect(sleep.pushes).toEqual(["call"]);
    expect(sleep.pending).toEqual([1, MAX_WAITING_PER_WAKE]);
    expect(got(phone)).toHaveLength(8);
    expect(sleep.wakes("full")).toBe(8);
    phone.register({ contact: contactOf(BED), expires: 600 });
    sleep.pass(1);
    expect(got(phone)).toHaveLength(count);
  });

  test("who all give up leave nothing behind", async () => {
    const sleep = await SleepWorld.start({ push: { budget: unlimited, callOver: [] } });
    sleep.sleeper();
    for (let at = 0; at < 200; at += 1) {
      sleep.send({ callId: `call-${at}`, from: `<sip:caller${at}@sip.test>;tag=${at}` });
      sleep.cancel(`call-${at}`);
    }
    expect(sleep.pending).toEqual([0, 0]);
    sleep.pass(60);
    expect(sleep.world.recording.gauge("sip_transactions", { kind: "server" })).toBe(0);
  });

  test("of a hundred sleeping devices of one user wake as many as a request may fork to, each once", async () => {
    const sleep = await SleepWorld.start({ policy: { mode: "aor" }, push: { budget: unlimited } });
    const phones = Array.from({ length: 100 }, (_, at) => {
      const place = `198.51.100.${100 + at}:5060`;
      const phone = sleep.world.phone("alice", place);
      phone.register({ contact: contactOf(place, `${at}`.padStart(16, "0")), expires: 600 });
      sleep.pass(0.05);
      return phone;
    });
    sleep.pass(31);
    sleep.call();
    const tokens = sleep.gateway.sent.map(({ device }) => device.prid);
    expect([tokens.length, new Set(tokens).size]).toEqual([32, 32]);
    for (const [at, phone] of phones.entries()) {
      answers(phone, 180);
      phone.register({ contact: contactOf(phone.place, `${at}`.padStart(16, "0")), expires: 600 });
      sleep.pass(0.01);
    }
    sleep.pass(1);
    expect(phones.filter((phone) => got(phone).length === 1)).toHaveLength(32);
    expect(phones.filter((phone) => got(phone).length > 1)).toEqual([]);
    expect(sleep.pending).toEqual([0, 0]);
  });
});

describe("a call that waits", () => {
  test("and is retransmitted waits once", async () => {
    const sleep = await SleepWorld.start();
    const phone = sleep.sleeper();
    for (let count = 0; count < 7; count += 1) sleep.call();
    expect(sleep.pushes).toEqual(["call"]);
    expect(sleep.pending).toEqual([1, 1]);
    phone.register({ contact: contactOf(BED), expires: 600 });
    sleep.call();
    expect(got(phone)).toHaveLength(1);
  });

  test.each(["CANCEL first", "REGISTER first"])(
    "and is cancelled as its device comes back ends for both: %s",
    async (order) => {
      const sleep = await SleepWorld.start();
      const phone = sleep.sleeper();
      answers(phone, 180);
      sleep.call();
      const comeBack = (): unknown => phone.register({ contact: contactOf(BED), expires: 600 });
      if (order === "REGISTER first") comeBack();
      sleep.sendCancel();
      if (order === "CANCEL first") comeBack();
      sleep.pass(1);
      const methods = phone.requests.map((text) => methodOf(text));
      expect(methods.filter((method) => method === "INVITE").length).toBeLessThanOrEqual(1);
      expect(methods.includes("CANCEL")).toBe(methods.includes("INVITE"));
      sleep.pass(40);
      expect(sleep.heard().filter((status) => status >= 200)).toEqual([487]);
    },
  );

  test("does so for as long as ever while the wall clock is set", async () => {
    for (const byMs of [-86_400_000, 86_400_000]) {
      // oxlint-disable-next-line no-await-in-loop
      const sleep = await SleepWorld.start();
      sleep.sleeper();
      sleep.call();
      sleep.world.clock.stepWall(byMs);
      sleep.pass(5.5);
      expect(sleep.heard()).toEqual([100]);
      sleep.pass(1);
      expect(sleep.heard()).toEqual([100, 480]);
      sleep.pass(3600);
      expect(sleep.pushes.filter((purpose) => purpose === "refresh").length).toBeLessThan(10);
    }
  });

  test("wakes each of a user's devices by the provider of its own", async () => {
    const sleep = await SleepWorld.start({ policy: { mode: "aor" } });
    const push = "pn-provider=fcm;pn-param=project;pn-prid=token";
    const subscription = "pn-provider=webpush;pn-prid=https%3A%2F%2Fpush.example%2Fabc";
    const phone = sleep.world.phone("alice", BED);
    const contacts = [
      contactOf(BED),
      `<sip:alice@198.51.100.9;${push}>`,
      `<sip:alice@${DESK};${subscription}>`,
    ];
    phone.register({ contact: contacts.join(", "), expires: 600 });
    sleep.pass(31);
    sleep.call();
    const providers = sleep.gateway.sent.map(({ device }) => device.provider);
    expect(providers).toEqual(["apns", "fcm", "webpush"]);
  });
});
