/**
 * A random history of phones, a main registrar, a store and a network, all of them as bad as they can be, and
 * of a midreg that is killed now and then. One seed is one history; invariants.ts is checked at every step.
 */
import type { Mode } from "../../src/location/binding.ts";
import type { RegisterPolicy } from "../../src/registrar/register-policy.ts";
import { pushPolicyOf } from "../support/fake-gateway.ts";
import { FaultyStore } from "../support/faulty-store.ts";
import type { Weather } from "../support/memory-network.ts";
import { methodOf, statusOf } from "../support/messages.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { POLICY, SERVER_PLACE, World, type WorldOptions } from "../support/world.ts";
import { bareUri, uriOf } from "./account.ts";
import { Answering } from "./answering.ts";
import { type Callee, Callers } from "./caller.ts";
import { type Device, Devices } from "./devices.ts";
import {
  checkAlways,
  everyCallEnds,
  fail,
  nobodyRingsTwice,
  nobodyWaitsInVain,
  nothingIsLeftBehind,
} from "./invariants.ts";
import { Ledger } from "./ledger.ts";
import { Provider } from "./provider.ts";
import { Random } from "./random.ts";
import { Whims } from "./whims.ts";

const STEPS = 40;
const USERS = ["alice", "bob"];
export const MODES: readonly Mode[] = ["mirror", "contact", "aor"];
/** Steps of a history that a failure shows. */
const SHOWN_STEPS = 60;

export class History {
  readonly #seed: number;
  readonly #random: Random;
  readonly #log: string[] = [];
  readonly #clock = new VirtualClock();
  readonly #devices: Devices;
  readonly #ledger: Ledger;
  readonly #whims: Whims;
  readonly #provider: Provider;
  readonly #callers: Callers;
  readonly #push: NonNullable<WorldOptions["push"]>;
  /** Wakes that ended with the device's return, and those that a kill -9 cut short. */
  woken = 0;
  cutShort = 0;
  #store = new FaultyStore(this.#clock);
  #policy: RegisterPolicy;
  #world: World;
  /** When the store has failed last. */
  #failedAtMs = Number.NEGATIVE_INFINITY;
  #weather = { loss: 0, delayMs: 1, doubling: 0 };

