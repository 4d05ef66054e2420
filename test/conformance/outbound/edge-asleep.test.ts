/** A device that sleeps, where midreg is the edge of a main registrar that does outbound. */
import { expect, test } from "vitest";
import { headerLine } from "../../support/messages.ts";
import { AWAKE, BED, contactOf, got, SleepWorld } from "../../support/sleepers.ts";
import { INSTANCE } from "./flows.ts";

const FLOW = `;+sip.instance="<${INSTANCE}>";reg-id=1`;

async function asleep() {
  const sleep = await SleepWorld.start({ policy: { outboundMode: "edge" } });
  sleep.world.main.extraHeaders = ["Require: outbound"];
  const headers = ["Supported: outbound, path"];
  const phone = sleep.sleeper(BED, { contact: contactOf(BED) + FLOW, headers });
  const path = headerLine(sleep.world.main.registers.at(-1) ?? "", "Path");
  return { sleep, phone, headers, route: [`Route: ${path}`] };
}

test("is woken by a call along its Path, and called over the flow that it comes back on", async () => {
  const { sleep, phone, headers, route } = await asleep();
  sleep.call({ headers: route });
  expect(sleep.pushes).toEqual(["call"]);
  const awake = sleep.world.phone("alice", AWAKE);
  awake.register({ contact: contactOf(AWAKE) + FLOW, callId: "woken", headers });
  sleep.pass(1);
  expect([got(phone, "INVITE").length, got(awake, "INVITE").length]).toEqual([0, 1]);
});

test("is away for the caller when it does not come: 480, since its flow may be well", async () => {
  const { sleep, route } = await asleep();
  sleep.call({ headers: route });
  sleep.pass(10);
  expect(sleep.heard()).toEqual([100, 480]);
});
