import { expect, test } from "vitest";
import type { Listener, Target } from "../../src/ports.ts";
import { findHops, type Hops } from "../../src/server/hops.ts";
import { Upstreams } from "../../src/server/upstreams.ts";
import { memoryListener } from "../support/memory-network.ts";
import { Parts } from "./fixtures.ts";

const UDP = memoryListener("192.0.2.1", 5060);
const TCP = memoryListener("192.0.2.1", 5060, "tcp");
const URI = "sip:edge.test;transport=tcp;lr";
const EDGE: Target = { protocol: "tcp", address: "192.0.2.9", port: 5060 };

class Way extends Parts {
  readonly #upstreams: Upstreams;

  constructor(listeners: readonly Listener[]) {
    super(listeners);
    const { log, metrics } = this.recording;
    const around = { listeners, log, metrics, nowMs: () => 0, ids: this.ids };
    const { transactions, timers, resolver, largeRequests } = this;
    const sending = { transactions, timers, resolver, largeRequests };
    const main = {
      uri: "sip:main.test",
      timeoutMs: 5000,
      localAddress: undefined,
      isTrusted: () => false,
      userAgent: "midreg/test",
    };
    this.#upstreams = new Upstreams(main, [], { ...around, ...sending });
  }

  to(nextHop: Parameters<typeof findHops>[0]): Hops {
    const found: Hops[] = [];
    const { transport } = this;
    const resolver = {
      ...this.resolver,
      resolve: (_: string, done: (t: Target[]) => void) => done([EDGE]),
    };
    findHops(nextHop, { transport, upstreams: this.#upstreams, resolver }, (hops) =>
      found.push(hops),
    );
    const [hops] = found;
    if (hops === undefined) throw new Error("not resolved at once");
    return hops;
  }
}

test("a Path by another transport than its REGISTER's is sent to from a listener of that transport", () => {
  const flow = `${UDP.id}<192.0.2.9:5060`;
  const hops = new Way([UDP, TCP]).to({ kind: "uri", uri: URI, flow });
  expect(hops.targets.map((target) => hops.listenerFor(target))).toEqual([TCP]);
  expect(hops.isFlow).toBe(false);
});

test("a Path by the same transport is sent to from the listener of the REGISTER", () => {
  const other = memoryListener("192.0.2.2", 5060, "tcp");
  const flow = `${other.id}<192.0.2.9:5060#a.1`;
  const hops = new Way([UDP, TCP, other]).to({ kind: "uri", uri: URI, flow });
  expect(hops.targets.map((target) => hops.listenerFor(target))).toEqual([other]);
});

test("a flow leads to where the device was heard, by that transport alone", () => {
  const hops = new Way([UDP, TCP]).to({ kind: "flow", flow: `${UDP.id}<198.51.100.7:40000` });
  expect(hops.targets).toEqual([{ protocol: "udp", address: "198.51.100.7", port: 40_000 }]);
  expect(hops.isFlow).toBe(true);
});
