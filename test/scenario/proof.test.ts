import { describe, expect, test } from "vitest";
import { headerLine, statusOf } from "../support/messages.ts";
import type { Phone, RegisterOptions } from "../support/phone.ts";
import { World } from "../support/world.ts";

const ALICE = "alice@sip.test";
const PLACE = "198.51.100.7:40000";

async function registered(policy = {}): Promise<{ world: World; phone: Phone }> {
  const world = await World.start({ policy });
  const phone = world.phone("alice", PLACE);
  phone.register();
  world.pass(1);
  expect(phone.statuses).toEqual([200]);
  return { world, phone };
}

describe("with auth.absorb proven, a refresh is sent on instead of believed", () => {
  const contact = `<sip:alice@${PLACE}>`;
  test.each<[string, RegisterOptions]>([
    ["when it comes from another port", { from: "198.51.100.7:41000" }],
    ["when it comes from another address", { from: "203.0.113.66:40000" }],
    ["when it has another Call-ID", { callId: "made-up" }],
    ["when its contact has another port", { contact: "<sip:alice@198.51.100.7:41000>" }],
    ["when its contact has gained a parameter", { contact: `${contact};+sip.instance="<urn:x>"` }],
    ["when its preference has changed", { contact: `${contact};q=0.5` }],
    ["when a push token has appeared", { contact: `<sip:alice@${PLACE};pn-prid=other>` }],
    ["when a Path has appeared", { headers: ["Path: <sip:edge.test;lr>"] }],
    ["when it asks for a removal", { expires: 0 }],
    ["when it requires an extension", { headers: ["Require: made-up"] }],
    ["when it has no contact and another Call-ID", { contact: "", callId: "made-up" }],
  ])("%s", async (_, options) => {
    const { world, phone } = await registered();
    world.main.isChallenging = true;
    const before = world.record(ALICE);
    if (options.from !== undefined) {
      world.network.listen(options.from, (text) => phone.responses.push(text));
    }
    phone.register(options);
    world.pass(1);
    expect(world.main.registers).toHaveLength(2);
    expect(statusOf(phone.last)).toBe(401);
    expect(world.record(ALICE)).toEqual(before);
  });

  test("and the binding follows once the main registrar has accepted the change", async () => {
    const { world, phone } = await registered();
    const moved = "198.51.100.7:41000";
    world.network.listen(moved, (text) => phone.responses.push(text));
    phone.register({ from: moved });
    world.pass(1);
    expect(statusOf(phone.last)).toBe(200);
    expect(world.record(ALICE)?.bindings[0]?.source).toBe(`udp:192.0.2.1:5060<${moved}`);
    phone.register({ from: moved });
    world.pass(1);
    expect(world.main.registers).toHaveLength(2);
  });

  test("and a stranger cannot read who is registered", async () => {
    const { world } = await registered();
    world.main.isChallenging = true;
    const mallory = world.phone("alice", "203.0.113.66:5060");
    mallory.register({ contact: "" });
    world.pass(1);
    expect(mallory.statuses).toEqual([401]);
    expect(headerLine(mallory.last, "Contact")).toBe("");
  });
});

describe("what is proven is absorbed", () => {
  test("a refresh from the same flow with the same Call-ID and a higher CSeq", async () => {
    const { world, phone } = await registered();
    phone.register({ cseq: 17 });
    world.pass(1);
    expect(statusOf(phone.last)).toBe(200);
    expect(world.main.registers).toHaveLength(1);
    expect(world.record(ALICE)?.bindings[0]?.cseq).toBe(17);
  });

  test("a fetch, which lists the bindings and changes nothing", async () => {
    const { world, phone } = await registered();
    const before = world.record(ALICE);
    phone.register({ contact: "" });
    world.pass(1);
    expect(headerLine(phone.last, "Contact")).toBe(`<sip:alice@${PLACE}>;expires=59`);
    expect(world.main.registers).toHaveLength(1);
    expect(world.record(ALICE)).toEqual(before);
  });

  test("a retransmission gets the same 200 again and moves nothing", async () => {
    const { world, phone } = await registered();
    const text = phone.register();
    world.pass(1);
    const before = world.record(ALICE);
    phone.send(text);
    world.pass(1);
    const [, first = "", second = ""] = phone.responses;
    expect(headerLine(second, "To")).toBe(headerLine(first, "To"));
    expect(statusOf(second)).toBe(200);
    expect(world.record(ALICE)).toEqual(before);
    expect(world.main.registers).toHaveLength(1);
  });

  test("an older CSeq of the same Call-ID is refused, whoever sends it", async () => {
    const { world, phone } = await registered();
    phone.register({ cseq: 9 });
    world.pass(1);
    phone.register({ cseq: 8 });
    world.pass(1);
    expect(phone.statuses).toEqual([200, 200, 400]);
    expect(world.main.registers).toHaveLength(1);
  });

  test("the same CSeq is no retransmission any more after cseq_delay", async () => {
    const { world, phone } = await registered();
    world.pass(25);
    phone.register({ cseq: 1, branch: "z9hG4bK-other" });
    world.pass(1);
    expect(world.main.registers).toHaveLength(2);
  });
});

describe("with auth.absorb open, as OpenSIPS does it", () => {
  test("a refresh is absorbed from anywhere, and moves the binding", async () => {
    const { world, phone } = await registered({ absorb: "open" });
    const moved = "198.51.100.7:41000";
    world.network.listen(moved, (text) => phone.responses.push(text));
    phone.register({ from: moved, callId: "another", cseq: 1, headers: ["X: y"] });
    world.pass(1);
    expect(statusOf(phone.last)).toBe(200);
    expect(world.main.registers).toHaveLength(1);
    const [binding] = world.record(ALICE)?.bindings ?? [];
    expect(binding).toMatchObject({ callId: "another", source: `udp:192.0.2.1:5060<${moved}` });
  });

  test("a new contact and a removal are sent on all the same", async () => {
    const { world, phone } = await registered({ absorb: "open" });
    phone.register({ contact: "<sip:alice@203.0.113.9:5060>" });
    world.pass(1);
    phone.register({ expires: 0 });
    world.pass(1);
    expect(world.main.registers).toHaveLength(3);
    expect(world.record(ALICE)?.bindings).toHaveLength(1);
  });

  test("a lower expiry moves the sweep forward", async () => {
    const { world, phone } = await registered({ absorb: "open" });
    phone.register({ expires: 600 });
    world.pass(1);
    phone.register({ expires: 20 });
    world.pass(25);
    expect(world.record(ALICE)).toBeUndefined();
  });
});
