import type { Decision, DecisionFacts } from "../location/decision.ts";
import { SlotMap } from "./slot-map.ts";

export interface DecisionLogOptions {
  /** Entries kept of each address-of-record; 0 keeps none at all. */
  readonly perAor: number;
  /** Entries kept in all; the first one of an address-of-record takes some 400 bytes, others 200. */
  readonly maxEntries: number;
}

/**
 * Addresses-of-record that nothing is bound to get no more than this share of the entries, so that somebody who
 * makes up names cannot have the decisions about real ones forgotten.
 */
const STRANGERS_SHARE = 0.1;

/** The recent decisions of every address-of-record, in bounded memory. */
export class DecisionLog {
  readonly #known: DecisionPool;
  readonly #strangers: DecisionPool;
  readonly #isOn: boolean;

  constructor({ perAor, maxEntries }: DecisionLogOptions) {
    const strangers = Math.ceil(maxEntries * STRANGERS_SHARE);
    this.#isOn = perAor > 0;
    this.#known = new DecisionPool(perAor, Math.max(1, maxEntries - strangers));
    this.#strangers = new DecisionPool(perAor, strangers);
  }

  /** Whether anything is kept, so that the hot path need not collect the facts. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** Keeps a decision. `isKnown` says whether something is bound to the address-of-record. */
  record(aor: string, isKnown: boolean, facts: DecisionFacts, nowMs: number): void {
    if (!this.#isOn) return;
    if (isKnown) this.#known.record(aor, facts, nowMs);
    else this.#strangers.record(aor, facts, nowMs);
  }

  /** The decisions that are still kept, the latest first. */
  of(aor: string): readonly Decision[] {
    const all = [...this.#known.of(aor), ...this.#strangers.of(aor)];
    return all.toSorted((a, b) => b.atMs - a.atMs);
  }

  /** Entries there are. */
  get size(): number {
    return this.#known.size + this.#strangers.size;
  }
}

/**
 * An entry that is filled again and again: what is forgotten makes room for what comes, so that decisions at
 * the rate of a storm leave no garbage.
 */
class Entry implements Decision {
  /** The entry of the same address-of-record that was added to before this one. */
  before: Entry | undefined;
  kind: Decision["kind"] = "absorb";
  reason = "";
  outcome = "";
  ctid = "";
  contacts = 0;
  ageSec: number | undefined;
  expiresSec: number | undefined;
  upstreamSec: number | undefined;
  proof: Decision["proof"] = "none";
  status: number | undefined;
  durationMs: number | undefined;
  rule = "";
  source = "";
  firstAtMs = 0;
  atMs = 0;
  count = 0;

  begin(facts: DecisionFacts, nowMs: number): void {
    this.kind = facts.kind;
    this.reason = facts.reason;
    this.outcome = facts.outcome;
    this.ctid = facts.ctid;
    this.proof = facts.proof;
    this.status = facts.status;
    this.rule = facts.rule;
    this.source = facts.source;
    this.firstAtMs = nowMs;
    this.count = 0;
    this.repeat(facts, nowMs);
  }

  repeat(facts: DecisionFacts, nowMs: number): void {
    this.contacts = facts.contacts;
    this.ageSec = facts.ageSec;
    this.expiresSec = facts.expiresSec;
    this.upstreamSec = facts.upstreamSec;
    this.durationMs = facts.durationMs;
    this.atMs = nowMs;
    this.count += 1;
  }

  /** A copy that does not change any more. */
  read(): Decision {
    return {
      kind: this.kind,
      reason: this.reason,
      outcome: this.outcome,
      ctid: this.ctid,
      contacts: this.contacts,
      ageSec: this.ageSec,
      expiresSec: this.expiresSec,
      upstreamSec: this.upstreamSec,
      proof: this.proof,
      status: this.status,
      durationMs: this.durationMs,
      rule: this.rule,
      source: this.source,
      firstAtMs: this.firstAtMs,
      atMs: this.atMs,
      count: this.count,
    };
  }

  /** Whether the facts are this decision once more. */
  isSame(facts: DecisionFacts): boolean {
    return (
      this.kind === facts.kind &&
      this.reason === facts.reason &&
      this.outcome === facts.outcome &&
      this.proof === facts.proof &&
      this.status === facts.status &&
      this.rule === facts.rule &&
      this.source === facts.source
    );
  }

