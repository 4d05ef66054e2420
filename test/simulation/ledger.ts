/**
 * Keeps account of what everybody in a simulated world has asked, promised and heard, from what is seen on
 * the wire. The promises themselves are in invariants.ts.
 */
import type { Binding } from "../../src/location/binding.ts";
import type { AorChange } from "../../src/location/change.ts";
import type { RegisterPolicy } from "../../src/registrar/register-policy.ts";
import { type Contact, contactsOf } from "../../src/sip/contact.ts";
import type { SipResponse } from "../../src/sip/message.ts";
import { headerLine, headerLines, requestOf, responseOf } from "../support/messages.ts";
import type { World } from "../support/world.ts";
import {
  type Account,
  type Asked,
  aorOf,
  isProvenBy,
  type Proof,
  type Sent,
  UPSTREAM_TIMEOUT_MS,
} from "./account.ts";
import {
  answerSaysWhatIsStored,
  marginIsKept,
  nothingAbsorbedWithoutProof,
  noUpstreamTooShort,
  oneRegisterInFlight,
  othersSurviveAnAnswer,
} from "./invariants.ts";

const TRANSACTION_MS = 32_000;
/** Longest time from the end of a REGISTER until what follows from it is stored: two commits of a slow store. */
const STORED_MS = 1100;
/** The same for a doubt, where the store has failed first. */
const DOUBT_STORED_MS = 5000 + STORED_MS;
/** What a granted lifetime may exceed the one asked for by: the deviation, and an answer that took long. */
const GRANT_SLACK_MS = 30_000;

export class Ledger implements Account {
  world: World;
  policy: RegisterPolicy;
  readonly users: readonly string[];
  readonly #note: (text: string) => void;
  /** REGISTERs of phones by their branch. */
  readonly #asked = new Map<string, Asked>();
  /** REGISTERs that have had a 200, by branch. */
  readonly #told = new Set<string>();
  /** Answers and when they were given first: what its transaction repeats promises nothing new. */
  readonly #seenAnswers = new Map<string, number>();
  readonly promised = new Map<string, number>();
  readonly sent = new Map<string, Sent>();
  /** The same by the branch of the phone. */
  readonly #forwarded = new Map<string, Sent>();
  readonly uncertain = new Set<string>();
  readonly unknowable = new Set<string>();
  readonly forgotten = new Set<string>();
  readonly setBy = new Map<string, string>();
  readonly proofs = new Map<string, Proof[]>();

  constructor(
    world: World,
    parts: { users: readonly string[]; policy: RegisterPolicy; note: (text: string) => void },
  ) {
    this.world = world;
    this.users = parts.users;
    this.policy = parts.policy;
    this.#note = parts.note;
  }

  get nowMs(): number {
    return this.world.clock.nowMs();
  }

  bindings(user: string): readonly Binding[] {
    return this.world.record(aorOf(user))?.bindings ?? [];
  }

  /** A phone sends a REGISTER. */
  asks(text: string, asked: Asked): void {
    this.#asked.set(branchOf(text, 0), asked);
    for (const contact of asked.wanted) {
      for (const proof of this.proofsOf(asked.user, contact)) {
        if (!isProvenBy(asked, proof) || proof.untilMs <= this.nowMs) continue;
        const untilMs = this.nowMs + asked.expires * 1000 + GRANT_SLACK_MS;
        proof.untilMs = Math.max(proof.untilMs, untilMs);
      }
    }
  }

  /** A phone sends the same again, maybe from elsewhere. */
  asksAgain(text: string, place: string): void {
    const asked = this.#asked.get(branchOf(text, 0));
    if (asked?.places.includes(place) === false) asked.places.push(place);
  }

  proofsOf(user: string, contact: string): readonly Proof[] {
    return this.proofs.get(`${user} ${contact}`) ?? [];
  }

  /** The main registrar has lost everything by itself, or one contact. */
  forgets(contacts: Iterable<string> = this.setBy.keys()): void {
    for (const uri of contacts) this.forgotten.add(uri);
  }

  /**
   * midreg is killed and starts again. Of what it was about to store, `kept` reached the disk unsaid; `failedAtMs` is
   * when the store has failed last.
   */
  restarts(
    { world, policy }: Pick<Account, "world" | "policy">,
    { kept, failedAtMs }: { readonly kept: readonly AorChange[]; readonly failedAtMs: number },
  ): void {
    this.#losesWhatIsNotStored(failedAtMs);
    this.world = world;
    this.policy = policy;
    for (const sent of this.sent.values()) {
      if (sent.isSettled) continue;
      sent.isKilled = true;
      sent.endMs = Math.min(sent.endMs, this.nowMs);
    }
    // Transactions are kept in memory only.
    this.#seenAnswers.clear();
    for (const { aor, put, touch, remove } of kept) {
      const user = aor.replace(/@.*/u, "");
      const known = this.bindings(user);
      const left = new Map(known.map(({ contact, expiresAtMs }) => [contact, expiresAtMs]));
      const isChange = put.length + touch.length + remove.length > 0;
      for (const [key, untilMs] of isChange ? this.promised : []) {
        if (!key.startsWith(`${user} `)) continue;
        const leftMs = left.get(key.slice(user.length + 1)) ?? 0;
        this.promised.set(key, Math.min(untilMs, leftMs));
      }
    }
  }

