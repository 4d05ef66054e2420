import { describe, expect, test } from "vitest";
import type { Decision } from "../../src/location/decision.ts";
import { FaultyStore } from "../support/faulty-store.ts";
import { answerTo } from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { World } from "../support/world.ts";

const ALICE = "alice@sip.test";
const PLACE = "198.51.100.7:40000";
const SOURCE = `udp:192.0.2.1:5060<${PLACE}`;

async function registered(): Promise<{ world: World; phone: Phone }> {
  const world = await World.start();
  const phone = world.phone("alice", PLACE);
  phone.register();
  world.pass(1);
  return { world, phone };
}

const decisions = (world: World): readonly Decision[] => world.server.admin.decisions(ALICE);
const said = (world: World): string[] =>
  decisions(world).map(
    ({ kind, reason, outcome, count }) => `${kind} ${reason} ${outcome} x${count}`,
  );

describe("the decisions about an address-of-record", () => {
  test("a first registration says that it was forwarded, why, and what came of it", async () => {
    const { world } = await registered();
    const [binding] = world.record(ALICE)?.bindings ?? [];
    expect(decisions(world)).toMatchObject([
      {
        kind: "forward",
        reason: "new-aor",
        outcome: "accepted",
        ctid: binding?.ctid,
        contacts: 1,
        ageSec: undefined,
        proof: "none",
        status: 200,
        rule: "",
        source: SOURCE,
      },
    ]);
    const [first] = decisions(world);
    expect(first?.expiresSec).toBeGreaterThan(58);
    expect(first?.upstreamSec).toBeGreaterThan(3590);
    expect(first?.durationMs).toBeGreaterThan(0);
  });

  test("refreshes are one entry with ages, remaining life upstream and the proof used", async () => {
    const { world, phone } = await registered();
    for (let round = 0; round < 3; round += 1) {
      world.pass(30);
      phone.register();
      world.pass(1);
    }
    expect(said(world)).toEqual(["absorb refresh  x3", "forward new-aor accepted x1"]);
    const [refresh] = decisions(world);
    expect(refresh).toMatchObject({ proof: "flow", contacts: 1, expiresSec: 60, source: SOURCE });
    expect(refresh?.ageSec).toBeGreaterThanOrEqual(30);
    expect(refresh?.ageSec).toBeLessThanOrEqual(31);
    const upstreamSec = refresh?.upstreamSec ?? 0;
    expect(upstreamSec).toBeGreaterThan(3600 - 100);
    expect(upstreamSec).toBeLessThan(3600 - 90);
  });

  test("a stranger's attempt is there with its source and without proof", async () => {
    const { world } = await registered();
    world.main.isChallenging = true;
    const mallory = world.phone("alice", "203.0.113.66:5060");
    mallory.register({ contact: `<sip:alice@${PLACE}>` });
    world.pass(1);
    expect(decisions(world)[0]).toMatchObject({
      kind: "forward",
      reason: "changed-source",
      outcome: "challenged",
      proof: "none",
      status: 401,
      source: "udp:192.0.2.1:5060<203.0.113.66:5060",
    });
  });

  test("a refusal of midreg's own says why", async () => {
    const { world, phone } = await registered();
    phone.register({ cseq: 9 });
    world.pass(1);
    phone.register({ cseq: 4 });
    world.pass(1);
    expect(decisions(world)[0]).toMatchObject({ kind: "reject", reason: "old-cseq", status: 400 });
  });

  test("a main registrar that refuses or is silent shows", async () => {
    const { world } = await registered();
    const bob = world.phone("alice", "198.51.100.8:40000");
    world.main.answering = (text) => [answerTo(text, 403, "Forbidden")];
    bob.register();
    world.pass(1);
    world.main.isSilent = true;
    bob.register();
    world.pass(15);
    expect(decisions(world).slice(0, 2)).toMatchObject([
      { reason: "new-contact", outcome: "timeout", status: 504, expiresSec: undefined },
      { reason: "new-contact", outcome: "refused", status: 403 },
    ]);
  });

  test("an expiry and the de-registration that follows it are there", async () => {
    const { world } = await registered();
    world.pass(70);
    expect(said(world)).toEqual([
      "de-register answered done x1",
      "expire not-refreshed de-registration-owed x1",
      "forward new-aor accepted x1",
    ]);
  });

  test("a refresh that cannot be stored is a decision and its failure", async () => {
    const clock = new VirtualClock();
    const store = new FaultyStore(clock);
    const world = await World.start({ clock, store });
    const phone = world.phone("alice", PLACE);
    phone.register();
    world.pass(1);
    store.isFailing = true;
    phone.register();
    world.pass(1);
    expect(phone.statuses).toEqual([200, 503]);
    expect(said(world)).toEqual([
      "reject store  x1",
      "absorb refresh  x1",
      "forward new-aor accepted x1",
    ]);
  });
});
