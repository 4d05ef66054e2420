/** A world with devices that sleep, and calls for them. */

import { FakeGateway } from "./fake-gateway.ts";
import { answerTo, headerLine, message, methodOf, statusOf } from "./messages.ts";
import type { Phone, RegisterOptions } from "./phone.ts";
import { VirtualClock } from "./virtual-clock.ts";
import { World, type WorldOptions } from "./world.ts";

export const AOR = "alice@sip.test";
const ALICE = "sip:alice@sip.test";
/** Where the phone sleeps, and where it comes back from. */
export const BED = "198.51.100.7:40000";
export const AWAKE = "198.51.100.7:40777";
/** Another device of the same user. */
export const DESK = "198.51.100.8:40000";
const MAIN = "192.0.2.50:5060";

export const TOKEN = "0123456789abcdef";

export interface CallParts {
  readonly method?: string;
  readonly callId?: string;
  readonly from?: string;
  readonly contact?: string;
  readonly branch?: string;
  readonly headers?: readonly string[];
}

export class SleepWorld {
  readonly world: World;
  readonly gateway: FakeGateway;

  constructor(world: World, gateway: FakeGateway) {
    this.world = world;
    this.gateway = gateway;
  }

  static async start(options: WorldOptions = {}): Promise<SleepWorld> {
    const clock = new VirtualClock();
    const gateway = new FakeGateway(clock);
    return new SleepWorld(await World.start({ clock, gateway, ...options }), gateway);
  }

  pass(seconds: number): void {
    this.world.pass(seconds);
  }

  /** A phone that has registered with a push token some time ago and sleeps since. */
  sleeper(place = BED, options: RegisterOptions & { readonly token?: string } = {}): Phone {
    const { token = TOKEN, ...rest } = options;
    const phone = this.world.phone("alice", place);
    phone.register({ contact: contactOf(place, token), expires: 600, ...rest });
    this.pass(31);
    return phone;
  }

  /** The contacts under which the main registrar knows alice. */
  get contacts(): string[] {
    return this.world.main.contactsFor(ALICE);
  }

  /** Somebody calls alice. */
  call(parts: CallParts = {}): void {
    this.send(parts);
    this.pass(0.1);
  }

  /** The same, and no time passes. */
  send(parts: CallParts = {}): void {
    const { method = "INVITE", callId = "call-1", contact = this.contacts[0] ?? "" } = parts;
    const { branch = `z9hG4bK-${callId}`, from = "<sip:bob@sip.test>;tag=bob" } = parts;
    const text = message(
      `${method} ${contact} SIP/2.0`,
      `Via: SIP/2.0/UDP ${MAIN};branch=${branch}`,
      "Max-Forwards: 70",
      `From: ${from}`,
      "To: <sip:alice@sip.test>",
      `Call-ID: ${callId}`,
      `CSeq: 1 ${method}`,
      ...(method === "INVITE" ? ["Contact: <sip:bob@203.0.113.9:5060>"] : []),
      ...(parts.headers ?? []),
      "Content-Length: 0",
    );
    this.world.main.send(text, this.world.transport.listeners[0]?.sentBy ?? "");
  }

  /** The caller gives up. */
  cancel(callId = "call-1"): void {
    this.sendCancel(callId);
    this.pass(0.1);
  }

  /** The same, and no time passes. */
  sendCancel(callId = "call-1"): void {
    const text = message(
      `CANCEL ${this.contacts[0] ?? ""} SIP/2.0`,
      `Via: SIP/2.0/UDP ${MAIN};branch=z9hG4bK-${callId}`,
      "Max-Forwards: 70",
      "From: <sip:bob@sip.test>;tag=bob",
      "To: <sip:alice@sip.test>",
      `Call-ID: ${callId}`,
      "CSeq: 1 CANCEL",
      "Content-Length: 0",
    );
    this.world.main.send(text, this.world.transport.listeners[0]?.sentBy ?? "");
  }

  /** What the caller has heard of a call, repetitions left out: the main registrar sends no ACK here. */
  heard(callId = "call-1", method = "INVITE"): number[] {
    const statuses = this.world.main.responses
      .filter((text) => headerLine(text, "Call-ID") === callId)
      .filter((text) => headerLine(text, "CSeq") === `1 ${method}`)
      .map((text) => statusOf(text));
    return [...new Set(statuses)];
  }

  get pushes(): string[] {
    return this.gateway.sent.map(({ purpose }) => purpose);
  }

  /** How many times each result was counted. */
  wakes(result: string, purpose = "call"): number {
    return this.world.recording.metrics.counter("wakes_total", { result, purpose }).n;
  }

  /** Devices and requests that wait, as the gauges have them. */
  get pending(): readonly (number | undefined)[] {
    const { recording } = this.world;
    return [recording.gauge("wakes_pending", {}), recording.gauge("wake_requests_held", {})];
  }
}

/** Contact of a phone that wants to be woken. */
export function contactOf(place: string, token = TOKEN): string {
  const push = `pn-provider=apns;pn-param=TEAM123456.org.example.voip;pn-prid=${token}`;
  return `<sip:alice@${place};${push}>`;
}

function branchOf(text: string): string {
  return /branch=([^;]+)/u.exec(headerLine(text, "Via"))?.[1] ?? "";
}

/** Requests of a method that a phone has got, by call and branch: retransmissions count once. */
export function got(phone: Phone, method = "INVITE"): string[] {
  const requests = phone.requests.filter((text) => methodOf(text) === method);
  return [...new Set(requests.map((text) => `${headerLine(text, "Call-ID")} ${branchOf(text)}`))];
}

/** The phone rings and, if it is told so, answers. */
export function answers(phone: Phone, ...statuses: readonly number[]): void {
  phone.onRequest = (text, from) => {
    const method = methodOf(text);
    if (method === "ACK") return;
    const all = method === "CANCEL" ? [200] : statuses;
    for (const status of all)
      phone.send(answerTo(text, status, "Said", { tag: phone.place }), undefined, from);
  };
}
