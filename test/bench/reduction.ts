/**
 * How much of the phones' traffic the main registrar is spared: a real midreg core, phones and a main
 * registrar in simulated hours, so that it depends on the mix of the phones and not on the machine.
 */

import { CredentialTable } from "../../src/auth/credential-table.ts";
import type { Mode } from "../../src/location/binding.ts";
import type { Log } from "../../src/ports.ts";
import { Server } from "../../src/server/server.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { Random } from "../simulation/random.ts";
import { MemoryNetwork, MemoryTransport, memoryListener } from "../support/memory-network.ts";
import { message, methodOf, statusOf } from "../support/messages.ts";
import { SequentialIds } from "../support/sequential-ids.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { POLICY, SERVER_OPTIONS, SERVER_PLACE } from "../support/world.ts";
import { RecordingModules } from "../transport/recording-modules.ts";
import { acceptRegister } from "./accept-register.ts";

const MAIN_PLACE = "192.0.2.50:5060";
/** Lifetimes that phones ask for, a third of them each. */
const LIFETIMES_SEC = [60, 600, 3600] as const;
/** Share of phones that get another source port from their NAT, and that start anew, in an hour. */
const REBINDINGS_PER_HOUR = 0.05;
const REBOOTS_PER_HOUR = 0.02;
/** Phones of a user: most have one. */
const DEVICES_OF_A_USER = [1, 1, 1, 2, 3] as const;
/** A phone refreshes when this part of its lifetime has passed: some at half, some shortly before the end. */
const EARLIEST_REFRESH = 0.5;
const LATEST_REFRESH = 0.9;

export interface ReductionOptions {
  readonly mode: Mode;
  readonly outgoingExpiresSec: number;
  readonly phones: number;
  readonly hours: number;
  readonly seed: number;
}

export interface Reduction extends ReductionOptions {
  /** REGISTERs from phones, and REGISTERs to the main registrar, midreg's own de-registrations included. */
  readonly registersIn: number;
  readonly registersOut: number;
  readonly reductionPercent: number;
  /** Both by the lifetime of the phone; what midreg sends by itself is under none. */
  readonly byLifetime: Readonly<Record<string, { readonly in: number; readonly out: number }>>;
  /** Answers to phones that were no 200. */
  readonly refused: number;
}

interface Phone {
  readonly user: string;
  readonly number: number;
  readonly lifetimeSec: number;
  /** From one REGISTER to the next. */
  readonly intervalSec: number;
  port: number;
  boots: number;
  cseq: number;
}

const QUIET: Log = {
  isDebug: false,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (fields, text) => {
    throw new Error(text, { cause: fields });
  },
};

/** Runs one simulation; the same options give the same numbers. */
export async function simulateReduction(options: ReductionOptions): Promise<Reduction> {
  const simulation = new Simulation(options);
  await simulation.run();
  return simulation.result();
}

class Simulation {
  readonly #options: ReductionOptions;
  readonly #random: Random;
  readonly #clock = new VirtualClock();
  readonly #network = new MemoryNetwork(this.#clock);
  readonly #server: Server;
  /** Phones by the second in which they send next. */
  readonly #due = new Map<number, Phone[]>();
  readonly #in = new Map<number, number>();
  readonly #out = new Map<number, number>();
  #deRegistrations = 0;
  #refused = 0;
  #lastPort = 1024;

