/**
 * Keeps account of what a midreg in a random history has promised to whom, and fails when a promise of the
 * design is broken.
 */
import type { Binding } from "../../src/location/binding.ts";
import { type Contact, contactsOf } from "../../src/sip/contact.ts";
import type { SipRequest } from "../../src/sip/message.ts";
import { headerLine, headerLines, requestOf, responseOf } from "../support/messages.ts";
import type { World } from "../support/world.ts";

const UPSTREAM_TIMEOUT_MS = 10_000;
const TRANSACTION_MS = 32_000;
/** What tells the phones' REGISTERs from midreg's own. */
const PHONE_AGENT = "User-Agent: test phone";

/** What a REGISTER of a phone has asked for. */
export interface Asked {
  readonly user: string;
  readonly isStar: boolean;
  /** Contacts to be registered and contacts to be removed. */
  readonly wanted: readonly string[];
  readonly unwanted: readonly string[];
}

/** A REGISTER of midreg's on its way. */
interface Sent {
  readonly to: string;
  readonly startMs: number;
  /** When its answer has come in; at the latest when midreg gives up. */
  endMs: number;
  isAnswered: boolean;
}

export class Ledger {
  readonly #world: World;
  readonly #users: readonly string[];
  readonly #note: (text: string) => void;
  readonly #asked = new Map<string, Asked>();
  /** Answers and when they were given first: what its transaction repeats promises nothing new. */
  readonly #seenAnswers = new Map<string, number>();
  /** Until when a contact is registered by the last 200 that listed it, by user and contact. */
  readonly #promised = new Map<string, number>();
  /** REGISTERs to the main registrar by branch. */
  readonly #sent = new Map<string, Sent>();
  /** Contacts that the main registrar has changed by a REGISTER whose phone has had no 200 yet. */
  readonly #uncertain = new Set<string>();
  /** Contacts that the main registrar has lost by itself. */
  readonly #forgotten = new Set<string>();
  /** The REGISTER that last set a contact at the main registrar, by its branch. */
  readonly #setBy = new Map<string, string>();

  constructor(world: World, users: readonly string[], note: (text: string) => void) {
    this.#world = world;
    this.#users = users;
    this.#note = note;
  }

