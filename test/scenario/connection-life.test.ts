import { expect, test } from "vitest";
import type { Listener } from "../../src/ports.ts";
import { World } from "../support/world.ts";

const TCP: Listener = {
  id: "tcp:192.0.2.1:5060",
  protocol: "tcp",
  family: 4,
  address: "192.0.2.1",
  port: 5060,
  sentBy: "192.0.2.1:5060",
};
const FLOW = "tcp:192.0.2.1:5060<198.51.100.7:40000#a.1";

test("a connection is in use as long as the binding lives on it, absorbed refreshes included", async () => {
  const world = await World.start();
  const phone = world.phone("alice", "198.51.100.7:40000");
  const register = (expires: number, connection = "a.1"): void => {
    const text = phone.buildRegister({ expires }).replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    world.server.receive(text, TCP, { address: "198.51.100.7", port: 40_000, connection });
    world.pass(1);
  };
  expect(world.server.isInUse(FLOW)).toBe(false);
  register(60);
  for (let times = 0; times < 5; times += 1) {
    world.pass(44);
    register(60);
    expect(world.server.isInUse(FLOW)).toBe(true);
  }
  expect(world.main.registers).toHaveLength(1);
  world.pass(58);
  expect(world.server.isInUse(FLOW)).toBe(true);
  world.pass(5);
  expect(world.server.isInUse(FLOW)).toBe(false);
});

test("a connection that its device has left is not in use any more", async () => {
  const world = await World.start();
  const phone = world.phone("alice", "198.51.100.7:40000");
  for (const connection of ["a.1", "a.2"]) {
    const text = phone.buildRegister({ expires: 600 }).replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    world.server.receive(text, TCP, { address: "198.51.100.7", port: 40_000, connection });
    world.pass(1);
  }
  expect(world.server.isInUse(FLOW)).toBe(false);
  expect(world.server.isInUse(FLOW.replace("a.1", "a.2"))).toBe(true);
});
