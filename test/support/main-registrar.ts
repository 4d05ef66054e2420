import { contactsOf } from "../../src/sip/contact.ts";
import type { MemoryNetwork } from "./memory-network.ts";
import { answerTo, headerLine, methodOf, requestOf, statusOf } from "./messages.ts";

/** How the main registrar answers a REGISTER: whole texts, or nothing at all. */
export type Answering = (register: string) => readonly string[];

interface Held {
  readonly uri: string;
  readonly callId: string;
  readonly cseq: number;
  readonly path: string;
  expiresAtMs: number;
}

/** How long a request is remembered: timer J of RFC 3261 section 17.2.2. */
const MEMORY_MS = 32_000;

/** A main registrar on the memory network: registers, challenges, and does whatever else a test says. */
export class MainRegistrar {
  readonly place: string;
  /** REGISTERs that came, in order, de-registrations included. */
  readonly registers: string[] = [];
  /** Other requests that came. */
  readonly requests: string[] = [];
  readonly responses: string[] = [];
  /** Longest lifetime it grants, in seconds. */
  maxExpiresSec = 100_000;
  /** Whether it wants credentials; any Authorization header will do. */
  isChallenging = false;
  isSilent = false;
  /**
   * Whether it minds RFC 3261: a retransmission is answered but not done again (section 17.2.2), the same
   * request by another way is refused (section 8.2.2.2), and so is a CSeq that does not rise (section 10.3).
   */
  isStrict = false;
  /** Replaces the usual answer to a REGISTER. */
  answering: Answering | undefined;
  /** Called for every response that it gets. */
  onResponse: (text: string) => void = () => undefined;
  /** Further header lines of its 200. */
  extraHeaders: readonly string[] = [];
  readonly #network: MemoryNetwork;
  /** Contacts by To URI. */
  readonly #held = new Map<string, Held[]>();
  /** Answers given, by branch; branches of requests, by their From tag, Call-ID and CSeq. */
  readonly #answered = new Map<string, readonly string[]>();
  readonly #seen = new Map<string, { readonly branch: string; readonly atMs: number }>();

  constructor(network: MemoryNetwork, place = "192.0.2.50:5060") {
    this.place = place;
    this.#network = network;
    network.listen(place, (text, address, port) => this.#hear(text, `${address}:${port}`));
  }

  send(text: string, to: string): void {
    this.#network.send(text, this.place, to);
  }

  /** Contact URIs it holds for a To URI, expired ones left out. */
  contactsFor(to: string): string[] {
    const nowMs = this.#network.clock.nowMs();
    return (this.#held.get(to) ?? [])
      .filter(({ expiresAtMs }) => expiresAtMs > nowMs)
      .map(({ uri }) => uri);
  }

  /** The Path that a contact was registered with last; empty for none. */
  pathOf(to: string, uri: string): string {
    return this.#held.get(to)?.find((held) => held.uri === uri)?.path ?? "";
  }

  /** When a contact expires; undefined when it is not held. */
  expiryOf(to: string, uri: string): number | undefined {
    return this.#held.get(to)?.find((held) => held.uri === uri)?.expiresAtMs;
  }

  /** Loses everything, as after a restart without a database. */
  forget(): void {
    this.#held.clear();
  }

  /** Loses one contact of a To URI. */
  drop(to: string, uri: string): void {
    const held = this.#held.get(to) ?? [];
    this.#held.set(
      to,
      held.filter((other) => other.uri !== uri),
    );
  }

  #hear(text: string, from: string): void {
    const method = methodOf(text);
    if (method === "") {
      this.responses.push(text);
      this.onResponse(text);
      return;
    }
    if (method !== "REGISTER") {
      if (method === "OPTIONS" && !this.isSilent) this.send(answerTo(text, 200, "OK"), from);
      else this.requests.push(text);
      return;
    }
    this.registers.push(text);
    if (this.isSilent) return;
    const branch = requestOf(text).via.branch ?? "";
    const before = this.isStrict ? this.#answered.get(branch) : undefined;
    const answers = before ?? this.answering?.(text) ?? [this.answer(text)];
    this.#answered.set(branch, answers);
    for (const answer of answers) this.send(answer, from);
  }

  /** What a registrar answers to a REGISTER, having done it. */
  answer(register: string): string {
    if (this.isChallenging && headerLine(register, "Authorization") === "") {
      const challenge = 'WWW-Authenticate: Digest realm="sip.test", nonce="n1", qop="auth"';
      return answerTo(register, 401, "Unauthorized", { tag: "main", headers: [challenge] });
    }
    const refusal = this.isStrict ? this.#refusalOf(register) : undefined;
    if (refusal !== undefined) return answerTo(register, ...refusal, { tag: "main" });
    this.#register(register);
    const to = requestOf(register).to.uri;
    const nowMs = this.#network.clock.nowMs();
    const contacts = (this.#held.get(to) ?? [])
      .filter(({ expiresAtMs }) => expiresAtMs > nowMs)
      .map((held) => `<${held.uri}>;expires=${Math.round((held.expiresAtMs - nowMs) / 1000)}`);
    const headers = contacts.length === 0 ? [] : [`Contact: ${contacts.join(", ")}`];
    return answerTo(register, 200, "OK", {
      tag: "main",
      headers: [...headers, ...this.extraHeaders],
    });
  }

  #refusalOf(register: string): [number, string] | undefined {
    const { to, fromTag, callId, cseq, via } = requestOf(register);
    const key = `${fromTag} ${callId} ${cseq.number}`;
    const branch = via.branch ?? "";
    const nowMs = this.#network.clock.nowMs();
    const seen = this.#seen.get(key);
    this.#seen.set(key, { branch, atMs: nowMs });
    if (seen !== undefined && seen.branch !== branch && nowMs - seen.atMs < MEMORY_MS) {
      return [482, "Loop Detected"];
    }
    const contacts = contactsOf(requestOf(register));
    const isAsked = (held: Held): boolean =>
      contacts === "*" || contacts?.some(({ uri }) => uri === held.uri) === true;
    const isOld = (this.#held.get(to.uri) ?? []).some(
      (held) =>
        held.expiresAtMs > nowMs &&
        isAsked(held) &&
        held.callId === callId &&
        held.cseq >= cseq.number,
    );
    return isOld ? [500, "CSeq out of order"] : undefined;
  }

  #register(text: string): void {
    const request = requestOf(text);
    const to = request.to.uri;
    const contacts = contactsOf(request);
    if (contacts === "*") {
      this.#held.delete(to);
      return;
    }
    const held = this.#held.get(to) ?? [];
    this.#held.set(to, held);
    for (const { uri, expires } of contacts ?? []) {
      const asked = expires ?? Number(headerLine(text, "Expires"));
      const at = held.findIndex((other) => other.uri === uri);
      if (at !== -1) held.splice(at, 1);
      if (asked === 0) continue;
      const grantedMs = Math.min(asked, this.maxExpiresSec) * 1000;
      const expiresAtMs = this.#network.clock.nowMs() + grantedMs;
      const path = headerLine(text, "Path");
      held.push({ uri, callId: request.callId, cseq: request.cseq.number, path, expiresAtMs });
    }
  }

  /** Statuses of the responses it got. */
  get statuses(): number[] {
    return this.responses.map((text) => statusOf(text));
  }
}
