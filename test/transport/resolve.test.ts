import type { Answer } from "dns-packet";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FakeDns } from "../support/fake-dns.ts";
import { a, cname, naptr, srv } from "../support/fake-dns.ts";
import { ResolverFixture, resolve, resolveAtOnce, UDP_SRV } from "./resolver-fixture.ts";

let fixture: ResolverFixture;
let dns: FakeDns;

beforeEach(async () => {
  fixture = await ResolverFixture.start();
  ({ dns } = fixture);
});

afterEach(async () => {
  await fixture.close();
});

function udpService(order: number, preference: number, replacement: string): Answer {
  return naptr("example.test", { order, preference, services: "sip+d2u", replacement });
}

describe("without the DNS", () => {
  test.each([
    ["sip:192.0.2.1", ["192.0.2.1 5060"]],
    ["sip:alice@192.0.2.1:5070;lr", ["192.0.2.1 5070"]],
    ["sip:[2001:DB8::1]", ["2001:db8::1 5060"]],
    ["sip:[::1]:5061;transport=UDP", ["::1 5061"]],
    ["sip:example.test:5062;maddr=192.0.2.7", ["192.0.2.7 5062"]],
    ["sip:example.test;maddr=[2001:db8::7]", ["2001:db8::7 5060"]],
  ])("%s is answered at once: %s", (uri, expected) => {
    expect(resolveAtOnce(fixture.build(), uri)).toEqual(expected);
    expect(dns.queries).toEqual([]);
  });

  test.each([
    ["a transport that is not supported", "sip:192.0.2.1;transport=tcp"],
    ["sips, which needs TLS", "sips:192.0.2.1"],
    ["sips over UDP", "sips:example.test;transport=udp"],
    ["an unsupported transport of a name", "sip:example.test;transport=tls"],
    ["another scheme", "tel:+4930123456"],
    ["a port over 65535", "sip:x@127.0.0.1:70000"],
    ["port 0", "sip:192.0.2.1:0"],
    ["no URI at all", "constructor"],
    ["an empty text", ""],
    ["an empty maddr", "sip:example.test;maddr"],
    ["brackets around something else", "sip:example.test;maddr=[example.test]"],
    ["a zone", "sip:example.test;maddr=[fe80::1%25eth0]"],
    ["a number that the system would take for an address", "sip:2130706433"],
    ["an address with too few parts", "sip:127.1"],
    ["an address with too large parts", "sip:999.0.0.1"],
    ["a label that is too long", `sip:${"x".repeat(64)}.test`],
    ["an empty label", "sip:a..test"],
  ])("nothing is found for %s: %s", (_what, uri) => {
    expect(resolveAtOnce(fixture.build(), uri)).toEqual([]);
    expect(dns.queries).toEqual([]);
  });

  test("nothing is found for a literal of a family without listener", () => {
    const resolver = fixture.build({ families: [4] });
    expect(resolveAtOnce(resolver, "sip:[2001:db8::1]")).toEqual([]);
    expect(resolveAtOnce(resolver, "sip:192.0.2.1")).toEqual(["192.0.2.1 5060"]);
  });

  test("nothing is found when no protocol is configured", () => {
    expect(resolveAtOnce(fixture.build({ protocols: [] }), "sip:192.0.2.1")).toEqual([]);
  });
});

