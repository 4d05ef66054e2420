/** What the main thread and the thread that writes the journal say to each other. */
import type { CredentialChange } from "./credential-rows.ts";
import type { StoreErrorCode } from "./store-error.ts";

/** Doubles for each refresh: row id, cseq, expiresAtMs, updatedAtMs. */
export const TOUCH_WIDTH = 4;

export interface JournalEntry {
  readonly touches: Float64Array | undefined;
  /** JSON array of operations (operation.ts). */
  readonly changes: string | undefined;
}

export interface JournalOptions {
  readonly path: string;
  /** Whether a commit waits for the disk itself (synchronous=FULL). */
  readonly isFsynced: boolean;
  /** Size of the journal, content only, from which on it is folded. */
  readonly foldAfterBytes: number;
  /** Age from which on it is folded. */
  readonly foldAfterMs: number;
  /** Ceiling for the database file; undefined means the disk is the limit. */
  readonly maxSizeBytes: number | undefined;
}

export type ToJournal =
  /** The first message. Journal rows after `lastSeq` were never acknowledged and are undone. */
  | { readonly kind: "open"; readonly options: JournalOptions; readonly lastSeq: number }
  /** Commit one row. Sent only after the row before it was acknowledged. */
  | { readonly kind: "write"; readonly seq: number; readonly entry: JournalEntry }
  /** Change the table of credentials, beside the journal; answered in order. */
  | { readonly kind: "credentials"; readonly change: CredentialChange }
  | { readonly kind: "close" };

export type FromJournal =
  | { readonly kind: "ready" }
  /** It cannot work; the thread ends. */
  | { readonly kind: "unusable"; readonly code: StoreErrorCode; readonly reason: string }
  | { readonly kind: "written"; readonly seq: number }
  | { readonly kind: "failed"; readonly seq: number; readonly reason: string }
  /** A change of credentials has ended: well when the reason is empty. */
  | { readonly kind: "credentials"; readonly reason: string }
  | { readonly kind: "folded"; readonly rows: number; readonly busySec: number }
  /** Work in the background fails, or works again (an empty reason). Commits go on. */
  | { readonly kind: "upkeep"; readonly task: "fold" | "checkpoint"; readonly reason: string };
