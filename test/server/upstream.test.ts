import { describe, expect, test } from "vitest";
import type { Listener } from "../../src/ports.ts";
import { PEER_MEMORY_MS, PROBE_INTERVAL_MS, RESOLVE_INTERVAL_MS } from "../../src/server/limits.ts";
import { type Peer, Upstream, type UpstreamOptions } from "../../src/server/upstream.ts";
import { memoryListener } from "../support/memory-network.ts";
import { answerTo, headerLine, message } from "../support/messages.ts";
import { LISTENER, Parts, targetAt } from "./fixtures.ts";

const URI = "sip:registrar.test";
const MAIN = "192.0.2.50:5060";

class Side extends Parts {
  readonly upstream: Upstream;
  /** Status of the main registrar's answers; 0 is silence. */
  status = 200;

  constructor(options: Partial<UpstreamOptions> = {}, listeners: readonly Listener[] = [LISTENER]) {
    super(listeners);
    this.names.set(URI, [MAIN]);
    this.upstream = new Upstream(
      {
        uri: URI,
        timeoutMs: 5000,
        localAddress: undefined,
        isTrusted: () => false,
        userAgent: "midreg/test",
        ...options,
      },
      {
        listeners,
        log: this.recording.log,
        metrics: this.recording.metrics,
        nowMs: () => this.clock.nowMs(),
        ids: this.ids,
        transactions: this.transactions,
        timers: this.timers,
        resolver: this.resolver,
        largeRequests: this.largeRequests,
      },
    );
  }

  /** The main registrar at a place; gives what it has heard. */
  mainAt(place = MAIN): string[] {
    return this.listenAt(place, (text) => {
      if (this.status === 0) return;
      this.network.send(answerTo(text, this.status, "Whatever"), place, LISTENER.sentBy);
    });
  }

  get gauge(): number | undefined {
    return this.recording.gauge("upstream_up", { upstream: URI });
  }

  texts(level: string): string[] {
    return this.recording.lines.filter((line) => line.level === level).map(({ text }) => text);
  }
}

