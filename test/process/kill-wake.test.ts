/** kill -9 while devices are being woken: what was acknowledged is there, and each call rings once all the same. */
import { setTimeout as pause, setImmediate } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { answerTo, headerLine, methodOf, requestOf, statusOf } from "../support/messages.ts";
import { waitUntil } from "../support/wait-until.ts";
import { PushStage } from "./push-stage.ts";
import { SEED, seeded } from "./seeded.ts";
import { branchOf } from "./wire-peer.ts";
import type { WirePhone } from "./wire-phone.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const SETTLED = { timeoutMs: 30_000, everyMs: 5 };
const ROUNDS = 6;
const SLEEPERS = 12;

/** A phone that sleeps until a push wakes it. */
class Sleeper {
  readonly phone: WirePhone;
  /** Calls that have rung, by their names. */
  readonly rung: string[] = [];
  /** INVITEs by call: branches that were seen. */
  readonly #branches = new Map<string, Set<string>>();
  /** How often it was told that it is registered. */
  told = 0;

  constructor(phone: WirePhone) {
    this.phone = phone;
    phone.answering = (request) => this.#answer(request);
  }

  async wakeUp(): Promise<void> {
    const text = await this.phone.register().catch(() => "");
    if (statusOf(text) === 200) this.told += 1;
  }

  /** INVITEs that were not repetitions of one another. */
  invitesOf(callId: string): number {
    return this.#branches.get(callId)?.size ?? 0;
  }

  #answer(request: string): string {
    if (methodOf(request) !== "INVITE") return answerTo(request, 200, "OK");
    const callId = headerLine(request, "Call-ID");
    const branches = this.#branches.get(callId) ?? new Set<string>();
    this.#branches.set(callId, branches);
    const isKnown = branches.has(branchOf(request));
    branches.add(branchOf(request));
    // RFC 3261 section 8.2.2.2: the same call by another way does not ring again.
    if (!isKnown && branches.size > 1) return answerTo(request, 482, "Loop Detected", { tag: "m" });
    if (!isKnown) this.rung.push(callId);
    const parts = {
      tag: `phone-${this.phone.user}`,
      headers: [`Contact: <${this.phone.contact}>`],
    };
    return answerTo(request, 200, "OK", parts);
  }
}

/** An INVITE of the main registrar; the same text again is a retransmission. */
function buildInvite({ registrar }: PushStage, phone: WirePhone, callId: string): string {
  const uri = registrar.contactOf(phone.address);
  return registrar.build({
    method: "INVITE",
    uri,
    from: "<sip:main@sip.test>;tag=caller",
    to: `<${phone.address}>`,
    callId,
    cseq: 1,
    headers: [`Contact: <sip:main@127.0.0.1:${registrar.port}>`],
  });
}

/** The main registrar has heard a final answer to a call. */
function isAnswered({ registrar }: PushStage, callId: string, status: number): boolean {
  return registrar.responses.some(
    (text) => headerLine(text, "Call-ID") === callId && statusOf(text) === status,
  );
}

test(`a call whose wake is cut short by kill -9 rings once when it comes again (SEED=${SEED})`, async () => {
  const random = seeded(SEED);
  const stage = await PushStage.prepare();
  const { midreg, registrar } = stage;
  await midreg.start();
  const sleepers = await Promise.all(
    Array.from({ length: SLEEPERS }, async (_, at) => {
      const sleeper = new Sleeper(await stage.openSleeper(`sleeper${at}`, "apns"));
      await sleeper.wakeUp();
      return sleeper;
    }),
  );
  expect(sleepers.map(({ told }) => told)).toEqual(sleepers.map(() => 1));
  let cutShort = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    // oxlint-disable no-await-in-loop -- One round after the other.
    const calls = sleepers.map((sleeper, at) => {
      const callId = `round${round}-${at}`;
      return { sleeper, callId, invite: buildInvite(stage, sleeper.phone, callId) };
    });
    stage.onPush = ({ callId }) => {
      const call = calls.find((one) => one.callId === callId);
      // Some devices take their time, so that the kill comes at any moment of a wake.
      if (call !== undefined) void pause(random() * 60).then(async () => call.sleeper.wakeUp());
    };
    const before = stage.pushes.length;
    for (const { invite } of calls) await registrar.socket.send(invite, midreg.sipPort);
    await waitUntil("some are being woken", () => stage.pushes.length > before, SETTLED);
    await pause(random() * 60);
    await midreg.kill();
    for (const { sleeper } of calls) await sleeper.phone.socket.drain();
    await setImmediate();
    for (const { sleeper } of calls) sleeper.phone.giveUp();
    const rungBefore = calls.map(({ sleeper, callId }) => sleeper.rung.includes(callId));
    cutShort += rungBefore.filter((has) => !has).length;
    await midreg.start();
    for (const { invite, callId } of calls) {
      // An answer that the caller has heard ends it; else the INVITE comes again.
      if (!isAnswered(stage, callId, 200)) await registrar.socket.send(invite, midreg.sipPort);
    }
    for (const [at, { sleeper, callId }] of calls.entries()) {
      const isOver = (): boolean =>
        isAnswered(stage, callId, 200) || isAnswered(stage, callId, 482);
      await waitUntil(`${callId} is answered`, isOver, SETTLED);
      expect({ callId, rung: sleeper.rung.filter((one) => one === callId).length }).toEqual({
        callId,
        rung: 1,
      });
      // Before the kill at most one, and after it at most one.
      expect(sleeper.invitesOf(callId)).toBeLessThanOrEqual(rungBefore[at] === true ? 2 : 1);
    }
    // oxlint-enable no-await-in-loop
  }
  expect(cutShort).toBeGreaterThan(0);
  const contacts = sleepers.map(({ phone }) => registrar.contacts.get(phone.address)?.size);
  expect(contacts).toEqual(sleepers.map(() => 1));
  expect(midreg.output).not.toContain('"level":"error"');
  expect(await midreg.stop()).toEqual({ code: 0, signal: null });
});

test("what a device was told on waking is there after a kill -9, and the call is there for it again", async () => {
  const stage = await PushStage.prepare();
  const { midreg, registrar } = stage;
  await midreg.start();
  const sleeper = new Sleeper(await stage.openSleeper("moving", "apns"));
  await sleeper.wakeUp();
  const { phone } = sleeper;
  const first = buildInvite(stage, phone, "first");
  await registrar.socket.send(first, midreg.sipPort);
  await waitUntil("the push", () => stage.pushes.length === 1, SETTLED);
  await midreg.kill();
  // The device comes while midreg is down, and goes on trying until it is heard.
  const registered = sleeper.wakeUp();
  await pause(100);
  await midreg.start();
  await registered;
  expect(sleeper.told).toBe(2);
  expect(registrar.countOf(phone.address)).toBe(1);
  await midreg.kill();
  await midreg.start();
  expect(statusOf(await phone.register())).toBe(200);
  expect(registrar.countOf(phone.address)).toBe(1);
  stage.onPush = () => void sleeper.wakeUp();
  // The main registrar has given up on the first INVITE, and forks anew.
  await registrar.socket.send(buildInvite(stage, phone, "second"), midreg.sipPort);
  await waitUntil("it rings", () => isAnswered(stage, "second", 200), SETTLED);
  expect(sleeper.rung).toEqual(["second"]);
  expect(requestOf(phone.requests[0] ?? "").uri).toContain("pn-prid");
});
