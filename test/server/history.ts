/**
 * A random history of phones, a main registrar, a store and a network, all of them as bad as they can be. One
 * seed is one history; ledger.ts checks the promises of the design at every step of it.
 */
import { FaultyStore } from "../support/faulty-store.ts";
import type { Weather } from "../support/memory-network.ts";
import { answerTo, methodOf, statusOf } from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { SERVER_PLACE, World } from "../support/world.ts";
import { fail, Ledger } from "./ledger.ts";

const STEPS = 40;
const USERS = ["alice", "bob"];

/** Mulberry32: small, and the same everywhere for one seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A device: one phone, the contacts it registers, and where it is just now. */
interface Device {
  readonly user: string;
  readonly phone: Phone;
  readonly uris: readonly string[];
  place: string;
  callId: string;
  cseq: number;
  last: string;
}

const KINDS = ["register", "remove", "mixed", "fetch", "star"] as const;
type Kind = (typeof KINDS)[number];

export class History {
  readonly #seed: number;
  readonly #random: () => number;
  readonly #log: string[] = [];
  readonly #clock = new VirtualClock();
  readonly #store = new FaultyStore(this.#clock);
  readonly #devices: Device[] = [];
  readonly #world: World;
  readonly #ledger: Ledger;
  #weather = { loss: 0, delayMs: 1, doubling: 0 };
  #mode: "normal" | "refusing" | "late" = "normal";
  #lastPort = 40_000;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = seeded(seed);
    this.#world = new World({
      clock: this.#clock,
      store: this.#store,
      policy: {
        absorb: this.#pick(["proven", "proven", "open"]),
        contactIdInsertion: this.#pick(["ct-param", "ct-param", "ct-username"]),
        outgoingExpiresSec: this.#pick([120, 600]),
        expiresMaxDeviationSec: this.#pick([0, 0, 15]),
        expiresRangePercent: this.#pick([0, 0, 40]),
        maxContacts: this.#pick([0, 0, 2, 3]),
        maxContactsPolicy: this.#pick(["refuse", "evict-oldest", "evict-oldest"]),
        upstreamMarginSec: this.#pick([2, 2, 0, 10]),
      },
    });
    this.#ledger = new Ledger(this.#world, USERS, (text) => this.#note(text));
    for (const user of USERS) {
      this.#addDevice(user, 1);
      this.#addDevice(user, this.#pick([1, 2]));
    }
  }

  /** Runs it; throws with the seed and the last steps when a promise is broken. */
  async run(): Promise<void> {
    try {
      await this.#start();
      for (let step = 0; step < STEPS; step += 1) {
        this.#step();
        this.#ledger.check();
      }
      this.#calmDown();
    } catch (cause) {
      const steps = this.#log.slice(-40).join("\n  ");
      throw new Error(`SEED=${this.#seed} repeats this history, which ended with\n  ${steps}`, {
        cause,
      });
    }
  }

  async #start(): Promise<void> {
    const { main, network, server } = this.#world;
    main.isStrict = true;
    main.answering = (text) => this.#answer(text);
    network.weather = (text) => this.#carry(text);
    await server.start();
    this.#clock.advance(100);
  }

  #addDevice(user: string, contacts: number): void {
    const place = this.#nextPlace();
    const uris = [`sip:${user}@${place}`, `sip:${user}@${place};x=second;transport=udp`];
    this.#devices.push({
      user,
      phone: this.#world.phone(user, place),
      uris: uris.slice(0, contacts),
      place,
      callId: `call-${place}`,
      cseq: 0,
      last: "",
    });
  }

  #nextPlace(): string {
    this.#lastPort += 1;
    return `198.51.100.7:${this.#lastPort}`;
  }

  #pick<T>(choices: readonly T[]): T {
    const choice = choices[Math.floor(this.#random() * choices.length)];
    // The index is within bounds, so undefined can only be a choice.
    return choice as T;
  }

  #note(text: string): void {
    const seconds = (this.#clock.nowMs() - Date.UTC(2026, 0, 1)) / 1000;
    this.#log.push(`${seconds.toFixed(3)} ${text}`);
  }

  #step(): void {
    const roll = this.#random();
    if (roll < 0.4) return this.#register(this.#pick(this.#devices));
    if (roll < 0.45) return this.#sendAgain(this.#pick(this.#devices));
    if (roll < 0.55) return this.#change(this.#pick(this.#devices));
    if (roll < 0.85) return this.#pass(this.#pick([0.01, 0.1, 1, 5, 12, 30, 70]));
    if (roll < 0.93) return this.#changeMain();
    if (roll < 0.97) return this.#changeWeather();
    return this.#changeStore();
  }

  #pass(seconds: number): void {
    this.#note(`${seconds} s pass`);
    this.#world.pass(seconds);
  }

  #register(device: Device): void {
    const { user, uris, phone, place, callId } = device;
    const kind = this.#pick<Kind>([...KINDS, "register", "register", "register"]);
    const unwanted = unwantedOf(kind, uris);
    const isNamed = kind !== "star" && kind !== "fetch";
    const wanted = isNamed ? uris.filter((uri) => !unwanted.includes(uri)) : [];
    device.cseq += 1;
    this.#ledger.asks(callId, device.cseq, { user, isStar: kind === "star", wanted, unwanted });
    const expires = kind === "star" ? 0 : this.#pick([20, 60, 60, 200]);
    this.#note(`${place} ${kind} ${uris[0]} for ${expires} s, CSeq ${device.cseq} of ${callId}`);
    device.last = phone.register({
      callId,
      cseq: device.cseq,
      contact: contactOf(kind, wanted, unwanted),
      expires,
      from: place,
      headers: this.#random() < 0.7 ? ["Authorization: Digest x=y"] : [],
    });
  }

  #sendAgain({ phone, last, place }: Device): void {
    this.#note(`${place} sends the same again`);
    if (last !== "") phone.send(last, place);
  }

  #change(device: Device): void {
    if (this.#random() < 0.5) {
      device.place = this.#nextPlace();
      this.#note(`${device.uris[0]} moves to ${device.place}`);
    } else {
      device.callId = `call-${this.#nextPlace()}`;
      device.cseq = this.#pick([0, 7]);
      this.#note(`${device.uris[0]} reboots to ${device.callId}`);
    }
  }

  #changeMain(): void {
    const { main } = this.#world;
    main.isSilent = this.#random() < 0.25;
    main.isChallenging = this.#random() < 0.25;
    main.maxExpiresSec = this.#pick([100_000, 100_000, 40, 9, 3]);
    this.#mode = this.#pick(["normal", "normal", "normal", "refusing", "late"]);
    const { isSilent, isChallenging, maxExpiresSec } = main;
    const state = { mode: this.#mode, isSilent, isChallenging, maxExpiresSec };
    this.#note(`main registrar: ${JSON.stringify(state)}`);
    if (this.#random() > 0.1) return;
    this.#note("main registrar forgets everything");
    this.#ledger.forgets();
    main.forget();
  }

  #changeWeather(): void {
    this.#weather = {
      loss: this.#pick([0, 0, 0.2, 0.6]),
      delayMs: this.#pick([1, 1, 100, 1500]),
      doubling: this.#pick([0, 0.3]),
    };
    this.#note(`weather: ${JSON.stringify(this.#weather)}`);
  }

  #changeStore(): void {
    this.#store.isFailing = this.#random() < 0.4;
    this.#store.commitMs = this.#pick([1, 3, 500]);
    this.#note(`store fails: ${this.#store.isFailing}, takes ${this.#store.commitMs} ms`);
  }

  /** The main registrar's answer to a REGISTER that it has not seen before. */
  #answer(text: string): readonly string[] {
    if (this.#mode === "refusing") return [answerTo(text, this.#pick([403, 500, 503]), "No")];
    const answer = this.#world.main.answer(text);
    if (statusOf(answer) === 200) this.#ledger.changes(text);
    if (this.#mode === "normal") return [answer];
    const delayMs = this.#pick([500, 3000, 9000, 14_000]);
    this.#clock.later(delayMs, () => this.#world.main.send(answer, SERVER_PLACE));
    return [];
  }

  /** The network: decides what becomes of a datagram, and shows it to the ledger. */
  #carry(text: string): ReturnType<Weather> {
    const { loss, delayMs, doubling } = this.#weather;
    const delay = (): number => 1 + Math.floor(this.#random() * delayMs);
    const isLost = this.#random() < loss;
    const first = { delayMs: delay() };
    const fate = this.#random() < doubling ? { ...first, againMs: delay() } : first;
    const { from, to } = this.#world.network.sent.at(-1) ?? { from: "", to: "" };
    if (from === SERVER_PLACE) this.#showSent(text, to);
    const isAnswer = from === this.#world.main.place && statusOf(text) >= 200;
    const soonestMs = Math.min(...Object.values(fate));
    if (isAnswer && !isLost) this.#ledger.hearsFromUpstream(text, soonestMs);
    return isLost ? undefined : fate;
  }

  #showSent(text: string, to: string): void {
    if (to === this.#world.main.place) {
      if (methodOf(text) === "REGISTER") this.#ledger.sendsUpstream(text);
    } else if (statusOf(text) === 200) {
      this.#ledger.promises(text);
    }
  }

  /** Lets everything come to rest, and looks at what is left. */
  #calmDown(): void {
    const { main, store, recording } = this.#world;
    this.#note("all is calm");
    this.#weather = { loss: 0, delayMs: 1, doubling: 0 };
    this.#mode = "normal";
    Object.assign(main, { isSilent: false, isChallenging: false, maxExpiresSec: 100_000 });
    this.#store.isFailing = false;
    const isQuiet = (): boolean =>
      store.status().bindings === 0 && recording.gauge("deregistrations_pending", {}) === 0;
    for (let minutes = 0; minutes < 2 || !isQuiet(); minutes += 1) {
      if (minutes === 60) fail("it does not come to rest");
      this.#world.pass(60);
      this.#ledger.check();
    }
    this.#world.pass(40);
    this.#ledger.checkAtRest();
    for (const device of this.#devices) this.#comeBack(device);
  }

  /** Nobody is locked out: every device can register again, and leave. */
  #comeBack({ uris, place, phone }: Device): void {
    const before = this.#world.network.sent.length;
    const contact = uris.map((uri) => `<${uri}>`).join(", ");
    const options = { callId: `back-${place}`, contact, from: place };
    phone.register({ ...options, cseq: 1, expires: 20 });
    this.#world.pass(1);
    phone.register({ ...options, cseq: 2, expires: 0 });
    this.#world.pass(1);
    const answers = this.#world.network.sent.slice(before).filter(({ to }) => to === place);
    const statuses = answers.map(({ text }) => statusOf(text)).join(", ");
    if (statuses !== "200, 200") fail(`${place} cannot register again: ${statuses}`);
  }
}

/** The contacts that a REGISTER removes. */
function unwantedOf(kind: Kind, uris: readonly string[]): readonly string[] {
  if (kind === "remove") return uris;
  return kind === "mixed" ? uris.slice(1) : [];
}

function contactOf(kind: Kind, wanted: readonly string[], unwanted: readonly string[]): string {
  if (kind === "star") return "*";
  const removed = unwanted.map((uri) => `<${uri}>;expires=0`);
  return [...wanted.map((uri) => `<${uri}>`), ...removed].join(", ");
}
