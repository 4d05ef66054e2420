import { setTimeout as pause } from "node:timers/promises";
import { Fleet } from "../support/peers/fleet.ts";
import { freePorts } from "../support/peers/free-ports.ts";
import { passwordOf, type RegistrarCounters } from "../support/peers/legacy-registrar.ts";
import { MidregProcess } from "../support/peers/midreg-process.ts";
import { Phone, type PhoneOptions } from "../support/peers/phone.ts";
import { Stage } from "../support/peers/stage.ts";
import type { Terminal } from "../support/peers/terminal.ts";
import { RegistrarChild } from "./registrar-child.ts";
import { Report } from "./report.ts";
import { Sleeper } from "./sleeper.ts";

export interface DemoOptions {
  readonly phones: number;
  readonly hasMidreg: boolean;
}

/** What takes part. */
interface Cast {
  readonly registrar: RegistrarChild;
  /** Undefined when the phones talk to the registrar directly. */
  readonly midreg: MidregProcess | undefined;
  readonly fleet: Fleet;
  readonly caller: Phone;
  /** Undefined without midreg: the registrar cannot wake anybody. */
  readonly sleeper: Sleeper | undefined;
}

const DOMAIN = "demo.test";
const PHONE_EXPIRES_SEC = 60;
const COMMON = { domain: DOMAIN, expiresSec: PHONE_EXPIRES_SEC };
const OUTGOING_EXPIRES_SEC = 3600;
const REGISTRAR_SERVICE_MS = 4;
// A little slower than the registrar can take two REGISTERs of each phone: one is challenged.
const REGISTER_GAP_MS = 2.5 * REGISTRAR_SERVICE_MS;
const REFRESH_EVERY_MS = 500;
const STORM_HALF_MS = 5000;
const CALL_STEP_MS = 5000;
const SLEEPER = "sleeper";
const PROGRESS_EVERY_MS = 100;
const DEMO_LIMIT_MS = 60_000;

/** One performance, from an empty directory to the table at the end. */
export class Demo {
  readonly #terminal: Terminal;
  readonly #options: DemoOptions;
  readonly #report: Report;
  readonly #stage = new Stage("midreg-demo");
  readonly #startMs = performance.now();
  #progress: NodeJS.Timeout | undefined;

  constructor(terminal: Terminal, options: DemoOptions) {
    this.#terminal = terminal;
    this.#options = options;
    this.#report = new Report(terminal);
  }

