import type { Log } from "../ports.ts";
import {
  MAX_CACHED_NAMES,
  MAX_QUERIES,
  MAX_STALE_MS,
  MAX_WAITERS,
  NEGATIVE_TTL_MS,
} from "./limits.ts";

export interface DnsCacheOptions<T> {
  /** For the log: "SRV". */
  readonly type: string;
  readonly ask: (name: string) => Promise<readonly T[]>;
  /** How long a non-empty answer holds. */
  readonly ttlMs: (records: readonly T[]) => number;
  readonly nowMs: () => number;
  readonly log: Log;
  readonly maxNames?: number | undefined;
}

interface Entry<T> {
  readonly records: readonly T[];
  readonly freshUntilMs: number;
  /** Until then the records stand in while the DNS does not answer. */
  readonly staleUntilMs: number;
  /** Whether the last query failed. */
  readonly isFailing: boolean;
  /** Whether it was asked for since eviction last passed by. */
  isUsed: boolean;
}

type Done<T> = (records: readonly T[]) => void;

/**
 * Answers of one record type by name, bounded in number. "No such record" is kept too. When a query
 * fails, the last answer stands in for up to an hour (RFC 8767) and is refreshed in the background
 * meanwhile; without one the result is empty. Queries for one name are joined.
 */
export class DnsCache<T> {
  readonly #options: DnsCacheOptions<T>;
  readonly #maxNames: number;
  readonly #entries = new Map<string, Entry<T>>();
  readonly #waiting = new Map<string, Done<T>[]>();

  constructor(options: DnsCacheOptions<T>) {
    this.#options = options;
    this.#maxNames = options.maxNames ?? MAX_CACHED_NAMES;
  }

  /** Calls back at once when the answer is known, else when the query has ended. */
  get(name: string, done: Done<T>): void {
    const entry = this.#entries.get(name);
    const nowMs = this.#options.nowMs();
    const stale = usable(entry, nowMs);
    if (entry !== undefined && nowMs < entry.freshUntilMs) {
      entry.isUsed = true;
      done(entry.records);
    } else if (stale !== undefined && entry?.isFailing === true) {
      entry.isUsed = true;
      if (!this.#waiting.has(name)) this.#join(name, ignore, stale);
      done(stale);
    } else {
      this.#join(name, done, stale ?? []);
    }
  }

  /** Waits for the query for that name, begun here when there is none; `otherwise` when over a limit. */
  #join(name: string, done: Done<T>, otherwise: readonly T[]): void {
    const waiters = this.#waiting.get(name);
    const isFull =
      waiters === undefined ? this.#waiting.size >= MAX_QUERIES : waiters.length >= MAX_WAITERS;
    if (isFull) done(otherwise);
    else if (waiters !== undefined) waiters.push(done);
    else {
      this.#waiting.set(name, [done]);
      void this.#query(name);
    }
  }

  async #query(name: string): Promise<void> {
    const entry = await this.#options.ask(name).then(
      (records) => this.#buildEntry(records),
      (error: unknown) => this.#buildFailed(name, error),
    );
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    this.#evict();
    const waiters = this.#waiting.get(name) ?? [];
    this.#waiting.delete(name);
    for (const done of waiters) done(entry.records);
  }

  #buildEntry(records: readonly T[]): Entry<T> {
    const { nowMs, ttlMs } = this.#options;
    const freshUntilMs = nowMs() + (records.length === 0 ? NEGATIVE_TTL_MS : ttlMs(records));
    const staleUntilMs = freshUntilMs + MAX_STALE_MS;
    return { records, freshUntilMs, staleUntilMs, isFailing: false, isUsed: false };
  }

  #buildFailed(name: string, error: unknown): Entry<T> {
    const { type, log, nowMs } = this.#options;
    const last = this.#entries.get(name);
    const stale = usable(last, nowMs());
    const reason = error instanceof Error ? error.message : String(error);
    if (stale === undefined || stale.length === 0)
      log.debug({ name, type, reason }, "dns query failed");
    else log.warn({ name, type, reason }, "dns query failed, the last answer stands in");
    return {
      records: stale ?? [],
      freshUntilMs: nowMs() + NEGATIVE_TTL_MS,
      staleUntilMs: last?.staleUntilMs ?? 0,
      isFailing: true,
      isUsed: false,
    };
  }

  /** Drops the oldest names that nobody asked for again; those in use go to the end once. */
  #evict(): void {
    for (const [name, entry] of this.#entries) {
      if (this.#entries.size <= this.#maxNames) return;
      this.#entries.delete(name);
      if (entry.isUsed) {
        entry.isUsed = false;
        this.#entries.set(name, entry);
      }
    }
  }
}

/** What the last good answer said, "there is no such record" included, while it may stand in. */
function usable<T>(entry: Entry<T> | undefined, nowMs: number): readonly T[] | undefined {
  return entry !== undefined && nowMs < entry.staleUntilMs ? entry.records : undefined;
}

function ignore(): void {
  // A refresh in the background: the cache itself is who wants to know.
}
