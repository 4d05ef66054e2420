/** Header section of a request; scrapers and browsers stay far below. */
export const MAX_HEADER_BYTES = 8192;

/** Time for a request's headers, and for all of it: who takes longer holds a connection for nothing. */
export const HEADERS_TIMEOUT_MS = 5000;
export const REQUEST_TIMEOUT_MS = 10_000;

/** How often the two above are looked at. */
export const TIMEOUT_CHECK_MS = 1000;

/** A connection on which nothing moves for this long, such as one whose client does not read. */
export const SOCKET_TIMEOUT_MS = 30_000;

/** Connections at once; a handful of scrapers and probes need no more. */
export const MAX_CONNECTIONS = 64;

/** An idle connection is kept a little longer than the usual interval between probes. */
export const KEEP_ALIVE_MS = 15_000;

/** How long requests under way may take when the server stops. */
export const STOP_GRACE_MS = 1000;

/** Body of a request; the largest that makes sense holds one contact URI. */
export const MAX_BODY_BYTES = 16_384;

/** Credentials in one import, and its body; a large file comes in several. Read in some milliseconds. */
export const MAX_IMPORTED_CREDENTIALS = 1000;
export const MAX_IMPORT_BYTES = 2 * 1024 * 1024;

/** Contact URIs, addresses-of-record and the like in requests. */
export const MAX_NAME_LENGTH = 8192;

/** Lifetime of a contact: what 31 bits hold (RFC 3261 section 20.19 has 32). */
export const MAX_EXPIRES_SEC = 2_147_483_647;

/** REGISTERs a second of a resync; the configuration has the same limit. */
export const MAX_RESYNC_RATE = 10_000;

/** Records in a page of a list: unless it is asked for, and at most. */
export const DEFAULT_PAGE = 100;
export const MAX_PAGE = 1000;

/** Records that one page may look at for those with its prefix: some milliseconds. */
export const MAX_SCANNED_PER_PAGE = 50_000;

/** Retry-After of a 503, in seconds. */
export const BUSY_RETRY_AFTER_SEC = 5;
