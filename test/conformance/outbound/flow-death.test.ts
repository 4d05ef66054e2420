import { describe, expect, test } from "vitest";
import type { FlowEnd } from "../../../src/ports.ts";
import { buildInvite } from "../../support/call-messages.ts";
import { answerTo, methodOf, statusOf } from "../../support/messages.ts";
import type { Phone } from "../../support/phone.ts";
import { SERVER_PLACE, World, type WorldOptions } from "../../support/world.ts";
import { AOR, boundUris, EDGE_PATH, EDGE_VIA, flowContact, registerFlow, TO } from "./flows.ts";

const FIRST = "198.51.100.7:40000";
const SECOND = "198.51.100.8:40000";

interface Scene {
  readonly world: World;
  readonly first: Phone;
  readonly second: Phone;
}

/** A device with two flows over connections, the second one registered last; both as the mode has it upstream. */
async function scene(options: WorldOptions = {}): Promise<Scene> {
  const world = await World.start({ ...options, hasStreams: true });
  const first = world.phone("alice", FIRST);
  const second = world.phone("alice", SECOND);
  for (const [at, phone] of [first, second].entries()) {
    world.transport.connect(phone.place);
    registerFlow(world, phone, { regId: at + 1 });
  }
  return { world, first, second };
}

let calls = 0;

/** Calls what the main registrar knows of alice, and gives what it hears in the end. */
function call({ world }: Scene, uris = world.main.contactsFor(TO).slice(0, 1)): number[] {
  calls += 1;
  const from = world.main.responses.length;
  for (const [at, uri] of uris.entries()) {
    const invite = buildInvite({ uri, branch: `z9hG4bK-flow-${calls}-${at}` });
    world.main.send(invite.replace("Call-ID: call-1", `Call-ID: flow-${calls}`), SERVER_PLACE);
  }
  world.pass(1);
  return finals(world, from);
}

function finals(world: World, from = 0): number[] {
  const statuses = world.main.responses.slice(from).map((text) => statusOf(text));
  return [...new Set(statuses.filter((status) => status >= 200))];
}

function answering(phone: Phone, status: number): void {
  phone.onRequest = (text) => {
    if (methodOf(text) === "INVITE") phone.send(answerTo(text, status, "Answer", { tag: "dev" }));
  };
}

function invitesAt({ first, second }: Scene): number[] {
  return [first, second].map(
    ({ requests }) => requests.filter((text) => methodOf(text) === "INVITE").length,
  );
}

describe("rule 14: the end of a flow", () => {
  test.each<FlowEnd>(["peer", "error", "idle", "slow-reader", "malformed", "keep-alive"])(
    "by %s leaves its bindings out of reach until the device is back",
    async (reason) => {
      const all = await scene({ policy: { mode: "aor" } });
      const { world, first, second } = all;
      for (const phone of [first, second]) answering(phone, 200);
      world.transport.disconnect(SECOND, reason);
      expect(world.recording.metrics.counter("flows_ended_total", { reason }).n).toBe(1);
      expect([call(all), invitesAt(all)]).toEqual([[200], [1, 0]]);
      expect(world.record(AOR)?.bindings).toHaveLength(2);
      world.transport.connect(SECOND);
      registerFlow(world, second, { regId: 2 });
      expect([call(all), invitesAt(all)]).toEqual([[200], [1, 1]]);
    },
  );

  test("is written into the record of decisions", async () => {
    const { world } = await scene();
    world.transport.disconnect(SECOND);
    expect(world.server.admin.decisions(AOR)[0]).toMatchObject({
      kind: "flow-end",
      reason: "peer",
      outcome: "kept",
      source: `tcp:192.0.2.1:5060<${SECOND}#c2`,
    });
  });

  test("with dead_flow remove takes all bindings of the flow away, whoever's, here and upstream", async () => {
    const { world, second } = await scene({ removesDeadFlows: true });
    const bob = world.phone("bob", "198.51.100.9:40000");
    // Two users behind one connection.
    bob.register({ contact: flowContact(bob, { user: "bob" }), from: second.place });
    world.pass(1);
    expect(world.main.contactsFor("sip:bob@sip.test")).toHaveLength(1);
    world.transport.disconnect(SECOND);
    world.pass(1);
    expect(boundUris(world)).toEqual([`sip:alice@${FIRST}`]);
    expect(boundUris(world, "bob@sip.test")).toEqual([]);
    expect(world.main.contactsFor(TO)).toHaveLength(1);
    expect(world.main.contactsFor("sip:bob@sip.test")).toEqual([]);
    const kinds = world.server.admin.decisions(AOR).map(({ kind, reason }) => `${kind} ${reason}`);
    expect(kinds).toEqual(expect.arrayContaining(["flow-end peer", "remove dead-flow"]));
  });

  test("with dead_flow remove takes nothing from a device that has come back on another connection", async () => {
    const { world, second } = await scene({ removesDeadFlows: true });
    const old = `tcp:192.0.2.1:5060<${SECOND}#c2`;
    world.transport.connect(SECOND);
    registerFlow(world, second, { regId: 2 });
    world.server.closed(old, "peer");
    world.pass(1);
    expect(boundUris(world)).toHaveLength(2);
  });

  test("removes nothing when midreg itself stops", async () => {
    const { world } = await scene({ removesDeadFlows: true });
    world.transport.disconnect(SECOND, "stopped");
    world.pass(1);
    expect(boundUris(world)).toHaveLength(2);
  });

  test("that nobody is registered on is nothing to midreg", async () => {
    const { world } = await scene({ removesDeadFlows: true });
    world.transport.connect("198.51.100.99:1");
    world.transport.disconnect("198.51.100.99:1");
    expect(world.recording.metrics.counter("flows_ended_total", { reason: "peer" }).n).toBe(0);
  });
});

