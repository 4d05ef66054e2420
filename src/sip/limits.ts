/**
 * Limits of message syntax. Each bounds what one message can cost; each has its reason.
 */

/** A UDP datagram cannot carry more; a stream message is held to the same. */
export const MAX_MESSAGE_BYTES = 65_535;

/** Real requests have 10 to 40 lines; a message beyond this is a memory attack. */
export const MAX_HEADER_LINES = 256;

/** Longer than any real URI, push endpoints included (RFC 8599 section 12 carries a whole URL). */
export const MAX_URI_LENGTH = 4096;

/** Values of one list header (Contact, Route, Via): bounds the work of one request. */
export const MAX_LIST_VALUES = 64;

/** CSeq numbers are below 2**31 (RFC 3261 section 8.1.1.5). */
export const MAX_CSEQ = 2_147_483_647;

/** Max-Forwards is an integer from 0 to 255 (RFC 3261 section 20.22). */
export const MAX_MAX_FORWARDS = 255;

/** delta-seconds are below 2**32 (RFC 3261 section 20.19); larger values count as this one. */
export const MAX_DELTA_SECONDS = 4_294_967_295;
