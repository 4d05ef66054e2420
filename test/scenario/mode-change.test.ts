import { describe, expect, test } from "vitest";
import type { Mode } from "../../src/location/binding.ts";
import { FaultyStore } from "../support/faulty-store.ts";
import type { Phone } from "../support/phone.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { World } from "../support/world.ts";

const ALICE = "alice@sip.test";
const TO = "sip:alice@sip.test";
const SHARED = "sip:alice%40sip.test@192.0.2.1:5060";

interface Scene {
  readonly world: World;
  readonly store: FaultyStore;
  readonly phone: Phone;
  /** What the main registrar has of the phone. */
  readonly contact: string;
}

/** A phone that has registered in one mode. */
async function startIn(mode: Mode): Promise<Scene> {
  const clock = new VirtualClock();
  const store = new FaultyStore(clock);
  const world = await World.start({ clock, store, policy: { mode, outgoingExpiresSec: 600 } });
  const phone = world.phone("alice", "198.51.100.7:40000");
  phone.register();
  world.pass(1);
  const [contact = ""] = world.main.contactsFor(TO);
  return { world, store, phone, contact };
}

/** The same in another mode, after a restart. */
async function restartIn(mode: Mode, { world, store, phone, contact }: Scene): Promise<Scene> {
  store.kill(0);
  const next = new FaultyStore(world.clock, store.inner);
  const policy = { mode, outgoingExpiresSec: 600 };
  const after = await World.start({ after: world, store: next, policy });
  return { world: after, store: next, phone, contact };
}

describe("a registration that cannot be stored after a change of the mode", () => {
  test.each([
    ["contact", "aor"],
    ["aor", "contact"],
  ] as const)(
    "is taken back upstream, from %s to %s, and the one before stays",
    async (from, to) => {
      const scene = await restartIn(to, await startIn(from));
      const { world, store, phone, contact } = scene;
      store.isFailing = true;
      phone.register();
      world.pass(0.05);
      expect(phone.lastStatus).toBe(503);
      expect(world.main.contactsFor(TO)).toHaveLength(2);
      world.pass(5);
      expect(world.main.contactsFor(TO)).toEqual([contact]);
      expect(world.record(ALICE)?.bindings[0]?.upstream.contact).toBe(contact);
    },
  );

  test("is taken back with the end of the phone's own, from mirror to contact", async () => {
    const scene = await restartIn("contact", await startIn("mirror"));
    const { world, store, phone, contact } = scene;
    store.isFailing = true;
    phone.register();
    world.pass(0.05);
    store.isFailing = false;
    expect(phone.lastStatus).toBe(503);
    world.pass(50);
    expect(world.record(ALICE)?.bindings).toHaveLength(1);
    expect(world.main.contactsFor(TO)).toEqual([contact]);
    world.pass(15);
    expect(world.record(ALICE)).toBeUndefined();
    expect(world.main.contactsFor(TO)).toEqual([]);
  });

  test("is not taken back once the phone has registered again", async () => {
    const { world, store, phone } = await restartIn("contact", await startIn("aor"));
    store.isFailing = true;
    phone.register();
    world.pass(0.05);
    store.isFailing = false;
    phone.register();
    world.pass(30);
    const [binding] = world.record(ALICE)?.bindings ?? [];
    expect(binding?.mode).toBe("contact");
    expect(world.main.contactsFor(TO)).toEqual([binding?.upstream.contact]);
  });
});

test("contacts that come back into use are no longer owed", async () => {
  const first = await startIn("contact");
  const mobile = first.world.phone("alice", "198.51.100.8:40000");
  mobile.register();
  first.world.pass(1);
  const contacts = first.world.main.contactsFor(TO);
  const shared = await restartIn("aor", first);
  // The main registrar accepts the shared contact, and does not hear that the others are over.
  for (const phone of [first.phone, mobile]) phone.register();
  shared.world.pass(0.1);
  expect(shared.world.main.contactsFor(TO)).toEqual([...contacts, SHARED]);
  shared.world.main.isSilent = true;
  shared.world.pass(2);
  const back = await restartIn("contact", shared);
  back.world.main.isSilent = false;
  for (const phone of [first.phone, mobile]) phone.register();
  back.world.pass(40);
  expect([first.phone.lastStatus, mobile.lastStatus]).toEqual([200, 200]);
  expect(back.world.main.contactsFor(TO)).toEqual(contacts);
});
