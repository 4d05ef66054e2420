import { describe, expect, test } from "vitest";
import type { Relay } from "../../src/server/relay.ts";
import { answerTo, methodOf } from "../support/messages.ts";
import { LISTENER } from "./fixtures.ts";
import { DESK, hold, MOBILE, NOWHERE, Relaying, THIRD } from "./relaying.ts";

describe("groups", () => {
  test("are tried one after another, each when the one before has failed as a whole", () => {
    const world = new Relaying();
    world.device(DESK, 486);
    world.device(MOBILE, 480);
    world.device(THIRD, 200);
    world.build([[world.branch(DESK), world.branch(MOBILE)], [world.branch(THIRD)]]).start();
    world.pass(0.0025);
    expect(world.methods(THIRD)).toEqual([]);
    world.pass(1);
    expect(world.statuses).toEqual([100, 200]);
  });

  test("that ring for too long are cancelled, and the next one rings", () => {
    const world = new Relaying();
    world.device(DESK, 180);
    world.device(MOBILE, 180);
    world.build([[world.branch(DESK)], [world.branch(MOBILE)]], { ringMs: 20_000 }).start();
    world.pass(19);
    expect([DESK, MOBILE].map((place) => world.methods(place))).toEqual([["INVITE"], []]);
    world.pass(2);
    expect([DESK, MOBILE].map((place) => world.methods(place))).toEqual([
      ["INVITE", "CANCEL", "ACK"],
      ["INVITE"],
    ]);
    // The last group rings until Timer C.
    world.pass(100);
    expect(world.methods(MOBILE)).toEqual(["INVITE"]);
    expect(world.statuses).toEqual([100, 180]);
  });

  test("that were given up are heard all the same when they answer late", () => {
    const world = new Relaying();
    const heard = world.listenAt(DESK, (text) => {
      if (methodOf(text) === "ACK") return;
      const status = methodOf(text) === "INVITE" ? 180 : 200;
      world.network.send(answerTo(text, status, "Said"), DESK, LISTENER.sentBy);
      if (status === 180) return;
      world.network.send(answerTo(heard[0] ?? "", 200, "OK"), DESK, LISTENER.sentBy);
    });
    world.device(MOBILE, 180);
    world.build([[world.branch(DESK)], [world.branch(MOBILE)]], { ringMs: 20_000 }).start();
    world.pass(21);
    expect(world.statuses).toEqual([100, 180, 200]);
    expect(world.methods(MOBILE)).toEqual(["INVITE", "CANCEL", "ACK"]);
  });

  test("that hold a branch give it up when they have rung for long enough", () => {
    const world = new Relaying();
    world.device(MOBILE, 200);
    const relay = world.build([[world.branch(DESK)], [world.branch(MOBILE)]], { ringMs: 5000 });
    const { over } = hold(relay);
    relay.start();
    world.pass(6);
    expect(over).toEqual(["timeout"]);
    expect(world.statuses).toEqual([100, 200]);
  });

  test.each([
    ["a 6xx", 603, 603],
    ["a 2xx", 200, 200],
  ])("are not tried any more after %s", (_, status, expected) => {
    const world = new Relaying();
    world.device(DESK, status);
    world.device(MOBILE, 200);
    world.build([[world.branch(DESK)], [world.branch(MOBILE)]]).start();
    world.pass(1);
    expect(world.methods(MOBILE)).toEqual([]);
    expect(world.statuses).toEqual([100, expected]);
  });

  test("are not tried after a CANCEL", () => {
    const world = new Relaying();
    world.device(DESK, 180);
    world.device(MOBILE, 200);
    const relay = world.build([[world.branch(DESK)], [world.branch(MOBILE)]]);
    relay.start();
    world.pass(1);
    relay.onCancel();
    world.pass(1);
    expect(world.methods(MOBILE)).toEqual([]);
    expect(world.statuses).toEqual([100, 180, 487]);
  });

  test("with nobody in them are 480", () => {
    const world = new Relaying();
    world.build([[], []]).start();
    world.pass(1);
    expect(world.statuses).toEqual([100, 480]);
    expect(world.tallies).toEqual(["to-device given-up"]);
  });
});