describe("the main registrar", () => {
  test("is probed with OPTIONS at once, and is up when it answers", () => {
    const side = new Side();
    const heard = side.mainAt();
    side.upstream.start();
    expect(side.upstream.isUp).toBe(false);
    expect(side.gauge).toBe(0);
    side.clock.advance(10);
    expect(side.upstream.isUp).toBe(true);
    expect(side.gauge).toBe(1);
    expect(side.texts("info")).toEqual(["main registrar answers"]);
    const [probe = ""] = heard;
    expect(probe).toBe(
      message(
        `OPTIONS ${URI} SIP/2.0`,
        `Via: ${headerLine(probe, "Via")}`,
        "Max-Forwards: 70",
        `From: <sip:midreg@${LISTENER.sentBy}>;tag=tag-1`,
        `To: <${URI}>`,
        "Call-ID: upstream-0002-call-id",
        "CSeq: 1 OPTIONS",
        "User-Agent: midreg/test",
        "Content-Length: 0",
      ),
    );
  });

  test.each([404, 405, 480, 501, 503])("is up even when it answers %i", (status) => {
    const side = new Side();
    side.status = status;
    side.mainAt();
    side.upstream.start();
    side.clock.advance(10);
    expect(side.upstream.isUp).toBe(true);
  });

  test("is down after a silence, and up again when it comes back; each is said once", () => {
    const side = new Side();
    side.mainAt();
    side.upstream.start();
    side.clock.advance(10);
    side.status = 0;
    side.clock.advance(3 * PROBE_INTERVAL_MS);
    expect(side.upstream.isUp).toBe(false);
    expect(side.texts("warn")).toEqual(["main registrar is silent"]);
    side.status = 200;
    side.clock.advance(2 * PROBE_INTERVAL_MS);
    expect(side.upstream.isUp).toBe(true);
    expect(side.texts("info")).toHaveLength(2);
  });

  test("is not probed while it answers other requests", () => {
    const side = new Side();
    const heard = side.mainAt();
    side.upstream.start();
    const user = { onResponse: () => undefined, onFailure: () => undefined };
    for (let sent = 0; sent < 60; sent += 1) {
      side.clock.advance(1000);
      const text = message(
        "REGISTER sip:x SIP/2.0",
        "From: <sip:a@b>;tag=1",
        "To: <sip:a@b>",
        "Call-ID: 1",
        "CSeq: 1 REGISTER",
        "Max-Forwards: 70",
      );
      side.upstream.send(text, "REGISTER", user, true);
    }
    expect(heard.filter((text) => text.startsWith("OPTIONS"))).toHaveLength(1);
    side.clock.advance(3 * PROBE_INTERVAL_MS);
    expect(heard.filter((text) => text.startsWith("OPTIONS")).length).toBeGreaterThan(1);
  });

  test("that the name does not lead to is said, and asked for again", () => {
    const side = new Side();
    side.names.set(URI, []);
    const heard = side.mainAt();
    side.upstream.start();
    expect(side.upstream.isResolved).toBe(false);
    expect(side.texts("warn")).toEqual(["main registrar not found"]);
    expect(side.upstream.targets).toEqual([]);
    expect(side.upstream.sentBy).toBe(LISTENER.sentBy);
    side.names.set(URI, [MAIN]);
    side.clock.advance(RESOLVE_INTERVAL_MS + PROBE_INTERVAL_MS);
    expect(side.upstream.isResolved).toBe(true);
    expect(heard.length).toBeGreaterThan(0);
  });

  test("keeps its last addresses while the name leads nowhere", () => {
    const side = new Side();
    side.upstream.start();
    side.names.set(URI, []);
    side.clock.advance(RESOLVE_INTERVAL_MS);
    expect(side.upstream.targets).toEqual([targetAt(MAIN)]);
  });

  test("is neither asked nor looked up after a stop", () => {
    const side = new Side();
    const heard = side.mainAt();
    side.upstream.start();
    side.clock.advance(10);
    side.upstream.stop();
    side.names.set(URI, ["192.0.2.51:5060"]);
    side.clock.advance(10 * RESOLVE_INTERVAL_MS);
    expect(heard).toHaveLength(1);
    expect(side.upstream.targets).toEqual([targetAt(MAIN)]);
  });

  test("is not probed when the name is found only after a stop", () => {
    const side = new Side();
    const heard = side.mainAt();
    const waiting: (() => void)[] = [];
    side.resolver.resolve = (_uri, done) => void waiting.push(() => done([targetAt(MAIN)]));
    side.upstream.start();
    side.upstream.stop();
    for (const go of waiting) go();
    side.clock.advance(1000);
    expect(heard).toEqual([]);
  });

  test("with no listener at all has no name for midreg", () => {
    const side = new Side({}, []);
    side.upstream.start();
    expect(side.upstream.sentBy).toBe("");
  });
});

function peer(address: string, port: number, connection = ""): Peer {
  return { address, port, connection };
}

describe("a main registrar with several servers", () => {
  const [FIRST_PLACE, SECOND_PLACE] = ["192.0.2.60:5060", "192.0.2.61:5060"];

  test("is looked up again at once when one of them fails, so that it comes last for the next request", () => {
    const side = new Side();
    side.names.set(URI, [FIRST_PLACE, SECOND_PLACE]);
    side.upstream.start();
    // As a resolver orders them that knows of the failure.
    side.names.set(URI, [SECOND_PLACE, FIRST_PLACE]);
    side.upstream.onFailed(targetAt(FIRST_PLACE));
    expect(side.upstream.targets).toEqual([targetAt(SECOND_PLACE), targetAt(FIRST_PLACE)]);
  });

  test("is not looked up again for what is no server of its", () => {
    const side = new Side();
    side.names.set(URI, [FIRST_PLACE, SECOND_PLACE]);
    side.upstream.start();
    side.names.set(URI, [SECOND_PLACE, FIRST_PLACE]);
    side.upstream.onFailed(targetAt("192.0.2.62:5060"));
    expect(side.upstream.targets[0]).toEqual(targetAt(FIRST_PLACE));
  });
});

