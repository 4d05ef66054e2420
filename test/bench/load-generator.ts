import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { DigestPhones } from "./digest-phones.ts";
import { LatencyHistogram, type Percentiles } from "./latency-histogram.ts";
import {
  contactUri,
  FIRST_CSEQ,
  RegisterTemplate,
  type RequestKey,
  readKey,
} from "./register-template.ts";

/** RFC 3261 section 17.1.2.2: timers E and F of a REGISTER over UDP. */
const T1_MS = 500;
const T2_MS = 4_000;
const TIMER_F_MS = 64 * T1_MS;
/** How often retransmissions are looked for: they leave at most this much late. */
const TICK_MS = 50;
/** Waiting for the last answers of a phase. What is open afterwards counts as lost. */
const DRAIN_MS = 5_000;
/** A phase ends when no answer came for so long. */
const GIVE_UP_MS = 10_000;
/** Longest nap of the open loop: bounds how late a request leaves and an answer is seen. */
const NAP_MS = 0.2;
/** Open-loop requests sent before answers are looked at again. */
const BURST = 32;
/** Phones behind one source address and port that follow each other in the order of sending. */
const NEIGHBOURS = 20;
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
/** First byte of "REGISTER": the request came back from an echo. */
const BYTE_R = 82;
const BYTE_S = 83;
/** Status under which echoed requests are counted. */
const ECHOED = 0;
const UNAUTHORIZED = 401;

export interface Fleet {
  readonly targetPort: number;
  readonly devices: number;
  /** Devices that follow each other and belong to one address-of-record. */
  readonly devicesPerAor: number;
  /** Source addresses 127.64.x.y, each with a port of its own, that the devices are spread over. */
  readonly sources: number;
  readonly domain: string;
  readonly runId: string;
  readonly expiresSec: number;
  /** Where phones are challenged: what their credentials are for. */
  readonly realm?: string;
}

export interface Phase {
  /** Devices taking part: from `first` to just before `end`, in this order. */
  readonly first: number;
  readonly end: number;
  /** Each device first moves on to the next source, as behind a NAT that has forgotten it; stays there. */
  readonly isMoving?: boolean;
  /** Each device sends once; otherwise they go round and round until the time is up. */
  readonly isOnce: boolean;
  /** How long to send, at most. */
  readonly seconds: number;
  /** Requests in flight (closed loop). */
  readonly window: number;
  /** Requests per second whatever the server does (open loop); when absent the loop is closed. */
  readonly rate?: number;
  /** Every so many answers, the 200 is searched for the device's own contact. */
  readonly verifyEvery: number;
}

export interface PhaseResult {
  readonly sent: number;
  readonly completed: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Closed loop: from sending. Open loop: from the moment the schedule said. Microseconds. */
  readonly latencyUs: Percentiles;
  /** From the first sending, microseconds. */
  readonly latencyFromSendingUs: Percentiles;
  readonly retransmissions: number;
  readonly lost: number;
  /** 401s that were answered with credentials; the request counts once. */
  readonly challenged: number;
  /** Final statuses; 0 counts echoed requests. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly verified: number;
  readonly contactMissing: number;
  /** Answers to requests that were answered before, and datagrams that are no answer of ours. */
  readonly late: number;
  readonly stray: number;
  /** Open loop: requests skipped because every device still waited for an answer. */
  readonly overrun: number;
  readonly gaveUp: boolean;
  readonly generatorCpuUs: number;
}

/** Counters of the running phase. */
function newTally() {
  return {
    latency: new LatencyHistogram(),
    fromSending: new LatencyHistogram(),
    statuses: new Map<number, number>(),
    sent: 0,
    completed: 0,
    retransmissions: 0,
    lost: 0,
    challenged: 0,
    verified: 0,
    contactMissing: 0,
    late: 0,
    stray: 0,
    overrun: 0,
    gaveUp: false,
  };
}

const IDLE: Phase = { first: 0, end: 0, isOnce: true, seconds: 0, window: 0, verifyEvery: 1 };

/**
 * Phones that send REGISTERs to a server on the loopback: each device has its Call-ID, contact and
 * source, a CSeq that only grows, and at most one request in flight.
 */
