/** What the tests of location stores share: bindings, changes, and ways to wait for a store. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { AorRecord, Binding, DeRegistration } from "../../src/location/binding.ts";
import type { AorChange } from "../../src/location/change.ts";
import { buildChange } from "../../src/location/change.ts";
import type { LocationStore, Log, Metrics } from "../../src/ports.ts";
import type { SqliteStore, SqliteStoreOptions } from "../../src/store/sqlite-store.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";

export const AOR = "sip:alice@example.com";

export function buildBinding(ctid: string, parts: Partial<Binding> = {}): Binding {
  return {
    ctid,
    contact: `sip:${ctid}@198.51.100.7:40000;transport=udp`,
    params: "",
    q: undefined,
    callId: `${ctid}@198.51.100.7`,
    cseq: 1,
    expiresAtMs: 1_700_000_060_000,
    updatedAtMs: 1_700_000_000_000,
    source: "udp:192.0.2.1:5060<198.51.100.7:40000",
    path: "",
    userAgent: "Phone 1.0",
    replay: "",
    mode: "contact",
    methods: "",
    attr: "",
    registeredAtMs: 1_700_000_000_000,
    upstreamGruu: "",
    push: "",
    upstream: {
      upstream: "",
      callId: `up-${ctid}`,
      cseq: 7,
      expiresAtMs: 1_700_003_600_000,
      contact: `sip:192.0.2.1:5060;ctid=${ctid}`,
      requestUri: "sip:example.com",
      from: "",
      to: AOR,
    },
    ...parts,
  };
}

export function buildDeRegistration(
  ctid: string,
  parts: Partial<DeRegistration> = {},
): DeRegistration {
  const { upstream } = buildBinding(ctid);
  return { ctid, aor: AOR, upstream, dueAtMs: 1_700_000_001_000, attempts: 0, ...parts };
}

/** Saves and waits; rejects with the store's reason. */
export function save(store: LocationStore, change: AorChange): Promise<void> {
  return new Promise((resolve, reject) => {
    store.save(change, {
      committed: resolve,
      failed: (reason) => reject(new Error(reason)),
    });
  });
}

export function put(store: LocationStore, aor: string, ...bindings: Binding[]): Promise<void> {
  return save(store, buildChange(aor, { put: bindings }));
}

/** The whole content, in an order that does not depend on the store. */
export function readAll(store: LocationStore): {
  records: readonly AorRecord[];
  outbox: readonly DeRegistration[];
} {
  return {
    records: [...store.records()]
      .map(({ aor, bindings }) => ({ aor, bindings: bindings.map((binding) => ({ ...binding })) }))
      .toSorted((a, b) => compare(a.aor, b.aor)),
    outbox: [...store.deRegistrations()].toSorted((a, b) => compare(a.ctid, b.ctid)),
  };
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** A directory that goes when the test ends. */
export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "midreg-store-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export interface LogLine {
  readonly level: string;
  readonly text: string;
  readonly fields: object;
}

export const lines = (into: LogLine[]): Log => {
  const write = (level: string) => (fields: object, text: string) => {
    into.push({ level, text, fields });
  };
  return {
    isDebug: true,
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
  };
};

/** Keeps what was measured, by operation. */
export function buildMetrics(seconds: Map<string, number[]> = new Map()): Metrics {
  return {
    counter: () => ({ n: 0 }),
    gauge: () => undefined,
    timing: (_name, labels) => ({
      observe: (value) => {
        const op = labels?.["op"] ?? "";
        seconds.set(op, [...(seconds.get(op) ?? []), value]);
      },
    }),
  };
}

export const MIGRATIONS = new URL("../../migrations", import.meta.url).pathname;
export const WORKER = new URL("../../dist/store/sqlite-worker.js", import.meta.url);

export function buildOptions(
  directory: string,
  parts: Partial<SqliteStoreOptions> = {},
): SqliteStoreOptions {
  return {
    path: join(directory, "midreg.db"),
    durability: "commit",
    migrationsDir: MIGRATIONS,
    worker: WORKER,
    ...parts,
  };
}

/** Opens a store that is closed when the test ends, if not before. */
export async function openStore(
  options: SqliteStoreOptions,
  log: LogLine[] = [],
): Promise<SqliteStore> {
  const store = await openSqliteStore(options, { log: lines(log), metrics: buildMetrics() });
  onTestFinished(() => store.close());
  return store;
}
