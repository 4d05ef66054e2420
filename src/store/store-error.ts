export type StoreErrorCode =
  /** Another process holds the database. */
  | "STORE_LOCKED"
  /** The content is damaged, or is not midreg's. */
  | "STORE_CORRUPT"
  /** The file or its directory cannot be written. */
  | "STORE_READONLY"
  /** The disk, or the size limit of the database, is used up. */
  | "STORE_FULL"
  /** A newer midreg has written the database. */
  | "STORE_TOO_NEW"
  /** Any other failure of input or output. */
  | "STORE_IO";

/** A store that cannot be opened or written: what, where and what to do, in one line. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StoreError";
    this.code = code;
  }
}

/** Stored content that does not have the form this program writes. Becomes STORE_CORRUPT. */
export class UnreadableContent extends Error {}

const ADVICE: Record<StoreErrorCode, (detail: string) => string> = {
  STORE_LOCKED: () =>
    "the database is in use by another process; stop that one, or give this one its own data directory",
  STORE_CORRUPT: (detail) =>
    `the database is damaged (${detail}); restore a backup, or move the file and its -wal away to start with no registrations`,
  STORE_READONLY: (detail) =>
    `the database cannot be written (${detail}); let the user midreg runs as write to the file and its directory`,
  STORE_FULL: (detail) =>
    `there is no space left for the database (${detail}); free some or raise the limit`,
  STORE_TOO_NEW: (detail) =>
    `${detail}; start the newer midreg, or restore a backup that this one wrote`,
  STORE_IO: (detail) => `the database cannot be used (${detail}); check the disk and the path`,
};

/** The error for a known cause, with the advice that belongs to its code. */
export function buildStoreError(
  code: StoreErrorCode,
  path: string,
  detail: string,
  cause?: unknown,
): StoreError {
  const line = `${path}: ${ADVICE[code](detail)}`.replaceAll(/\s+/gu, " ");
  return new StoreError(code, line, { cause });
}

const CODES: readonly (readonly [RegExp, StoreErrorCode])[] = [
  [/^SQLITE_(BUSY|LOCKED)/u, "STORE_LOCKED"],
  [/^SQLITE_(CORRUPT|NOTADB)/u, "STORE_CORRUPT"],
  [/^(SQLITE_(READONLY|CANTOPEN|PERM)|EACCES|EPERM|EROFS)/u, "STORE_READONLY"],
  [/^(SQLITE_(FULL|IOERR_SHMSIZE)|ENOSPC|EDQUOT)/u, "STORE_FULL"],
];

/** Turns whatever was thrown while working on the database at `path` into a StoreError. */
export function toStoreError(path: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const detail = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof UnreadableContent) {
    return buildStoreError("STORE_CORRUPT", path, detail, cause);
  }
  const tag =
    cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "";
  const code = CODES.find(([pattern]) => pattern.test(tag))?.[1] ?? "STORE_IO";
  return buildStoreError(code, path, detail, cause);
}