/** The n-th flow of the scene. */
function flow(n: number): string {
  return `tcp:192.0.2.1:5060<${n === 1 ? FIRST : SECOND}#c${n}`;
}

describe("rule 13: keep-alives are waited for longer than Flow-Timer says", () => {
  test("on the flows of devices that were told one, at each registration", async () => {
    const { world, first } = await scene({ policy: { flowTimerSec: 60 } });
    expect([...world.transport.keepAlives]).toEqual([
      [flow(1), 100_000],
      [flow(2), 100_000],
    ]);
    world.transport.keepAlives.clear();
    registerFlow(world, first, { regId: 1 });
    expect([...world.transport.keepAlives.keys()]).toEqual([flow(1)]);
  });

  test("and not for others: no Supported, a removal, or a flow that ends at another proxy", async () => {
    const world = await World.start({ policy: { flowTimerSec: 60 } });
    const phone = world.phone("alice", FIRST);
    registerFlow(world, phone, { supported: "" });
    registerFlow(world, phone, { headers: [EDGE_VIA, EDGE_PATH] });
    registerFlow(world, phone, { expires: 0 });
    expect([...world.transport.keepAlives]).toEqual([]);
  });
});

describe.each(["aor", "contact"] as const)("in mode %s", (mode) => {
  test("rule 23: a device is called by one flow at a time, also when the main registrar forks to all of them", async () => {
    const all = await scene({ policy: { mode } });
    const { world, first, second } = all;
    for (const phone of [first, second]) answering(phone, 180);
    call(all, world.main.contactsFor(TO));
    expect(invitesAt(all)).toEqual([0, 1]);
    // The other branch of the fork hears no more of it than that it has come.
    const trying = world.main.statuses.filter((status) => status === 100);
    expect(trying).toHaveLength(mode === "contact" ? 2 : 1);
    const ringing = world.main.statuses.filter((status) => status === 180);
    expect(ringing).toHaveLength(1);
  });

  test.each([430, 408])(
    "rule 24: after %i the next flow of the device is tried",
    async (status) => {
      const all = await scene({ policy: { mode } });
      answering(all.second, status);
      answering(all.first, 200);
      expect([call(all), invitesAt(all)]).toEqual([[200], [1, 1]]);
    },
  );

  test("rule 24: after any other answer the device is not tried again", async () => {
    const all = await scene({ policy: { mode } });
    answering(all.second, 486);
    answering(all.first, 200);
    expect([call(all), invitesAt(all)]).toEqual([[486], [0, 1]]);
  });

  test("rule 24: a flow that answered 430 is tried after the others until its device registers again", async () => {
    const all = await scene({ policy: { mode } });
    const { world, first, second } = all;
    answering(second, 430);
    answering(first, 200);
    call(all);
    expect([call(all), invitesAt(all)]).toEqual([[200], [2, 1]]);
    expect(world.recording.metrics.counter("flows_ended_total", { reason: "failed" }).n).toBe(1);
    answering(second, 200);
    registerFlow(world, second, { regId: 2 });
    expect([call(all), invitesAt(all)]).toEqual([[200], [2, 2]]);
  });

  test("rule 24: with dead_flow remove it is removed", async () => {
    const all = await scene({ policy: { mode }, removesDeadFlows: true });
    answering(all.second, 430);
    answering(all.first, 200);
    call(all);
    all.world.pass(1);
    expect(boundUris(all.world)).toEqual([`sip:alice@${FIRST}`]);
  });

  test("rule 25: requests go over the very connection of the registration, and nowhere else", async () => {
    const all = await scene({ policy: { mode } });
    const { world, second } = all;
    answering(second, 200);
    call(all);
    const [invite] = world.network.sent.filter(
      ({ to, text }) => to === SECOND && methodOf(text) === "INVITE",
    );
    expect(invite?.text).toContain("Via: SIP/2.0/TCP 192.0.2.1:5060");
    // A new connection from the same place is no flow of anybody's yet.
    world.transport.connect(SECOND);
    answering(all.first, 200);
    expect([call(all), invitesAt(all)]).toEqual([[200], [1, 1]]);
  });

  test("rule 26: a caller never hears 430", async () => {
    const all = await scene({ policy: { mode } });
    for (const phone of [all.first, all.second]) answering(phone, 430);
    expect(call(all)).toEqual([480]);
    expect(invitesAt(all)).toEqual([1, 1]);
  });
});

