import { expect, test } from "vitest";
import { headerLine } from "../support/messages.ts";
import { World } from "../support/world.ts";

const ALICE = "alice@sip.test";
const PLACE = "198.51.100.7:40000";

test.each([
  ["4294967295", `<sip:alice@${PLACE}>;expires=4294967295`, "3600"],
  ["a negative number", `<sip:alice@${PLACE}>;expires=-1`, "3600"],
  ["two parameters", `<sip:alice@${PLACE}>;expires=60;expires=600`, "60"],
  ["a folded header", `<sip:alice@${PLACE}>\r\n ;expires=60`, "60"],
])("T29: a lifetime of %s is taken and told within bounds", async (_, contact, told) => {
  const world = await World.start();
  const phone = world.phone("alice", PLACE);
  phone.register({ contact, expires: undefined });
  world.pass(0.01);
  expect(headerLine(phone.last, "Contact")).toBe(
    `<sip:alice@${PLACE}>;expires=${Math.min(Number(told), 3598)}`,
  );
  expect(headerLine(world.main.registers[0] ?? "", "Contact")).toMatch(/;expires=3600$/u);
});

test("T29: a compact header is a header", async () => {
  const world = await World.start();
  const phone = world.phone("alice", PLACE);
  phone.register({ contact: "", headers: [`m: <sip:alice@${PLACE}>;expires=60`] });
  world.pass(1);
  expect(world.record(ALICE)?.bindings).toHaveLength(1);
});