  /** Plays all acts. Returns whether every check held. */
  async run(): Promise<boolean> {
    const limit = setTimeout(() => {
      this.#report.check("the demo ends in time", false, `still running after ${DEMO_LIMIT_MS} ms`);
      this.#giveUp();
      process.exit(1);
    }, DEMO_LIMIT_MS);
    await this.#try("everybody is there", async () => {
      await this.#play(await this.#raise());
    });
    clearTimeout(limit);
    if (!this.#report.isGood) this.#giveUp();
    return this.#report.isGood;
  }

  async #raise(): Promise<Cast> {
    const { phones, hasMidreg } = this.#options;
    const [registrarPort = 0, port = 0, adminPort = 0, callerPort = 0, ...others] = await freePorts(
      phones + 6,
    );
    const [bedPort = 0, wokenPort = 0, ...phonePorts] = others;
    const registrar = new RegistrarChild(this.#stage, {
      port: registrarPort,
      domain: DOMAIN,
      requiresDigest: true,
      serviceMs: REGISTRAR_SERVICE_MS,
      isRecordRouting: true,
    });
    await registrar.counters();
    const sleeper = hasMidreg
      ? new Sleeper(this.#stage, {
          before: this.#single(SLEEPER, { outboundPort: port, port: bedPort }),
          after: this.#single(SLEEPER, { outboundPort: port, port: wokenPort }),
        })
      : undefined;
    const configPath = await sleeper?.open();
    const midreg =
      configPath === undefined
        ? undefined
        : new MidregProcess(this.#stage, {
            configPath,
            port,
            adminPort,
            upstreamPort: registrarPort,
            outgoingExpiresSec: OUTGOING_EXPIRES_SEC,
          });
    await midreg?.start();
    const outboundPort = hasMidreg ? port : registrarPort;
    const fleet = new Fleet({ ...COMMON, outboundPort, ports: phonePorts, passwordOf });
    const caller = new Phone(
      this.#single("caller", { outboundPort: registrarPort, port: callerPort }),
    );
    this.#introduce(registrarPort, outboundPort, midreg);
    return { registrar, midreg, fleet, caller, sleeper };
  }

  /** A phone besides the fleet. */
  #single(user: string, place: Pick<PhoneOptions, "outboundPort" | "port">): PhoneOptions {
    return {
      ...COMMON,
      ...place,
      user,
      password: passwordOf(user),
      onError: (error) => {
        this.#report.check(`the stack of ${user} is content`, false, error.message);
      },
    };
  }

  async #play(cast: Cast): Promise<void> {
    const { hasMidreg } = this.#options;
    await this.#act("registration", "every phone registers; the registrar asks for passwords", () =>
      this.#registration(cast),
    );
    const pace = `every phone refreshes about ${1000 / REFRESH_EVERY_MS} times a second`;
    await this.#act("storm", hasMidreg ? `${pace}; midreg crashes` : pace, () => this.#storm(cast));
    const way = hasMidreg ? "the registrar and midreg" : "the registrar";
    await this.#act("call", `somebody calls a phone by way of ${way}`, () => this.#call(cast));
    const { sleeper, caller } = cast;
    if (sleeper !== undefined) {
      const text = "an app goes to sleep; somebody calls it, and a push wakes it";
      await this.#act("push", text, () => this.#wake(sleeper, caller));
    }
    await this.#act("end", "everybody goes home", () => this.#end(cast));
    this.#report.print((performance.now() - this.#startMs) / 1000);
  }

  async #act(name: string, text: string, work: () => Promise<void>): Promise<void> {
    this.#terminal.line();
    this.#terminal.line(`${this.#terminal.bold(name)}  ${text}`);
    await this.#try(`the ${name} goes as planned`, work);
    clearInterval(this.#progress);
  }

  async #try(name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#report.check(name, false, error instanceof Error ? error.message : String(error));
    }
  }

  async #registration({ fleet, registrar, midreg }: Cast): Promise<void> {
    this.#watch("registering", fleet, registrar);
    await fleet.register(this.#options.phones * REGISTER_GAP_MS);
    const heard = await registrar.counters();
    this.#report.phase("first registration", fleet, heard);
    const { phones } = this.#options;
    this.#report.check(
      `${phones} phones registered`,
      fleet.failed === 0,
      fleet.failures.join("; "),
    );
    const isBound = heard.contacts === phones;
    this.#report.check(
      "the registrar knows them all",
      isBound,
      `it has ${heard.contacts} contacts`,
    );
    if (midreg === undefined) return;
    const { contacts } = await midreg.counters();
    this.#report.check("midreg knows them all", contacts === phones, `it has ${contacts} contacts`);
  }

  async #storm(cast: Cast): Promise<void> {
    const { fleet, registrar, midreg } = cast;
    this.#watch("storm", fleet, registrar);
    const failedBefore = fleet.failed;
    const storm = fleet.storm(REFRESH_EVERY_MS);
    await pause(STORM_HALF_MS);
    const crash = midreg === undefined ? undefined : await this.#crash(midreg, cast);
    await pause(STORM_HALF_MS);
    fleet.calm();
    await storm;
    const heard = await registrar.counters();
    this.#report.phase("refresh storm", fleet, heard);
    const failed = fleet.failed - failedBefore;
    this.#report.check("every refresh was answered 200", failed === 0, fleet.failures.join("; "));
    if (crash !== undefined && midreg !== undefined)
      this.#report.restart(crash, heard, await midreg.counters());
  }

  async #crash(
    midreg: MidregProcess,
    { fleet, registrar }: Cast,
  ): Promise<Parameters<Report["restart"]>[0]> {
    const before = await midreg.counters();
    const killedAtMs = performance.now();
    await midreg.kill();
    const unanswered = fleet.inFlight;
    const heard: RegistrarCounters = await registrar.counters();
    this.#terminal.line("  kill -9 midreg, then start it again on the data it left");
    await midreg.start();
    const readyAtMs = performance.now();
    const { contacts } = await midreg.counters();
    return {
      contactsBefore: before.contacts,
      contactsAfter: contacts,
      downMs: readyAtMs - killedAtMs,
      killedAtMs,
      readyAtMs,
      unanswered,
      heard,
    };
  }

  async #call({ fleet, caller }: Cast): Promise<void> {
    const phone = fleet.phones[Math.floor(fleet.phones.length / 2)];
    if (phone === undefined) return;
    const startMs = performance.now();
    const incoming = phone.nextCall();
    const outgoing = caller.call(phone.user);
    await outgoing.ringing.within(CALL_STEP_MS, "the phone rings");
    const received = await incoming;
    received.answer();
    await received.acknowledged.within(CALL_STEP_MS, "the phone gets the ACK");
    const status = await outgoing.status();
    const answeredMs = performance.now() - startMs;
    const hangUpStatus = await outgoing.hangUp();
    await received.ended.within(CALL_STEP_MS, "the phone gets the BYE");
    const isGood = status === 200 && hangUpStatus === 200;
    const hops = `${received.hops} hops`;
    this.#report.note(
      "call",
      `${phone.user} rang and answered after ${answeredMs.toFixed(0)} ms over ${hops}, caller hung up`,
    );
    this.#report.check("the call went through", isGood, `INVITE ${status}, BYE ${hangUpStatus}`);
  }

  async #wake(sleeper: Sleeper, caller: Phone): Promise<void> {
    const status = await sleeper.fallAsleep();
    this.#report.check("the app registered, and sleeps", status === 200, `REGISTER ${status}`);
    const startMs = performance.now();
    const waking = sleeper.waking();
    const outgoing = caller.call(SLEEPER);
    await outgoing.ringing.within(CALL_STEP_MS, "the woken phone rings");
    const { pushedAtMs, registeredAtMs, rangAtMs, call } = await waking;
    call.answer();
    await call.acknowledged.within(CALL_STEP_MS, "the woken phone gets the ACK");
    const invite = await outgoing.status();
    const bye = await outgoing.hangUp();
    await call.ended.within(CALL_STEP_MS, "the woken phone gets the BYE");
    const steps = [pushedAtMs - startMs, registeredAtMs - pushedAtMs, rangAtMs - registeredAtMs];
    const [push, register, ring] = steps.map((ms) => `${Math.max(0, ms).toFixed(0)} ms`);
    this.#report.note(
      "push",
      `pushed after ${push}, the app registered within ${register}, and rang ${ring} later`,
    );
    const isGood = invite === 200 && bye === 200;
    this.#report.check("the sleeping phone took the call", isGood, `INVITE ${invite}, BYE ${bye}`);
    const isOnce = sleeper.pushCount === 1;
    this.#report.check("one push was enough", isOnce, `${sleeper.pushCount} pushes`);
  }

  async #end({ fleet, registrar, midreg, caller, sleeper }: Cast): Promise<void> {
    const { errors } = registrar;
    this.#report.check("the registrar's stack is content", errors.length === 0, errors.join("; "));
    if (midreg !== undefined) {
      const code = await midreg.stop();
      this.#report.check(
        "midreg drains on SIGTERM and exits 0",
        code === 0,
        `exit ${String(code)}`,
      );
    }
    fleet.close();
    caller.close();
    await sleeper?.close();
  }

  #introduce(registrarPort: number, outboundPort: number, midreg: MidregProcess | undefined): void {
    const { phones } = this.#options;
    const chain = midreg === undefined ? "" : `   midreg 127.0.0.1:${outboundPort}   →`;
    this.#terminal.line(
      this.#terminal.bold(midreg === undefined ? "A registrar without midreg" : "midreg demo"),
    );
    this.#terminal.line(`  ${phones} phones   →${chain}   registrar 127.0.0.1:${registrarPort}`);
    this.#terminal.line(
      `  phones ask for ${PHONE_EXPIRES_SEC} s; the registrar needs ${REGISTRAR_SERVICE_MS} ms for each REGISTER`,
    );
    if (midreg !== undefined)
      this.#terminal.line(
        `  meanwhile: watch -n1 "curl -s ${midreg.metricsUrl} | grep ^midreg_registers_total"`,
      );
  }

  #watch(name: string, fleet: Fleet, registrar: RegistrarChild): void {
    const startMs = performance.now();
    let isAsking = false;
    this.#progress = setInterval(() => {
      if (isAsking) return;
      isAsking = true;
      const show = (heard: RegistrarCounters): void => {
        isAsking = false;
        const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
        const spared = 1 - heard.registers / Math.max(1, fleet.registers);
        this.#terminal.status(
          `  ${name} ${seconds} s   phones sent ${fleet.registers}   registrar heard ${heard.registers}` +
            `   spared ${Math.max(0, 100 * spared).toFixed(0)} %   waiting ${fleet.inFlight.size}   failed ${fleet.failed}`,
        );
      };
      // A registrar that does not answer is noticed, and reported, by the act itself.
      registrar.counters().then(show, () => undefined);
    }, PROGRESS_EVERY_MS);
  }

  #giveUp(): void {
    this.#stage.keep();
    for (const one of this.#stage.latest.values()) {
      this.#terminal.line(`\n--- the last lines of ${one.logPath}`);
      this.#terminal.line(one.tail());
    }
    this.#terminal.line(`\nlogs and data are kept in ${this.#stage.directory}`);
  }
}
