import { describe, expect, test } from "vitest";
import { buildInvite } from "../support/call-messages.ts";
import { SERVER_PLACE, World } from "../support/world.ts";

const ALICE = "alice@sip.test";

describe("use_expired_contacts", () => {
  test("keeps calls going while the main registrar is down and phones cannot register", async () => {
    const world = await World.start({ lookup: { serveExpiredMs: 600_000 } });
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register();
    world.pass(1);
    const [contact = ""] = world.main.contactsFor("sip:alice@sip.test");
    world.main.isSilent = true;
    world.pass(300);
    expect(world.record(ALICE)?.bindings).toHaveLength(1);
    world.main.send(buildInvite({ uri: contact }), SERVER_PLACE);
    world.pass(1);
    expect(phone.requests[0]).toContain("INVITE sip:alice@198.51.100.7:40000 SIP/2.0");
    // Once it is back, what has expired has expired, here and there.
    world.main.isSilent = false;
    world.pass(60);
    expect(world.record(ALICE)).toBeUndefined();
    const heard = phone.requests.length;
    world.main.send(buildInvite({ uri: contact, branch: "z9hG4bK-2" }), SERVER_PLACE);
    world.pass(1);
    expect(phone.requests).toHaveLength(heard);
    expect(world.main.statuses.at(-1)).toBe(404);
    expect(world.main.contactsFor("sip:alice@sip.test")).toEqual([]);
  });

  test("ends after the time that is set", async () => {
    const world = await World.start({ lookup: { serveExpiredMs: 100_000 } });
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register();
    world.pass(1);
    world.main.isSilent = true;
    world.pass(140);
    expect(world.record(ALICE)?.bindings).toHaveLength(1);
    world.pass(60);
    expect(world.record(ALICE)).toBeUndefined();
  });

  test("is off unless it is set", async () => {
    const world = await World.start();
    const phone = world.phone("alice", "198.51.100.7:40000");
    phone.register();
    world.pass(1);
    world.main.isSilent = true;
    world.pass(100);
    expect(world.record(ALICE)).toBeUndefined();
  });
});
