import { expect } from "vitest";
import type { Target } from "../../src/ports.ts";
import { NodeDns } from "../../src/transport/node-dns.ts";
import type { SipResolverOptions } from "../../src/transport/resolve.ts";
import { SipResolver } from "../../src/transport/resolve.ts";
import { a, aaaa, FakeDns, naptr, srv } from "../support/fake-dns.ts";
import { RecordingModules } from "./recording-modules.ts";

/** One attempt, for which c-ares takes 250 ms at least: what a silent server costs per query. */
export const QUICK = { attemptMs: 100, attempts: 1, queryMs: 1000 };

export const UDP_SRV = "_sip._udp.example.test";

/** A resolver's world: a DNS server, a hosts file, a clock and a log. */
export class ResolverFixture {
  readonly dns: FakeDns;
  readonly modules = new RecordingModules();
  /** Addresses by name, as the hosts file has them. */
  readonly hosts = new Map<string, string>();
  nowMs = 1_000_000;

  private constructor(dns: FakeDns) {
    this.dns = dns;
  }

  static async start(): Promise<ResolverFixture> {
    return new ResolverFixture(await FakeDns.start());
  }

  async close(): Promise<void> {
    await this.dns.close();
  }

  build(options: Partial<SipResolverOptions> = {}): SipResolver {
    const adapter = new NodeDns({
      servers: [this.dns.server],
      ...QUICK,
      lookup: async (name) => {
        const address = this.hosts.get(name);
        if (address === undefined) throw Object.assign(new Error("none"), { code: "ENOTFOUND" });
        return [{ address, family: address.includes(":") ? 6 : 4 }];
      },
    });
    const defaults: SipResolverOptions = {
      families: [4, 6],
      protocols: ["udp"],
      nowMs: () => this.nowMs,
      fraction: () => 0,
    };
    return new SipResolver({ ...defaults, ...options }, { dns: adapter, log: this.modules.log });
  }

  /** Two servers in one SRV set, reached by NAPTR, and the address of the domain itself. */
  publishChain(): void {
    this.dns.zone.set("NAPTR example.test", [
      naptr("example.test", {
        order: 10,
        preference: 1,
        services: "SIP+D2T",
        replacement: "_sip._tcp.example.test",
      }),
      naptr("example.test", {
        order: 20,
        preference: 1,
        services: "SIP+D2U",
        replacement: "_sip._udp.pool.test",
      }),
    ]);
    this.dns.zone.set("SRV _sip._udp.pool.test", [
      srv("_sip._udp.pool.test", { priority: 20, weight: 0, port: 5070, target: "two.test" }),
      srv("_sip._udp.pool.test", { priority: 10, weight: 0, port: 5080, target: "one.test" }),
    ]);
    this.dns.zone.set("A one.test", [a("one.test", "192.0.2.1")]);
    this.dns.zone.set("AAAA one.test", [aaaa("one.test", "2001:db8::1")]);
    this.dns.zone.set("A two.test", [a("two.test", "192.0.2.2")]);
    this.dns.zone.set("A example.test", [a("example.test", "192.0.2.9")]);
  }
}

/** The result as "address port" texts. */
export async function resolve(resolver: SipResolver, uri: string): Promise<string[]> {
  const targets = await new Promise<readonly Target[]>((done) => {
    resolver.resolve(uri, done);
  });
  expect(targets.every(({ protocol }) => protocol === "udp")).toBe(true);
  return targets.map(({ address, port }) => `${address} ${port}`);
}

/** The result if it comes before `resolve` returns, else undefined. */
export function resolveAtOnce(resolver: SipResolver, uri: string): string[] | undefined {
  let result: string[] | undefined;
  resolver.resolve(uri, (targets) => {
    result = targets.map(({ address, port }) => `${address} ${port}`);
  });
  return result;
}
