import type { NaptrRecord, RecordWithTtl, SrvRecord } from "node:dns";

/**
 * The questions next-hop resolution asks. An empty answer means that there are no such records; a
 * rejection means that nobody knows. Every answer comes in bounded time.
 */
export interface Dns {
  resolveNaptr(name: string): Promise<readonly NaptrRecord[]>;
  resolveSrv(name: string): Promise<readonly SrvRecord[]>;
  /** A records, with their TTL in seconds. */
  resolve4(name: string): Promise<readonly RecordWithTtl[]>;
  /** AAAA records, with their TTL in seconds. */
  resolve6(name: string): Promise<readonly RecordWithTtl[]>;
  /** Addresses of both families as the system knows them, for names that only the hosts file has. */
  lookup(name: string): Promise<readonly string[]>;
}