test("rule 25: over UDP requests go from the listener that heard the device to where it was heard", async () => {
  const world = await World.start({
    listeners: [
      ["192.0.2.1", 5060],
      ["192.0.2.2", 5062],
    ],
  });
  const phone = world.phone("alice", FIRST);
  const register = phone.buildRegister({
    contact: '<sip:alice@10.0.0.1>;reg-id=1;+sip.instance="<urn:x:1>"',
  });
  phone.send(register, FIRST, "192.0.2.2:5062");
  world.pass(1);
  call({ world, first: phone, second: phone });
  const [invite] = world.network.sent.filter(({ to }) => to === FIRST).slice(-1);
  expect([invite?.from, methodOf(invite?.text ?? "")]).toEqual(["192.0.2.2:5062", "INVITE"]);
});

test("rule 23: a call that comes again after it is over is another call", async () => {
  const all = await scene();
  const { world, second } = all;
  answering(second, 486);
  const [one = "", two = ""] = world.main.contactsFor(TO);
  expect(call(all, [one])).toEqual([486]);
  expect(call(all, [two])).toEqual([486]);
});

test("a phone that has come back by another connection while it rings is told there that the call is over", async () => {
  const world = await World.start({ hasStreams: true });
  const before = world.phone("alice", FIRST);
  world.transport.connect(FIRST);
  registerFlow(world, before, { regId: 1 });
  answering(before, 180);
  const [uri = ""] = world.main.contactsFor(TO);
  const invite = buildInvite({ uri, branch: "z9hG4bK-moving" });
  world.main.send(invite, SERVER_PLACE);
  world.pass(1);
  world.transport.disconnect(FIRST);
  const now = world.phone("alice", SECOND);
  world.transport.connect(SECOND);
  registerFlow(world, now, { regId: 1 });
  now.onRequest = (text) => {
    if (methodOf(text) !== "CANCEL") return;
    now.send(answerTo(text, 200, "OK", { tag: "dev" }));
    const rung = before.requests.find((request) => methodOf(request) === "INVITE") ?? "";
    now.send(answerTo(rung, 487, "Request Terminated", { tag: "dev" }));
  };
  world.main.send(
    invite.replaceAll("INVITE", "CANCEL").replace(/Contact: .*\r\n/u, ""),
    SERVER_PLACE,
  );
  world.pass(1);
  expect(now.requests.map(methodOf)).toContain("CANCEL");
  expect(finals(world)).toEqual([200, 487]);
});
