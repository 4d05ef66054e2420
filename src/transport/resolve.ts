import type { NaptrRecord, RecordWithTtl, SrvRecord } from "node:dns";
import { isIP } from "node:net";
import type { Log, Protocol, Resolver, Target } from "../ports.ts";
import type { Dns } from "./dns.ts";
import { DnsCache } from "./dns-cache.ts";
import { FailedTargets } from "./failed-targets.ts";
import { gather } from "./gather.ts";
import {
  FIXED_TTL_MS,
  MAX_ADDRESSES,
  MAX_NAPTR_RECORDS,
  MAX_SERVERS,
  MAX_SRV_RECORDS,
  MAX_TARGETS,
  MAX_TTL_MS,
  MIN_TTL_MS,
} from "./limits.ts";
import type { NextHop, SipService } from "./next-hop.ts";
import { parseNextHop } from "./next-hop.ts";
import { orderSrv } from "./order-srv.ts";

export interface SipResolverOptions {
  /** Families there are listeners for; addresses of the first come first. */
  readonly families: readonly (4 | 6)[];
  readonly protocols: readonly Protocol[];
  readonly nowMs: () => number;
  /** Numbers from 0 (included) to 1 (excluded), for the weights of RFC 2782. */
  readonly fraction: () => number;
  /** Lifetime of NAPTR, SRV and hosts file answers, for which Node gives no TTL; a minute when left out. */
  readonly ttlMs?: number | undefined;
  /** Names kept per record type. */
  readonly maxNames?: number | undefined;
}

type Done = (targets: readonly Target[]) => void;

/** A name to ask for addresses, and what makes targets of them. */
interface Server {
  readonly name: string;
  readonly port: number;
  readonly protocol: Protocol;
}

/** Where the SRV records of a service are. */
interface SrvQuery {
  readonly name: string;
  readonly service: SipService;
}

/** Next hops by RFC 3263, with a cache in front of the DNS. */
export class SipResolver implements Resolver {
  readonly #options: SipResolverOptions;
  readonly #failed: FailedTargets;
  readonly #naptr: DnsCache<NaptrRecord>;
  readonly #srv: DnsCache<SrvRecord>;
  readonly #addresses: Readonly<Record<4 | 6, DnsCache<RecordWithTtl>>>;
  readonly #system: DnsCache<string>;