  /** Doubts, and what was to be taken back, are lost unless there was time to store them. */
  #losesWhatIsNotStored(failedAtMs: number): void {
    const open = [...this.sent.values()].filter(({ isSettled }) => !isSettled);
    const isFresh = ({ endMs }: Sent): boolean => endMs > this.nowMs - STORED_MS;
    for (const sent of open) sent.isLost ||= isFresh(sent) || failedAtMs >= sent.startMs;
    const isShaky = failedAtMs > this.nowMs - DOUBT_STORED_MS;
    const recent = open.filter(isFresh);
    for (const uri of this.uncertain) {
      const isUnderWay = recent.some(
        ({ contacts, to }) =>
          contacts.includes(uri) || this.sent.get(this.setBy.get(uri) ?? "")?.to === to,
      );
      if (isShaky || isUnderWay) this.unknowable.add(uri);
    }
  }

  /** The main registrar has done what a REGISTER asks. */
  changes(text: string): void {
    const request = requestOf(text);
    const branch = request.via.branch ?? "";
    const asked = this.#asked.get(branchOf(text, 1));
    const contacts = contactsOf(request) ?? [];
    const isUnproven = !this.#isProven(asked);
    const isLate = this.sent.get(branch)?.isKilled !== false;
    if (contacts === "*") return this.#loses(request.to.uri, isUnproven || isLate);
    for (const contact of contacts) this.#sets(contact, branch);
    const uris = contacts.map(({ uri }) => uri);
    if (asked !== undefined) this.#gainProof(asked);
    addAll(this.uncertain, uris);
    // Only a shared contact concerns others.
    if (isUnproven && this.policy.mode === "aor") addAll(this.unknowable, uris);
    // What comes late may undo what the midreg that runs now has heard of already.
    if (isLate) addAll(this.forgotten, uris);
  }

  #sets({ uri, expires }: Contact, branch: string): void {
    this.forgotten.delete(uri);
    if (expires !== 0) this.setBy.set(uri, branch);
  }

  /**
   * The main registrar has done what a star asks. Were the answer to the star of somebody unproven lost, or to
   * one of a midreg that runs no more, midreg could not know what is gone.
   */
  #loses(to: string, isUnknowable: boolean): void {
    const gone = isUnknowable ? this.forgotten : this.uncertain;
    for (const [uri, branch] of this.setBy) if (this.sent.get(branch)?.to === to) gone.add(uri);
  }

  /** Whether a request comes from a device that is registered, or from midreg itself. */
  #isProven(asked: Asked | undefined): boolean {
    if (asked === undefined || this.policy.absorb === "open") return true;
    const { user, places, callId } = asked;
    return this.bindings(user).some(
      (binding) =>
        places.includes(binding.source.split("<")[1] ?? "") &&
        binding.callId === callId &&
        binding.expiresAtMs > this.nowMs,
    );
  }

  #gainProof({ user, places, callId, wanted, expires }: Asked): void {
    const untilMs = this.nowMs + expires * 1000 + GRANT_SLACK_MS;
    for (const contact of wanted) {
      const others = this.proofsOf(user, contact);
      this.proofs.set(`${user} ${contact}`, [...others, { places, callId, untilMs }]);
    }
  }

  /** midreg sends a REGISTER to the main registrar, for the first time or again. */
  sendsUpstream(text: string): void {
    const request = requestOf(text);
    const branch = request.via.branch ?? "";
    if (this.sent.has(branch)) return;
    oneRegisterInFlight(this, request.to.uri);
    const names = ["CSeq", "Call-ID", "Contact"].map((name) => headerLine(text, name));
    this.#note(`upstream ${names.join(" ")}`);
    const contacts = contactsOf(request);
    const sent: Sent = {
      to: request.to.uri,
      mode: this.policy.mode,
      contacts: contacts === "*" ? [] : (contacts ?? []).map(({ uri }) => uri),
      startMs: this.nowMs,
      endMs: this.nowMs + UPSTREAM_TIMEOUT_MS,
      isAnswered: false,
      isSettled: false,
      isKilled: false,
      isLost: false,
      isResync: contacts !== "*" && branchOf(text, 1) === "" && contacts?.[0]?.expires !== 0,
    };
    this.sent.set(branch, sent);
    this.#forwarded.set(branchOf(text, 1), sent);
  }

  /** An answer of the main registrar will be there after so long. */
  hearsFromUpstream(text: string, delayMs: number): void {
    const response = responseOf(text);
    const sent = this.sent.get(response.via.branch ?? "");
    const atMs = this.nowMs + delayMs;
    if (sent === undefined || atMs >= sent.endMs || sent.isKilled) return;
    if (!sent.isAnswered) this.#note(`main answers ${response.status}`);
    if (sent.isResync && response.status === 200) this.#shortens(sent, response);
    sent.isAnswered = true;
    sent.endMs = atMs;
  }

  /** A resync has got a shorter life than what depends on it. */
  #shortens({ to, startMs, contacts }: Sent, response: SipResponse): void {
    const listed = contactsOf(response);
    const own = listed === "*" ? [] : (listed ?? []).filter(({ uri }) => contacts.includes(uri));
    const user = to.replace(/^sip:|@.*/gu, "");
    for (const { uri, expires = 0 } of own) {
      const leastSec = Math.min(expires - this.policy.upstreamMarginSec, Math.floor(expires / 2));
      for (const { contact, upstream } of this.bindings(user)) {
        const key = `${user} ${contact}`;
        const untilMs = this.promised.get(key);
        if (upstream.contact !== uri || untilMs === undefined) continue;
        this.promised.set(key, Math.min(untilMs, startMs + leastSec * 1000));
      }
    }
  }

  /** midreg answers a phone. */
  answers(text: string): void {
    const response = responseOf(text);
    const branch = response.via.branch ?? "";
    const asked = this.#asked.get(branch);
    if (response.status !== 200 || asked === undefined || !this.#isNews(text)) return;
    const sent = this.#settle(branch);
    this.#note(`200 to CSeq ${response.cseq.number} of ${response.callId}`);
    if (sent === undefined) nothingAbsorbedWithoutProof(this, asked);
    answerSaysWhatIsStored(this, response, asked);
    othersSurviveAnAnswer(this, asked, sent?.mode === "aor");
    this.#remember(asked);
    // What a retransmission is told again settles nothing that was in doubt meanwhile.
    if (sent !== undefined || !this.#told.has(branch)) this.#makeCertain(asked, sent);
    this.#told.add(branch);
  }

  /** Whether an answer is not the same that its transaction has given before. */
  #isNews(text: string): boolean {
    const seenMs = this.#seenAnswers.get(text) ?? Number.NEGATIVE_INFINITY;
    if (this.nowMs - seenMs < TRANSACTION_MS) return false;
    this.#seenAnswers.set(text, this.nowMs);
    return true;
  }

  /**
   * The REGISTER that a 200 is the end of; undefined when it was absorbed, as is one that was forwarded and
   * answered before, and is answered anew.
   */
  #settle(branch: string): Sent | undefined {
    const sent = this.#forwarded.get(branch);
    if (sent === undefined || sent.isSettled || sent.isKilled) return undefined;
    sent.isSettled = true;
    return sent;
  }

  /** What a 200 promises. */
  #remember({ user, wanted, kind, unwanted, places, callId, aliases }: Asked): void {
    const stored = this.bindings(user);
    for (const key of this.promised.keys()) {
      if (key.startsWith(`${user} `)) this.promised.delete(key);
    }
    for (const { contact, expiresAtMs } of stored) {
      this.promised.set(`${user} ${contact}`, expiresAtMs);
      if (!wanted.includes(contact)) continue;
      this.proofs.set(`${user} ${contact}`, [{ places, callId, untilMs: expiresAtMs }]);
    }
    for (const key of this.proofs.keys()) {
      const uri = key.slice(user.length + 1);
      const isReplaced = aliases.includes(uri) && wanted.length > 0 && !wanted.includes(uri);
      const isGone = kind === "star" || unwanted.includes(uri) || isReplaced;
      if (key.startsWith(`${user} `) && isGone) this.proofs.delete(key);
    }
  }

  /** What a 200 that was not given before settles about the main registrar. */
  #makeCertain({ user, wanted }: Asked, sent: Sent | undefined): void {
    const granted = this.bindings(user).filter(({ contact }) => wanted.includes(contact));
    for (const { upstream } of granted) this.uncertain.delete(upstream.contact);
    for (const uri of sent?.contacts ?? []) {
      this.uncertain.delete(uri);
      this.unknowable.delete(uri);
    }
    const tookMs = sent === undefined ? 0 : this.nowMs - sent.startMs;
    for (const binding of granted) {
      noUpstreamTooShort(this, user, binding);
      marginIsKept(this, binding, tookMs);
    }
  }
}

function addAll(set: Set<string>, values: readonly string[]): void {
  for (const value of values) set.add(value);
}

/** The branch of one Via; empty when there are not so many. */
function branchOf(text: string, at: number): string {
  const via = headerLines(text, "Via")[at] ?? "";
  return /;branch=([^;]+)/u.exec(via)?.[1] ?? "";
}