  constructor(options: ReductionOptions) {
    const { mode, outgoingExpiresSec } = options;
    this.#options = options;
    this.#random = new Random(options.seed);
    const [address = "", port] = SERVER_PLACE.split(":");
    const listener = memoryListener(address, Number(port));
    const [mainAddress = "", mainPort] = MAIN_PLACE.split(":");
    const target = { protocol: "udp", address: mainAddress, port: Number(mainPort) } as const;
    this.#server = new Server(
      {
        ...SERVER_OPTIONS,
        registerPolicy: { ...POLICY, mode, outgoingExpiresSec },
        upstreamUri: `sip:${MAIN_PLACE}`,
        upstreamLocalAddress: undefined,
      },
      {
        clock: this.#clock,
        ids: new SequentialIds(),
        store: new MemoryStore(),
        credentials: new CredentialTable(),
        transport: new MemoryTransport(this.#network, [listener]),
        gateway: undefined,
        resolver: { resolve: (_uri, done) => done([target]), markFailed: () => undefined },
        metrics: new RecordingModules().metrics,
        log: QUIET,
      },
    );
    this.#network.listen(MAIN_PLACE, (text) => this.#onMain(text));
    this.#network.weather = (text) => {
      // An answer to a phone ends here: the phones listen nowhere.
      const { to } = this.#network.sent.at(-1) ?? { to: "" };
      if (to.startsWith("198.51.100.")) this.#onAnswer(text);
      this.#network.sent.length = 0;
      return { delayMs: 1 };
    };
  }

  async run(): Promise<void> {
    await this.#server.start();
    this.#addPhones();
    const endSec = this.#options.hours * 3600;
    for (let sec = 0; sec < endSec; sec += 1) {
      for (const phone of this.#due.get(sec) ?? []) this.#wake(phone, sec);
      this.#due.delete(sec);
      this.#clock.advance(1000);
    }
  }

  result(): Reduction {
    const registersIn = sum(this.#in);
    const registersOut = sum(this.#out) + this.#deRegistrations;
    const byLifetime = LIFETIMES_SEC.map((seconds) => [
      String(seconds),
      { in: this.#in.get(seconds) ?? 0, out: this.#out.get(seconds) ?? 0 },
    ]);
    return {
      ...this.#options,
      registersIn,
      registersOut,
      reductionPercent: 100 * (1 - registersOut / registersIn),
      byLifetime: {
        ...Object.fromEntries(byLifetime),
        none: { in: 0, out: this.#deRegistrations },
      },
      refused: this.#refused,
    };
  }

  /** The phones start within the longest interval, as in an office that has been there before. */
  #addPhones(): void {
    const random = this.#random;
    let user = 0;
    let left = 0;
    for (let number = 0; number < this.#options.phones; number += 1) {
      if (left === 0) {
        user += 1;
        left = random.pick(DEVICES_OF_A_USER);
      }
      left -= 1;
      const lifetimeSec = LIFETIMES_SEC[number % LIFETIMES_SEC.length] ?? LIFETIMES_SEC[0];
      const part = EARLIEST_REFRESH + random.fraction() * (LATEST_REFRESH - EARLIEST_REFRESH);
      const intervalSec = Math.floor(lifetimeSec * part);
      const phone = { user: `u${user}`, number, lifetimeSec, intervalSec, boots: 0, cseq: 0 };
      this.#plan({ ...phone, port: this.#nextPort() }, random.below(intervalSec));
    }
  }

  #nextPort(): number {
    this.#lastPort += 1;
    return this.#lastPort;
  }

  #plan(phone: Phone, sec: number): void {
    const due = this.#due.get(sec);
    if (due === undefined) this.#due.set(sec, [phone]);
    else due.push(phone);
  }

  #wake(phone: Phone, sec: number): void {
    const hours = phone.intervalSec / 3600;
    if (this.#random.chance(REBINDINGS_PER_HOUR * hours)) phone.port = this.#nextPort();
    if (this.#random.chance(REBOOTS_PER_HOUR * hours)) {
      phone.boots += 1;
      phone.cseq = 0;
    }
    phone.cseq += 1;
    count(this.#in, phone.lifetimeSec);
    // Ports beyond those of one address go on at the next address.
    const address = `198.51.100.${Math.trunc(phone.port / 65_536)}`;
    const place = `${address}:${phone.port % 65_536}`;
    this.#network.send(registerOf(phone), place, SERVER_PLACE);
    this.#plan(phone, sec + phone.intervalSec);
  }

  #onAnswer(text: string): void {
    if (statusOf(text) >= 200 && statusOf(text) !== 200) this.#refused += 1;
  }

  #onMain(text: string): void {
    const answer = acceptRegister(text);
    if (answer === undefined || methodOf(text) !== "REGISTER") return;
    const agent = /\r\nUser-Agent: phone (\d+)/u.exec(text)?.[1];
    if (agent === undefined) this.#deRegistrations += 1;
    else count(this.#out, Number(agent));
    this.#network.send(answer, MAIN_PLACE, SERVER_PLACE);
  }
}

/** Behind a NAT the contact is the phone's private address, and stays when the port outside changes. */
function registerOf({ user, number, lifetimeSec, boots, cseq }: Phone): string {
  const place = `10.0.${number >>> 8}.${number & 255}:5060`;
  return message(
    "REGISTER sip:sip.test SIP/2.0",
    `Via: SIP/2.0/UDP ${place};branch=z9hG4bK-${number}-${boots}-${cseq};rport`,
    "Max-Forwards: 70",
    `From: <sip:${user}@sip.test>;tag=${number}-${boots}`,
    `To: <sip:${user}@sip.test>`,
    `Call-ID: ${number}-${boots}`,
    `CSeq: ${cseq} REGISTER`,
    `Contact: <sip:${user}@${place}>`,
    `Expires: ${lifetimeSec}`,
    `User-Agent: phone ${lifetimeSec}`,
    "Content-Length: 0",
  );
}

function count(counts: Map<number, number>, key: number): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function sum(counts: ReadonlyMap<number, number>): number {
  return [...counts.values()].reduce((total, one) => total + one, 0);
}
