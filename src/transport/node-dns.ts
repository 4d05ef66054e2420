import type { LookupAddress, NaptrRecord, RecordWithTtl, SrvRecord } from "node:dns";
import { promises as dns } from "node:dns";
import type { Dns } from "./dns.ts";
import { DNS_ATTEMPT_MS, DNS_ATTEMPTS, DNS_QUERY_MS, MAX_SYSTEM_LOOKUPS } from "./limits.ts";
import { systemCode } from "./transport-error.ts";

export interface NodeDnsOptions {
  /** DNS servers as IP or IP:port, IPv6 in brackets; the system's when left out. */
  readonly servers?: readonly string[] | undefined;
  /** Time for the first attempt; c-ares doubles it with each round. */
  readonly attemptMs?: number | undefined;
  readonly attempts?: number | undefined;
  /** The most one query may take in all. */
  readonly queryMs?: number | undefined;
  /** Asks the system (hosts file included); getaddrinfo when left out. */
  readonly lookup?: ((name: string) => Promise<readonly LookupAddress[]>) | undefined;
}

/** Codes that say for sure that there is no such record: NXDOMAIN and an empty answer. */
const NO_RECORD = new Set(["ENOTFOUND", "ENODATA"]);

/** DNS by Node's resolver (c-ares), and by getaddrinfo for what only the hosts file knows. */
export class NodeDns implements Dns {
  readonly #resolver: dns.Resolver;
  readonly #queryMs: number;
  readonly #lookup: (name: string) => Promise<readonly LookupAddress[]>;
  #lookups = 0;

  /** Throws when a server is not an IP address with an optional port. */
  constructor(options: NodeDnsOptions = {}) {
    const timeout = options.attemptMs ?? DNS_ATTEMPT_MS;
    this.#resolver = new dns.Resolver({ timeout, tries: options.attempts ?? DNS_ATTEMPTS });
    if (options.servers !== undefined) this.#resolver.setServers(options.servers);
    this.#queryMs = options.queryMs ?? DNS_QUERY_MS;
    this.#lookup = options.lookup ?? systemLookup;
  }

  async resolveNaptr(name: string): Promise<readonly NaptrRecord[]> {
    return this.#ask(this.#resolver.resolveNaptr(name));
  }

  async resolveSrv(name: string): Promise<readonly SrvRecord[]> {
    return this.#ask(this.#resolver.resolveSrv(name));
  }

  async resolve4(name: string): Promise<readonly RecordWithTtl[]> {
    return this.#ask(this.#resolver.resolve4(name, { ttl: true }));
  }

  async resolve6(name: string): Promise<readonly RecordWithTtl[]> {
    return this.#ask(this.#resolver.resolve6(name, { ttl: true }));
  }

  async lookup(name: string): Promise<readonly string[]> {
    if (this.#lookups >= MAX_SYSTEM_LOOKUPS) throw new Error("too many system look-ups");
    this.#lookups += 1;
    const asked = this.#lookup(name).finally(() => {
      this.#lookups -= 1;
    });
    const found = await this.#ask(asked);
    return found.map(({ address }) => address);
  }

  async #ask<T>(query: Promise<readonly T[]>): Promise<readonly T[]> {
    try {
      return await within(this.#queryMs, query);
    } catch (error) {
      if (NO_RECORD.has(systemCode(error))) return [];
      throw error;
    }
  }
}

async function systemLookup(name: string): Promise<readonly LookupAddress[]> {
  return dns.lookup(name, { all: true });
}

async function within<T>(limitMs: number, query: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${limitMs} ms`));
    }, limitMs);
  });
  try {
    return await Promise.race([query, limit]);
  } finally {
    clearTimeout(timer);
  }
}
