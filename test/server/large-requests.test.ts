/** RFC 3261 section 18.1.1: what is too large for a datagram goes by TCP, where the peer takes it. */
import { describe, expect, test } from "vitest";
import type { Listener, Target } from "../../src/ports.ts";
import { Attempt, type AttemptPlan } from "../../src/server/attempt.ts";
import { memoryListener } from "../support/memory-network.ts";
import { answerTo, headerLine, message } from "../support/messages.ts";
import { LISTENER, Parts, targetAt } from "./fixtures.ts";

const FIRST = "192.0.2.60:5060";
const SECOND = "192.0.2.61:5060";
const TCP = memoryListener("192.0.2.1", 5060, "tcp");
const MINUTE_MS = 60_000;

function requestOf(method: string, padding: number): string {
  return message(
    `${method} sip:sip.test SIP/2.0`,
    "Max-Forwards: 70",
    "From: <sip:a@b>;tag=1",
    "To: <sip:a@b>",
    "Call-ID: 1",
    `CSeq: 1 ${method}`,
    `Subject: ${"x".repeat(padding)}`,
    "Content-Length: 0",
  );
}

class Sender extends Parts {
  readonly told: string[] = [];

  constructor() {
    super([LISTENER, TCP]);
  }

  /** Sends a request padded by so much; `hasTcp` says whether there is a listener of TCP. */
  send(padding: number, parts: Partial<AttemptPlan> = {}, hasTcp = true): Attempt {
    const method = parts.method ?? "MESSAGE";
    const listenerFor = ({ protocol }: Target): Listener | undefined => {
      if (protocol === "tcp") return hasTcp ? TCP : undefined;
      return LISTENER;
    };
    const text = requestOf(method, padding);
    const targets = [targetAt(FIRST)];
    const plan = { text, method, targets, listenerFor, limitMs: undefined, ...parts };
    const attempt = new Attempt(
      plan,
      {
        onResponse: ({ status }) => this.told.push(String(status)),
        onFailure: (failure) => this.told.push(failure),
      },
      this,
    );
    attempt.start();
    return attempt;
  }

  answersAt(place: string): string[] {
    return this.listenAt(place, (text) => {
      if (!text.startsWith("ACK")) {
        this.network.send(answerTo(text, 200, "OK"), place, LISTENER.sentBy);
      }
    });
  }
}

/** The transports that the requests had in their Vias, in order. */
function transports(heard: readonly string[]): string[] {
  return heard.map((text) => headerLine(text, "Via").split(/[/ ]/u)[2] ?? "");
}

describe("a request to a peer that is reached by UDP", () => {
  test.each([
    [1300, "UDP"],
    [1301, "TCP"],
  ])("of %i bytes with its Via goes by %s, and its Via says so", (size, transport) => {
    const sender = new Sender();
    const heard = sender.answersAt(FIRST);
    sender.send(0);
    sender.clock.advance(10);
    // A Via of midreg's may be a few bytes shorter than what is reckoned with.
    const allowance = 80 + LISTENER.sentBy.length;
    const bare = requestOf("MESSAGE", 0).length;
    sender.send(size - bare - allowance);
    sender.clock.advance(10);
    expect(transports(heard)).toEqual(["UDP", transport]);
    expect(heard[1]?.length).toBeLessThanOrEqual(size);
    expect(heard[1]?.length).toBeGreaterThan(size - 60);
    expect(sender.told).toEqual(["200", "200"]);
  });

  test("stays with UDP where midreg has no listener of TCP", () => {
    const sender = new Sender();
    const heard = sender.answersAt(FIRST);
    sender.send(2000, {}, false);
    sender.clock.advance(10);
    expect(transports(heard)).toEqual(["UDP"]);
  });

  test("stays with UDP where it goes to the flow of a device, which may be behind a NAT", () => {
    const sender = new Sender();
    const heard = sender.answersAt(FIRST);
    sender.send(2000, { isFlow: true });
    sender.clock.advance(10);
    expect(transports(heard)).toEqual(["UDP"]);
  });

  test("has its CANCEL and the ACK of its failure on the same way", () => {
    const sender = new Sender();
    const heard = sender.listenAt(FIRST, (text) => {
      if (!text.startsWith("INVITE")) return;
      sender.network.send(answerTo(text, 486, "Busy"), FIRST, LISTENER.sentBy);
    });
    const attempt = sender.send(2000, { method: "INVITE" });
    expect(attempt.transaction?.request).toMatchObject({
      listener: TCP,
      target: { protocol: "tcp" },
    });
    sender.clock.advance(10);
    expect(transports(heard)).toEqual(["TCP", "TCP"]);
    expect(heard[1]).toMatch(/^ACK /u);
  });
});

describe("a peer without TCP", () => {
  test("gets the request by UDP at once, and is not taken for one that has failed", () => {
    const sender = new Sender();
    sender.transport.unreachable.add(`tcp:${FIRST}`);
    const heard = sender.answersAt(FIRST);
    sender.send(2000);
    sender.clock.advance(10);
    expect(transports(heard)).toEqual(["UDP"]);
    expect(sender.told).toEqual(["200"]);
    expect(sender.failedTargets).toEqual([]);
  });

  test("is not asked again for ten minutes, while others are", () => {
    const sender = new Sender();
    sender.transport.unreachable.add(`tcp:${FIRST}`);
    const [first, second] = [sender.answersAt(FIRST), sender.answersAt(SECOND)];
    sender.send(2000);
    sender.clock.advance(10);
    sender.transport.unreachable.clear();
    sender.send(2000);
    sender.send(2000, { targets: [targetAt(SECOND)] });
    sender.clock.advance(9 * MINUTE_MS);
    expect([transports(first), transports(second)]).toEqual([["UDP", "UDP"], ["TCP"]]);
    sender.clock.advance(MINUTE_MS);
    sender.send(2000);
    sender.clock.advance(10);
    expect(transports(first).at(-1)).toBe("TCP");
  });

  test("that swallows TCP is passed over in time, and remembered", () => {
    const sender = new Sender();
    const [first, second] = [sender.listenAt(FIRST), sender.answersAt(SECOND)];
    sender.send(2000, { targets: [targetAt(FIRST), targetAt(SECOND)] });
    sender.clock.advance(5000);
    expect(sender.told).toEqual(["200"]);
    expect(transports(second)).toEqual(["TCP"]);
    sender.send(2000, { targets: [targetAt(FIRST)] });
    sender.clock.advance(10);
    expect(transports(first).at(-1)).toBe("UDP");
  });

  test("that cannot be reached by UDP either has failed", () => {
    const sender = new Sender();
    sender.transport.unreachable.add(FIRST);
    sender.send(2000);
    sender.clock.advance(10);
    expect(sender.told).toEqual(["transport-error"]);
    expect(sender.failedTargets).toEqual([targetAt(FIRST)]);
  });
});

const place = (at: number): Target => targetAt(`10.0.${at >> 8}.${at & 255}:5060`);

test("peers without TCP are remembered in bounded number, the latest ones", () => {
  const { largeRequests } = new Sender();
  for (let at = 0; at <= 1000; at += 1) largeRequests.refused(place(at));
  const wayOf = (at: number): string => {
    const candidate = { text: "x".repeat(2000), listener: LISTENER, target: place(at) };
    return largeRequests.byTcp(candidate, () => TCP) === undefined ? "udp" : "tcp";
  };
  expect([wayOf(0), wayOf(1), wayOf(1000)]).toEqual(["tcp", "udp", "udp"]);
});
