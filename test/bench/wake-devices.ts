import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { acceptRegister } from "./accept-register.ts";
import { LatencyHistogram, type Percentiles } from "./latency-histogram.ts";
import { monotonicUs } from "./monotonic.ts";
import { FIRST_CSEQ, RegisterTemplate, type RequestKey, readKey } from "./register-template.ts";
import {
  ackFor,
  type Called,
  contactOf,
  deviceOfRequest,
  inviteFor,
  refuseCall,
} from "./wake-message.ts";

const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
/** How often it is looked what is due: calls leave at most this much late. */
const STEP_MS = 1;
/** First registrations that are sent at once. */
const REGISTER_BURST = 64;
const REGISTER_LIMIT_MS = 10_000;
/** Waiting for the last calls to end; more than 6 s, midreg's own limit, would hide those that have hit it. */
const DRAIN_MS = 4_000;
const OK = 200;
const BUSY_HERE = 486;

export interface WakeFleet {
  readonly targetPort: number;
  readonly devices: number;
  /** Source addresses, each with a port of its own, that the devices are spread over. */
  readonly sources: number;
  readonly domain: string;
  readonly runId: string;
  readonly expiresSec: number;
  readonly pushParams: string;
}

export interface WakePhase {
  readonly perSec: number;
  readonly seconds: number;
}

export interface WakePhaseResult {
  readonly calls: number;
  /** Calls that did not end with the device's 486, and those that had no device to go to. */
  readonly failed: number;
  /** INVITEs that a device got besides the first of each wake. */
  readonly repeated: number;
  /** Pushes besides the first of each wake. */
  readonly morePushes: number;
  /** REGISTERs that reached the main registrar: woken devices are known, so that none should. */
  readonly forwarded: number;
  /** Calls that really left in a second. */
  readonly offeredPerSec: number;
  /** From sending the INVITE until the push is at the provider, checked and answered. Microseconds, as all of them. */
  readonly inviteToPushUs: Percentiles;
  /** From sending the REGISTER until the INVITE is at the device. */
  readonly registerToInviteUs: Percentiles;
  /** Both together, for each wake. */
  readonly shareUs: Percentiles;
  /** From sending the INVITE to receiving it: what the caller waits for, with the provider and the device. */
  readonly wholeUs: Percentiles;
  /** Statuses by which calls ended and REGISTERs were answered other than wanted. */
  readonly unwanted: Readonly<Record<string, number>>;
}

/** A call on its way to a device that sleeps. */
interface Wake {
  readonly called: Called;
  readonly invitedAtUs: number;
  pushedAtUs: number;
  registeredAtUs: number;
  arrivedAtUs: number;
}

function newTally() {
  return {
    calls: 0,
    ended: 0,
    repeated: 0,
    morePushes: 0,
    forwarded: 0,
    sendingMs: 1,
    inviteToPush: new LatencyHistogram(),
    registerToInvite: new LatencyHistogram(),
    share: new LatencyHistogram(),
    whole: new LatencyHistogram(),
    unwanted: new Map<number, number>(),
  };
}

/**
 * The main registrar, who calls, and devices that sleep until a push comes, and then register from where they were. All
 * in one process, so that moments compare. Nothing is sent again: on the loopback what is lost was too much.
 */
export class WakeDevices {
  readonly #registrar = openSocket();
  readonly #notices = openSocket();
  readonly #sockets: Socket[] = [];
  readonly #templates: RegisterTemplate[] = [];
  readonly #uris = new Map<number, string>();
  readonly #registered = new Set<number>();
  readonly #wakes = new Map<number, Wake>();
  readonly #key: RequestKey = { device: 0, cseq: 0 };
  #cseq = new Uint32Array(0);
  #fleet: WakeFleet | undefined;
  #cursor = 0;
  #callCount = 0;
  #tally = newTally();