  constructor(options: SipResolverOptions, { dns, log }: { dns: Dns; log: Log }) {
    this.#options = options;
    this.#failed = new FailedTargets(options.nowMs);
    const { nowMs, maxNames, ttlMs = FIXED_TTL_MS } = options;
    const common = { ttlMs: () => ttlMs, nowMs, maxNames, log };
    this.#naptr = new DnsCache({
      ...common,
      type: "NAPTR",
      ask: async (name) => bestNaptr(await dns.resolveNaptr(name)),
    });
    this.#srv = new DnsCache({
      ...common,
      type: "SRV",
      ask: async (name) => bestSrv(await dns.resolveSrv(name)),
    });
    this.#addresses = {
      4: new DnsCache({
        ...common,
        type: "A",
        ttlMs: shortestTtlMs,
        ask: async (name) => (await dns.resolve4(name)).slice(0, MAX_ADDRESSES),
      }),
      6: new DnsCache({
        ...common,
        type: "AAAA",
        ttlMs: shortestTtlMs,
        ask: async (name) => (await dns.resolve6(name)).slice(0, MAX_ADDRESSES),
      }),
    };
    this.#system = new DnsCache({
      ...common,
      type: "hosts",
      ask: async (name) => (await dns.lookup(name)).slice(0, MAX_ADDRESSES),
    });
  }

  /** As `Resolver.resolve`; nothing is found for malformed URIs and transports we do not have. */
  resolve(uri: string, done: Done): void {
    const hop = parseNextHop(uri, this.#options.protocols);
    if (hop === undefined) done([]);
    else if (hop.family !== 0) done(this.#literal(hop));
    else {
      this.#findServers(hop, (servers) => {
        this.#findTargets(servers.slice(0, MAX_SERVERS), hop.host, done);
      });
    }
  }

  markFailed(target: Target): void {
    this.#failed.add(target);
  }

  #literal({ host, family, port, services: [service] }: NextHop): Target[] {
    if (!this.#hasFamily(family)) return [];
    return [{ protocol: service.protocol, address: host, port: port ?? service.defaultPort }];
  }

  #hasFamily(family: number): boolean {
    return this.#options.families.some((allowed) => allowed === family);
  }

  /** RFC 3263 sections 4.1 and 4.2: an explicit port skips NAPTR and SRV, an explicit transport NAPTR. */
  #findServers(hop: NextHop, done: (servers: readonly Server[]) => void): void {
    const [{ protocol, defaultPort }] = hop.services;
    const itself = { name: hop.host, port: hop.port ?? defaultPort, protocol };
    if (hop.port !== undefined) {
      done([itself]);
      return;
    }
    this.#findSrvQueries(hop, (queries) => {
      this.#findSrv(queries, (servers) => {
        done(servers ?? [itself]);
      });
    });
  }

  #findSrvQueries(hop: NextHop, done: (queries: readonly SrvQuery[]) => void): void {
    const queries = hop.services.map((service) => ({
      name: `${service.srv}.${hop.host}`,
      service,
    }));
    if (hop.isTransportGiven) {
      done(queries);
      return;
    }
    this.#naptr.get(hop.host, (records) => {
      const named = records.flatMap(({ service: wanted, replacement }) =>
        hop.services
          .filter((service) => service.naptr === wanted.toUpperCase())
          .map((service) => ({ name: replacement.toLowerCase(), service })),
      );
      // Records for other applications only (ENUM), or for transports we lack, count as none.
      done(named.length > 0 ? named : queries);
    });
  }

  /** Servers in the order to try; undefined when there are no SRV records at all. */
  #findSrv(
    queries: readonly SrvQuery[],
    done: (servers: readonly Server[] | undefined) => void,
  ): void {
    gather<SrvQuery, readonly SrvRecord[]>(
      queries,
      ({ name }, answer) => {
        this.#srv.get(name, answer);
      },
      (answers) => {
        const servers = queries.flatMap(({ service: { protocol } }, index) =>
          orderSrv(answers[index] ?? [], this.#options.fraction).map(({ name, port }) => ({
            name: name.toLowerCase(),
            port,
            protocol,
          })),
        );
        // A target "." says that the service is decidedly not available (RFC 2782).
        const isNone = servers.length === 0;
        done(isNone ? undefined : servers.filter(({ name, port }) => name !== "" && port > 0));
      },
    );
  }

  #findTargets(servers: readonly Server[], domain: string, done: Done): void {
    gather<Server, readonly string[]>(
      servers,
      ({ name }, answer) => {
        this.#findAddresses(name, answer);
      },
      (answers) => {
        const targets = servers.flatMap(({ port, protocol }, index) =>
          (answers[index] ?? []).map((address) => ({
            protocol,
            address,
            port,
            // RFC 5922 section 7.2: the name in the URI counts, not those that the DNS led to.
            ...(protocol === "tls" ? { domain } : {}),
          })),
        );
        done(this.#failed.putLast(targets).slice(0, MAX_TARGETS));
      },
    );
  }

  #findAddresses(name: string, done: (addresses: readonly string[]) => void): void {
    const { families } = this.#options;
    // SRV must not name an address (RFC 2782), but some do.
    if (isIP(name) !== 0) {
      done(this.#hasFamily(isIP(name)) ? [name] : []);
      return;
    }
    gather<4 | 6, readonly RecordWithTtl[]>(
      families,
      (family, answer) => {
        this.#addresses[family].get(name, answer);
      },
      (answers) => {
        const addresses = answers.flat().map(({ address }) => address);
        if (addresses.length > 0) done(addresses);
        else this.#findSystemAddresses(name, done);
      },
    );
  }

  #findSystemAddresses(name: string, done: (addresses: readonly string[]) => void): void {
    const { families } = this.#options;
    this.#system.get(name, (addresses) => {
      done(families.flatMap((family) => addresses.filter((address) => isIP(address) === family)));
    });
  }
}

/** RFC 3263 section 4.1: terminal records that lead to SRV, without a rewrite, in the order to try. */
function bestNaptr(records: readonly NaptrRecord[]): NaptrRecord[] {
  return records
    .filter(
      ({ flags, regexp, replacement }) =>
        flags.toLowerCase() === "s" && regexp === "" && replacement !== "",
    )
    .toSorted((a, b) => a.order - b.order || a.preference - b.preference)
    .slice(0, MAX_NAPTR_RECORDS);
}

function bestSrv(records: readonly SrvRecord[]): SrvRecord[] {
  return records.toSorted((a, b) => a.priority - b.priority).slice(0, MAX_SRV_RECORDS);
}

function shortestTtlMs(records: readonly RecordWithTtl[]): number {
  const ttlMs = Math.min(...records.map(({ ttl }) => ttl * 1000));
  return Math.min(Math.max(ttlMs, MIN_TTL_MS), MAX_TTL_MS);
}
