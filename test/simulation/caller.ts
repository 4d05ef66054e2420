/** Callers in a simulated world: calls by way of the main registrar, and what becomes of them. */

import type { MainRegistrar } from "../support/main-registrar.ts";
import { headerLine, headerLines, message, methodOf, statusOf } from "../support/messages.ts";
import type { VirtualClock } from "../support/virtual-clock.ts";
import { SERVER_PLACE } from "../support/world.ts";
import { bareUri } from "./account.ts";
import type { Random } from "./random.ts";

const T1_MS = 500;
/** Timer B: for so long an INVITE is sent again. */
const GIVE_UP_MS = 32_000;

/** A call, from the caller's point of view. */
interface Call {
  readonly callId: string;
  readonly invite: string;
  readonly callee: Callee;
  /** What the caller has heard: nothing, that somebody is at it, or how it ended. */
  heard: "nothing" | "provisional" | "final";
  /** When midreg has given its first response, in each of its lives; in which of them a final one. */
  readonly begun: Map<number, number>;
  readonly ended: Set<number>;
  /** Branches by which it has gone to each contact, whatever its token, by life. */
  readonly branches: Map<string, Set<string>>;
}

/** Who is called: a contact as the main registrar has it, and the contacts of devices that it stands for. */
export interface Callee {
  readonly user: string;
  readonly contact: string;
  readonly devices: readonly string[];
}

/** A call that midreg has begun with and not ended. */
export interface OpenCall extends Pick<Callee, "user" | "devices"> {
  readonly callId: string;
  readonly sinceMs: number;
  /** Contacts that it has gone to. */
  readonly rung: readonly string[];
}

export interface CallerModules {
  readonly main: MainRegistrar;
  readonly clock: VirtualClock;
  readonly random: Random;
}

export class Callers {
  readonly #modules: CallerModules;
  readonly #calls = new Map<string, Call>();
  /** How often midreg has been started. */
  #life = 0;

  constructor(modules: CallerModules) {
    this.#modules = modules;
    modules.main.onResponse = (text) => this.#hear(text);
  }

