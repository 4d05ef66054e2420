import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FakeDns } from "../support/fake-dns.ts";
import { a } from "../support/fake-dns.ts";
import { ResolverFixture, resolve, resolveAtOnce } from "./resolver-fixture.ts";

let fixture: ResolverFixture;
let dns: FakeDns;

beforeEach(async () => {
  fixture = await ResolverFixture.start();
  ({ dns } = fixture);
});

afterEach(async () => {
  await fixture.close();
});

describe("the cache", () => {
  test("asks again when the TTL of an address has passed", async () => {
    dns.zone.set("A example.test", [a("example.test", "192.0.2.1", 30)]);
    const resolver = fixture.build({ families: [4] });
    await resolve(resolver, "sip:example.test:5060");
    dns.zone.set("A example.test", [a("example.test", "192.0.2.2", 30)]);
    fixture.nowMs += 29_999;
    expect(resolveAtOnce(resolver, "sip:example.test:5060")).toEqual(["192.0.2.1 5060"]);
    fixture.nowMs += 1;
    expect(await resolve(resolver, "sip:example.test:5060")).toEqual(["192.0.2.2 5060"]);
  });

  test.each([
    ["at least 5 s", 0, 4999, 5000],
    ["at most 1 h", 86_400, 3_599_999, 3_600_000],
  ])("holds an address %s", async (_what, ttl, heldMs, expiredMs) => {
    dns.zone.set("A example.test", [a("example.test", "192.0.2.1", ttl)]);
    const resolver = fixture.build({ families: [4] });
    await resolve(resolver, "sip:example.test:5060");
    const startMs = fixture.nowMs;
    fixture.nowMs = startMs + heldMs;
    expect(resolveAtOnce(resolver, "sip:example.test:5060")).toEqual(["192.0.2.1 5060"]);
    fixture.nowMs = startMs + expiredMs;
    expect(resolveAtOnce(resolver, "sip:example.test:5060")).toBeUndefined();
  });

  test.each([
    ["60 s", {}, 60_000],
    ["as long as it is told", { ttlMs: 5000 }, 5000],
  ])("holds SRV records for %s", async (_what, options, ttlMs) => {
    fixture.publishChain();
    const resolver = fixture.build({ families: [4], ...options });
    await resolve(resolver, "sip:example.test");
    fixture.nowMs += ttlMs - 1;
    await resolve(resolver, "sip:example.test");
    expect(dns.count("SRV _sip._udp.pool.test")).toBe(1);
    fixture.nowMs += 1;
    await resolve(resolver, "sip:example.test");
    expect(dns.count("SRV _sip._udp.pool.test")).toBe(2);
  });

  test("holds the news that there is nothing for 10 s", async () => {
    const resolver = fixture.build({ families: [4] });
    await resolve(resolver, "sip:example.test:5060");
    dns.zone.set("A example.test", [a("example.test", "192.0.2.1")]);
    fixture.nowMs += 9999;
    expect(resolveAtOnce(resolver, "sip:example.test:5060")).toEqual([]);
    fixture.nowMs += 1;
    expect(await resolve(resolver, "sip:example.test:5060")).toEqual(["192.0.2.1 5060"]);
  });

  test("joins queries for one name", async () => {
    fixture.publishChain();
    const resolver = fixture.build();
    const results = await Promise.all(
      Array.from({ length: 50 }, async () => resolve(resolver, "sip:example.test")),
    );
    expect(new Set(results.map((targets) => targets.join())).size).toBe(1);
    expect(dns.count("NAPTR example.test")).toBe(1);
    expect(dns.count("A one.test")).toBe(1);
  });

  test.each(["SERVFAIL", "silent", "garbage", "cut off"] as const)(
    "lets the last answer stand in for an hour when the server is in trouble (%s)",
    async (trouble) => {
      dns.zone.set("A example.test", [a("example.test", "192.0.2.1", 30)]);
      const resolver = fixture.build({ families: [4] });
      await resolve(resolver, "sip:example.test:5060");
      dns.zone.set("A example.test", trouble);
      fixture.nowMs += 30_000;
      expect(await resolve(resolver, "sip:example.test:5060")).toEqual(["192.0.2.1 5060"]);
      expect(
        fixture.modules.lines.filter(({ level }) => level === "warn").map(({ fields }) => fields),
      ).toEqual([expect.objectContaining({ name: "example.test", type: "A" })]);
      fixture.nowMs += 3_600_000;
      expect(await resolve(resolver, "sip:example.test:5060")).toEqual([]);
    },
  );

  test("does not make anyone wait for a server that is known to be in trouble", async () => {
    dns.zone.set("A example.test", [a("example.test", "192.0.2.1", 30)]);
    const resolver = fixture.build({ families: [4] });
    await resolve(resolver, "sip:example.test:5060");
    dns.zone.set("A example.test", "SERVFAIL");
    fixture.nowMs += 30_000;
    await resolve(resolver, "sip:example.test:5060");
    dns.zone.set("A example.test", [a("example.test", "192.0.2.2")]);
    fixture.nowMs += 10_000;
    expect(resolveAtOnce(resolver, "sip:example.test:5060")).toEqual(["192.0.2.1 5060"]);
    await expect
      .poll(() => resolveAtOnce(resolver, "sip:example.test:5060"))
      .toEqual(["192.0.2.2 5060"]);
    expect(dns.count("A example.test")).toBe(3);
  });

  test("does not let an answer stand in for longer because queries fail again and again", async () => {
    dns.zone.set("A example.test", [a("example.test", "192.0.2.1", 30)]);
    const resolver = fixture.build({ families: [4] });
    await resolve(resolver, "sip:example.test:5060");
    dns.zone.set("A example.test", "SERVFAIL");
    fixture.nowMs += 1_800_000;
    expect(await resolve(resolver, "sip:example.test:5060")).toEqual(["192.0.2.1 5060"]);
    fixture.nowMs += 1_829_999;
    expect(resolveAtOnce(resolver, "sip:example.test:5060")).toEqual(["192.0.2.1 5060"]);
    fixture.nowMs += 1;
    expect(await resolve(resolver, "sip:example.test:5060")).toEqual([]);
  });

  test('lets "there is no such record" stand in as well', async () => {
    dns.zone.set("A example.test", [a("example.test", "192.0.2.1")]);
    const resolver = fixture.build({ families: [4] });
    await resolve(resolver, "sip:example.test");
    for (const question of ["NAPTR example.test", "SRV _sip._udp.example.test"]) {
      dns.zone.set(question, "SERVFAIL");
    }
    fixture.nowMs += 10_000;
    expect(await resolve(resolver, "sip:example.test")).toEqual(["192.0.2.1 5060"]);
    fixture.nowMs += 10_000;
    expect(resolveAtOnce(resolver, "sip:example.test")).toEqual(["192.0.2.1 5060"]);
  });

  test("believes a server that says the name is gone", async () => {
    dns.zone.set("A example.test", [a("example.test", "192.0.2.1", 30)]);
    const resolver = fixture.build({ families: [4] });
    await resolve(resolver, "sip:example.test:5060");
    dns.zone.delete("A example.test");
    fixture.nowMs += 30_000;
    expect(await resolve(resolver, "sip:example.test:5060")).toEqual([]);
  });

  test("goes on to SRV and addresses when NAPTR gets no answer", async () => {
    fixture.publishChain();
    dns.zone.set("NAPTR example.test", "silent");
    expect(await resolve(fixture.build(), "sip:example.test")).toEqual(["192.0.2.9 5060"]);
  });

  test("forgets the names that nobody asks for when it is full", async () => {
    const resolver = fixture.build({ families: [4], maxNames: 3 });
    for (const name of ["a", "b", "c", "d", "e"]) {
      dns.zone.set(`A ${name}.test`, [a(`${name}.test`, "192.0.2.1")]);
    }
    await resolve(resolver, "sip:a.test:5060");
    resolveAtOnce(resolver, "sip:a.test:5060");
    await resolve(resolver, "sip:b.test:5060");
    await resolve(resolver, "sip:c.test:5060");
    await resolve(resolver, "sip:d.test:5060");
    const known = (name: string) => resolveAtOnce(resolver, `sip:${name}.test:5060`) !== undefined;
    expect(known("a")).toBe(true);
    expect(known("c")).toBe(true);
    expect(known("d")).toBe(true);
    expect(known("b")).toBe(false);
  });
});
