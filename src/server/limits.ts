/**
 * Limits of the running server. Each names what it bounds and why that much.
 */

/** REGISTERs forwarded and not yet answered. More than a registrar that needs shielding can take. */
export const MAX_REGISTERS_IN_FLIGHT = 10_000;

/** REGISTERs of one address-of-record waiting for the one in flight: a user's devices, twice over. */
export const MAX_WAITING_PER_AOR = 16;

/** REGISTERs waiting in all, so that a silent main registrar costs bounded memory. */
export const MAX_WAITING = 20_000;

/** Bytes of the REGISTERs that wait: room for MAX_WAITING real ones, or for 600 of the largest. */
export const MAX_WAITING_BYTES = 32 * 1024 * 1024;

/**
 * A waiting REGISTER older than this is dropped, and what is no INVITE gets the best answer there is by then: its sender's
 * timer F (32 s) is about to end.
 */
export const MAX_WAIT_MS = 25_000;

/** Live server transactions, completed ones included. At 2 kB each this is 200 MB at most. */
export const MAX_SERVER_TRANSACTIONS = 100_000;

/**
 * Bytes that live server transactions hold: their requests until they are answered, their answers after that. A
 * request is there up to three times (as received, as sent on, and with its Via), so that 10,000 datagrams of
 * 56 kB to a silent peer cost 400 MB and not 1.7 GB.
 */
export const MAX_TRANSACTION_BYTES = 128 * 1024 * 1024;

/** As much of that can be full when another REGISTER comes: calls must go on when it is them that wait. */
export const MAX_BYTES_BEFORE_REGISTER = MAX_TRANSACTION_BYTES / 2;

/**
 * Largest request that is taken. What is forwarded gains a Via, Record-Route, Path or longer Contacts, and has
 * to fit a datagram of 65,507 bytes even so.
 */
export const MAX_REQUEST_BYTES = 56 * 1024;

/**
 * Server transactions above which completed REGISTERs go before their time, oldest first; deciding a
 * retransmission of one anew gives the same answer, so nothing is lost but work.
 */
export const MAX_COMPLETED_REGISTERS = 16_384;

/** Upstream identities of registrations that are not committed yet (a challenge was passed on). */
export const MAX_PENDING_IDENTITIES = 50_000;

/** Error answers per second to one source address, and how many may come at once. */
export const ERRORS_PER_SECOND = 20;
export const ERROR_BURST = 50;

/** Lines of one kind in the log, per second and at once: what an operator can still read, and a tenth of a GB a day at worst. */
export const LINES_PER_SECOND = 5;
export const LINE_BURST = 50;

/** Source addresses whose error answers are counted; the oldest are forgotten first. */
export const MAX_COUNTED_SOURCES = 10_000;

/** De-registrations under way at once, and how often due ones are looked for. */
export const MAX_DEREGISTRATIONS_IN_FLIGHT = 100;
export const OUTBOX_TICK_MS = 250;

/** REGISTERs of a resync under way at once: as many as the main registrar gets of de-registrations. */
export const MAX_RESYNC_IN_FLIGHT = 100;

/** How often a resync sends its share, and how many records it may look at for that: some 2 ms. */
export const RESYNC_TICK_MS = 50;
export const MAX_RESYNC_RECORDS_PER_TICK = 2000;

/** Expiries processed in one go, so that a million at once do not hold up the traffic. */
export const MAX_EXPIRIES_PER_TICK = 2000;
export const SWEEP_TICK_MS = 1000;

/** How often pings are sent, and how many records the walk to find them may look at then: some 2 ms. */
export const PING_TICK_MS = 50;
export const MAX_PING_RECORDS_PER_TICK = 2000;

/** Pings that wait for an answer at once, at 2 kB each. */
export const MAX_PINGS_IN_FLIGHT = 20_000;

/** How often pushes to refresh are sent, and how many devices are looked at for that: some 2 ms. */
export const REFRESH_TICK_MS = 1000;
export const MAX_REFRESH_LOOKS_PER_TICK = 20_000;

/** Pushes to refresh that wait for one provider, which has room for others that way. */
export const MAX_REFRESH_PUSHES_IN_FLIGHT = 1000;

/** An INVITE branch without a final answer is cancelled after this (RFC 3261 section 16.6 step 11). */
export const TIMER_C_MS = 185_000;

/** After a CANCEL, a branch that stays silent this long is given up (RFC 3261 section 9.1: 64*T1). */
export const CANCEL_WAIT_MS = 32_000;

/** Largest request by UDP where the path's MTU is not known, its Via included (RFC 3261 section 18.1.1). */
export const MAX_UDP_REQUEST_BYTES = 1300;

