import type { LocationStore, ResyncScope } from "../ports.ts";

/** What is stored of a resync under way. */
export interface NotedResync {
  readonly scope: ResyncScope;
  readonly startedAtMs: number;
  /** The longest lifetime that could be asked of a main registrar when it began. */
  readonly longestSec: number;
}

const KEY = "resync";
/** What cannot be stored costs an operator the asking again after a restart. */
const NOBODY = { committed: () => undefined, failed: () => undefined };

/** The resync under way, as the next process finds it. */
export class ResyncNote {
  readonly #store: Pick<LocationStore, "readMeta" | "writeMeta">;

  constructor({ store }: { readonly store: Pick<LocationStore, "readMeta" | "writeMeta"> }) {
    this.#store = store;
  }

  write(noted: NotedResync): void {
    this.#store.writeMeta(KEY, JSON.stringify(noted), NOBODY);
  }

  clear(): void {
    this.#store.writeMeta(KEY, "", NOBODY);
  }

  /** Undefined when none is under way, or when it is not as this version writes it. */
  read(): NotedResync | undefined {
    const text = this.#store.readMeta(KEY);
    return text === undefined ? undefined : parseNote(text);
  }
}

function parseNote(text: string): NotedResync | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { scope, startedAtMs, longestSec } = fieldsOf(value);
  const { aor, upstream, rate } = fieldsOf(scope);
  if (typeof startedAtMs !== "number" || typeof longestSec !== "number") return undefined;
  return {
    scope: {
      aor: typeof aor === "string" ? aor : undefined,
      upstream: typeof upstream === "string" ? upstream : undefined,
      rate: typeof rate === "number" ? rate : undefined,
    },
    startedAtMs,
    longestSec,
  };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
