import { deepStrictEqual, ok } from "node:assert";
import { freePorts } from "../support/peers/free-ports.ts";
import { until } from "../support/peers/wait.ts";
import { Baresip } from "./baresip.ts";
import type { Step } from "./suite.ts";
import type { World } from "./world.ts";

const EVENT_MS = 5000;
const STEP_SEC = 20;
// Short, so that a refresh falls into the run; Kamailio and midreg take nothing below 10.
const REGISTER_EVERY_SEC = 15;

/** Calls between two baresips: the called one behind midreg, the caller at Kamailio or behind midreg. */
export function callSteps(world: World): Step[] {
  const phones = new Map<string, Baresip>();
  const phone = (user: string): Baresip => {
    const found = phones.get(user);
    if (found === undefined) throw new Error(`${user} is not registered`);
    return found;
  };
  const start = (user: string, outboundPort: () => number, way: string): Step => ({
    name: `baresip ${user} registers ${way}`,
    limitSec: STEP_SEC,
    logs: [user, "midreg", "kamailio"],
    run: async () => {
      phones.set(user, await startBaresip(world, user, outboundPort()));
      return `Kamailio knows ${(await world.onlyBinding(user)).contact}`;
    },
  });
  const calls = (caller: string, way: string): Step[] =>
    CALLS.map(({ text, play }) => ({
      name: `baresip ${caller} (${way}) calls alice: ${text}`,
      limitSec: STEP_SEC,
      logs: ["alice", caller, "midreg", "kamailio"],
      run: async () => {
        const parties = { alice: phone("alice"), caller: phone(caller) };
        parties.alice.forget();
        parties.caller.forget();
        const before = await world.kamailio.counters();
        await play(parties.alice, parties.caller);
        deepStrictEqual((await world.kamailio.counters()).invites - before.invites, 1);
        return "";
      },
    }));
  return [
    start("alice", () => world.outboundPort, world.way),
    ...hidden(world),
    start("bob", () => world.kamailio.port, "at Kamailio"),
    ...calls("bob", "at Kamailio"),
    start("carol", () => world.outboundPort, world.way),
    ...calls("carol", world.hasMidreg ? "behind midreg too" : "at Kamailio too"),
    ...absorbed(world, phone),
    leave(world, phones),
  ];
}

/** What alice and her caller do. Each waits for what the other side must have seen. */
export const CALLS: readonly {
  readonly text: string;
  readonly play: (alice: Baresip, caller: Baresip) => Promise<void>;
}[] = [
  {
    text: "answered, alice hangs up",
    play: async (alice, caller) => {
      await establish(alice, caller);
      await hangUp(alice, caller);
    },
  },
  {
    text: "answered, the caller hangs up",
    play: async (alice, caller) => {
      await establish(alice, caller);
      await hangUp(caller, alice);
    },
  },
  {
    text: "answered, each side puts it on hold and takes it back by re-INVITE",
    play: async (alice, caller) => {
      await establish(alice, caller);
      await hold(alice);
      await hold(caller);
      await hangUp(caller, alice);
    },
  },
  {
    text: "alice rejects",
    play: async (alice, caller) => {
      await ring(alice, caller);
      alice.hangUp();
      const reason = await caller.event("CALL_CLOSED", EVENT_MS);
      ok(reason.startsWith("486"), `the caller was told ${reason}`);
      await alice.event("CALL_CLOSED", EVENT_MS);
    },
  },
  {
    text: "the caller gives up before the answer",
    play: async (alice, caller) => {
      await ring(alice, caller);
      caller.hangUp();
      await alice.event("CALL_CLOSED", EVENT_MS);
      await caller.event("CALL_CLOSED", EVENT_MS);
      await caller.response("INVITE", 487, EVENT_MS);
      await caller.response("CANCEL", 200, EVENT_MS);
    },
  },
];

async function ring(alice: Baresip, caller: Baresip): Promise<void> {
  caller.dial(alice.user);
  await alice.event("CALL_INCOMING", EVENT_MS);
  await caller.event("CALL_RINGING", EVENT_MS);
}

async function establish(alice: Baresip, caller: Baresip): Promise<void> {
  await ring(alice, caller);
  alice.accept();
  await caller.event("CALL_ESTABLISHED", EVENT_MS);
  // The called side says so when the ACK has reached it.
  await alice.event("CALL_ESTABLISHED", EVENT_MS);
}

async function hold(phone: Baresip): Promise<void> {
  for (const isHeld of [true, false]) {
    phone.forget();
    phone.hold(isHeld);
    // Not before the first one is over: a second re-INVITE meanwhile would be refused.
    // oxlint-disable-next-line no-await-in-loop
    await phone.response("INVITE", 200, EVENT_MS);
  }
}

async function hangUp(active: Baresip, passive: Baresip): Promise<void> {
  active.hangUp();
  await passive.event("CALL_CLOSED", EVENT_MS);
  await active.event("CALL_CLOSED", EVENT_MS);
  await active.response("BYE", 200, EVENT_MS);
}

async function startBaresip(world: World, user: string, outboundPort: number): Promise<Baresip> {
  // The port after the SIP port is the one baresip opens for TLS.
  const ports = await freePorts(20);
  const [sipPort = 0, , controlPort = 0, rtpPort = 0] = ports;
  return Baresip.start(world.stage, {
    user,
    password: `pw-${user}`,
    outboundPort,
    sipPort,
    controlPort,
    rtpPort,
    registerEverySec: REGISTER_EVERY_SEC,
  });
}

function hidden(world: World): Step[] {
  if (!world.hasMidreg) return [];
  const check: Step = {
    name: "Kamailio knows alice by midreg's contact only",
    limitSec: STEP_SEC,
    logs: ["kamailio"],
    run: async () => {
      const { contact } = await world.onlyBinding("alice");
      ok(contact.includes(`@127.0.0.1:${world.outboundPort};ctid=`), contact);
      return "";
    },
  };
  return [check];
}

function absorbed(world: World, phone: (user: string) => Baresip): Step[] {
  if (!world.hasMidreg) return [];
  const check: Step = {
    name: "midreg absorbs baresip's own refreshes",
    limitSec: 2 * REGISTER_EVERY_SEC,
    logs: ["alice", "midreg"],
    run: async () => {
      const upstream = await world.onlyBinding("alice");
      const before = (await world.midreg.counters()).absorbed;
      phone("alice").forget();
      await phone("alice").response("REGISTER", 200, 2 * REGISTER_EVERY_SEC * 1000);
      const count = (await world.midreg.counters()).absorbed - before;
      ok(count > 0, "none was absorbed");
      deepStrictEqual(await world.onlyBinding("alice"), upstream);
      return "Kamailio's record of it is unchanged";
    },
  };
  return [check];
}

function leave(world: World, phones: ReadonlyMap<string, Baresip>): Step {
  return {
    name: `each baresip unregisters, alice ${world.way}, and Kamailio forgets it`,
    limitSec: STEP_SEC,
    logs: ["alice", "bob", "carol", "midreg", "kamailio"],
    run: async () => {
      // One that stayed would refresh every few seconds, and be counted among the phones of later steps.
      for (const [user, phone] of phones) {
        // oxlint-disable-next-line no-await-in-loop -- One after the other.
        deepStrictEqual(await phone.quit(), 0);
        // oxlint-disable-next-line no-await-in-loop
        await until(`${user} is gone`, EVENT_MS, async () =>
          (await world.kamailio.bindingsOf(user)).length === 0 ? true : undefined,
        );
      }
      return [...phones.keys()].join(", ");
    },
  };
}