  /** Opens the main registrar and the ear for pushes. */
  async open(): Promise<{ readonly registrarPort: number; readonly noticePort: number }> {
    this.#registrar.on("message", (message, { port }) => this.#onMainRegistrar(message, port));
    this.#notices.on("message", (message) => this.#onPush(message.toString("latin1")));
    await Promise.all([bind(this.#registrar, "127.0.0.1"), bind(this.#notices, "127.0.0.1")]);
    return {
      registrarPort: this.#registrar.address().port,
      noticePort: this.#notices.address().port,
    };
  }

  /** All devices register for the first time. Gives how many have been accepted, in bounded time. */
  async register(fleet: WakeFleet): Promise<number> {
    this.#fleet = fleet;
    this.#cseq = new Uint32Array(fleet.devices).fill(FIRST_CSEQ - 1);
    await Promise.all(Array.from({ length: fleet.sources }, (_, i) => this.#openSource(fleet, i)));
    const deadlineMs = performance.now() + REGISTER_LIMIT_MS;
    let sent = 0;
    while (this.#registered.size < fleet.devices && performance.now() < deadlineMs) {
      for (; sent < fleet.devices && sent - this.#registered.size < REGISTER_BURST; sent += 1)
        this.#sendRegister(sent);
      // oxlint-disable-next-line no-await-in-loop -- Answers come meanwhile.
      await sleep(STEP_MS);
    }
    return this.#registered.size;
  }

  /** Calls devices, one after the other, at a rate, and waits until the calls have ended. */
  async run({ perSec, seconds }: WakePhase): Promise<WakePhaseResult> {
    this.#tally = newTally();
    this.#wakes.clear();
    const startedAtMs = performance.now();
    const all = perSec * seconds;
    while (this.#tally.calls < all) {
      const due = Math.min(all, ((performance.now() - startedAtMs) * perSec) / 1_000);
      while (this.#tally.calls < due) this.#call();
      // oxlint-disable-next-line no-await-in-loop -- Calls leave by the clock.
      await sleep(STEP_MS);
    }
    this.#tally.sendingMs = performance.now() - startedAtMs;
    const deadlineMs = performance.now() + DRAIN_MS;
    while (this.#tally.ended < all && performance.now() < deadlineMs) {
      // oxlint-disable-next-line no-await-in-loop -- The last calls end meanwhile.
      await sleep(STEP_MS);
    }
    return this.#result();
  }

  async #openSource(fleet: WakeFleet, index: number): Promise<void> {
    const address = `127.65.${index >>> 8}.${index & 255}`;
    const socket = openSocket();
    await bind(socket, address);
    const { port } = socket.address();
    socket.connect(fleet.targetPort, "127.0.0.1");
    await once(socket, "connect");
    socket.on("message", (message) => this.#onDevice(socket, message));
    this.#sockets[index] = socket;
    this.#templates[index] = new RegisterTemplate({ ...fleet, address, port, devicesPerAor: 1 });
  }

  #sendRegister(device: number): void {
    const source = device % (this.#fleet?.sources ?? 1);
    const cseq = (this.#cseq[device] ?? 0) + 1;
    this.#cseq[device] = cseq;
    const bytes = this.#templates[source]?.fill(device, cseq);
    if (bytes !== undefined) this.#sockets[source]?.send(bytes);
  }

  #call(): void {
    this.#tally.calls += 1;
    const device = this.#cursor;
    this.#cursor = (device + 1) % (this.#fleet?.devices ?? 1);
    const uri = this.#uris.get(device);
    // Who is called already has not been woken in a whole round: this one fails, too.
    if (uri === undefined || this.#wakes.has(device)) return;
    this.#callCount += 1;
    const key = `${device.toString(16).padStart(8, "0")}${FIRST_CSEQ + this.#callCount}`;
    const { port } = this.#registrar.address();
    const called = { uri, port, key, runId: this.#fleet?.runId ?? "" };
    const wake = { pushedAtUs: 0, registeredAtUs: 0, arrivedAtUs: 0 };
    this.#wakes.set(device, { ...wake, called, invitedAtUs: monotonicUs() });
    this.#toMidreg(inviteFor(called));
  }

  #toMidreg(text: string): void {
    const { targetPort = 0 } = this.#fleet ?? {};
    this.#registrar.send(Buffer.from(text, "latin1"), targetPort, "127.0.0.1");
  }

  /** The device wakes up. */
  #onPush(notice: string): void {
    const [device = -1, atUs = 0] = notice.split(" ").map(Number);
    const wake = this.#wakes.get(device);
    if (wake === undefined || wake.pushedAtUs > 0) {
      this.#tally.morePushes += 1;
      return;
    }
    wake.pushedAtUs = atUs;
    wake.registeredAtUs = monotonicUs();
    this.#sendRegister(device);
  }

  #onDevice(socket: Socket, message: Buffer): void {
    const nowUs = monotonicUs();
    const text = message.toString("latin1");
    if (text.startsWith("SIP/2.0 ")) this.#onRegistered(text, message);
    if (!text.startsWith("INVITE ")) return;
    socket.send(Buffer.from(refuseCall(text), "latin1"));
    const wake = this.#wakes.get(deviceOfRequest(text) ?? -1);
    if (wake === undefined || wake.registeredAtUs === 0 || wake.arrivedAtUs > 0) {
      this.#tally.repeated += 1;
      return;
    }
    wake.arrivedAtUs = nowUs;
  }

  #onRegistered(answer: string, message: Buffer): void {
    const status = statusOf(answer);
    if (status === OK && readKey(message, this.#key)) this.#registered.add(this.#key.device);
    else if (status >= OK) this.#count(status);
  }

  #onMainRegistrar(message: Buffer, port: number): void {
    const text = message.toString("latin1");
    const accepted = acceptRegister(text);
    if (accepted !== undefined) {
      this.#tally.forwarded += 1;
      const device = deviceOfRequest(text);
      const uri = contactOf(text);
      if (device !== undefined && uri !== undefined) this.#uris.set(device, uri);
      this.#registrar.send(Buffer.from(accepted, "latin1"), port, "127.0.0.1");
    } else if (text.startsWith("SIP/2.0 ") && statusOf(text) >= OK) this.#end(text, message);
  }

  /** A call has its final answer. */
  #end(answer: string, message: Buffer): void {
    if (!readKey(message, this.#key)) return;
    const { device, cseq } = this.#key;
    const wake = this.#wakes.get(device);
    if (wake === undefined || !wake.called.key.endsWith(String(cseq))) return;
    this.#toMidreg(ackFor(wake.called, answer));
    this.#wakes.delete(device);
    const status = statusOf(answer);
    if (status !== BUSY_HERE || wake.arrivedAtUs === 0) {
      this.#count(status);
      return;
    }
    const toPush = Math.max(0, wake.pushedAtUs - wake.invitedAtUs);
    const toInvite = wake.arrivedAtUs - wake.registeredAtUs;
    this.#tally.ended += 1;
    this.#tally.inviteToPush.record(toPush);
    this.#tally.registerToInvite.record(toInvite);
    this.#tally.share.record(toPush + toInvite);
    this.#tally.whole.record(wake.arrivedAtUs - wake.invitedAtUs);
  }

  #count(status: number): void {
    const { unwanted } = this.#tally;
    unwanted.set(status, (unwanted.get(status) ?? 0) + 1);
  }

  #result(): WakePhaseResult {
    const { calls, ended, repeated, morePushes, forwarded, sendingMs, unwanted, ...times } =
      this.#tally;
    return {
      calls,
      failed: calls - ended,
      repeated,
      morePushes,
      forwarded,
      offeredPerSec: (calls * 1_000) / sendingMs,
      inviteToPushUs: times.inviteToPush.percentiles(),
      registerToInviteUs: times.registerToInvite.percentiles(),
      shareUs: times.share.percentiles(),
      wholeUs: times.whole.percentiles(),
      unwanted: Object.fromEntries(unwanted),
    };
  }
}

function openSocket(): Socket {
  const socket = createSocket({
    type: "udp4",
    recvBufferSize: RECEIVE_BUFFER_BYTES,
    lookup: (hostname, _options, done) => done(null, hostname, 4),
  });
  // A server that is down answers with ICMP: what is lost counts as failed.
  socket.on("error", () => undefined);
  return socket;
}

async function bind(socket: Socket, address: string): Promise<void> {
  const listening = once(socket, "listening");
  socket.bind(0, address);
  await listening;
}

function statusOf(answer: string): number {
  return Number(answer.slice(8, 11));
}
