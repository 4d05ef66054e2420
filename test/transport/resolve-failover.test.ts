import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Target } from "../../src/ports.ts";
import type { FakeDns } from "../support/fake-dns.ts";
import { a, cname, srv } from "../support/fake-dns.ts";
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

function target(address: string): Target {
  return { protocol: "udp", address, port: 5060 };
}

describe("fail-over", () => {
  /** Its SRV records outlive a failure, while the news that there is no NAPTR does not. */
  const URI = "sip:example.test;transport=udp";

  beforeEach(() => {
    dns.zone.set(`SRV ${UDP_SRV}`, [
      srv(UDP_SRV, { priority: 1, weight: 0, port: 5060, target: "one.test" }),
      srv(UDP_SRV, { priority: 2, weight: 0, port: 5060, target: "two.test" }),
      srv(UDP_SRV, { priority: 3, weight: 0, port: 5060, target: "three.test" }),
    ]);
    for (const [index, name] of ["one.test", "two.test", "three.test"].entries()) {
      dns.zone.set(`A ${name}`, [a(name, `192.0.2.${index + 1}`)]);
    }
  });

  test("a failed target goes behind the others for 30 s", async () => {
    const resolver = fixture.build({ families: [4] });
    const [one, two, three] = await resolve(resolver, URI);
    resolver.markFailed(target("192.0.2.1"));
    expect(resolveAtOnce(resolver, URI)).toEqual([two, three, one]);
    fixture.nowMs += 29_999;
    expect(resolveAtOnce(resolver, URI)).toEqual([two, three, one]);
    fixture.nowMs += 1;
    expect(resolveAtOnce(resolver, URI)).toEqual([one, two, three]);
  });

  test("failed targets keep their order among themselves", async () => {
    const resolver = fixture.build({ families: [4] });
    const all = await resolve(resolver, "sip:example.test");
    for (const last of [3, 2, 1]) resolver.markFailed(target(`192.0.2.${last}`));
    expect(resolveAtOnce(resolver, "sip:example.test")).toEqual(all);
  });

  test("the same address on another port has not failed", async () => {
    const resolver = fixture.build({ families: [4] });
    const all = await resolve(resolver, "sip:example.test");
    resolver.markFailed({ ...target("192.0.2.1"), port: 5061 });
    expect(resolveAtOnce(resolver, "sip:example.test")).toEqual(all);
  });

  test("a thousand failures are remembered, the oldest forgotten first", async () => {
    const resolver = fixture.build({ families: [4] });
    const [one, two, three] = await resolve(resolver, "sip:example.test");
    resolver.markFailed(target("192.0.2.1"));
    resolver.markFailed(target("192.0.2.2"));
    for (let port = 1; port < 1000; port += 1) {
      resolver.markFailed({ ...target("198.51.100.1"), port });
    }
    expect(resolveAtOnce(resolver, "sip:example.test")).toEqual([one, three, two]);
  });
});

describe("hostile answers", () => {
  test.each(["garbage", "cut off"] as const)(
    "%s: nothing is found, nothing breaks",
    async (trouble) => {
      for (const type of [
        "NAPTR example.test",
        `SRV ${UDP_SRV}`,
        "A example.test",
        "AAAA example.test",
      ]) {
        dns.zone.set(type, trouble);
      }
      expect(await resolve(fixture.build(), "sip:example.test")).toEqual([]);
    },
  );

  test("a CNAME loop leads nowhere", async () => {
    const loop = [cname("example.test", "loop.test"), cname("loop.test", "example.test")];
    dns.zone.set("A example.test", loop);
    dns.zone.set("AAAA example.test", loop);
    expect(await resolve(fixture.build(), "sip:example.test:5060")).toEqual([]);
  });

  test("of 1,000 SRV records the first dozen are looked up", async () => {
    const records = Array.from({ length: 1000 }, (_, index) => {
      const name = `s${index}.test`;
      dns.zone.set(`A ${name}`, [a(name, `192.0.${index >> 8}.${index & 255}`)]);
      return srv(UDP_SRV, { priority: 1000 - index, weight: 1, port: 5060, target: name });
    });
    dns.zone.set(`SRV ${UDP_SRV}`, records);
    const targets = await resolve(fixture.build({ families: [4] }), "sip:example.test");
    expect(targets).toEqual(
      Array.from({ length: 12 }, (_, index) => `192.0.3.${(999 - index) & 255} 5060`),
    );
    expect(dns.queries.filter((query) => query.startsWith("A "))).toHaveLength(12);
  });

  test("of 200 addresses 16 are used", async () => {
    const addresses = Array.from({ length: 200 }, (_, index) =>
      a("example.test", `192.0.2.${index}`),
    );
    dns.zone.set("A example.test", addresses);
    expect(await resolve(fixture.build({ families: [4] }), "sip:example.test:5060")).toHaveLength(
      16,
    );
  });

  test("a name from a NAPTR or SRV record that is no name leads nowhere", async () => {
    dns.zone.set(`SRV ${UDP_SRV}`, [
      srv(UDP_SRV, { priority: 1, weight: 1, port: 5060, target: "bad name!<>.test" }),
    ]);
    expect(await resolve(fixture.build(), "sip:example.test")).toEqual([]);
  });
});
