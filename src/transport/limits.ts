/**
 * Limits of the transport room. Each bounds what peers or the DNS can cost; each has its reason.
 */

/**
 * Receive buffer asked for per UDP listener, in bytes. With the usual 208 KiB a storm of 20,000 REGISTERs
 * a second was seen to lose datagrams by the hundred while the process was busy for milliseconds; 4 MiB
 * holds 6,500 REGISTERs of 565 bytes, a third of a second of that storm.
 */
export const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** Largest UDP payload over IPv4 (65,535 less IP and UDP headers); IPv6 is held to the same. */
export const MAX_DATAGRAM_BYTES = 65_507;

/** No SIP message is this short, while pings of 1 to 4 arbitrary octets are common. */
export const MAX_PING_BYTES = 4;

/** Sends under way on one socket before its kernel backlog is looked at (the look costs a call). */
export const SENDS_UNCHECKED = 4096;

/** Bytes that may wait for a socket whose send buffer is full; what comes on top is refused. */
export const MAX_SEND_BACKLOG_BYTES = 8 * 1024 * 1024;

/**
 * One DNS attempt, its attempts, and the most that one query may take in all. c-ares doubles the time
 * with each round, so that two attempts take 3 s. NAPTR, SRV and address in a row stay under a third of
 * the 32 s that a SIP transaction lives.
 */
export const DNS_ATTEMPT_MS = 1000;
export const DNS_ATTEMPTS = 2;
export const DNS_QUERY_MS = 3000;

/** Look-ups by getaddrinfo at a time. Each holds one of the four threads of libuv for seconds at worst. */
export const MAX_SYSTEM_LOOKUPS = 2;

/** Names kept per record type; phones choose the names, so this is what a peer can fill. */
export const MAX_CACHED_NAMES = 10_000;

/** Queries under way per record type, and callers that may wait for one of them. */
export const MAX_QUERIES = 1000;
export const MAX_WAITERS = 10_000;

/** Default lifetime of NAPTR, SRV and system look-up answers, for which Node gives no TTL. */
export const FIXED_TTL_MS = 60_000;

/** Bounds on the TTL of addresses: not a query per request, and not a day with an old address. */
export const MIN_TTL_MS = 5000;
export const MAX_TTL_MS = 3_600_000;

/** How long "there is no such record" and "nobody answered" hold. */
export const NEGATIVE_TTL_MS = 10_000;

/** How long after its expiry an answer may still stand in for a DNS that does not answer (RFC 8767). */
export const MAX_STALE_MS = 3_600_000;

/** Records of one answer that are used, best first: an answer over TCP can hold a thousand. */
export const MAX_NAPTR_RECORDS = 8;
export const MAX_SRV_RECORDS = 64;
export const MAX_ADDRESSES = 16;

/** Servers of one result whose addresses are asked for, in the order that SRV gives them. */
export const MAX_SERVERS = 12;

/** Next hops in one result. Nobody tries more before the transaction has timed out. */
export const MAX_TARGETS = 32;

/** How long a failed target goes last, and how many are remembered. */
export const FAILED_FOR_MS = 30_000;
export const MAX_FAILED_TARGETS = 1000;

/**
 * Connections in all and from one address. A connection with its buffers takes about 20 kB, one of TLS 60 kB; behind one
 * address there may be a whole office, or a carrier's NAT.
 */
export const MAX_CONNECTIONS = 20_000;
export const MAX_CONNECTIONS_PER_SOURCE = 2000;

/** Connections that midreg may open when peers have taken all the others: to main registrars and edge proxies. */
export const OUTGOING_RESERVE = 500;

/** Keep-alive answers that may wait for a peer: one that has not read these does not miss more of them. */
export const MAX_UNREAD_PONGS = 16;

/** How long a connection that is ended may still take to get rid of what was written to it. */
export const LINGER_MS = 1000;

/** How long a connection may take from its opening until its first message or keep-alive, TLS and WebSocket included. */
export const FIRST_MESSAGE_MS = 15_000;

/** How long one message may take once it has begun: a phone that takes longer holds memory, and its call is lost anyway. */
export const WHOLE_MESSAGE_MS = 10_000;

/**
 * How long a connection may be silent that no registered device lives on. Phones send keep-alives every 2 minutes or
 * more often (RFC 5626 section 4.4.1).
 */
export const IDLE_MS = 600_000;

/** Opening a connection, TLS included: long enough for a lost SYN, and a third of what a transaction lives. */
export const CONNECT_MS = 5000;

/** Bytes that may wait for a peer who does not read; a peer that far behind is closed. */
export const MAX_CONNECTION_BACKLOG_BYTES = 1024 * 1024;

/**
 * The same where midreg has opened the connection: to a main registrar, which may stand still for a second while all phones
 * register at once. MAX_REGISTERS_IN_FLIGHT have 10 MB.
 */
export const MAX_OUTGOING_BACKLOG_BYTES = 16 * 1024 * 1024;

/**
 * Bytes that may wait for all such peers together, and how much of it each may have when there is no more: two thousand
 * peers from one address that do not read would otherwise have 2 GB.
 */
export const MAX_BACKLOG_BYTES = 128 * 1024 * 1024;
export const FAIR_BACKLOG_BYTES = 16 * 1024;

/** How often silent and slow connections are looked for. */
export const CONNECTION_SWEEP_MS = 1000;

/** Longest header of the PROXY protocol, version 2: 16 bytes and what it says follows; real ones have under 300. */
export const MAX_PROXY_HEADER_BYTES = 1024;

/**
 * Flows over UDP whose keep-alives are waited for, at 250 bytes each, and how long one that has fallen silent is
 * remembered: longer than phones sleep between two registrations.
 */
export const MAX_WATCHED_FLOWS = 100_000;
export const SILENT_FLOW_MS = 3_600_000;

/** How often the same fault of TLS with the same peer is told, and how many are remembered. */
export const TLS_FAULT_MS = 60_000;
export const MAX_TLS_FAULTS = 1000;