describe("who is the main registrar", () => {
  test("is known by its addresses and ports, and by those that are trusted", () => {
    const side = new Side({ isTrusted: (address, port) => address === "192.0.2.9" && port === 7 });
    side.names.set(URI, [MAIN, "[2001:db8::50]:5062"]);
    side.upstream.start();
    expect(side.upstream.isPeer(peer("192.0.2.50", 5060))).toBe(true);
    expect(side.upstream.isPeer(peer("192.0.2.50", 5061))).toBe(false);
    expect(side.upstream.isPeer(peer("2001:db8::50", 5062))).toBe(true);
    expect(side.upstream.isPeer(peer("192.0.2.9", 7))).toBe(true);
    expect(side.upstream.isPeer(peer("192.0.2.9", 8))).toBe(false);
  });

  test("stays known for an hour after the name has moved on", () => {
    const side = new Side();
    side.upstream.start();
    side.names.set(URI, ["192.0.2.51:5060"]);
    side.clock.advance(RESOLVE_INTERVAL_MS);
    expect(side.upstream.targets).toEqual([targetAt("192.0.2.51:5060")]);
    expect(side.upstream.isPeer(peer("192.0.2.50", 5060))).toBe(true);
    side.clock.advance(PEER_MEMORY_MS - RESOLVE_INTERVAL_MS);
    expect(side.upstream.isPeer(peer("192.0.2.50", 5060))).toBe(true);
    side.clock.advance(RESOLVE_INTERVAL_MS);
    expect(side.upstream.isPeer(peer("192.0.2.50", 5060))).toBe(false);
    expect(side.upstream.isPeer(peer("192.0.2.51", 5060))).toBe(true);
  });
});

describe("who is the main registrar on a connection", () => {
  test.each([
    ["tcp", "192.0.2.50", true],
    ["tcp", "192.0.2.51", false],
    ["udp", "192.0.2.50", false],
  ] as const)("when it is reached by %s: from %s, whatever the port, %s", (protocol, from, is) => {
    const side = new Side();
    side.resolver.resolve = (_uri, done) => done([{ protocol, address: "192.0.2.50", port: 5060 }]);
    side.upstream.start();
    expect(side.upstream.isPeer(peer(from, 40_001, "c.1"))).toBe(is);
  });
});

describe("the listener that faces a target", () => {
  const outside = memoryListener("192.0.2.1", 5060);
  const inside = memoryListener("10.0.0.1", 5060);
  const any = memoryListener("0.0.0.0", 5070);
  const loopback = memoryListener("127.0.0.1", 5080);
  const six = memoryListener("2001:db8::1", 5060);
  const anySix = memoryListener("::", 5070);
  const loopbackSix = memoryListener("::1", 5080);

  test.each<[string, string | undefined, Listener[], string, Listener | undefined]>([
    [
      "the one with the local address of the way there",
      "10.0.0.1",
      [outside, inside],
      MAIN,
      inside,
    ],
    ["the first that is bound to an address", undefined, [any, outside, inside], MAIN, outside],
    [
      "a loopback one for a loopback target",
      undefined,
      [outside, loopback],
      "127.0.0.2:5060",
      loopback,
    ],
    ["no loopback one for another target", undefined, [loopback, outside], MAIN, outside],
    ["a wildcard when nothing else fits", undefined, [loopback, any], MAIN, any],
    [
      "a wildcard for loopback when there is no loopback one",
      undefined,
      [outside, any],
      "127.0.0.1:5060",
      any,
    ],
    ["the first there is when nothing fits", undefined, [loopback], MAIN, loopback],
    ["one of its family", undefined, [outside, six], "[2001:db8::50]:5060", six],
    ["an IPv6 wildcard", undefined, [any, anySix], "[2001:db8::50]:5060", anySix],
    ["an IPv6 loopback one", undefined, [six, loopbackSix], "[::1]:5060", loopbackSix],
    ["none of the other family", "2001:db8::1", [six], MAIN, undefined],
  ])("is %s", (_, localAddress, listeners, ...[place, expected]) => {
    const side = new Side({ localAddress }, listeners);
    expect(side.upstream.listenerFor(targetAt(place))).toBe(expected);
    side.names.set(URI, [place]);
    side.upstream.start();
    expect(side.upstream.sentBy).toBe((expected ?? listeners[0])?.sentBy);
  });
});
