/** A random call: how it is forked, what phones do, what the network loses, and what has to be true in the end. */
import { MERGE_AGAIN_MS } from "../../src/server/limits.ts";
import { answerTo, headerLine, methodOf, statusOf } from "../support/messages.ts";
import { SERVER_PLACE, World } from "../support/world.ts";
import { CalledPhone, CallerBranch, LIFE_MS, type Manner, type Ringing } from "./call-parties.ts";
import { Random } from "./random.ts";

const TO = "sip:alice@sip.test";
/** Timer C, the wait after its CANCEL, for each of the groups that may ring one after another. */
const LONGEST_SEC = 3 * (185 + 32) + 64;
const FINALS = [486, 480, 404, 408, 430, 500, 503, 302, 603, 401];

/** A message that has got through to midreg. */
interface Arrived {
  readonly text: string;
  readonly from: string;
  readonly atMs: number;
}

export class CallHistory {
  readonly #seed: number;
  readonly #random: Random;
  readonly #mode: "aor" | "contact";
  readonly #arrived: Arrived[] = [];
  readonly #phones: CalledPhone[] = [];
  readonly #branches: CallerBranch[] = [];
  #world!: World;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = new Random(seed);
    this.#mode = this.#random.pick(["aor", "contact"]);
  }

  async run(): Promise<void> {
    const fork = this.#random.pick(["all", "by-q"] as const);
    const ringMs = this.#random.pick([0, 3000, 20_000]);
    const world = await World.start({ policy: { mode: this.#mode }, lookup: { fork, ringMs } });
    this.#world = world;
    this.#register();
    this.#storm();
    this.#call();
    world.pass(LONGEST_SEC);
    this.#settle();
    const faults = [...this.#faultsOfMidreg(), ...this.#faultsOfFork(), ...this.#faultsAtPhones()];
    if (faults.length > 0) throw new Error(`CALL_SEED=${this.#seed}: ${faults.join("; ")}`);
  }

  /** Devices with one flow or two, while the network is as it should be. */
  #register(): void {
    const { network } = this.#world;
    const devices = 1 + this.#random.below(3);
    for (let device = 0; device < devices; device += 1) {
      const flows = this.#random.chance(0.4) ? 2 : 1;
      for (let flow = 1; flow <= flows; flow += 1) {
        const place = `198.51.100.${10 + device}:${40_000 + flow}`;
        const phone = this.#world.phone("alice", place);
        const instance = `;+sip.instance="<urn:uuid:00000000-0000-4000-8000-00000000000${device}>"`;
        const regId = flows === 2 && this.#random.chance(0.8) ? `;reg-id=${flow}` : "";
        const q = `;q=0.${1 + this.#random.below(2)}`;
        phone.register({ contact: `<sip:alice@${place}>${instance}${regId}${q}`, expires: 3600 });
        this.#world.pass(1);
        const at = { network, place, midreg: SERVER_PLACE };
        const called = new CalledPhone(at, instance, () => this.#manner());
        this.#phones.push(called);
        network.listen(place, (text) => called.hear(text));
      }
    }
  }

  #manner(): Manner {
    const random = this.#random;
    const isSilent = random.chance(0.15);
    const ringsAfterMs = isSilent || random.chance(0.1) ? undefined : random.below(2000);
    const afterMs = random.pick([50, 1500, 6000, 40_000]) + random.below(1000);
    const status = random.chance(0.4) ? 200 : random.pick(FINALS);
    const isEndless = isSilent || random.chance(0.2);
    return {
      ringsAfterMs,
      answer: isEndless ? undefined : { status, afterMs },
      onCancel: random.chance(0.7) ? "ends" : random.pick(["answers", "ignores"]),
    };
  }

  /** From now on datagrams are lost, late, out of order and doubled; what reaches midreg is noted. */
  #storm(): void {
    const { network, clock } = this.#world;
    const loss = this.#random.pick([0, 0.05, 0.25]);
    const slowestMs = this.#random.pick([1, 50, 400]);
    network.weather = (text) => {
      if (this.#random.chance(loss)) return undefined;
      const delayMs = 1 + this.#random.below(slowestMs);
      const isDoubled = this.#random.chance(0.1);
      const sent = network.sent.at(-1);
      if (sent?.to === SERVER_PLACE) {
        clock.later(delayMs, () => {
          this.#arrived.push({ text, from: sent.from, atMs: clock.nowMs() });
        });
      }
      return isDoubled ? { delayMs, againMs: delayMs + this.#random.below(600) } : { delayMs };
    };
  }

  /** The main registrar forks, and does what a proxy does with what it hears. */
  #call(): void {
    const { network, main, clock } = this.#world;
    const at = { network, place: main.place, midreg: SERVER_PLACE };
    network.listen(main.place, (text, address, port) => {
      if (methodOf(text) !== "") {
        if (methodOf(text) === "OPTIONS")
          main.send(answerTo(text, 200, "OK"), `${address}:${port}`);
        return;
      }
      const status = statusOf(text);
      const branch = this.#branches.find((one) => one.isFor(text));
      branch?.hear(text);
      if (!isDecisive(status) || headerLine(text, "CSeq").endsWith("CANCEL")) return;
      for (const other of this.#branches) if (other !== branch) other.cancel();
    });
    for (const uri of main.contactsFor(TO)) {
      this.#branches.push(new CallerBranch(at, uri, this.#branches.length));
    }
    if (!this.#random.chance(0.3)) return;
    clock.later(this.#random.pick([10, 1000, 5000, 45_000]), () => {
      for (const branch of this.#branches) branch.cancel();
    });
  }

  #transactions(): number {
    const { recording } = this.#world;
    const of = (kind: string): number => recording.gauge("sip_transactions", { kind }) ?? -1;
    return of("server") + of("client");
  }

  /** Waits until none of midreg's own pings is under way. */
  #settle(): void {
    for (let sec = 0; sec < 20 && this.#transactions() > 0; sec += 1) this.#world.pass(1);
  }

  #faultsOfMidreg(): string[] {
    const { recording, network } = this.#world;
    const faults: string[] = [];
    const left = this.#transactions();
    if (left !== 0) faults.push(`${left} transactions are left`);
    const wrong = recording.lines.filter(({ level }) => level === "error");
    if (wrong.length > 0) faults.push(`an error in the log: ${JSON.stringify(wrong[0])}`);
    // Of what comes back 430 and 503 are nobody's business (RFC 5626 section 7, RFC 3261 section 16.7).
    const told = network.sent.filter(({ to }) => to === this.#world.main.place);
    const odd = told
      .map(({ text }) => statusOf(text))
      .filter((status) => status === 430 || status === 503);
    if (odd.length > 0) faults.push(`the caller was told ${odd[0]}`);
    return faults;
  }

  #faultsOfFork(): string[] {
    return this.#branches.flatMap((branch, at) => {
      if (branch.isUnheard) return [];
      const kinds = new Set(branch.finals.map((status) => (status < 300 ? 200 : status)));
      return kinds.size === 1 ? [] : [`branch ${at} ended with ${[...kinds].join(" and ")}`];
    });
  }

  #faultsAtPhones(): string[] {
    return this.#phones.flatMap((phone) => [
      ...phone.calls.flatMap((call) => this.#faultsOf(phone, call)),
      ...this.#ringsTwice(phone),
    ]);
  }

  #faultsOf({ at: { place } }: CalledPhone, call: Ringing): string[] {
    const heard = this.#heardFrom(place, call);
    const cancelled = this.#sentTo(call, "CANCEL");
    const heardAtMs = heard[0]?.atMs ?? Number.POSITIVE_INFINITY;
    const isEnded = call.status >= 200 || call.manner.onCancel === "ignores";
    const faults = [
      heard.length > 0 && !isEnded ? "rings for ever" : "",
      // RFC 3261 section 9.1: it must not overtake the INVITE.
      cancelled !== undefined && cancelled.atMs < heardAtMs ? "got a CANCEL too early" : "",
      this.#isInvitedLate(call) ? "is called although the call is over" : "",
      this.#isUntold(place, call) ? "has answered, and nobody knows" : "",
    ];
    return faults.filter((fault) => fault !== "").map((fault) => `${place} ${fault}`);
  }

  /** Whether the final answer of a phone has got through to midreg in time, and neither ACK nor caller has heard of it. */
  #isUntold(place: string, call: Ringing): boolean {
    const final = this.#finalOf(place, call);
    if (final === undefined) return false;
    const { sent } = this.#world.network;
    const main = this.#world.main.place;
    if (statusOf(final.text) >= 300) {
      return !sent.some(({ to, text }) => to === place && methodOf(text) === "ACK");
    }
    if (this.#wasOverAt(final.atMs)) return false;
    const isIts = (text: string): boolean => headerLine(text, "To").endsWith(`tag=${place}`);
    return !sent.some(({ to, text }) => to === main && statusOf(text) === 200 && isIts(text));
  }

  /** The final answer of a phone, where it has got through while midreg waited for it. */
  #finalOf(place: string, call: Ringing): Arrived | undefined {
    const heard = this.#heardFrom(place, call);
    const final = heard.find(({ text }) => statusOf(text) >= 200);
    return final === undefined || this.#isLate(call, heard, final) ? undefined : final;
  }

  /** INVITE responses of a phone that have got through. */
  #heardFrom(place: string, call: Ringing): Arrived[] {
    return this.#arrived.filter(
      ({ from, text }) =>
        from === place &&
        text.includes(`branch=${call.branch}`) &&
        headerLine(text, "CSeq").endsWith("INVITE"),
    );
  }

  /** The first request of a branch that has left midreg. */
  #sentTo(call: Ringing, method: string): { readonly atMs: number } | undefined {
    return this.#world.network.sent.find(
      ({ from, text }) =>
        from === SERVER_PLACE && methodOf(text) === method && text.includes(call.branch),
    );
  }

  /** Whether a phone was called when somebody had answered, or the caller had given up: where midreg is who forks. */
  #isInvitedLate(call: Ringing): boolean {
    if (this.#branches.length > 1) return false;
    const atMs = this.#sentTo(call, "INVITE")?.atMs ?? 0;
    const isGivenUp = this.#arrived.some(
      (arrived) => arrived.atMs < atMs && methodOf(arrived.text) === "CANCEL",
    );
    const answers = this.#phones.flatMap((phone) =>
      phone.calls.flatMap((other) => this.#finalOf(phone.at.place, other) ?? []),
    );
    return (
      isGivenUp || answers.some(({ text, atMs: at }) => at < atMs && isDecisive(statusOf(text)))
    );
  }

  /** Whether midreg had given the branch up: nothing had come of it, or nothing after its CANCEL, for 64*T1. */
  #isLate(call: Ringing, heard: readonly Arrived[], final: Arrived): boolean {
    const first = heard[0]?.atMs ?? 0;
    const invited = this.#sentTo(call, "INVITE");
    const cancelled = this.#sentTo(call, "CANCEL");
    if (first - (invited?.atMs ?? 0) >= LIFE_MS - 500) return true;
    return cancelled !== undefined && final.atMs - cancelled.atMs >= LIFE_MS - 500;
  }

  /** Whether all branches of the fork had got a refusal by then. */
  #wasOverAt(atMs: number): boolean {
    const refusals = this.#world.network.sent.filter(
      (sent) =>
        sent.to === this.#world.main.place &&
        statusOf(sent.text) >= 300 &&
        headerLine(sent.text, "CSeq").endsWith("INVITE") &&
        sent.atMs <= atMs,
    );
    return refusals.length > 0;
  }

  /**
   * A further flow is called when the one before has said nothing that got through, 408 or 430 (RFC 5626 section 7); and
   * what comes some time after a refusal is another attempt of the main registrar's.
   */
  #ringsTwice({ at, device, calls }: CalledPhone): string[] {
    const flows = this.#phones.filter((phone) => phone.device === device);
    const all = flows.flatMap((flow) => flow.calls.map((call) => ({ call, place: flow.at.place })));
    return calls.flatMap((call) => {
      const isAlive = all.some(
        (other) => other.call !== call && this.#wasAliveAt(call.atMs, other.place, other.call),
      );
      return isAlive ? [`${at.place} rings although its device does`] : [];
    });
  }

  /** Whether midreg has known for a second that a call rings, and not that it has ended. */
  #wasAliveAt(atMs: number, place: string, call: Ringing): boolean {
    const heard = this.#heardFrom(place, call).filter((arrived) => arrived.atMs <= atMs - 1000);
    if (heard.length === 0 || [408, 430].includes(call.status)) return false;
    const final = heard.find(({ text }) => statusOf(text) >= 300);
    return final === undefined || final.atMs > atMs - MERGE_AGAIN_MS;
  }
}

/** Whether nobody else is called any more. */
function isDecisive(status: number): boolean {
  return status >= 600 || (status >= 200 && status < 300);
}
