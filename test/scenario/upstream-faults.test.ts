import { describe, expect, test } from "vitest";
import { answerTo, headerLine, headerLines, statusOf } from "../support/messages.ts";
import { World } from "../support/world.ts";

const ALICE = "alice@sip.test";
const ALICE_URI = "sip:alice@sip.test";
const PLACE = "198.51.100.7:40000";

describe("a main registrar that is silent", () => {
  test("makes a first registration end with 504 before the phone's own timer, and leaves nothing behind", async () => {
    const world = await World.start();
    world.main.isSilent = true;
    const phone = world.phone("alice", PLACE);
    phone.register();
    world.pass(9);
    // RFC 4320: a late 100 keeps the phone from sending again; a 408 is never sent.
    expect(phone.statuses).toEqual([100]);
    world.pass(2);
    expect(phone.statuses).toEqual([100, 504]);
    expect(world.record(ALICE)).toBeUndefined();
    // Timer E: 0, 0.5, 1.5, 3.5, 7.5 seconds.
    expect(world.main.registers).toHaveLength(5);
    expect(new Set(world.main.registers).size).toBe(1);
  });

  test("does not keep refreshes from being absorbed, nor bindings from working", async () => {
    const world = await World.start();
    const phone = world.phone("alice", PLACE);
    phone.register();
    world.pass(1);
    world.main.isSilent = true;
    for (let at = 0; at < 10; at += 1) {
      phone.register();
      world.pass(30);
    }
    expect(phone.statuses).toEqual(Array.from({ length: 11 }, () => 200));
  });

  test("is taken up again: the next attempt goes on with the Call-ID and a higher CSeq", async () => {
    const world = await World.start();
    world.main.isSilent = true;
    const phone = world.phone("alice", PLACE);
    phone.register();
    world.pass(15);
    world.main.isSilent = false;
    phone.register();
    world.pass(1);
    expect(statusOf(phone.last)).toBe(200);
    const first = world.main.registers[0] ?? "";
    const last = world.main.registers.at(-1) ?? "";
    expect(headerLine(last, "Call-ID")).toBe(headerLine(first, "Call-ID"));
    expect(headerLine(last, "CSeq")).toBe("2 REGISTER");
  });

  test("keeps a de-registration waiting in the outbox until it answers", async () => {
    const world = await World.start();
    const phone = world.phone("alice", PLACE);
    phone.register();
    world.pass(1);
    world.main.isSilent = true;
    world.pass(120);
    expect(world.record(ALICE)).toBeUndefined();
    expect([...world.store.deRegistrations()]).toHaveLength(1);
    expect(world.main.contactsFor(ALICE_URI)).toHaveLength(1);
    world.main.isSilent = false;
    world.pass(300);
    expect([...world.store.deRegistrations()]).toEqual([]);
    expect(world.main.contactsFor(ALICE_URI)).toEqual([]);
  });

  test("makes midreg give a de-registration up once its upstream lifetime is over", async () => {
    const world = await World.start({ policy: { outgoingExpiresSec: 300 } });
    const phone = world.phone("alice", PLACE);
    phone.register();
    world.pass(1);
    world.main.isSilent = true;
    world.pass(600);
    expect([...world.store.deRegistrations()]).toEqual([]);
    const sent = world.main.registers.length;
    world.pass(600);
    expect(world.main.registers).toHaveLength(sent);
  });
});