  constructor(seed: number, mode: Mode) {
    this.#seed = seed;
    this.#random = new Random(seed);
    const random = this.#random;
    this.#policy = {
      ...POLICY,
      mode,
      absorb: random.pick(["proven", "proven", "open"]),
      contactIdInsertion: random.pick(["ct-param", "ct-param", "ct-username"]),
      outgoingExpiresSec: random.pick([120, 600]),
      expiresMaxDeviationSec: random.pick([0, 0, 15]),
      maxContacts: random.pick([0, 0, 2, 3]),
      expiresRangePercent: random.pick([0, 0, 40]),
      upstreamMarginSec: random.pick([2, 2, 0, 10]),
      outboundMode: mode === "aor" ? "supported" : random.pick(["supported", "edge"]),
    };
    this.#push = {
      budget: { perCaller: 0, perDevice: 0, total: 0 },
      waitingStatus: random.pick([0, 180, 182]),
      afterExpiryMs: random.pick([0, 60_000, 600_000]),
    };
    this.#devices = new Devices(
      random,
      (text, asked) => this.#ledger.asks(text, asked),
      (phone) => new Answering(phone, this.#clock, random),
    );
    const note = (text: string): void => this.#note(text);
    const parts = { clock: this.#clock, random, devices: this.#devices, note };
    this.#provider = new Provider(parts);
    this.#world = this.#open();
    this.#ledger = new Ledger(this.#world, {
      users: USERS,
      policy: this.#policy,
      note,
    });
    const { main } = this.#world;
    // It does outbound; midreg says nothing of that where it is no edge.
    main.extraHeaders = ["Require: outbound"];
    this.#whims = new Whims({ main, clock: this.#clock, random }, this.#ledger);
    this.#callers = new Callers({ main, clock: this.#clock, random });
    for (const user of USERS) {
      for (let left = random.pick([2, 2, 3]); left > 0; left -= 1) {
        this.#devices.add(this.#world, user, random.pick([1, 1, 2]));
      }
    }
  }

  /** Runs it; throws with the seed and the last steps when a promise is broken. */
  async run(): Promise<void> {
    const { mode, absorb, upstreamMarginSec, expiresMaxDeviationSec, maxContacts, outboundMode } =
      this.#policy;
    const spread = { expiresMaxDeviationSec, maxContacts, outboundMode };
    const settings = { mode, absorb, upstreamMarginSec, ...spread };
    this.#note(JSON.stringify(settings));
    try {
      this.#world.network.weather = (text) => this.#carry(text);
      await this.#world.server.start();
      this.#clock.advance(100);
      for (let step = 0; step < STEPS; step += 1) {
        // oxlint-disable-next-line no-await-in-loop -- A history is one step after the other.
        await this.#step();
        this.#check();
      }
      this.#comeToRest();
    } catch (cause) {
      const steps = this.#log.slice(-SHOWN_STEPS).join("\n  ");
      const what = cause instanceof Error ? cause.message : String(cause);
      const repeat = `SEED=${mode}-${this.#seed} repeats this history`;
      throw new Error(`${what}\n${repeat}, which ended with\n  ${steps}`, { cause });
    }
  }

  /** A midreg with the present settings and what is on the disk. */
  #open(after?: World): World {
    const gateway = this.#provider.open();
    const { afterExpiryMs = 0 } = this.#push;
    const policy = { ...this.#policy, push: pushPolicyOf(gateway, { afterExpiryMs }) };
    const around = after === undefined ? { clock: this.#clock } : { after };
    return new World({ ...around, store: this.#store, policy, gateway, push: this.#push });
  }

  #note(text: string): void {
    const seconds = (this.#clock.nowMs() - Date.UTC(2026, 0, 1)) / 1000;
    this.#log.push(`${seconds.toFixed(3)} ${text}`);
  }

  async #step(): Promise<void> {
    const roll = this.#random.fraction();
    if (roll < 0.34) return this.#note(this.#devices.register(this.#devices.any()));
    if (roll < 0.38) return this.#sendAgain(this.#devices.any());
    if (roll < 0.41) return this.#intrude();
    if (roll < 0.48) return this.#note(this.#devices.change(this.#devices.any()));
    if (roll < 0.76) return this.#pass(this.#random.pick([0.01, 0.1, 1, 5, 12, 30, 70]));
    if (roll < 0.82) return this.#changeMain();
    if (roll < 0.86) return this.#changeWeather();
    if (roll < 0.88) return this.#changeStore();
    if (roll < 0.89) return this.#resync();
    if (roll < 0.98) return this.#call();
    return this.#killAndStart();
  }

  /** Somebody calls, or gives up; a kill -9 comes into the wake now and then. */
  async #call(): Promise<void> {
    const random = this.#random;
    const callees = USERS.flatMap((user) => this.#calleesOf(user));
    if (callees.length === 0) return;
    if (random.chance(0.15)) return this.#note(this.#callers.cancel());
    const callee = random.pick(callees);
    const path = this.#world.main.pathOf(uriOf(callee.user), callee.contact);
    this.#note(this.#callers.call(callee, path));
    if (random.chance(0.8)) return;
    this.#pass(random.pick([0.003, 0.03, 0.3, 3]));
    await this.#killAndStart();
  }

  #calleesOf(user: string): Callee[] {
    const bindings = this.#ledger.bindings(user);
    return this.#world.main.contactsFor(uriOf(user)).map((contact) => {
      const own = bindings.filter(({ upstream }) => upstream.contact === contact);
      return { user, contact, devices: own.map((binding) => bareUri(binding.contact)) };
    });
  }

  #pass(seconds: number): void {
    this.#note(`${seconds} s pass`);
    this.#world.pass(seconds);
  }

  #sendAgain({ phone, last, place }: Device): void {
    if (last === "") return;
    this.#note(`${place} sends the same again`);
    this.#ledger.asksAgain(last, place);
    phone.send(last, place);
  }

  /** Where no proof is asked for, an intruder is believed like anybody else. */
  #intrude(): void {
    if (this.#policy.absorb === "proven") this.#note(this.#devices.intrude(this.#devices.any()));
  }

  #changeMain(): void {
    this.#note(`main registrar: ${this.#whims.change()}`);
    if (this.#random.chance(0.9)) return;
    this.#note("main registrar forgets everything");
    this.#ledger.forgets();
    this.#world.main.forget();
    if (this.#random.chance(0.5)) this.#resync();
  }

  /** The operator has everything registered anew, slowly enough to be killed meanwhile. */
  #resync(): void {
    const rate = this.#random.pick([1, 100]);
    const scope = { aor: undefined, upstream: undefined, rate };
    this.#note(`resync: ${this.#world.server.admin.startResync(scope)}, ${rate} a second`);
  }

  #changeWeather(): void {
    this.#weather = {
      loss: this.#random.pick([0, 0, 0.2, 0.6]),
      delayMs: this.#random.pick([1, 1, 100, 1500]),
      doubling: this.#random.pick([0, 0.3]),
    };
    this.#note(`weather: ${JSON.stringify(this.#weather)}`);
  }

  #changeStore(): void {
    if (this.#store.isFailing) this.#failedAtMs = this.#clock.nowMs();
    this.#store.isFailing = this.#random.chance(0.4);
    this.#store.commitMs = this.#random.pick([1, 3, 500]);
    this.#note(`store fails: ${this.#store.isFailing}, takes ${this.#store.commitMs} ms`);
  }

  /** kill -9, then a start with what the disk holds; sometimes the operator has changed the mode. */
  async #killAndStart(): Promise<void> {
    if (this.#store.isFailing) this.#failedAtMs = this.#clock.nowMs();
    const kept = this.#store.kill(this.#random.below(this.#store.pending + 1));
    if (this.#random.chance(0.4)) {
      const mode = this.#random.pick(MODES);
      const outboundMode = mode === "aor" ? "supported" : this.#policy.outboundMode;
      this.#policy = { ...this.#policy, mode, outboundMode };
    }
    this.#note(`midreg is killed and starts in ${this.#policy.mode} mode, ${kept.length} kept`);
    this.#countWakes();
    this.cutShort += this.#world.recording.gauge("wakes_pending", {}) ?? 0;
    this.#store = new FaultyStore(this.#clock, this.#store.inner);
    this.#world = this.#open(this.#world);
    this.#callers.restarts();
    const failedAtMs = this.#failedAtMs;
    this.#ledger.restarts({ world: this.#world, policy: this.#policy }, { kept, failedAtMs });
    await this.#world.server.start();
  }

  #countWakes(): void {
    const { metrics } = this.#world.recording;
    this.woken += metrics.counter("wakes_total", { result: "registered", purpose: "call" }).n;
  }

  /** The network: decides what becomes of a datagram, and shows it to the ledger. */
  #carry(text: string): ReturnType<Weather> {
    const { loss, delayMs, doubling } = this.#weather;
    const delay = (): number => 1 + this.#random.below(delayMs);
    const isLost = this.#random.chance(loss);
    const first = { delayMs: delay() };
    const fate = this.#random.chance(doubling) ? { ...first, againMs: delay() } : first;
    const { from, to } = this.#world.network.sent.at(-1) ?? { from: "", to: "" };
    if (from === SERVER_PLACE) this.#showSent(text, to);
    const isAnswer = from === this.#world.main.place && statusOf(text) >= 200;
    const soonestMs = Math.min(...Object.values(fate));
    if (isAnswer && !isLost) this.#ledger.hearsFromUpstream(text, soonestMs);
    return isLost ? undefined : fate;
  }

  #showSent(text: string, to: string): void {
    this.#callers.sees(text);
    if (to !== this.#world.main.place) this.#showAnswer(text);
    else if (methodOf(text) === "REGISTER") this.#ledger.sendsUpstream(text);
  }

  #showAnswer(text: string): void {
    if (statusOf(text) > 0) this.#ledger.answers(text);
  }

  #check(): void {
    checkAlways(this.#ledger);
    nobodyRingsTwice(this.#callers);
    nobodyWaitsInVain(this.#ledger, this.#callers);
  }

  /** Lets everything come to rest, and looks at what is left. */
  #comeToRest(): void {
    this.#note("all is calm");
    this.#weather = { loss: 0, delayMs: 1, doubling: 0 };
    this.#whims.calmDown();
    this.#provider.isDeaf = true;
    this.#store.isFailing = false;
    for (let minutes = 0; minutes < 2 || !this.#isQuiet(); minutes += 1) {
      if (minutes === 60) fail("it does not come to rest");
      this.#world.pass(60);
      this.#check();
    }
    this.#world.pass(40);
    this.#check();
    nothingIsLeftBehind(this.#ledger);
    everyCallEnds(this.#callers);
    this.#countWakes();
    for (const device of this.#devices.all) this.#nobodyIsLockedOut(device);
  }

  #isQuiet(): boolean {
    const { store, recording } = this.#world;
    const owed = recording.gauge("deregistrations_pending", {});
    const live = recording.gauge("sip_transactions", { kind: "server" });
    return store.status().bindings === 0 && owed === 0 && live === 0;
  }

  /** After the worst, every device can register again, and leave. */
  #nobodyIsLockedOut({ uris, place, phone }: Device): void {
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