  /** Lets go of what it refers to. */
  clear(): void {
    this.ctid = "";
    this.source = "";
    this.before = undefined;
  }
}

/** The entries of one address-of-record, as a list from the latest on, and its place among all of them. */
interface History {
  aor: string;
  latest: Entry | undefined;
  length: number;
  older: History | undefined;
  newer: History | undefined;
}

/** Histories in the order in which they were last added to; the oldest goes when there is no room. */
class DecisionPool {
  readonly #perAor: number;
  readonly #maxEntries: number;
  readonly #histories = new SlotMap<History>();
  #newest: History | undefined;
  #oldest: History | undefined;
  #count = 0;
  readonly #freeHistories: History[] = [];
  readonly #freeEntries: Entry[] = [];

  constructor(perAor: number, maxEntries: number) {
    this.#perAor = perAor;
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#count;
  }

  /** The latest first. */
  of(aor: string): Decision[] {
    const found: Decision[] = [];
    let entry = this.#histories.get(aor)?.latest;
    for (; entry !== undefined; entry = entry.before) found.push(entry.read());
    return found;
  }

  record(aor: string, facts: DecisionFacts, nowMs: number): void {
    const history = this.#histories.get(aor) ?? this.#open(aor);
    this.#moveToFront(history);
    const run = takeRun(history, facts);
    if (run !== undefined) return run.repeat(facts, nowMs);
    const entry = this.#takeEntry(history);
    entry.begin(facts, nowMs);
    putFirst(history, entry);
    return this.#makeRoom(history);
  }

  #takeEntry(history: History): Entry {
    if (history.length === this.#perAor) return takeLast(history);
    this.#count += 1;
    return this.#freeEntries.pop() ?? new Entry();
  }

  #open(text: string): History {
    // A copy, since the text may be a slice of a whole datagram.
    const aor = Buffer.from(text, "latin1").toString("latin1");
    const free = this.#freeHistories.pop();
    const history = free ?? {
      aor,
      latest: undefined,
      length: 0,
      older: undefined,
      newer: undefined,
    };
    history.aor = aor;
    this.#histories.set(aor, history);
    return history;
  }

  #makeRoom(but: History): void {
    while (this.#count > this.#maxEntries && this.#oldest !== undefined && this.#oldest !== but) {
      this.#forget(this.#oldest);
    }
  }

  #forget(history: History): void {
    this.#unlink(history);
    this.#histories.delete(history.aor);
    this.#count -= history.length;
    while (history.latest !== undefined) {
      const entry = history.latest;
      history.latest = entry.before;
      entry.clear();
      this.#freeEntries.push(entry);
    }
    history.length = 0;
    this.#freeHistories.push(history);
  }

  #moveToFront(history: History): void {
    if (this.#newest === history) return;
    this.#unlink(history);
    history.older = this.#newest;
    if (this.#newest !== undefined) this.#newest.newer = history;
    this.#newest = history;
    this.#oldest ??= history;
  }

  #unlink(history: History): void {
    const { older, newer } = history;
    if (older !== undefined) older.newer = newer;
    if (newer !== undefined) newer.older = older;
    if (this.#oldest === history) this.#oldest = newer;
    if (this.#newest === history) this.#newest = older;
    history.older = undefined;
    history.newer = undefined;
  }
}

/**
 * The entry that the facts continue, made the latest: the latest one of their binding, if it says the same. Those
 * of other bindings in between do not matter.
 */
function takeRun(history: History, facts: DecisionFacts): Entry | undefined {
  let after: Entry | undefined;
  for (let entry = history.latest; entry !== undefined; entry = entry.before) {
    if (entry.ctid === facts.ctid) {
      if (!entry.isSame(facts)) return undefined;
      if (after === undefined) return entry;
      after.before = entry.before;
      entry.before = history.latest;
      history.latest = entry;
      return entry;
    }
    after = entry;
  }
  return undefined;
}

function putFirst(history: History, entry: Entry): void {
  entry.before = history.latest;
  history.latest = entry;
  history.length += 1;
}

/** Takes the oldest entry out of a list that has at least one. */
function takeLast(history: History): Entry {
  let after: Entry | undefined;
  let entry = history.latest ?? new Entry();
  while (entry.before !== undefined) {
    after = entry;
    entry = entry.before;
  }
  if (after === undefined) history.latest = undefined;
  else after.before = undefined;
  history.length -= 1;
  return entry;
}