describe("the flows of one device", () => {
  test.each([
    ["430 (RFC 5626 section 7)", [430]],
    ["408", [408]],
  ])("are tried one by one after %s", (_, statuses) => {
    const world = new Relaying();
    world.device(DESK, ...statuses);
    world.device(MOBILE, 200);
    world.build([[world.branch(DESK, "INVITE", [world.branch(MOBILE)])]]).start();
    world.pass(1);
    expect(world.methods(DESK)).toEqual(["INVITE", "ACK"]);
    expect(world.statuses).toEqual([100, 200]);
  });

  test("are tried after one that cannot be sent to, and one that stays silent", () => {
    const world = new Relaying();
    world.transport.unreachable.add(NOWHERE);
    world.device(DESK);
    world.device(MOBILE, 200);
    const others = [world.branch(DESK), world.branch(MOBILE)];
    world.build([[world.branch(NOWHERE, "INVITE", others)]]).start();
    world.pass(31);
    expect(world.methods(MOBILE)).toEqual([]);
    world.pass(2);
    expect(world.statuses).toEqual([100, 200]);
  });

  test("are not tried after any other final answer, nor once the call is over", () => {
    const world = new Relaying();
    world.device(DESK, 486);
    world.device(MOBILE, 200);
    world.build([[world.branch(DESK, "INVITE", [world.branch(MOBILE)])]]).start();
    world.pass(1);
    expect(world.methods(MOBILE)).toEqual([]);
    expect(world.statuses).toEqual([100, 486]);
  });

  test("that are all dead are a device that is away: 480, never 430 nor 408", () => {
    const world = new Relaying();
    world.device(DESK, 408);
    world.device(MOBILE, 430);
    world.build([[world.branch(DESK, "INVITE", [world.branch(MOBILE)])]]).start();
    world.pass(1);
    expect(world.statuses).toEqual([100, 480]);
  });

  test("of a MESSAGE are tried after 430, but its silence is the end (RFC 4320 section 4.2)", () => {
    const world = new Relaying();
    world.device(DESK, 430);
    world.device(MOBILE);
    const others = [world.branch(MOBILE, "MESSAGE"), world.branch(THIRD, "MESSAGE")];
    world.device(THIRD, 200);
    world.build([[world.branch(DESK, "MESSAGE", others)]], { method: "MESSAGE" }).start();
    world.pass(60);
    expect(world.methods(MOBILE).length).toBeGreaterThan(1);
    expect(world.methods(THIRD)).toEqual([]);
    expect(world.statuses).not.toContain(408);
  });
});

/** A call to what has a name with two addresses. */
function callByName(world: Relaying): Relay {
  world.names.set("sip:edge.test", [DESK, MOBILE]);
  const { text, nextHop } = world.branch(DESK);
  const flow = nextHop.kind === "flow" ? nextHop.flow : "";
  const branch = { text, nextHop: { kind: "uri", uri: "sip:edge.test", flow } } as const;
  const relay = world.build([[branch]]);
  relay.start();
  return relay;
}

describe("what is no INVITE", () => {
  test("gets the answer of one device while its sender still waits, however silent another one is", () => {
    const world = new Relaying();
    world.listenAt(DESK, (text) => {
      world.network.send(answerTo(text, 486, "Busy"), DESK, LISTENER.sentBy);
    });
    world.listenAt(MOBILE);
    const branches = [world.branch(DESK, "MESSAGE"), world.branch(MOBILE, "MESSAGE")];
    world.build([branches], { method: "MESSAGE" }).start();
    world.pass(24.9);
    expect(world.statuses.filter((status) => status >= 200)).toEqual([]);
    world.pass(0.2);
    expect(world.statuses.filter((status) => status >= 200)).toEqual([486]);
    world.pass(40);
    expect(world.tallies).toEqual(["to-device 4"]);
  });

  test("still gets a 2xx that comes before that, and nothing where nobody has answered", () => {
    for (const [afterMs, expected] of [
      [20_000, [200]],
      [90_000, []],
    ] as const) {
      const world = new Relaying();
      world.listenAt(DESK, (text) => {
        const answer = answerTo(text, 200, "OK");
        world.clock.later(afterMs, () => world.network.send(answer, DESK, LISTENER.sentBy));
      });
      world.listenAt(MOBILE);
      const branches = [world.branch(DESK, "MESSAGE"), world.branch(MOBILE, "MESSAGE")];
      world.build([branches], { method: "MESSAGE" }).start();
      world.pass(100);
      expect(world.statuses.filter((status) => status >= 200)).toEqual(expected);
    }
  });
});

