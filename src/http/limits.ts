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