export class LoadGenerator {
  readonly #fleet: Fleet;
  readonly #sockets: Socket[] = [];
  readonly #templates: RegisterTemplate[] = [];
  readonly #digest: DigestPhones | undefined;
  /** Whether the request in flight has been challenged: a second challenge to it is a refusal. */
  readonly #isChallenged: Uint8Array;
  readonly #isBusy: Uint8Array;
  readonly #cseq: Uint32Array;
  /** How many sources each device has moved on. */
  readonly #moves: Uint32Array;
  readonly #dueAtMs: Float64Array;
  readonly #sentAtMs: Float64Array;
  readonly #resendAtMs: Float64Array;
  readonly #key: RequestKey = { device: 0, cseq: 0 };
  readonly #sleepCell = new Int32Array(new SharedArrayBuffer(4));
  #phase = IDLE;
  #tally = newTally();
  #cursor = 0;
  #outstanding = 0;
  #startedAtMs = 0;
  #stopAtMs = 0;
  #sendingEndedAtMs = 0;
  #completedWhenSendingEnded = 0;
  #answeredAtMs = 0;
  #isSending = false;

  private constructor(fleet: Fleet) {
    this.#fleet = fleet;
    const { realm, domain, devices, devicesPerAor } = fleet;
    this.#digest =
      realm === undefined ? undefined : new DigestPhones(devices, { realm, domain, devicesPerAor });
    this.#isChallenged = new Uint8Array(realm === undefined ? 0 : devices);
    this.#isBusy = new Uint8Array(fleet.devices);
    this.#cseq = new Uint32Array(fleet.devices).fill(FIRST_CSEQ - 1);
    this.#moves = new Uint32Array(fleet.devices);
    this.#dueAtMs = new Float64Array(fleet.devices);
    this.#sentAtMs = new Float64Array(fleet.devices);
    this.#resendAtMs = new Float64Array(fleet.devices);
  }