/** How long a peer that has not taken a large request by TCP gets them by UDP, and how many are remembered. */
export const TCP_REFUSED_MS = 600_000;
export const MAX_TCP_REFUSALS = 1000;

/** With further targets to try, how long one may stay silent before the next is tried. */
export const FAIL_OVER_MS = 4000;

/** Without a word from the main registrar for this long, it is asked with OPTIONS. */
export const PROBE_INTERVAL_MS = 15_000;

/** How often the main registrar's name is resolved anew. */
export const RESOLVE_INTERVAL_MS = 30_000;

/** How long an address that the main registrar's name no longer resolves to is still believed. */
export const PEER_MEMORY_MS = 3_600_000;

/** How long a drain waits for transactions under way before the process ends all the same. */
export const DRAIN_LIMIT_MS = 10_000;

/** Retry-After of a 503 that midreg gives because it cannot store or is full, in seconds. */
export const BUSY_RETRY_AFTER_SEC = 10;

/**
 * Devices that are being woken at once, at some 600 bytes each: their requests are bounded as transactions. More
 * phones than wake in the six seconds that a request waits, at the rate of calls that one process has.
 */
export const MAX_WAKES = 20_000;

/** Requests that wait for one device: more callers at once than anybody can answer. */
export const MAX_WAITING_PER_WAKE = 32;

/**
 * How long anything but an INVITE waits for its device at most: of the 32 seconds that its sender waits (64*T1), this
 * leaves the device time to answer (RFC 4320 section 4, RFC 8599 section 5.6.2).
 */
export const MAX_NON_INVITE_WAKE_MS = 20_000;

/**
 * For how long a device that was heard is awake for what is neither call nor message. Main registrars send NOTIFY
 * after each REGISTER (Asterisk, of waiting messages): if that woke the device, whose REGISTER is the answer, it would not
 * come to rest.
 */
export const JUST_HEARD_MS = 10_000;

/** How long a push that an operator sends may take: less than the operator's client waits. */
export const PUSH_TEST_MS = 8000;

/** For how long a push is worth delivering that says that a call is over. */
export const CALL_OVER_MS = 30_000;

/** Callers, and devices, whose pushes are counted at 150 bytes each; the oldest are forgotten first. */
export const MAX_COUNTED_PUSHERS = 20_000;

/** The longest From of a caller that pushes are counted by; what is longer is cut. */
export const MAX_CALLER_LENGTH = 256;

/** Wrong passwords that one address may send for one user within the window, before it gets no answers. */
export const MAX_AUTH_FAILURES_PER_USER = 5;

/**
 * And for all users together: many phones share an address, so it is much more; a phone that has its password
 * wrong counts up to MAX_AUTH_FAILURES_PER_USER times.
 */
export const MAX_AUTH_FAILURES_PER_SOURCE = 100;

/** How long it takes until failures up to a limit are forgotten; they are forgotten one by one. */
export const AUTH_FAILURE_WINDOW_MS = 60_000;

/** Addresses and users whose failures are counted at 200 bytes each; the oldest are forgotten first. */
export const MAX_COUNTED_FAILURES = 50_000;

/** Nonces whose counts are known, in each of two generations of 150 bytes an entry. */
export const MAX_COUNTED_NONCES = 250_000;

/** A request that comes again within this is a retransmission (timer F of RFC 3261 section 17.1.2.2). */
export const RETRANSMISSION_MS = 32_000;

/** How long a restart remembers that a main registrar wants longer lifetimes; it may have changed its mind. */
export const FORGET_FLOOR_AFTER_MS = 86_400_000;

/** What could not be stored of a doubt is stored later. */
export const DOUBT_RETRY_MS = 5000;

/**
 * After a restart, what is looked at and ended in one go of bindings whose connections have gone with the last process:
 * some 2 ms, and no more of them than a main registrar can be told of.
 */
export const LOST_FLOWS_TICK_MS = 1000;
export const MAX_LOST_FLOW_RECORDS_PER_TICK = 20_000;
export const MAX_LOST_FLOWS_PER_TICK = 500;

/** Bindings that requests have failed to reach, until their devices register again; the oldest are forgotten first. */
export const MAX_FAILED_FLOWS = 10_000;

/**
 * How much longer than Flow-Timer a silence may last: a device that gets no answer to its STUN request has given it up
 * after 39.5 s (RFC 5389 section 7.2.1).
 */
export const FLOW_TIMER_GRACE_MS = 40_000;

/**
 * Requests to devices that are remembered, for when the main registrar sends them by several ways, and for how long: as
 * long as timer F runs.
 */
export const MAX_MERGED_REQUESTS = 20_000;
export const MERGE_MS = 32_000;

/** How long after a refusal a copy may still come: the first three retransmissions of one that was lost by UDP. */
export const MERGE_AGAIN_MS = 4000;
