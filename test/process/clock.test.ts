/**
 * The wall clock of a running midreg is set. A module that Node loads first lets the test do that: it adds
 * what a file says to Date.now, at the start and whenever the process gets SIGUSR2.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { headerLine, statusOf } from "../support/messages.ts";
import { RealProcess } from "../support/real-process.ts";
import { waitUntil } from "../support/wait-until.ts";
import { afterwards, makeDirectory } from "./left-over.ts";
import { WirePhone } from "./wire-phone.ts";
import { WireRegistrar } from "./wire-registrar.ts";

// Five seconds is what they take; the machine may be busy with other things.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const DAY_MS = 86_400_000;
const SOON = { timeoutMs: 30_000, everyMs: 20 };

class Stage {
  readonly midreg: RealProcess;
  readonly registrar: WireRegistrar;
  readonly #file: string;

  private constructor(midreg: RealProcess, registrar: WireRegistrar, file: string) {
    this.midreg = midreg;
    this.registrar = registrar;
    this.#file = file;
  }

  static async open(): Promise<Stage> {
    const registrar = await WireRegistrar.openRegistrar();
    afterwards(async () => registrar.close());
    const directory = makeDirectory();
    const [file, config] = [join(directory, "ahead-ms"), join(directory, "midreg.yaml")];
    writeFileSync(file, "0");
    writeFileSync(config, "mid_registrar: { min_expires: 1, max_expires: 900 }\n");
    const midreg = await RealProcess.prepare({
      upstream: `sip:127.0.0.1:${registrar.port}`,
      args: ["--config", config],
      nodeArgs: ["--import", `data:text/javascript,${encodeURIComponent(settableClock(file))}`],
    });
    afterwards(async () => midreg.dispose());
    await midreg.start();
    return new Stage(midreg, registrar, file);
  }

  async openPhone(user: string): Promise<WirePhone> {
    const phone = await WirePhone.openPhone(user, this.midreg.sipPort);
    afterwards(async () => phone.close());
    return phone;
  }

  /** What the wall clock of the next process will be off by. */
  setWhileDown(aheadMs: number): void {
    writeFileSync(this.#file, String(aheadMs));
  }

  /** Sets the wall clock of the running process, and waits until that has been noticed. */
  async setClock(aheadMs: number): Promise<void> {
    this.setWhileDown(aheadMs);
    process.kill(this.midreg.pid, "SIGUSR2");
    const isNoticed = (): boolean => this.midreg.output.includes("wall clock was set;");
    await waitUntil("the step is noticed", isNoticed, SOON);
  }
}

/** A request of the main registrar to the phone's ctid: 200 when the phone has answered, else 404. */
async function reach({ registrar, midreg }: Stage, phone: WirePhone): Promise<number> {
  const contact = registrar.contactOf(phone.address);
  return statusOf(await registrar.ask("MESSAGE", contact, midreg.sipPort));
}

/** A refresh has to be absorbed, with a lifetime that is as asked for. */
async function expectAbsorbed({ registrar }: Stage, phone: WirePhone): Promise<void> {
  const before = registrar.countOf(phone.address);
  const answer = await phone.register({ expiresSec: 600 });
  expect(statusOf(answer)).toBe(200);
  expect(headerLine(answer, "Contact")).toContain(`<${phone.contact}>;expires=600`);
  expect(registrar.countOf(phone.address)).toBe(before);
}

function settableClock(file: string): string {
  return `
    import { readFileSync } from "node:fs";
    const now = Date.now;
    let aheadMs = 0;
    const read = () => { aheadMs = Number(readFileSync(${JSON.stringify(file)}, "utf8")); };
    Date.now = () => now() + aheadMs;
    process.on("SIGUSR2", read);
    read();
  `;
}

test.concurrent.each([
  ["forward", DAY_MS],
  ["back", -DAY_MS],
])(
  "a wall clock set %s by a day moves no lifetime, nor does a crash right after",
  async (_, byMs) => {
    const stage = await Stage.open();
    const { midreg, registrar } = stage;
    const [phone, short] = [await stage.openPhone("phone"), await stage.openPhone("short")];
    expect(statusOf(await phone.register())).toBe(200);
    await stage.setClock(byMs);
    expect(await reach(stage, phone)).toBe(200);
    await expectAbsorbed(stage, phone);
    // The Date header is the wall clock's: the step was real.
    const date = Date.parse(headerLine(await phone.register(), "Date"));
    expect(Math.abs(date - Date.now() - byMs)).toBeLessThan(60_000);
    expect(statusOf(await short.register({ expiresSec: 1 }))).toBe(200);
    await waitUntil("the short one expires", () => !registrar.isBound(short.address), SOON);
    expect(await reach(stage, short)).toBe(404);

    await midreg.kill();
    await midreg.start();
    expect(await reach(stage, phone)).toBe(200);
    await expectAbsorbed(stage, phone);
    expect(registrar.isBound(phone.address)).toBe(true);
    expect(midreg.output).not.toContain('"level":"error"');
  },
);

test.concurrent("a wall clock set back while it is down makes no lifetime longer", async () => {
  const stage = await Stage.open();
  const { midreg, registrar } = stage;
  const [phone, short] = [await stage.openPhone("phone"), await stage.openPhone("short")];
  expect(statusOf(await short.register({ expiresSec: 2 }))).toBe(200);
  expect(statusOf(await phone.register())).toBe(200);
  await midreg.kill();
  stage.setWhileDown(-DAY_MS);
  await midreg.start();
  expect(midreg.output).toContain("wall clock was set back while midreg was down");
  await waitUntil("the short one expires", () => !registrar.isBound(short.address), SOON);
  expect(await reach(stage, phone)).toBe(200);
  await expectAbsorbed(stage, phone);
});