  /** Opens the sockets of a fleet. */
  static async open(fleet: Fleet): Promise<LoadGenerator> {
    const generator = new LoadGenerator(fleet);
    await Promise.all(Array.from({ length: fleet.sources }, (_, i) => generator.#openSource(i)));
    return generator;
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }

  /** Runs one phase to its end: sending, then waiting for the last answers. */
  async run(phase: Phase): Promise<PhaseResult> {
    const cpu = process.cpuUsage();
    const now = performance.now();
    this.#phase = phase;
    this.#tally = newTally();
    this.#cursor = phase.first;
    this.#startedAtMs = now;
    this.#answeredAtMs = now;
    this.#stopAtMs = now + phase.seconds * 1_000;
    this.#isSending = true;
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        if (this.#tick(performance.now())) {
          clearInterval(timer);
          resolve();
        }
      }, TICK_MS);
      if (phase.rate === undefined) this.#fillWindow(now);
      else this.#pump();
    });
    return this.#result(process.cpuUsage(cpu));
  }

  async #openSource(index: number): Promise<void> {
    const { domain, runId, expiresSec, targetPort, devicesPerAor } = this.#fleet;
    const address = `127.64.${index >>> 8}.${index & 255}`;
    const socket = createSocket({ type: "udp4", recvBufferSize: RECEIVE_BUFFER_BYTES });
    // A server that is down answers with ICMP, which a connected socket reports: timer E sees to it.
    socket.on("error", () => undefined);
    socket.bind(0, address);
    await once(socket, "listening");
    const { port } = socket.address();
    socket.connect(targetPort, "127.0.0.1");
    await once(socket, "connect");
    socket.on("message", this.#onMessage);
    this.#sockets[index] = socket;
    const site = { address, port, domain, runId, expiresSec, devicesPerAor };
    this.#templates[index] = new RegisterTemplate(site);
  }

  /** The source that a device names in its Via and Contact, whatever a NAT makes of it. */
  #sourceOf(device: number): number {
    return Math.trunc(device / NEIGHBOURS) % this.#fleet.sources;
  }

  /** The next device without a request in flight, or -1 when there is none. */
  #nextDevice(): number {
    const { first, end, isOnce } = this.#phase;
    for (let tried = first; tried < end; tried += 1) {
      if (this.#cursor === end) {
        if (isOnce) return -1;
        this.#cursor = first;
      }
      const device = this.#cursor;
      this.#cursor += 1;
      if (this.#isBusy[device] === 0) return device;
    }
    return -1;
  }

  #fillWindow(now: number): void {
    while (this.#outstanding < this.#phase.window) {
      if (this.#isOver(now)) this.#endSending(now);
      const device = this.#isSending ? this.#nextDevice() : -1;
      if (device < 0) return;
      this.#start(device, now, now);
    }
  }

  /** Open loop: sends what is due, looks at answers, and naps until the next is due. */
  readonly #pump = (): void => {
    const { rate = 0 } = this.#phase;
    const now = performance.now();
    const gapMs = 1_000 / rate;
    for (let burst = 0; burst < BURST; burst += 1) {
      const dueAtMs = this.#startedAtMs + (this.#tally.sent + this.#tally.overrun) * gapMs;
      if (this.#isOver(now)) this.#endSending(now);
      if (!this.#isSending) return;
      if (dueAtMs > now) {
        Atomics.wait(this.#sleepCell, 0, 0, Math.min(dueAtMs - now, NAP_MS));
        break;
      }
      const device = this.#nextDevice();
      if (device < 0) this.#tally.overrun += 1;
      else this.#start(device, dueAtMs, now);
    }
    setImmediate(this.#pump);
  };

  #isOver(now: number): boolean {
    return now >= this.#stopAtMs || (this.#phase.isOnce && this.#cursor === this.#phase.end);
  }

  #endSending(now: number): void {
    if (!this.#isSending) return;
    this.#isSending = false;
    this.#sendingEndedAtMs = now;
    this.#completedWhenSendingEnded = this.#tally.completed;
  }

  #start(device: number, dueAtMs: number, now: number): void {
    this.#cseq[device] = (this.#cseq[device] ?? 0) + 1;
    this.#digest?.count(device);
    this.#isChallenged[device] = 0;
    if (this.#phase.isMoving === true) this.#moves[device] = (this.#moves[device] ?? 0) + 1;
    this.#isBusy[device] = 1;
    this.#dueAtMs[device] = dueAtMs;
    this.#sentAtMs[device] = now;
    this.#resendAtMs[device] = now + T1_MS;
    this.#outstanding += 1;
    this.#tally.sent += 1;
    this.#send(device);
  }

  /** The kernel copies the datagram before `send` returns, so the template may be written over. */
  #send(device: number): void {
    const source = this.#sourceOf(device);
    const bytes = this.#templates[source]?.fill(device, this.#cseq[device] ?? 0);
    const from = (source + (this.#moves[device] ?? 0)) % this.#fleet.sources;
    if (bytes === undefined) return;
    this.#sockets[from]?.send(this.#digest?.sign(device, bytes) ?? bytes);
  }

  readonly #onMessage = (message: Buffer, _peer: RemoteInfo): void => {
    const now = performance.now();
    const kind = message[0];
    if ((kind !== BYTE_S && kind !== BYTE_R) || !readKey(message, this.#key)) {
      this.#tally.stray += 1;
      return;
    }
    const { device, cseq } = this.#key;
    if (this.#isBusy[device] !== 1 || this.#cseq[device] !== cseq) {
      this.#tally.late += 1;
      return;
    }
    const status = kind === BYTE_R ? ECHOED : statusOf(message);
    if (status !== ECHOED && status < 200) {
      // RFC 3261 section 17.1.2.2: in Proceeding, timer E fires every T2.
      this.#resendAtMs[device] = now + T2_MS;
      return;
    }
    if (this.#answersChallenge(device, status, now, message)) return;
    this.#complete(device, status, now, message);
    if (this.#isSending && this.#phase.rate === undefined) this.#fillWindow(now);
  };

  /** Sends the request again with credentials where that makes sense. */
  #answersChallenge(device: number, status: number, now: number, message: Buffer): boolean {
    const digest = this.#digest;
    if (status !== UNAUTHORIZED || digest === undefined) return false;
    if (this.#isChallenged[device] === 1) return false;
    if (!digest.learn(device, message)) return false;
    this.#isChallenged[device] = 1;
    this.#cseq[device] = (this.#cseq[device] ?? 0) + 1;
    digest.count(device);
    this.#resendAtMs[device] = now + T1_MS;
    this.#tally.challenged += 1;
    this.#send(device);
    return true;
  }

  #complete(device: number, status: number, now: number, message: Buffer): void {
    const tally = this.#tally;
    this.#isBusy[device] = 0;
    this.#outstanding -= 1;
    this.#answeredAtMs = now;
    tally.completed += 1;
    tally.statuses.set(status, (tally.statuses.get(status) ?? 0) + 1);
    tally.latency.record((now - (this.#dueAtMs[device] ?? 0)) * 1_000);
    tally.fromSending.record((now - (this.#sentAtMs[device] ?? 0)) * 1_000);
    if (status === 200 && tally.completed % this.#phase.verifyEvery === 0) {
      tally.verified += 1;
      if (!this.#hasOwnContact(device, message)) tally.contactMissing += 1;
    }
  }

  #hasOwnContact(device: number, message: Buffer): boolean {
    const template = this.#templates[this.#sourceOf(device)];
    if (template === undefined) return false;
    const digits = device.toString(16).padStart(8, "0");
    return message.includes(`<${contactUri(template.site, digits)}>`, 0, "latin1");
  }

  /** Retransmits, forgets what is lost, and says whether the phase is over. */
  #tick(now: number): boolean {
    const { first, end } = this.#phase;
    for (let i = this.#isBusy.indexOf(1, first); i >= 0 && i < end; ) {
      if (now >= (this.#resendAtMs[i] ?? 0)) this.#retransmit(i, now);
      i = this.#isBusy.indexOf(1, i + 1);
    }
    if (now - this.#answeredAtMs > GIVE_UP_MS && this.#outstanding > 0) {
      this.#tally.gaveUp = true;
      this.#endSending(now);
      this.#loseAll(now);
    }
    if (this.#isSending && this.#phase.rate === undefined) this.#fillWindow(now);
    if (this.#isSending) return false;
    if (this.#outstanding > 0 && now - this.#sendingEndedAtMs > DRAIN_MS) this.#loseAll(now);
    return this.#outstanding === 0;
  }

  #retransmit(device: number, now: number): void {
    const elapsedMs = now - (this.#sentAtMs[device] ?? 0);
    if (elapsedMs >= TIMER_F_MS) {
      this.#lose(device);
      return;
    }
    // Timer E: the interval doubles up to T2, so the time since the start does too until then.
    this.#resendAtMs[device] = now + Math.min(elapsedMs + T1_MS, T2_MS);
    this.#tally.retransmissions += 1;
    this.#send(device);
  }

  #lose(device: number): void {
    this.#isBusy[device] = 0;
    this.#outstanding -= 1;
    this.#tally.lost += 1;
  }

  #loseAll(now: number): void {
    for (let i = this.#isBusy.indexOf(1); i >= 0; i = this.#isBusy.indexOf(1, i)) this.#lose(i);
    this.#answeredAtMs = now;
  }

  #result(cpu: NodeJS.CpuUsage): PhaseResult {
    const { latency, fromSending, statuses, ...counts } = this.#tally;
    const { isOnce } = this.#phase;
    const endedAtMs = isOnce ? this.#answeredAtMs : this.#sendingEndedAtMs;
    const completed = isOnce ? counts.completed : this.#completedWhenSendingEnded;
    const seconds = (endedAtMs - this.#startedAtMs) / 1_000;
    return {
      ...counts,
      seconds,
      perSecond: completed / seconds,
      latencyUs: latency.percentiles(),
      latencyFromSendingUs: fromSending.percentiles(),
      statuses: Object.fromEntries(statuses),
      generatorCpuUs: (cpu.user + cpu.system) / Math.max(1, counts.completed),
    };
  }
}

function statusOf(message: Buffer): number {
  return ((message[8] ?? 0) - 48) * 100 + ((message[9] ?? 0) - 48) * 10 + (message[10] ?? 0) - 48;
}