  get #nowMs(): number {
    return this.#world.clock.nowMs();
  }

  bindings(user: string): readonly Binding[] {
    return this.#world.record(`${user}@sip.test`)?.bindings ?? [];
  }

  #bindingsOf(uri: string): readonly Binding[] {
    return this.#users.filter((user) => uriOf(user) === uri).flatMap((user) => this.bindings(user));
  }

  /** A phone sends a REGISTER. */
  asks(callId: string, cseq: number, asked: Asked): void {
    this.#asked.set(`${callId} ${cseq}`, asked);
  }

  /** The main registrar has lost everything by itself. */
  forgets(): void {
    for (const uri of this.#setBy.keys()) this.#forgotten.add(uri);
  }

  /** The main registrar has done what a REGISTER asks. */
  changes(text: string): void {
    const request = requestOf(text);
    const contacts = contactsOf(request);
    if (contacts === "*") {
      // Were the answer to the star of somebody unproven lost, midreg could not know what is gone.
      const gone = this.#isProven(request) ? this.#uncertain : this.#forgotten;
      for (const { upstream } of this.#bindingsOf(request.to.uri)) gone.add(upstream.contact);
      return;
    }
    for (const { uri, expires } of contacts ?? []) {
      this.#forgotten.delete(uri);
      if (text.includes(PHONE_AGENT)) this.#uncertain.add(uri);
      if (expires !== 0) this.#setBy.set(uri, request.via.branch ?? "");
    }
  }

  /** Whether a forwarded request has come from a device that is registered, by its Via. */
  #isProven(request: SipRequest): boolean {
    const [, via = ""] = headerLines(request.text, "Via");
    return this.#bindingsOf(request.to.uri).some(
      ({ source, expiresAtMs }) =>
        via.startsWith(`SIP/2.0/UDP ${source.split("<")[1] ?? ""};`) && expiresAtMs > this.#nowMs,
    );
  }

  /** Promise 5: one REGISTER at a time is under way for an address-of-record. */
  sendsUpstream(text: string): void {
    const { via, to } = requestOf(text);
    const branch = via.branch ?? "";
    if (this.#sent.has(branch)) return;
    for (const other of this.#sent.values()) {
      if (other.to === to.uri && other.endMs > this.#nowMs) {
        fail(`two REGISTERs are under way for ${to.uri}`);
      }
    }
    const names = ["CSeq", "Call-ID", "Contact"].map((name) => headerLine(text, name));
    this.#note(`upstream ${names.join(" ")}`);
    this.#sent.set(branch, {
      to: to.uri,
      startMs: this.#nowMs,
      endMs: this.#nowMs + UPSTREAM_TIMEOUT_MS,
      isAnswered: false,
    });
  }

  /** An answer of the main registrar will be there after so long. */
  hearsFromUpstream(text: string, delayMs: number): void {
    const response = responseOf(text);
    const sent = this.#sent.get(response.via.branch ?? "");
    const atMs = this.#nowMs + delayMs;
    if (sent === undefined || atMs >= sent.startMs + UPSTREAM_TIMEOUT_MS) return;
    if (!sent.isAnswered) this.#note(`main answers ${response.status}`);
    sent.isAnswered = true;
    sent.endMs = Math.min(sent.endMs, atMs);
  }

  /** Promises 1 and 2: what a 200 says is stored, and the main registrar knows at least as much. */
  promises(text: string): void {
    const response = responseOf(text);
    const asked = this.#asked.get(`${response.callId} ${response.cseq.number}`);
    const seenMs = this.#seenAnswers.get(text) ?? Number.NEGATIVE_INFINITY;
    if (asked === undefined || this.#nowMs - seenMs < TRANSACTION_MS) return;
    this.#seenAnswers.set(text, this.#nowMs);
    this.#note(`200 to CSeq ${response.cseq.number} of ${response.callId}`);
    const listed = contactsOf(response);
    if (listed === undefined || listed === "*") return fail("a 200 without a list of contacts");
    const stored = this.bindings(asked.user);
    for (const contact of listed) this.#checkListed(contact, stored);
    this.#checkList(new Set(listed.map(({ uri }) => uri)), asked, stored);
    this.#remember(asked.user, stored);
    for (const binding of stored.filter(({ contact }) => asked.wanted.includes(contact))) {
      this.#uncertain.delete(binding.upstream.contact);
      this.#checkUpstream(asked.user, binding);
    }
    return undefined;
  }

  #checkListed({ uri, expires = 0 }: Contact, stored: readonly Binding[]): void {
    const expiresAtMs = stored.find(({ contact }) => contact === uri)?.expiresAtMs ?? 0;
    const leftMs = expiresAtMs - this.#nowMs;
    // The answer was written before the commit, half a second ago at most, and says 1 s at least.
    const leastMs = expires === 1 ? -501 : (expires - 1) * 1000;
    if (leftMs < leastMs) fail(`${uri} has ${expires} s by the 200, ${leftMs} ms stored`);
  }

  #checkList(listed: ReadonlySet<string>, asked: Asked, stored: readonly Binding[]): void {
    const lasting = stored.filter(({ expiresAtMs }) => expiresAtMs > this.#nowMs + 1000);
    const left = lasting.find(({ contact }) => !listed.has(contact));
    if (left !== undefined) fail(`${left.contact} is stored but not listed`);
    for (const uri of asked.wanted) if (!listed.has(uri)) fail(`${uri} is not in its own 200`);
    for (const uri of asked.unwanted) if (listed.has(uri)) fail(`${uri} is still in its own 200`);
    if (asked.isStar && listed.size > 0) fail("something is left after a star");
  }

  #remember(user: string, stored: readonly Binding[]): void {
    for (const key of this.#promised.keys()) {
      if (key.startsWith(`${user} `)) this.#promised.delete(key);
    }
    for (const { contact, expiresAtMs } of stored) {
      this.#promised.set(`${user} ${contact}`, expiresAtMs);
    }
  }

  /** What must hold at any moment. */
  check(): void {
    for (const [key, untilMs] of this.#promised) {
      const [user = "", uri = ""] = key.split(" ");
      const binding = this.bindings(user).find(({ contact }) => contact === uri);
      const storedMs = binding?.expiresAtMs ?? 0;
      if (untilMs > this.#nowMs && storedMs < untilMs) fail(`${uri} is lost`);
    }
    for (const user of this.#users) {
      const valid = this.bindings(user).filter(({ expiresAtMs }) => expiresAtMs > this.#nowMs);
      for (const binding of valid) this.#checkUpstream(user, binding);
    }
    const broken = this.#world.recording.lines.find(({ text }) => text.endsWith("not handled"));
    if (broken !== undefined) fail(`${broken.text}: ${String(broken.fields["err"])}`);
  }

  /** Promise 2: the main registrar knows a device for as long as midreg does. */
  #checkUpstream(user: string, { expiresAtMs, upstream }: Binding): void {
    const { contact } = upstream;
    if (this.#uncertain.has(contact) || this.#forgotten.has(contact)) return;
    const heldMs = this.#world.main.expiryOf(uriOf(user), contact) ?? 0;
    if (heldMs < expiresAtMs) fail(`${contact} ends upstream ${expiresAtMs - heldMs} ms too early`);
    if (heldMs < upstream.expiresAtMs) fail(`${contact} is thought to live longer upstream`);
  }

  /**
   * What must hold once nothing is registered any more. What the main registrar still has then was set by a
   * REGISTER whose answer midreg never had in time, so that it could not know; its phone got a 504, and its
   * next REGISTER would take it up again.
   */
  checkAtRest(): void {
    const { main, recording } = this.#world;
    for (const uri of this.#users.flatMap((user) => main.contactsFor(uriOf(user)))) {
      const sent = this.#sent.get(this.#setBy.get(uri) ?? "");
      if (sent?.isAnswered !== false) fail(`${uri} is an orphan at the main registrar`);
    }
    const server = recording.gauge("sip_transactions", { kind: "server" });
    if (server !== 0) fail(`${server} server transactions are left`);
    const client = recording.gauge("sip_transactions", { kind: "client" }) ?? 0;
    // There may be a probe under way.
    if (client > 1) fail(`${client} client transactions are left`);
    const inFlight = recording.gauge("registers_in_flight", {});
    if (inFlight !== 0) fail(`${inFlight} REGISTERs are counted in flight`);
  }
}

function uriOf(user: string): string {
  return `sip:${user}@sip.test`;
}

/** Ends a history. */
export function fail(what: string): never {
  throw new Error(what);
}
