/** A dialog through midreg from its INVITE on, with the other proxies on its path played by the test. */
import { headerLine, headerLines, message, methodOf } from "../../support/messages.ts";
import { SERVER_PLACE, World } from "../../support/world.ts";

export const MAIN = "192.0.2.50:5060";
export const FAR = "192.0.2.60:5060";

/** Somebody in the dialog. */
interface Party {
  readonly user: string;
  readonly tag: string;
  /** Where it sends from and is sent to. */
  place: string;
  /** URI of its Contact. */
  readonly contact: string;
  /** The edge proxy that it is behind; empty for none. */
  readonly edge: string;
  readonly isPhone: boolean;
}

export type Kind = "phone" | "edged phone" | "outside";

export interface Plan {
  readonly caller: Kind;
  readonly callee: Kind;
  /** Which of the proxies stay on the path. */
  readonly recording: readonly string[];
  /** Whether another proxy stands between the main registrar and the outside. */
  readonly hasFar: boolean;
  readonly steps: readonly Step[];
}

export interface Step {
  readonly what:
    | "INVITE"
    | "ACK"
    | "BYE"
    | "INFO"
    | "UPDATE"
    | "REFER"
    | "DANCE"
    | "move"
    | "restart";
  readonly isFromCaller: boolean;
}

/** More proxies than there are on any way. */
const MAX_HOPS = 8;

export const EDGES = ["198.51.100.21:5060", "198.51.100.22:5060"] as const;

function partyOf(kind: Kind, at: 0 | 1): Party {
  const user = ["anna", "ben"][at] ?? "";
  const base = { user, tag: `tag-of-${user}` };
  if (kind === "outside") {
    const place = `203.0.113.${9 + at}:5060`;
    return { ...base, place, contact: `sip:${user}@${place}`, edge: "", isPhone: false };
  }
  const edge = kind === "phone" ? "" : EDGES[at];
  const place = `198.51.100.${7 + at}:40000`;
  return { ...base, place, contact: `sip:${user}@10.0.0.${7 + at}:5060;x=y`, edge, isPhone: true };
}

function register(world: World, { user, place, contact, edge, isPhone }: Party): void {
  if (!isPhone) return;
  const headers = edge === "" ? [] : [`Path: <sip:${edge};lr>`, "Supported: path"];
  const phone = world.phone(user, place);
  // A REGISTER of its own each time, so that what is registered follows the phone.
  const callId = `register-${user}-${place}`;
  phone.register({
    contact: `<${contact}>`,
    expires: 600,
    headers,
    callId,
    from: edge === "" ? place : edge,
  });
  world.pass(1);
}

/** The place a URI leads to. */
function placeOf(uri: string): string {
  const [, host = "", port = "5060"] = /^<?sips?:(?:[^@]*@)?([\d.]+)(?::(\d+))?/u.exec(uri) ?? [];
  return `${host}:${port}`;
}

function routesOf(text: string): readonly string[] {
  return headerLines(text, "Route").flatMap((line) => line.split(/, */u));
}

function withRoutes(text: string, routes: readonly string[]): string {
  const bare = text.replaceAll(/^Route: .*\r\n/gmu, "");
  return routes.length === 0
    ? bare
    : bare.replace("Max-Forwards", `Route: ${routes.join(", ")}\r\nMax-Forwards`);
}

function uriOf(text: string): string {
  return text.split(" ")[1] ?? "";
}

/** The walk of one dialog. */
export class DialogWalk {
  #world: World;
  readonly #plan: Plan;
  readonly #caller: Party;
  readonly #callee: Party;
  /** As the callee has got it. */
  #recorded: readonly string[] = [];
  #cseq = 1;
  readonly #faults: string[] = [];

