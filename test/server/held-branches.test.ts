import { describe, expect, test } from "vitest";
import { DESK, hold, MOBILE, Relaying } from "./relaying.ts";

describe("a branch that is held for a device to come", () => {
  test("keeps the call waiting, and is sent like any other when it is there, once", () => {
    const world = new Relaying();
    world.device(DESK, 180, 200);
    const relay = world.build([]);
    const { held, over } = hold(relay);
    relay.start();
    world.pass(20);
    expect(world.statuses).toEqual([100]);
    expect(held.resolve(world.branch(DESK))).toBe(true);
    expect(held.resolve(world.branch(DESK))).toBe(false);
    world.pass(1);
    expect(world.methods(DESK)).toEqual(["INVITE"]);
    expect(world.statuses).toEqual([100, 180, 200]);
    expect(over).toEqual([]);
  });

  test("counts as not ended while the others fail", () => {
    const world = new Relaying();
    world.device(DESK, 486);
    world.device(MOBILE, 200);
    const relay = world.build([[world.branch(DESK)]]);
    const { held } = hold(relay);
    relay.start();
    world.pass(5);
    expect(world.statuses).toEqual([100]);
    held.resolve(world.branch(MOBILE));
    world.pass(1);
    expect(world.statuses).toEqual([100, 200]);
  });

  test.each([
    ["480 alone", [], 480],
    ["the better answer of another one", [486], 486],
  ])("that is given up ends with %s", (_, statuses, expected) => {
    const world = new Relaying();
    world.device(DESK, ...statuses);
    const relay = world.build(statuses.length === 0 ? [] : [[world.branch(DESK)]]);
    const { held } = hold(relay);
    relay.start();
    world.pass(1);
    held.giveUp();
    held.giveUp();
    expect(held.resolve(world.branch(MOBILE))).toBe(false);
    world.pass(1);
    expect(world.statuses).toEqual([100, expected]);
  });

  test("may be given up or resolved before the relay starts", () => {
    const world = new Relaying();
    world.device(DESK, 486);
    const relay = world.build([]);
    hold(relay).held.giveUp();
    hold(relay).held.resolve(world.branch(DESK));
    relay.start();
    world.pass(1);
    expect(world.statuses).toEqual([100, 486]);
  });

  test("is over when somebody else answers", () => {
    const world = new Relaying();
    world.device(DESK, 200);
    const relay = world.build([[world.branch(DESK)]]);
    const { held, over } = hold(relay);
    relay.start();
    world.pass(1);
    expect(over).toEqual(["answered"]);
    expect(held.resolve(world.branch(MOBILE))).toBe(false);
    expect(relay.hold({ onOver: () => undefined })).toBeUndefined();
    expect(world.statuses).toEqual([100, 200]);
  });

  test("is over when somebody else declines for all", () => {
    const world = new Relaying();
    world.device(DESK, 603);
    const relay = world.build([[world.branch(DESK)]]);
    const { over } = hold(relay);
    relay.start();
    world.pass(1);
    expect(over).toEqual(["declined"]);
    expect(world.statuses).toEqual([100, 603]);
  });

  test("is over when the caller gives up, and the caller hears 487 at once", () => {
    const world = new Relaying();
    const relay = world.build([]);
    const { held, over } = hold(relay);
    relay.start();
    world.pass(1);
    relay.onCancel();
    expect(over).toEqual(["cancelled"]);
    expect(held.resolve(world.branch(MOBILE))).toBe(false);
    world.pass(0.1);
    expect(world.statuses).toEqual([100, 487]);
  });

  test("that is cancelled after it was resolved is cancelled like any other", () => {
    const world = new Relaying();
    world.device(DESK, 180);
    const relay = world.build([]);
    const { held, over } = hold(relay);
    relay.start();
    held.resolve(world.branch(DESK));
    world.pass(1);
    relay.onCancel();
    world.pass(1);
    expect(world.methods(DESK)).toEqual(["INVITE", "CANCEL", "ACK"]);
    expect(over).toEqual([]);
    expect(world.statuses).toEqual([100, 180, 487]);
  });

  test.each([
    ["INVITE", 185, [100, 480]],
    ["MESSAGE", 25, [480]],
  ])("of a %s waits for %i seconds and no longer", (method, seconds, statuses) => {
    const world = new Relaying();
    const relay = world.build([], { method });
    const { over } = hold(relay);
    relay.start();
    world.pass(seconds - 1);
    expect(over).toEqual([]);
    world.pass(2);
    expect(over).toEqual(["timeout"]);
    expect(world.statuses).toEqual(expect.arrayContaining(statuses));
  });

  test("can be added while others ring", () => {
    const world = new Relaying();
    world.device(DESK, 180);
    world.device(MOBILE, 200);
    const relay = world.build([[world.branch(DESK)]], { ringMs: 1 });
    relay.start();
    world.pass(1);
    hold(relay).held.resolve(world.branch(MOBILE));
    world.pass(1);
    expect(world.methods(MOBILE)).toEqual(["INVITE"]);
    expect(world.methods(DESK)).toEqual(["INVITE", "CANCEL", "ACK"]);
    expect(world.statuses).toEqual([100, 180, 200]);
  });
});