  /** Calls a contact, along its Path if it has one, and says so. */
  call(callee: Callee, path = ""): string {
    const { contact } = callee;
    const callId = `call-${this.#calls.size + 1}`;
    const invite = requestOf("INVITE", {
      uri: contact,
      callId,
      place: this.#modules.main.place,
      path,
    });
    this.#calls.set(callId, {
      callId,
      invite,
      callee,
      heard: "nothing",
      begun: new Map(),
      ended: new Set(),
      branches: new Map(),
    });
    this.#send(callId, T1_MS, GIVE_UP_MS);
    return `${callId} for ${contact}`;
  }

  /** Somebody gives up whose call has got so far, and says who. */
  cancel(): string {
    const open = [...this.#calls.values()].filter(({ heard }) => heard === "provisional");
    if (open.length === 0) return "nobody is calling";
    const { callId, invite } = this.#modules.random.pick(open);
    this.#modules.main.send(invite.replaceAll("INVITE", "CANCEL"), SERVER_PLACE);
    return `${callId} is cancelled`;
  }

  /** midreg starts again: what has no end comes again, from callers that have heard nothing, or will not wait. */
  restarts(): void {
    this.#life += 1;
    for (const { callId, heard } of this.#calls.values()) {
      if (heard === "final" || this.#modules.random.chance(0.4)) continue;
      this.#send(callId, T1_MS, GIVE_UP_MS);
    }
  }

  /** midreg has sent something. */
  sees(text: string): void {
    const call = this.#calls.get(headerLine(text, "Call-ID"));
    if (call === undefined || !headerLine(text, "CSeq").endsWith(" INVITE")) return;
    const status = statusOf(text);
    const { begun } = call;
    if (status > 0 && !begun.has(this.#life)) begun.set(this.#life, this.#modules.clock.nowMs());
    if (status >= 200) call.ended.add(this.#life);
    if (methodOf(text) === "INVITE") this.#goesOn(call, text);
  }

  /** Calls that have rung a contact more than once, though midreg was not killed in between. */
  get doubled(): readonly string[] {
    return [...this.#calls.values()].flatMap(({ callId, branches }) =>
      [...branches].flatMap(([way, { size }]) => (size > 1 ? [`${callId} at ${way}`] : [])),
    );
  }

  get open(): readonly OpenCall[] {
    return [...this.#calls.values()].flatMap(({ callId, begun, ended, branches, callee }) => {
      const sinceMs = begun.get(this.#life);
      if (sinceMs === undefined || ended.has(this.#life)) return [];
      const { user, devices } = callee;
      const inLife = this.#wayTo("");
      const ways = [...branches.keys()].filter((way) => way.endsWith(inLife));
      const rung = ways.map((way) => way.slice(0, -inLife.length));
      return [{ callId, sinceMs, rung, user, devices }];
    });
  }

  #wayTo(uri: string): string {
    return `${bareUri(uri)} in life ${this.#life}`;
  }

  #goesOn({ branches }: Call, text: string): void {
    const [, uri = ""] = text.split(" ");
    const way = this.#wayTo(uri);
    const known = branches.get(way) ?? new Set();
    known.add(/;branch=([^;]+)/u.exec(headerLine(text, "Via"))?.[1] ?? "");
    branches.set(way, known);
  }

  #send(callId: string, waitMs: number, leftMs: number): void {
    const call = this.#calls.get(callId);
    if (call === undefined || leftMs <= 0) return;
    this.#modules.main.send(call.invite, SERVER_PLACE);
    const life = this.#life;
    this.#modules.clock.later(waitMs, () => {
      const isWaiting = call.heard === "nothing" && life === this.#life;
      if (isWaiting) this.#send(callId, 2 * waitMs, leftMs - waitMs);
    });
  }

  #hear(text: string): void {
    const call = this.#calls.get(headerLine(text, "Call-ID"));
    if (call === undefined || headerLine(text, "CSeq") !== "1 INVITE") return;
    const status = statusOf(text);
    if (status < 200) {
      if (call.heard === "nothing") call.heard = "provisional";
      return;
    }
    call.heard = "final";
    this.#modules.main.send(ackOf(call.invite, text), SERVER_PLACE);
  }
}

function requestOf(
  method: string,
  { uri, callId, place, path }: Readonly<Record<"uri" | "callId" | "place" | "path", string>>,
): string {
  return message(
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/UDP ${place};branch=z9hG4bK-${callId}`,
    ...(path === "" ? [] : [`Route: ${path}`]),
    "Max-Forwards: 70",
    "From: <sip:carol@sip.test>;tag=carol",
    "To: <sip:callee@sip.test>",
    `Call-ID: ${callId}`,
    `CSeq: 1 ${method}`,
    "Contact: <sip:carol@203.0.113.9:5060>",
    "Content-Length: 0",
  );
}

/** The ACK to a final answer: of its own for a 2xx, along the route of the dialog (RFC 3261 section 13.2.2.4). */
function ackOf(invite: string, answer: string): string {
  const to = headerLine(answer, "To");
  const ack = invite.replaceAll("INVITE", "ACK").replace(/^To: .*$/mu, `To: ${to}`);
  if (statusOf(answer) >= 300) return ack;
  const target = /<([^>]*)>/u.exec(headerLine(answer, "Contact"))?.[1] ?? "sip:nobody@sip.test";
  const routes = headerLines(answer, "Record-Route").toReversed();
  const [line = "", ...rest] = ack.split("\r\n");
  return [
    line.replace(/ \S+ /u, ` ${target} `),
    ...routes.map((route) => `Route: ${route}`),
    ...rest
      .filter((one) => !one.startsWith("Route: "))
      .map((one) => one.replace(/branch=(\S+)/u, "branch=$1-ack")),
  ].join("\r\n");
}