describe("RFC 3263", () => {
  test("NAPTR leads to SRV and SRV to addresses, servers by priority", async () => {
    fixture.publishChain();
    expect(await resolve(fixture.build(), "sip:alice@Example.Test")).toEqual([
      "192.0.2.1 5080",
      "2001:db8::1 5080",
      "192.0.2.2 5070",
    ]);
    expect(dns.queries).not.toContain("A example.test");
  });

  test("a second request is answered at once, without the DNS", async () => {
    fixture.publishChain();
    const resolver = fixture.build();
    const first = await resolve(resolver, "sip:example.test");
    const asked = dns.queries.length;
    expect(resolveAtOnce(resolver, "sip:bob@EXAMPLE.test.;lr")).toEqual(first);
    expect(dns.queries.length).toBe(asked);
  });

  test("maddr takes the place of the host", async () => {
    fixture.publishChain();
    const targets = await resolve(fixture.build(), "sip:other.test;maddr=example.test");
    expect(targets[0]).toBe("192.0.2.1 5080");
  });

  test("the family preferred by the option comes first, per server", async () => {
    fixture.publishChain();
    const targets = await resolve(fixture.build({ families: [6, 4] }), "sip:example.test");
    expect(targets).toEqual(["2001:db8::1 5080", "192.0.2.1 5080", "192.0.2.2 5070"]);
  });

  test("a family without listener is not asked for", async () => {
    fixture.publishChain();
    const targets = await resolve(fixture.build({ families: [4] }), "sip:example.test");
    expect(targets).toEqual(["192.0.2.1 5080", "192.0.2.2 5070"]);
    expect(dns.queries.filter((query) => query.startsWith("AAAA"))).toEqual([]);
  });

  test("several NAPTR records are followed by order, then preference", async () => {
    dns.zone.set("NAPTR example.test", [
      udpService(2, 1, "_sip._udp.c.test"),
      udpService(1, 2, "_sip._udp.b.test"),
      udpService(1, 1, "_sip._udp.a.test"),
    ]);
    for (const [index, letter] of ["a", "b", "c"].entries()) {
      const name = `_sip._udp.${letter}.test`;
      dns.zone.set(`SRV ${name}`, [
        srv(name, { priority: 1, weight: 1, port: 5060, target: `${letter}.test` }),
      ]);
      dns.zone.set(`A ${letter}.test`, [a(`${letter}.test`, `192.0.2.${index}`)]);
    }
    const targets = await resolve(fixture.build(), "sip:example.test");
    expect(targets).toEqual(["192.0.2.0 5060", "192.0.2.1 5060", "192.0.2.2 5060"]);
  });

  test.each([
    ["for ENUM", { flags: "u", services: "E2U+sip", regexp: "!^.*$!sip:x@y!", replacement: "." }],
    [
      "for TCP only",
      { flags: "s", services: "SIP+D2T", regexp: "", replacement: "_sip._tcp.x.test" },
    ],
    ["with a rewrite", { flags: "s", services: "SIP+D2U", regexp: "!a!b!", replacement: "x.test" }],
  ])("NAPTR records %s count as none: SRV is asked directly", async (_what, data) => {
    dns.zone.set("NAPTR example.test", [
      { type: "NAPTR", name: "example.test", ttl: 60, data: { order: 1, preference: 1, ...data } },
    ]);
    dns.zone.set(`SRV ${UDP_SRV}`, [
      srv(UDP_SRV, { priority: 1, weight: 1, port: 5070, target: "one.test" }),
    ]);
    dns.zone.set("A one.test", [a("one.test", "192.0.2.1")]);
    expect(await resolve(fixture.build(), "sip:example.test")).toEqual(["192.0.2.1 5070"]);
  });

  test("a transport parameter skips NAPTR", async () => {
    fixture.publishChain();
    dns.zone.set(`SRV ${UDP_SRV}`, [
      srv(UDP_SRV, { priority: 1, weight: 1, port: 5075, target: "two.test" }),
    ]);
    expect(await resolve(fixture.build(), "sip:example.test;transport=udp")).toEqual([
      "192.0.2.2 5075",
    ]);
    expect(dns.count("NAPTR example.test")).toBe(0);
  });

  test("without SRV the address of the domain is used with port 5060", async () => {
    dns.zone.set("A example.test", [
      a("example.test", "192.0.2.9"),
      a("example.test", "192.0.2.8"),
    ]);
    const targets = await resolve(fixture.build(), "sip:example.test");
    expect(targets.toSorted()).toEqual(["192.0.2.8 5060", "192.0.2.9 5060"]);
    expect(dns.count(`SRV ${UDP_SRV}`)).toBe(1);
  });

  test("an explicit port skips NAPTR and SRV, 5060 included", async () => {
    fixture.publishChain();
    expect(await resolve(fixture.build(), "sip:example.test:5060")).toEqual(["192.0.2.9 5060"]);
    expect(dns.queries.toSorted()).toEqual(["A example.test", "AAAA example.test"]);
  });

  test("a CNAME is followed", async () => {
    dns.zone.set("A example.test", [
      cname("example.test", "real.test"),
      a("real.test", "192.0.2.4"),
    ]);
    expect(await resolve(fixture.build(), "sip:example.test:5060")).toEqual(["192.0.2.4 5060"]);
  });

  test('an SRV target of "." means that the service is not offered', async () => {
    fixture.publishChain();
    dns.zone.set("SRV _sip._udp.pool.test", [
      srv("_sip._udp.pool.test", { priority: 0, weight: 0, port: 0, target: "." }),
    ]);
    expect(await resolve(fixture.build(), "sip:example.test")).toEqual([]);
  });

  test("servers without address are left out, those with port 0 too", async () => {
    fixture.publishChain();
    dns.zone.set("SRV _sip._udp.pool.test", [
      srv("_sip._udp.pool.test", { priority: 1, weight: 0, port: 5060, target: "gone.test" }),
      srv("_sip._udp.pool.test", { priority: 2, weight: 0, port: 0, target: "one.test" }),
      srv("_sip._udp.pool.test", { priority: 3, weight: 0, port: 5065, target: "two.test" }),
    ]);
    expect(await resolve(fixture.build(), "sip:example.test")).toEqual(["192.0.2.2 5065"]);
  });

  test("an address where SRV should have a name is taken as it is", async () => {
    fixture.publishChain();
    dns.zone.set("SRV _sip._udp.pool.test", [
      srv("_sip._udp.pool.test", { priority: 1, weight: 0, port: 5060, target: "192.0.2.77" }),
    ]);
    expect(await resolve(fixture.build(), "sip:example.test")).toEqual(["192.0.2.77 5060"]);
  });

  test("a target reached by two names appears once", async () => {
    fixture.publishChain();
    dns.zone.set("A two.test", [a("two.test", "192.0.2.1")]);
    dns.zone.set("SRV _sip._udp.pool.test", [
      srv("_sip._udp.pool.test", { priority: 1, weight: 0, port: 5060, target: "one.test" }),
      srv("_sip._udp.pool.test", { priority: 2, weight: 0, port: 5060, target: "two.test" }),
    ]);
    const targets = await resolve(fixture.build({ families: [4] }), "sip:example.test");
    expect(targets).toEqual(["192.0.2.1 5060"]);
  });

  test("nothing is found for a name that does not exist", async () => {
    expect(await resolve(fixture.build(), "sip:nowhere.test")).toEqual([]);
  });
});
