import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause, setImmediate } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { headerLine, statusOf } from "../support/messages.ts";
import { RealProcess } from "../support/real-process.ts";
import { waitUntil } from "../support/wait-until.ts";
import { afterwards, makeDirectory } from "./left-over.ts";
import { SEED, seeded } from "./seeded.ts";
import { WirePhone } from "./wire-phone.ts";
import { WireRegistrar } from "./wire-registrar.ts";

// Ten seconds is what it takes; the machine may be busy with other things.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const ROUNDS = 3;
const NEW_PHONES_A_ROUND = 100;
/** Lifetime of a phone that lives, and of one that registers and is never heard of again. */
const LONG_SEC = 600;
const SHORT_SEC = 1;
/** Errors that one address gets at once; further ones come at 20 a second. */
const MAX_REFUSALS = 20;
const SETTLED = { timeoutMs: 40_000, everyMs: 20 };

interface Stage {
  readonly midreg: RealProcess;
  readonly registrar: WireRegistrar;
  readonly openPhone: (user: string) => Promise<WirePhone>;
}

/** A main registrar and a midreg that does not run yet; all of it goes when the tests are over. */
async function prepare(): Promise<Stage> {
  const config = join(makeDirectory(), "midreg.yaml");
  writeFileSync(config, "mid_registrar: { min_expires: 1, max_expires: 900 }\n");
  const registrar = await WireRegistrar.openRegistrar();
  const upstream = `sip:127.0.0.1:${registrar.port}`;
  const midreg = await RealProcess.prepare({ upstream, args: ["--config", config] });
  afterwards(async () => registrar.close());
  afterwards(async () => midreg.dispose());
  const openPhone = async (user: string): Promise<WirePhone> => {
    const phone = await WirePhone.openPhone(user, midreg.sipPort);
    afterwards(async () => phone.close());
    return phone;
  };
  return { midreg, registrar, openPhone };
}

/** A phone, what it has been told, and what it had asked for when the process was killed. */
interface Life {
  readonly phone: WirePhone;
  readonly isShort: boolean;
  told: "nothing" | "bound" | "removed";
  /** CSeq of the last REGISTER that was answered with 200. */
  toldCseq: number;
  asked: "nothing" | "register" | "refresh" | "remove";
}

/** Statuses a phone may be told besides 200: after a crash the main registrar may know a newer CSeq. */
const MAY_FAIL_ONCE = 500;

/** Everything under way in one round, until the process is killed. */
class Load {
  readonly surprises: string[] = [];
  answers = 0;
  isKilled = false;
  readonly #random: () => number;
  readonly #killAfter: number;
  readonly #kill: () => void;

  constructor(random: () => number, killAfter: number, kill: () => void) {
    this.#random = random;
    this.#killAfter = killAfter;
    this.#kill = kill;
  }

  /** Lets a phone live: it always has one REGISTER under way. */
  async live(life: Life): Promise<void> {
    if (this.isKilled || (life.isShort && life.told !== "nothing")) return;
    await this.#ask(life).catch(() => undefined);
    await this.live(life);
  }

  async #ask(life: Life): Promise<void> {
    const isBound = life.told === "bound";
    const isRemoval = isBound && this.#random() < 0.1;
    life.asked = isRemoval ? "remove" : isBound ? "refresh" : "register";
    const expiresSec = isRemoval ? 0 : life.isShort ? SHORT_SEC : LONG_SEC;
    const text = await life.phone.register({ expiresSec });
    if (statusOf(text) === 200) {
      life.told = isRemoval ? "removed" : "bound";
      life.toldCseq = life.phone.cseq;
    } else if (statusOf(text) !== MAY_FAIL_ONCE || isBound) this.surprises.push(text);
    life.asked = "nothing";
    this.answers += 1;
    if (this.answers !== this.#killAfter) return;
    this.isKilled = true;
    this.#kill();
  }
}

async function runUntilKilled(
  { midreg }: Stage,
  lives: readonly Life[],
  random: () => number,
): Promise<void> {
  const killAfter = 200 + Math.floor(random() * 2500);
  const load = new Load(random, killAfter, () => process.kill(midreg.pid, "SIGKILL"));
  const living = Promise.all(lives.map(async (life) => load.live(life)));
  await waitUntil("killed", () => load.isKilled, SETTLED);
  await midreg.kill();
  // What the process had sent before its end has been told, even if nobody has read it yet.
  await Promise.all(lives.map(async ({ phone }) => phone.socket.drain()));
  await setImmediate();
  for (const { phone } of lives) phone.giveUp();
  await living;
  expect(load.surprises).toEqual([]);
}

/** A request of the main registrar to the phone's ctid: 200 means that this very phone has answered. */
async function callFromUpstream({ registrar, midreg }: Stage, phone: WirePhone): Promise<number> {
  const before = phone.count("MESSAGE");
  const contact = registrar.contactOf(phone.address);
  const answer = await registrar.ask("MESSAGE", contact, midreg.sipPort);
  const status = statusOf(answer);
  const isDelivered = phone.count("MESSAGE") === before + 1;
  const isFromPhone = headerLine(answer, "To").endsWith(`;tag=phone-${phone.user}`);
  expect({ user: phone.user, status, isDelivered, isFromPhone }).toEqual({
    user: phone.user,
    status,
    isDelivered: status === 200,
    isFromPhone: status === 200,
  });
  return status;
}

