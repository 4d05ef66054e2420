import { setTimeout as pause } from "node:timers/promises";
import { contactsOf } from "../../src/sip/contact.ts";
import { parseMessage } from "../../src/sip/parse-message.ts";
import {
  answerTo,
  headerLine,
  headerLines,
  methodOf,
  requestOf,
  statusOf,
} from "../support/messages.ts";
import { SipSocket } from "./sip-socket.ts";
import { branchOf, WirePeer } from "./wire-peer.ts";

interface Held {
  readonly callId: string;
  readonly cseq: number;
}

/** A call that has its final answer. */
export interface WireCall {
  readonly answer: string;
  /** Sends BYE within the dialog and gives its answer. */
  hangUp(): Promise<string>;
}

/** A main registrar with a memory: it is strict about CSeq, as RFC 3261 section 10.3 step 7 asks for. */
export class WireRegistrar extends WirePeer {
  /** REGISTERs that came, repeated ones left out. */
  readonly registers: string[] = [];
  /** Contact URIs ever accepted, by To URI: midreg must not change its mind about them. */
  readonly contacts = new Map<string, Set<string>>();
  /** Whether a REGISTER is left without an answer, as if it had not come. */
  isDeafTo: (register: string) => boolean = () => false;
  /** How long it takes over a REGISTER. */
  delayMs = 0;
  /** What is bound now, by To URI and contact URI. */
  readonly #held = new Map<string, Map<string, Held>>();
  readonly #answers = new Map<string, Promise<string>>();
  readonly #counts = new Map<string, number>();
  #calls = 0;

  private constructor(socket: SipSocket) {
    super(socket);
    this.answering = (request) => this.#answer(request);
  }

  static async openRegistrar(): Promise<WireRegistrar> {
    return new WireRegistrar(await SipSocket.open());
  }

  /** Whether some contact of the To URI is bound. */
  isBound(to: string): boolean {
    return (this.#held.get(to)?.size ?? 0) > 0;
  }

  /** How many REGISTERs for a To URI came, repeated ones left out. */
  countOf(to: string): number {
    return this.#counts.get(to) ?? 0;
  }

  /** The one contact URI ever accepted for a To URI; empty when there is none. */
  contactOf(to: string): string {
    return [...(this.contacts.get(to) ?? [])][0] ?? "";
  }

  /** Sends a request without a dialog to midreg and gives the final response. */
  async ask(method: string, uri: string, port: number): Promise<string> {
    return this.request(this.#buildOwn(method, uri), port);
  }

  /** Calls somebody by way of midreg; an answered call has been acknowledged. */
  async call(uri: string, port: number): Promise<WireCall> {
    const invite = this.#buildOwn("INVITE", uri);
    const answer = await this.request(invite, port);
    const dialog = {
      uri: /<([^>]*)>/u.exec(headerLine(answer, "Contact"))?.[1] ?? uri,
      from: headerLine(invite, "From"),
      to: headerLine(answer, "To"),
      callId: headerLine(invite, "Call-ID"),
      headers: headerLines(answer, "Record-Route")
        .toReversed()
        .map((route) => `Route: ${route}`),
    };
    const isAnswered = statusOf(answer) === 200;
    if (isAnswered) await this.socket.send(this.build({ ...dialog, method: "ACK", cseq: 1 }), port);
    const bye = this.build({ ...dialog, method: "BYE", cseq: 2 });
    return { answer, hangUp: async () => this.request(bye, port) };
  }

  #buildOwn(method: string, uri: string): string {
    this.#calls += 1;
    return this.build({
      method,
      uri,
      from: `<sip:main@sip.test>;tag=main${this.#calls}`,
      to: `<${uri}>`,
      callId: `main-${this.port}-${this.#calls}`,
      cseq: 1,
      headers: [`Contact: <sip:main@127.0.0.1:${this.port}>`],
    });
  }

  async #answer(request: string): Promise<string | undefined> {
    if (methodOf(request) !== "REGISTER") return answerTo(request, 200, "OK");
    if (this.isDeafTo(request)) return undefined;
    if (parseMessage(request).kind !== "request") return answerTo(request, 400, "Bad Request");
    const branch = branchOf(request);
    const known = this.#answers.get(branch);
    if (known !== undefined) return known;
    const answer = this.#answerLater(this.#register(request));
    this.#answers.set(branch, answer);
    return answer;
  }

  async #answerLater(answer: string): Promise<string> {
    return this.delayMs === 0 ? answer : pause(this.delayMs, answer);
  }

  #register(text: string): string {
    this.registers.push(text);
    const request = requestOf(text);
    const { callId, cseq, to } = request;
    this.#counts.set(to.uri, this.countOf(to.uri) + 1);
    const held = this.#held.get(to.uri) ?? new Map<string, Held>();
    this.#held.set(to.uri, held);
    const asked = contactsOf(request);
    const contacts = asked === undefined || asked === "*" ? [] : asked;
    for (const { uri } of contacts) {
      const known = held.get(uri);
      if (known?.callId === callId && known.cseq >= cseq.number) {
        return answerTo(text, 500, "CSeq Goes Backwards", { tag: "main" });
      }
    }
    for (const { uri, expires } of contacts) {
      if ((expires ?? Number(headerLine(text, "Expires"))) === 0) held.delete(uri);
      else held.set(uri, { callId, cseq: cseq.number });
      this.contacts.set(to.uri, (this.contacts.get(to.uri) ?? new Set()).add(uri));
    }
    const listed = [...held.keys()].map((uri) => `Contact: <${uri}>;expires=3600`);
    return answerTo(text, 200, "OK", { tag: "main", headers: listed });
  }
}
