import { describe, expect, test } from "vitest";
import { headerLine, headerLines, statusOf } from "../support/messages.ts";
import { World } from "../support/world.ts";

const ALICE = "alice@sip.test";
const ALICE_URI = "sip:alice@sip.test";

describe("a phone that registers through midreg", () => {
  test("is registered upstream under midreg's own name and told its own contact", async () => {
    const world = await World.start();
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register();
    world.pass(1);
    const [forwarded = ""] = world.main.registers;
    const ctid = world.record(ALICE)?.bindings[0]?.ctid ?? "";
    expect(ctid).toMatch(/^[0-9a-f]{16}$/u);
    expect(forwarded).toBe(
      [
        "REGISTER sip:sip.test SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-midreg-5;rport",
        "Via: SIP/2.0/UDP 198.51.100.7:40000;branch=z9hG4bK-alice-198.51.100.7:40000-1;rport=40000;received=198.51.100.7",
        "Max-Forwards: 69",
        "From: <sip:alice@sip.test>;tag=upstream-000",
        "To: <sip:alice@sip.test>",
        "Call-ID: upstream-0004-call-id",
        "CSeq: 1 REGISTER",
        `Contact: <sip:alice@192.0.2.1:5060;ctid=${ctid}>;expires=3600`,
        "Expires: 3600",
        "User-Agent: test phone",
        "Content-Length: 0",
        "",
        "",
      ].join("\r\n"),
    );
    expect(phone.last).toBe(
      [
        "SIP/2.0 200 OK",
        "Via: SIP/2.0/UDP 198.51.100.7:40000;branch=z9hG4bK-alice-198.51.100.7:40000-1;rport=40000;received=198.51.100.7",
        "From: <sip:alice@sip.test>;tag=from-alice",
        "To: <sip:alice@sip.test>;tag=main",
        "Call-ID: call-of-alice-198.51.100.7:40000",
        "CSeq: 1 REGISTER",
        "Contact: <sip:alice@198.51.100.7:40000>;expires=60",
        "Content-Length: 0",
        "",
        "",
      ].join("\r\n"),
    );
  });

  test("has its refreshes absorbed until the upstream registration no longer outlives them", async () => {
    const world = await World.start({ policy: { outgoingExpiresSec: 120 } });
    const phone = world.phone("alice", "198.51.100.7:40000");
    for (let at = 0; at < 5; at += 1) {
      phone.register();
      world.pass(20);
    }
    // Granted 120 at 0 s; the refresh at 60 s would need 62 s of life upstream and finds 60.
    expect(phone.statuses).toEqual([200, 200, 200, 200, 200]);
    expect(world.main.registers).toHaveLength(2);
    expect(headerLine(world.main.registers[1] ?? "", "CSeq")).toBe("2 REGISTER");
    expect(headerLine(world.main.registers[1] ?? "", "Call-ID")).toBe(
      headerLine(world.main.registers[0] ?? "", "Call-ID"),
    );
  });

  test("gets the challenge of the main registrar and goes on with the same identity", async () => {
    const world = await World.start();
    world.main.isChallenging = true;
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register();
    world.pass(1);
    expect(phone.statuses).toEqual([401]);
    expect(headerLine(phone.last, "WWW-Authenticate")).toContain('nonce="n1"');
    expect(world.record(ALICE)).toBeUndefined();
    phone.register({ headers: ["Authorization: Digest response=x"] });
    world.pass(1);
    expect(phone.statuses).toEqual([401, 200]);
    const [first = "", second = ""] = world.main.registers;
    expect(headerLine(second, "Call-ID")).toBe(headerLine(first, "Call-ID"));
    expect(headerLine(second, "Contact")).toBe(headerLine(first, "Contact"));
    expect(headerLine(second, "CSeq")).toBe("2 REGISTER");
    expect(headerLine(second, "Authorization")).toBe("Digest response=x");
  });

  test("that expires is de-registered upstream once", async () => {
    const world = await World.start();
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register();
    world.pass(1);
    const contact = world.main.contactsFor(ALICE_URI)[0] ?? "";
    world.pass(70);
    expect(world.record(ALICE)).toBeUndefined();
    expect(world.main.contactsFor(ALICE_URI)).toEqual([]);
    expect(world.main.registers).toHaveLength(2);
    const text = world.main.registers[1] ?? "";
    expect(headerLines(text, "Contact")).toEqual([`<${contact}>;expires=0`]);
    expect(headerLine(text, "CSeq")).toBe("2 REGISTER");
    expect(headerLine(text, "Call-ID")).toBe(headerLine(world.main.registers[0] ?? "", "Call-ID"));
    expect([...world.store.deRegistrations()]).toEqual([]);
  });

  test("that removes itself is removed on both sides", async () => {
    const world = await World.start();
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register();
    world.pass(1);
    phone.register({ expires: 0 });
    world.pass(1);
    expect(statusOf(phone.last)).toBe(200);
    expect(headerLine(phone.last, "Contact")).toBe("");
    expect(world.record(ALICE)).toBeUndefined();
    expect(world.main.contactsFor(ALICE_URI)).toEqual([]);
    world.pass(100);
    expect(world.main.registers).toHaveLength(2);
  });
});