describe("a call that is given up", () => {
  test("while the first target is silent does not go to the next one, and ends with 487", () => {
    const world = new Relaying();
    world.device(DESK);
    world.device(MOBILE, 180);
    const relay = callByName(world);
    world.pass(1);
    relay.onCancel();
    world.pass(40);
    expect(world.methods(MOBILE)).toEqual([]);
    expect(world.statuses).toEqual([100, 487]);
  });

  test("is cancelled where it is now, and only when that has been heard (RFC 3261 section 9.1)", () => {
    const world = new Relaying();
    world.device(DESK, 100, 503);
    const heard = world.listenAt(MOBILE, (text) => {
      if (methodOf(text) !== "INVITE") return;
      const ringing = answerTo(text, 180, "Ringing", { tag: "mobile" });
      world.clock.later(2000, () => world.network.send(ringing, MOBILE, LISTENER.sentBy));
    });
    const relay = callByName(world);
    world.pass(1);
    relay.onCancel();
    world.pass(0.9);
    expect(new Set(heard.map(methodOf))).toEqual(new Set(["INVITE"]));
    world.pass(1);
    expect(heard.map(methodOf)).toContain("CANCEL");
  });
});

describe("Max-Breadth (RFC 5393 section 5.3.3)", () => {
  test("is divided among branches that are sent at the same time", () => {
    const world = new Relaying();
    world.device(DESK, 180);
    world.device(MOBILE, 180);
    world.build([[world.branch(DESK), world.branch(MOBILE)]], { breadth: 8 }).start();
    world.pass(1);
    // A third share is for whoever registers while they ring.
    expect([DESK, MOBILE].map((place) => world.breadthAt(place))).toEqual([["2"], ["3"]]);
  });

  test("stays whole for one branch, and is used again for the next", () => {
    const world = new Relaying();
    world.device(DESK, 486);
    world.device(MOBILE, 200);
    world
      .build([[world.branch(DESK)], [world.branch(MOBILE)]], {
        breadth: 7,
        direction: "to-upstream",
      })
      .start();
    world.pass(1);
    expect([DESK, MOBILE].map((place) => world.breadthAt(place))).toEqual([["7"], ["7"]]);
  });

  test("keeps a share for the group that may follow while this one still rings", () => {
    const world = new Relaying();
    world.device(DESK, 180);
    world.device(MOBILE, 200);
    const groups = [[world.branch(DESK)], [world.branch(MOBILE)]];
    world.build(groups, { breadth: 8, ringMs: 1000, direction: "to-upstream" }).start();
    world.pass(2);
    expect([DESK, MOBILE].map((place) => world.breadthAt(place))).toEqual([["4"], ["4"]]);
  });

  test("that is too small for all makes them ring one after another", () => {
    const world = new Relaying();
    world.device(DESK, 486);
    world.device(MOBILE, 486);
    world.device(THIRD, 200);
    const all = [DESK, MOBILE, THIRD].map((place) => world.branch(place));
    world.build([all], { breadth: 1 }).start();
    world.pass(1);
    expect([DESK, MOBILE, THIRD].map((place) => world.breadthAt(place))).toEqual([
      ["1"],
      ["1"],
      ["1"],
    ]);
    expect(world.statuses).toEqual([100, 200]);
  });

  test("of one branch lets the next group begin only when the one before has ended", () => {
    const world = new Relaying();
    world.device(DESK, 180);
    world.device(MOBILE, 200);
    const groups = [[world.branch(DESK)], [world.branch(MOBILE)]];
    world.build(groups, { breadth: 1, ringMs: 1000 }).start();
    world.pass(2);
    expect(world.methods(DESK)).toEqual(["INVITE", "CANCEL", "ACK"]);
    expect(world.breadthAt(MOBILE)).toEqual(["1"]);
    expect(world.statuses).toEqual([100, 180, 200]);
  });

  test("that is used up ends a branch that is resolved late with 440", () => {
    const late = new Relaying();
    late.device(DESK, 180);
    const full = late.build([[late.branch(DESK)]], { breadth: 1 });
    full.start();
    hold(full).held.resolve(late.branch(MOBILE));
    late.pass(1);
    full.onCancel();
    late.pass(1);
    expect(late.statuses).toEqual([100, 180, 440]);
  });
});