/** Whether everything is as the phone was told. What it had asked for last may have happened or not. */
async function verify(stage: Stage, life: Life): Promise<void> {
  const { phone, told, asked, isShort } = life;
  if (told === "nothing" || isShort) return;
  const mayBeBound = told === "bound" || asked === "register";
  const mayBeGone = told === "removed" || asked === "remove";
  const statuses = [...(mayBeBound ? [200] : []), ...(mayBeGone ? [404] : [])];
  expect(statuses).toContain(await callFromUpstream(stage, phone));
  if (!mayBeGone) await verifyAbsorbed(stage, phone);
}

/** A refresh is answered from what is known, and the main registrar does not hear of it. */
async function verifyAbsorbed({ registrar }: Stage, phone: WirePhone): Promise<void> {
  const before = registrar.countOf(phone.address);
  const refresh = await phone.register({ expiresSec: LONG_SEC });
  expect(statusOf(refresh)).toBe(200);
  expect(headerLine(refresh, "Contact")).toContain(phone.contact);
  expect(registrar.countOf(phone.address)).toBe(before);
}

/** A REGISTER older than the last acknowledged one is refused, so Call-ID and CSeq are there. */
async function verifyOldCseq(lives: readonly Life[]): Promise<void> {
  const bound = lives.filter(({ told, asked }) => told === "bound" && asked !== "remove");
  const some = bound.filter(({ isShort }) => !isShort).slice(-MAX_REFUSALS);
  const answers = await Promise.all(
    some.map(async ({ phone, toldCseq }) => phone.register({ cseq: toldCseq - 1 })),
  );
  expect(answers.map((text) => statusOf(text))).toEqual(some.map(() => 400));
}

/** Who registered once and was silent ever since is gone here and upstream. */
async function verifyExpired(stage: Stage, lives: readonly Life[]): Promise<void> {
  const expired = lives.filter(({ isShort, told }) => isShort && told === "bound");
  expect(expired.length).toBeGreaterThan(0);
  const areGone = (): boolean =>
    expired.every(({ phone }) => !stage.registrar.isBound(phone.address));
  await waitUntil("all expired ones are de-registered upstream", areGone, SETTLED);
  for (const { phone } of expired.slice(-MAX_REFUSALS)) {
    // oxlint-disable-next-line no-await-in-loop -- Errors to one address are limited.
    expect(await callFromUpstream(stage, phone)).toBe(404);
  }
}

/** Brings a phone back into a state that is known for sure. */
async function settle({ registrar }: Stage, life: Life): Promise<void> {
  const { phone, isShort } = life;
  if (isShort) return;
  const [first, second] = [await phone.register(), await phone.register()];
  expect([200, MAY_FAIL_ONCE]).toContain(statusOf(first));
  expect(statusOf(second)).toBe(200);
  expect([...(registrar.contacts.get(phone.address) ?? [])]).toHaveLength(1);
  life.told = "bound";
  life.toldCseq = phone.cseq;
  life.asked = "nothing";
}

test.concurrent(`what was acknowledged survives a kill -9 at any moment (SEED=${SEED})`, async () => {
  const random = seeded(SEED);
  const stage = await prepare();
  const lives: Life[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    // oxlint-disable no-await-in-loop -- One life after the other, on the same data.
    await stage.midreg.start();
    await verifyOldCseq(lives);
    await Promise.all(lives.map(async (life) => verify(stage, life)));
    await Promise.all(lives.map(async (life) => settle(stage, life)));
    const users = Array.from({ length: NEW_PHONES_A_ROUND }, (_, at) => `u${round}-${at}`);
    const phones = await Promise.all(users.map(stage.openPhone));
    for (const phone of phones) {
      const isShort = random() < 0.15;
      lives.push({ phone, isShort, told: "nothing", toldCseq: 0, asked: "nothing" });
    }
    await runUntilKilled(stage, lives, random);
    // oxlint-enable no-await-in-loop
  }
  await stage.midreg.start();
  await verifyOldCseq(lives);
  await Promise.all(lives.map(async (life) => verify(stage, life)));
  await verifyExpired(stage, lives);
  expect(stage.midreg.output).not.toContain('"level":"error"');
  expect(await stage.midreg.stop()).toEqual({ code: 0, signal: null });
});

test.concurrent("what expires while it is down, and what was owed before, is de-registered upstream", async () => {
  const stage = await prepare();
  const { midreg, registrar, openPhone } = stage;
  await midreg.start();
  const [before, during] = [await openPhone("before"), await openPhone("during")];
  let owed = 0;
  registrar.isDeafTo = (register) => {
    if (!register.includes(";expires=0")) return false;
    owed += 1;
    return true;
  };
  expect(statusOf(await before.register({ expiresSec: 1 }))).toBe(200);
  await waitUntil("the first has expired", () => owed > 0, SETTLED);
  expect(statusOf(await during.register({ expiresSec: 2 }))).toBe(200);
  await midreg.kill();
  await pause(2100);
  expect([registrar.isBound(before.address), registrar.isBound(during.address)]).toEqual([
    true,
    true,
  ]);
  registrar.isDeafTo = () => false;
  await midreg.start();
  const isGone = (): boolean =>
    [before, during].every((phone) => !registrar.isBound(phone.address));
  await waitUntil("both are de-registered upstream", isGone, SETTLED);
  expect([await callFromUpstream(stage, before), await callFromUpstream(stage, during)]).toEqual([
    404, 404,
  ]);
  const isPaid = async (): Promise<boolean> =>
    (await midreg.metrics()).sum("midreg_deregistrations_pending") === 0;
  await waitUntil("nothing is owed", isPaid, SETTLED);
  // With their own Call-ID and a rising CSeq, or the main registrar would have refused.
  expect(registrar.registers).toHaveLength(4);
});