  constructor(world: World, plan: Plan) {
    this.#world = world;
    this.#plan = plan;
    this.#caller = partyOf(plan.caller, 0);
    this.#callee = partyOf(plan.callee, 1);
    for (const party of [this.#caller, this.#callee]) register(world, party);
  }

  /** Walks all of it; what has not come out as it should. */
  async run(): Promise<readonly string[]> {
    this.#invite();
    // oxlint-disable-next-line no-await-in-loop -- one step follows another.
    for (const step of this.#plan.steps) await this.#step(step);
    return this.#faults;
  }

  #check(what: string, actual: string, expected: string): void {
    if (actual !== expected) this.#faults.push(`${what}: ${actual} instead of ${expected}`);
  }

  /** The INVITE from hop to hop. */
  #invite(): void {
    const [caller, callee] = [this.#caller, this.#callee];
    let text = this.#build("INVITE", caller, callee, `sip:${callee.user}@sip.test`).replace(
      `;tag=${callee.tag}`,
      "",
    );
    let from = caller.edge === "" ? caller.place : caller.edge;
    if (caller.edge !== "") text = this.#pass(text, caller.edge);
    if (caller.isPhone) {
      text = this.#through(text, from, MAIN);
      from = MAIN;
    } else if (this.#plan.hasFar) text = this.#pass(text, FAR);
    text = this.#pass(text, MAIN);
    if (callee.isPhone) {
      const contact = this.#world.main.contactsFor(`sip:${callee.user}@sip.test`)[0] ?? "";
      text = text.replace(/^INVITE \S+/u, `INVITE ${contact}`);
      text = this.#through(text, MAIN, callee.edge === "" ? callee.place : callee.edge);
      if (callee.edge !== "") text = this.#pass(text, callee.edge);
    } else if (this.#plan.hasFar) text = this.#pass(text, FAR);
    this.#check("target", callee.isPhone ? uriOf(text) : callee.contact, callee.contact);
    this.#recorded = headerLines(text, "Record-Route");
  }

  async #step({ what, isFromCaller }: Step): Promise<void> {
    if (what === "move") this.#move(isFromCaller ? this.#caller : this.#callee);
    else if (what === "restart") {
      this.#world = await World.start({ after: this.#world, store: this.#world.store });
    } else this.#ask(what, isFromCaller);
  }

  /** A request inside the dialog, on its way by the route set. */
  #ask(method: string, isFromCaller: boolean): void {
    const [sender, peer] = isFromCaller
      ? [this.#caller, this.#callee]
      : [this.#callee, this.#caller];
    const set = isFromCaller ? this.#recorded.toReversed() : this.#recorded;
    let text = withRoutes(this.#build(method, sender, peer, peer.contact), set);
    let at = sender.place;
    const visited: string[] = [];
    if (sender.edge !== "") ({ text, at } = this.#visit(text, sender.edge, visited));
    const arrival = peer.edge === "" ? peer.place : peer.edge;
    for (let hops = 0; at !== arrival; hops += 1) {
      if (hops === MAX_HOPS) return this.#check(`${method} arrives`, text, "");
      const next = placeOf(routesOf(text)[0] ?? uriOf(text));
      if (next === SERVER_PLACE) {
        const sent = this.#midreg(text, at);
        ({ text, at } = sent);
      } else at = next;
      if (at !== peer.place) ({ text, at } = this.#visit(text, at, visited));
    }
    this.#check(`Request-URI of ${method}`, uriOf(text), peer.contact);
    this.#check(`Route of ${method}`, routesOf(text).join(), "");
    this.#check(`Record-Route of ${method}`, headerLine(text, "Record-Route"), "");
    const proxies = set.map((route) => placeOf(route)).filter((place) => place !== SERVER_PLACE);
    const passed = visited.filter((place) => this.#plan.recording.includes(place));
    return this.#check(`proxies on the way of ${method}`, passed.join(), proxies.join());
  }

  /** Another proxy takes itself off the head of Route. */
  #visit(text: string, place: string, visited: string[]): { text: string; at: string } {
    visited.push(place);
    const [first = "", ...rest] = routesOf(text);
    return { text: placeOf(first) === place ? withRoutes(text, rest) : text, at: place };
  }

  /** Another proxy passes the INVITE on. */
  #pass(text: string, place: string): string {
    const via = `Via: SIP/2.0/UDP ${place};branch=z9hG4bK-${place}\r\n`;
    const record = this.#plan.recording.includes(place)
      ? `Record-Route: <sip:${place};lr>\r\n`
      : "";
    return withRoutes(text, []).replace("\r\n", `\r\n${record}${via}`);
  }

  #through(text: string, from: string, to: string): string {
    const sent = this.#midreg(text, from);
    this.#check("way of the INVITE", sent.at, to);
    return sent.text;
  }

  /** The one request that leaves midreg on another. */
  #midreg(text: string, from: string): { text: string; at: string } {
    const { network } = this.#world;
    const before = network.sent.length;
    network.send(text, from, SERVER_PLACE);
    this.#world.pass(0.05);
    const cseq = headerLine(text, "CSeq");
    const sent = network.sent
      .slice(before)
      .filter(
        (one) =>
          one.from === SERVER_PLACE &&
          methodOf(one.text) !== "" &&
          headerLine(one.text, "CSeq") === cseq,
      );
    this.#check(`requests for ${text} from ${from}`, String(sent.length), "1");
    return { text: sent[0]?.text ?? "", at: sent[0]?.to ?? "" };
  }

  #build(method: string, from: Party, to: Party, uri: string): string {
    this.#cseq += 1;
    return message(
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP ${from.place};branch=z9hG4bK-${this.#cseq}`,
      "Max-Forwards: 70",
      `From: <sip:${from.user}@sip.test>;tag=${from.tag}`,
      `To: <sip:${to.user}@sip.test>;tag=${to.tag}`,
      "Call-ID: any",
      `CSeq: ${this.#cseq} ${method}`,
      `Contact: <${from.contact}>`,
      "Content-Length: 0",
    );
  }

  /** A phone comes back at another port and registers anew. */
  #move(party: Party): void {
    if (!party.isPhone || party.edge !== "") return;
    party.place = `${party.place.split(":")[0] ?? ""}:${Number(party.place.split(":")[1]) + 1}`;
    register(this.#world, party);
  }
}