describe("a main registrar that refuses", () => {
  test.each([
    [403, "Forbidden"],
    [404, "Not Found"],
    [423, "Interval Too Brief"],
    [500, "Server Internal Error"],
    [503, "Service Unavailable"],
    [603, "Decline"],
  ])(
    "with %i: the phone hears it, nothing changes, the next attempt starts afresh",
    async (status, reason) => {
      const world = await World.start();
      world.main.answering = (text) => [
        answerTo(text, status, reason, { headers: ["Min-Expires: 3600", "Retry-After: 30"] }),
      ];
      const phone = world.phone("alice", PLACE);
      phone.register();
      world.pass(1);
      expect(phone.statuses).toEqual([status]);
      expect(headerLine(phone.last, "Min-Expires")).toBe("3600");
      expect(headerLine(phone.last, "Call-ID")).toBe(phone.callId);
      expect(headerLine(phone.last, "CSeq")).toBe("1 REGISTER");
      expect(headerLine(phone.last, "From")).toBe("<sip:alice@sip.test>;tag=from-alice");
      expect(world.record(ALICE)).toBeUndefined();
      world.main.answering = undefined;
      phone.register();
      world.pass(1);
      expect(statusOf(phone.last)).toBe(200);
      const [first = "", second = ""] = world.main.registers;
      expect(headerLine(second, "Call-ID")).not.toBe(headerLine(first, "Call-ID"));
      expect(headerLine(second, "CSeq")).toBe("1 REGISTER");
    },
  );

  test("a refresh: the binding lives on to its old expiry", async () => {
    const world = await World.start({ policy: { outgoingExpiresSec: 61 } });
    const phone = world.phone("alice", PLACE);
    phone.register();
    world.pass(1);
    const before = world.record(ALICE);
    world.main.answering = (text) => [answerTo(text, 500, "Server Internal Error")];
    phone.register();
    world.pass(1);
    expect(phone.statuses).toEqual([200, 500]);
    expect(world.record(ALICE)).toEqual(before);
  });

  test("a removal: the binding stays, and so does its registration upstream", async () => {
    const world = await World.start();
    const phone = world.phone("alice", PLACE);
    phone.register();
    world.pass(1);
    world.main.answering = (text) => [answerTo(text, 403, "Forbidden")];
    phone.register({ expires: 0 });
    world.pass(1);
    expect(phone.statuses).toEqual([200, 403]);
    expect(world.record(ALICE)?.bindings).toHaveLength(1);
  });
});

