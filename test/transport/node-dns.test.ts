import { EventEmitter, once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { NodeDns } from "../../src/transport/node-dns.ts";
import type { FakeDns } from "../support/fake-dns.ts";
import { QUICK, ResolverFixture, resolve } from "./resolver-fixture.ts";

let fixture: ResolverFixture;
let dns: FakeDns;

beforeEach(async () => {
  fixture = await ResolverFixture.start();
  ({ dns } = fixture);
});

afterEach(async () => {
  await fixture.close();
});

describe("the hosts file", () => {
  test("is asked for names that the DNS does not have", async () => {
    fixture.hosts.set("registrar", "192.0.2.50");
    expect(await resolve(fixture.build(), "sip:registrar")).toEqual(["192.0.2.50 5060"]);
  });

  test("is asked when the DNS does not answer", async () => {
    dns.zone.set("A registrar", "SERVFAIL");
    dns.zone.set("AAAA registrar", "SERVFAIL");
    fixture.hosts.set("registrar", "2001:db8::50");
    expect(await resolve(fixture.build(), "sip:registrar:5070")).toEqual(["2001:db8::50 5070"]);
  });

  test("gives only addresses of the families with listeners", async () => {
    fixture.hosts.set("registrar", "2001:db8::50");
    expect(await resolve(fixture.build({ families: [4] }), "sip:registrar:5070")).toEqual([]);
  });

  test("knows localhost", async () => {
    const adapter = new NodeDns({ servers: [dns.server], ...QUICK });
    expect(await adapter.lookup("localhost")).toContain("127.0.0.1");
  });

  test("is asked two questions at a time at most, as each holds a thread", async () => {
    const gate = new EventEmitter();
    const lookup = async () => {
      await once(gate, "open");
      return [{ address: "192.0.2.1", family: 4 }];
    };
    const adapter = new NodeDns({ servers: [dns.server], ...QUICK, lookup });
    const first = [adapter.lookup("a.test"), adapter.lookup("b.test")];
    await expect(adapter.lookup("c.test")).rejects.toThrow("too many system look-ups");
    gate.emit("open");
    expect(await Promise.all(first)).toEqual([["192.0.2.1"], ["192.0.2.1"]]);
    const later = adapter.lookup("c.test");
    gate.emit("open");
    expect(await later).toEqual(["192.0.2.1"]);
  });

  test("has bounded time to answer", async () => {
    const adapter = new NodeDns({
      servers: [dns.server],
      queryMs: 20,
      lookup: async () => new Promise<never>(() => undefined),
    });
    await expect(adapter.lookup("a.test")).rejects.toThrow("no answer within 20 ms");
  });
});
