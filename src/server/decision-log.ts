import type { Decision, DecisionFacts } from "../location/decision.ts";
import { SlotMap } from "./slot-map.ts";

export interface DecisionLogOptions {
  /** Entries kept of each address-of-record; 0 keeps none at all. */
  readonly perAor: number;
  /** Entries kept in all; an entry takes some 250 bytes. */
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

  /** Lets go of the texts. */
  clear(): void {
    this.ctid = "";
    this.source = "";
  }
}

/** The entries of one address-of-record, the latest last, and its place among all of them. */
interface History {
  aor: string;
  readonly entries: Entry[];
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

  of(aor: string): Decision[] {
    return (this.#histories.get(aor)?.entries ?? []).map((entry) =>
      structuredClone<Decision>(entry),
    );
  }

  record(aor: string, facts: DecisionFacts, nowMs: number): void {
    const history = this.#histories.get(aor) ?? this.#open(aor);
    this.#moveToFront(history);
    const run = takeRun(history.entries, facts);
    if (run !== undefined) return run.repeat(facts, nowMs);
    const entry = this.#takeEntry(history);
    entry.begin(facts, nowMs);
    history.entries.push(entry);
    return this.#makeRoom(history);
  }

  #takeEntry({ entries }: History): Entry {
    const oldest = entries.length < this.#perAor ? undefined : entries.shift();
    if (oldest !== undefined) return oldest;
    this.#count += 1;
    return this.#freeEntries.pop() ?? new Entry();
  }

  #open(text: string): History {
    // A copy, since the text may be a slice of a whole datagram.
    const aor = Buffer.from(text, "latin1").toString("latin1");
    const free = this.#freeHistories.pop();
    const history = free ?? { aor, entries: [], older: undefined, newer: undefined };
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
    for (const entry of history.entries) {
      entry.clear();
      this.#freeEntries.push(entry);
    }
    this.#count -= history.entries.length;
    history.entries.length = 0;
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
 * The entry that the facts continue, moved to the end: the latest one of their binding, if it says the same.
 * Those of other bindings in between do not matter.
 */
function takeRun(entries: Entry[], facts: DecisionFacts): Entry | undefined {
  for (let at = entries.length - 1; at >= 0; at -= 1) {
    const entry = entries[at];
    if (entry === undefined || entry.ctid !== facts.ctid) continue;
    if (!entry.isSame(facts)) return undefined;
    entries.copyWithin(at, at + 1);
    entries[entries.length - 1] = entry;
    return entry;
  }
  return undefined;
}
