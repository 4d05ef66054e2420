import { expect, test } from "vitest";
import type { RelayBranch } from "../../src/proxy/proxy-input.ts";
import { DecisionLog } from "../../src/server/decision-log.ts";
import type { HeldBranch } from "../../src/server/leg.ts";
import { MAX_WAKES } from "../../src/server/limits.ts";
import { TimerQueue } from "../../src/server/timer-queue.ts";
import type { WakeAsk } from "../../src/server/wake.ts";
import { Waker } from "../../src/server/waker.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { buildBinding } from "../registrar/fixtures.ts";
import { FakeGateway } from "../support/fake-gateway.ts";
import { SequentialIds } from "../support/sequential-ids.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { PUSH } from "../support/world.ts";
import { RecordingModules } from "../transport/recording-modules.ts";

const ENDED = { committed: () => undefined, failed: () => undefined };

/** A waker, and how requests for devices that are bound here fare. */
function build() {
  const clock = new VirtualClock();
  const store = new MemoryStore();
  const gateway = new FakeGateway(clock);
  const { metrics, log } = new RecordingModules();
  const budget = { perCaller: 0, perDevice: 0, total: 0 };
  const nowMs = (): number => clock.nowMs();
  const timers = new TimerQueue(clock, (error) => {
    throw error;
  });
  const decisions = new DecisionLog({ perAor: 1, maxEntries: 10 });
  const around = { gateway, store, timers, ids: new SequentialIds(), metrics, log, decisions };
  const waker = new Waker(
    { ...PUSH, budget, callOver: [] },
    { ...around, nowMs, isOpen: () => true, onDeadToken: () => undefined },
  );
  const fates = { sentOn: 0, givenUp: 0 };
  const held: HeldBranch = {
    resolve: () => {
      fates.sentOn += 1;
      return true;
    },
    giveUp: () => {
      fates.givenUp += 1;
    },
  };
  const call = (at: number): void => {
    const ctid = at.toString(16).padStart(16, "0");
    const binding = buildBinding({ ctid, push: `fcm 1 token${at}`, contact: `sip:u@h${at}` });
    const change = { touch: [], remove: [], enqueue: [], dequeue: [] };
    store.save({ aor: `user${at}@sip.test`, put: [binding], ...change }, ENDED);
    const asleep = { flows: [binding], usesPath: true, isInDialog: false } as const;
    const branch: RelayBranch = { text: "", nextHop: { kind: "flow", flow: "" }, asleep };
    waker.wake({ ...ASK, callId: `call-${at}` }, held, branch);
  };
  return { clock, gateway, fates, call };
}

const ASK: Omit<WakeAsk, "callId"> = {
  purpose: "call",
  origin: "",
  caller: "bob@sip.test",
  shown: undefined,
  limitMs: 6000,
  goesOnAnyway: false,
  branchTo: () => undefined,
  onPushed: () => undefined,
};

test("as many devices are woken at once as there is room for; requests for others go the way there was", () => {
  const { clock, gateway, fates, call } = build();
  for (let at = 0; at < MAX_WAKES + 5; at += 1) call(at);
  expect(gateway.sent).toHaveLength(MAX_WAKES);
  expect(fates).toEqual({ sentOn: 5, givenUp: 0 });
  // Who is for a device that is being woken already takes no room.
  call(0);
  expect(fates).toEqual({ sentOn: 5, givenUp: 0 });
  clock.advance(7000);
  expect(fates).toEqual({ sentOn: 5, givenUp: MAX_WAKES + 1 });
});