describe("a 2xx of the main registrar", () => {
  test("without the contact is an error to the phone, and nothing is stored", async () => {
    const world = await World.start();
    world.main.answering = (text) => [answerTo(text, 200, "OK")];
    const phone = world.phone("alice", PLACE);
    phone.register();
    world.pass(1);
    expect(phone.statuses).toEqual([500]);
    expect(world.record(ALICE)).toBeUndefined();
  });

  test("with foreign contacts besides ours hides them from the phone", async () => {
    const world = await World.start();
    world.main.answering = (text) => {
      const contact = `<sip:alice@203.0.113.9:5060>;expires=99, ${headerLine(text, "Contact")}`;
      return [answerTo(text, 200, "OK", { headers: [`Contact: ${contact}`] })];
    };
    const phone = world.phone("alice", PLACE);
    phone.register();
    world.pass(1);
    expect(headerLines(phone.last, "Contact")).toEqual([`<sip:alice@${PLACE}>;expires=60`]);
    expect(world.record(ALICE)?.bindings).toHaveLength(1);
  });

  test("with foreign contacts only is an error to the phone", async () => {
    const world = await World.start();
    world.main.answering = (text) => [
      answerTo(text, 200, "OK", {
        headers: ["Contact: <sip:alice@192.0.2.1:5060;ctid=0000000000000000>;expires=99"],
      }),
    ];
    const phone = world.phone("alice", PLACE);
    phone.register();
    world.pass(1);
    expect(phone.statuses).toEqual([500]);
  });

  test.each([
    [3600, 60],
    [30, 28],
    [10, 8],
    [3, 2],
    [1, 1],
  ])(
    "that grants %i s lets the phone have %i s: upstream outlives local",
    async (granted, told) => {
      const world = await World.start();
      world.main.maxExpiresSec = granted;
      const phone = world.phone("alice", PLACE);
      phone.register();
      world.pass(0.5);
      expect(headerLine(phone.last, "Contact")).toBe(`<sip:alice@${PLACE}>;expires=${told}`);
      const [binding] = world.record(ALICE)?.bindings ?? [];
      expect(binding?.upstream.expiresAtMs).toBeGreaterThanOrEqual(binding?.expiresAtMs ?? 0);
    },
  );

  test("that comes twice is taken once", async () => {
    const world = await World.start();
    world.main.answering = (text) => {
      const answer = world.main.answer(text);
      return [answer, answer];
    };
    const phone = world.phone("alice", PLACE);
    phone.register();
    world.pass(1);
    expect(phone.statuses).toEqual([200]);
    // What comes again within Timer K belongs to the transaction, so it is no stray.
    expect(world.recording.dropped("stray-response")).toBe(0);
  });

  test("that comes after midreg has given up changes nothing and is dropped", async () => {
    const world = await World.start();
    const late: string[] = [];
    world.main.answering = (text) => {
      if (late.length === 0) late.push(world.main.answer(text));
      return [];
    };
    const phone = world.phone("alice", PLACE);
    phone.register();
    world.pass(12);
    expect(statusOf(phone.last)).toBe(504);
    world.main.send(late[0] ?? "", "192.0.2.1:5060");
    world.pass(1);
    expect(world.record(ALICE)).toBeUndefined();
    expect(world.recording.dropped("stray-response")).toBe(1);
  });

  test("keeps its further headers for the phone, on absorbed answers too", async () => {
    const world = await World.start();
    world.main.extraHeaders = [
      "Service-Route: <sip:main.test;lr>",
      "P-Associated-URI: <sip:alice@sip.test>",
      "X-Odd: kept",
    ];
    const phone = world.phone("alice", PLACE);
    phone.register();
    world.pass(1);
    expect(headerLine(phone.last, "Service-Route")).toBe("<sip:main.test;lr>");
    expect(headerLine(phone.last, "X-Odd")).toBe("kept");
    phone.register();
    world.pass(1);
    expect(world.main.registers).toHaveLength(1);
    expect(headerLine(phone.last, "Service-Route")).toBe("<sip:main.test;lr>");
    expect(headerLine(phone.last, "P-Associated-URI")).toBe("<sip:alice@sip.test>");
    expect(headerLine(phone.last, "X-Odd")).toBe("");
  });
});

describe("garbage from the main registrar", () => {
  test.each([
    ["not SIP at all", "\0\0\0garbage"],
    ["a status out of range", "SIP/2.0 999 What\r\n\r\n"],
    ["a response without headers", "SIP/2.0 200 OK\r\n\r\n"],
  ])("%s is dropped, and the registration goes on", async (_, garbage) => {
    const world = await World.start();
    world.main.answering = (text) => [garbage, world.main.answer(text)];
    const phone = world.phone("alice", PLACE);
    phone.register();
    world.pass(1);
    expect(phone.statuses).toEqual([200]);
  });
});

describe("a main registrar with several addresses", () => {
  test("gets the REGISTER at the next one when the first stays silent", async () => {
    const world = await World.start({
      upstreamUri: "sip:registrar.test",
      upstreamTargets: ["192.0.2.60:5060", "192.0.2.50:5060"],
    });
    const phone = world.phone("alice", PLACE);
    phone.register();
    world.pass(6);
    expect(statusOf(phone.last)).toBe(200);
    expect(world.failedTargets).toContain("192.0.2.60:5060");
  });

  test("gets it at the next one when the first cannot be reached", async () => {
    const world = await World.start({
      upstreamUri: "sip:registrar.test",
      upstreamTargets: ["192.0.2.60:5060", "192.0.2.50:5060"],
    });
    world.transport.unreachable.add("192.0.2.60:5060");
    const phone = world.phone("alice", PLACE);
    phone.register();
    world.pass(1);
    expect(phone.statuses).toEqual([200]);
  });
});
