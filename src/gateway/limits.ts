/**
 * Limits of the push senders. Each names what it bounds and why that much.
 */

/** Pushes that wait or are under way in one lane: ten seconds of a large installation's calls, at 1 kB each. */
export const MAX_PUSHES_PER_LANE = 10_000;

/** Lanes of one provider: hosts of push services. There are a handful in the world. */
export const MAX_LANES = 64;

/** Requests at once over HTTP/1.1, each on a connection of its own. */
export const MAX_HTTP_REQUESTS = 32;

/** Streams at once on a session of APNs, which itself grants 1000. */
export const MAX_APNS_STREAMS = 500;

/** How often one push is tried; its deadline ends it sooner in most cases. */
export const MAX_ATTEMPTS = 6;

/** Wait before the second attempt, doubled for each further one, and less by up to a half at random. */
export const FIRST_BACKOFF_MS = 400;
export const MAX_BACKOFF_MS = 8000;

/** With less than this left before the deadline no further attempt is made: an answer takes as long. */
export const MIN_ATTEMPT_MS = 50;

/** Failures in a row that open a breaker: fewer happen by chance. */
export const BREAKER_FAILURES = 5;

/** For how long it opens at first; doubled each time up to the longest. */
export const BREAKER_FIRST_MS = 2000;
export const BREAKER_LONGEST_MS = 60_000;

/** A provider that has said nothing for this long when a deadline ends the attempt counts as failing. */
export const SLOW_ANSWER_MS = 2000;

/** How long a provider's Retry-After is believed. */
export const MAX_RETRY_AFTER_MS = 3_600_000;

/** Retry-After of FCM where it gives none, as its manual asks. */
export const FCM_RETRY_AFTER_MS = 60_000;

/** Longest time for one request; a push whose provider takes longer is late anyway. */
export const REQUEST_TIMEOUT_MS = 10_000;

/** Body of an answer; error texts of the providers have some hundred bytes. */
export const MAX_ANSWER_BYTES = 16_384;

/** Characters of a caller's URI or name in a payload, which APNs limits to 4096 bytes in all. */
export const MAX_CALLER_LENGTH = 200;

/** Characters of a Call-ID in a payload. */
export const MAX_CALL_ID_LENGTH = 256;

/** A file of a key is a few kilobytes. */
export const MAX_KEY_FILE_BYTES = 65_536;

/**
 * How far the wall clock may move away from the steady one before what was signed by it is signed anew: less than
 * providers mind, and more than a clock drifts while a token is used.
 */
export const MAX_WALL_DRIFT_MS = 60_000;
