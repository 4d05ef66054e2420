/**
 * A REGISTER whose outcome midreg has not heard when it is killed. Nothing of it is stored before the main registrar
 * has answered, since that would cost a commit for each REGISTER that is forwarded; what is left upstream is harmless.
 */
import { describe, expect, test } from "vitest";
import { buildInvite } from "../support/call-messages.ts";
import type { Phone } from "../support/phone.ts";
import { SERVER_PLACE, World } from "../support/world.ts";

const TO = "sip:alice@sip.test";

/** A main registrar that has registered alice, and a midreg that is killed before it hears of that. */
async function killedBefore(): Promise<{ world: World; phone: Phone }> {
  const first = await World.start({ policy: { outgoingExpiresSec: 600 } });
  first.main.answering = (text) => {
    first.main.answer(text);
    return [];
  };
  const phone = first.phone("alice", "198.51.100.7:40000");
  phone.register();
  first.pass(1);
  expect(first.main.contactsFor(TO)).toHaveLength(1);
  first.main.answering = undefined;
  const world = await World.start({ after: first, policy: { outgoingExpiresSec: 600 } });
  return { world, phone };
}

describe("a REGISTER that the main registrar has accepted while midreg was killed", () => {
  test("is the same contact there when the phone tries again: nothing is doubled, and it can be called", async () => {
    const { world, phone } = await killedBefore();
    const [before] = world.main.contactsFor(TO);
    phone.register();
    world.pass(1);
    expect(phone.lastStatus).toBe(200);
    expect(world.main.contactsFor(TO)).toEqual([before]);
    world.main.send(buildInvite({ uri: before ?? "" }), SERVER_PLACE);
    world.pass(0.2);
    expect(phone.requests).toHaveLength(1);
  });

  test("and is removed there when the phone goes afterwards", async () => {
    const { world, phone } = await killedBefore();
    phone.register();
    world.pass(1);
    phone.register({ expires: 0 });
    world.pass(1);
    expect(world.main.contactsFor(TO)).toEqual([]);
  });

  test("leads nowhere while the phone stays away, and runs out with its lifetime", async () => {
    const { world } = await killedBefore();
    const [before = ""] = world.main.contactsFor(TO);
    world.main.send(buildInvite({ uri: before }), SERVER_PLACE);
    world.pass(0.2);
    expect(world.main.statuses).toEqual([404]);
    world.pass(600);
    expect(world.main.contactsFor(TO)).toEqual([]);
  });
});
