import { describe, expect, test } from "vitest";
import type { Listener, Target } from "../../src/ports.ts";
import { Attempt, type AttemptPlan } from "../../src/server/attempt.ts";
import { answerTo, message } from "../support/messages.ts";
import { LISTENER, Parts, targetAt } from "./fixtures.ts";

const FIRST = "192.0.2.60:5060";
const SECOND = "192.0.2.61:5060";
const THIRD = "192.0.2.62:5060";

function requestText(method: string): string {
  return message(
    `${method} sip:sip.test SIP/2.0`,
    "Max-Forwards: 70",
    "From: <sip:a@b>;tag=1",
    "To: <sip:a@b>",
    "Call-ID: 1",
    `CSeq: 1 ${method}`,
    "Content-Length: 0",
  );
}

/** Sends a request and notes what it is told, with the second in which it was. */
class Sender extends Parts {
  readonly told: string[] = [];
  attempt: Attempt | undefined;

  send(places: readonly string[], parts: Partial<AttemptPlan> = {}): void {
    const startMs = this.clock.nowMs();
    const tell = (what: string): void => {
      this.told.push(`${what} at ${(this.clock.nowMs() - startMs) / 1000}`);
    };
    const method = parts.method ?? "REGISTER";
    const plan = {
      text: requestText(method),
      method,
      targets: places.map(targetAt),
      listenerFor: (): Listener => LISTENER,
      limitMs: 10_000,
      ...parts,
    };
    const user = {
      onResponse: ({ status }: { status: number }) => tell(String(status)),
      onFailure: (failure: string) => tell(failure),
    };
    this.attempt = new Attempt(plan, user, {
      transactions: this.transactions,
      timers: this.timers,
      resolver: this.resolver,
      largeRequests: this.largeRequests,
    });
    this.attempt.start();
  }

  /** Somebody who answers every request in this way, so late; nothing for silence. */
  answerAt(place: string, statuses: readonly number[], delayMs = 1): string[] {
    return this.listenAt(place, (text) => {
      for (const status of statuses) {
        const answer = answerTo(text, status, "Whatever");
        this.clock.later(delayMs, () => this.network.send(answer, place, LISTENER.sentBy));
      }
    });
  }

  get failed(): string[] {
    return this.failedTargets.map(({ address, port }: Target) => `${address}:${port}`);
  }
}

describe("a request with one target", () => {
  test("gets its answer, and its timers end with it", () => {
    const sender = new Sender();
    sender.answerAt(FIRST, [200]);
    sender.send([FIRST]);
    sender.clock.advance(60_000);
    expect(sender.told).toEqual(["200 at 0.003"]);
    expect(sender.failed).toEqual([]);
  });

  test.each([100, 180, 401, 503, 603])("hears of a %i", (status) => {
    const sender = new Sender();
    sender.answerAt(FIRST, [status, 200]);
    sender.send([FIRST], { method: "INVITE" });
    sender.clock.advance(3);
    expect(sender.told[0]).toBe(`${status} at 0.003`);
  });

  test("ends with a time-out at its limit, and hears of nothing later", () => {
    const sender = new Sender();
    sender.answerAt(FIRST, [200], 10_000);
    sender.send([FIRST]);
    sender.clock.advance(60_000);
    expect(sender.told).toEqual(["timeout at 10"]);
    expect(sender.failed).toEqual([FIRST]);
  });

  test("ends with timer F when it has no limit", () => {
    const sender = new Sender();
    sender.send([FIRST], { limitMs: undefined });
    sender.clock.advance(60_000);
    expect(sender.told).toEqual(["timeout at 32"]);
  });

  test("hears of a transport error", () => {
    const sender = new Sender();
    sender.transport.unreachable.add(FIRST);
    sender.send([FIRST]);
    sender.clock.advance(60_000);
    expect(sender.told).toEqual(["transport-error at 0"]);
    expect(sender.failed).toEqual([FIRST]);
  });

  test("hears of further 2xx to an INVITE", () => {
    const sender = new Sender();
    sender.answerAt(FIRST, [200, 200]);
    sender.send([FIRST], { method: "INVITE" });
    sender.clock.advance(10);
    expect(sender.told).toEqual(["200 at 0.003", "200 at 0.003"]);
  });
});

test.each<[string, readonly string[], Partial<AttemptPlan>]>([
  ["no target", [], {}],
  ["a target that no listener faces", [FIRST, SECOND], { listenerFor: () => undefined }],
])("a request with %s is unresolved at once", (_, places, parts) => {
  const sender = new Sender();
  sender.send(places, parts);
  expect(sender.told).toEqual(["unresolved at 0"]);
  expect(sender.attempt?.transaction).toBeUndefined();
  sender.clock.advance(60_000);
  expect(sender.told).toHaveLength(1);
});

describe("a request with several targets (RFC 3263 section 4.3)", () => {
  test("goes to the next after 4 seconds of silence, in a transaction of its own", () => {
    const sender = new Sender();
    const first = sender.listenAt(FIRST);
    const second = sender.answerAt(SECOND, [200]);
    sender.send([FIRST, SECOND]);
    sender.clock.advance(60_000);
    expect(sender.told).toEqual(["200 at 4.003"]);
    expect(sender.failed).toEqual([FIRST]);
    // Timer E: the silent one heard it at 0, 0.5, 1.5 and 3.5 s, and no more.
    expect(first).toHaveLength(4);
    expect(second[0]).not.toBe(first[0]);
  });

  test("goes to the next at once after a 503 or a transport error", () => {
    const sender = new Sender();
    sender.transport.unreachable.add(FIRST);
    sender.answerAt(SECOND, [503]);
    sender.answerAt(THIRD, [200]);
    sender.send([FIRST, SECOND, THIRD]);
    sender.clock.advance(60_000);
    expect(sender.told).toEqual(["200 at 0.006"]);
    expect(sender.failed).toEqual([FIRST, SECOND]);
  });

  test("gives the last of them all the time that is left, whatever became of those before", () => {
    const sender = new Sender();
    sender.transport.unreachable.add(FIRST);
    sender.answerAt(SECOND, [200], 8000);
    sender.send([FIRST, SECOND]);
    sender.clock.advance(60_000);
    expect(sender.told).toEqual(["200 at 8.002"]);
    expect(sender.failed).toEqual([FIRST]);
  });

  test("gives each of them 4 seconds", () => {
    const sender = new Sender();
    sender.send([FIRST, SECOND, THIRD]);
    sender.clock.advance(3999);
    expect(sender.failed).toEqual([]);
    sender.clock.advance(4000);
    expect(sender.failed).toEqual([FIRST]);
    sender.clock.advance(1);
    expect(sender.failed).toEqual([FIRST, SECOND]);
    sender.clock.advance(60_000);
    expect(sender.told).toEqual(["timeout at 10"]);
    expect(sender.failed).toEqual([FIRST, SECOND, THIRD]);
  });

  test("stays with one that has said anything", () => {
    const sender = new Sender();
    sender.answerAt(FIRST, [100]);
    const second = sender.listenAt(SECOND);
    sender.send([FIRST, SECOND], { method: "INVITE" });
    sender.clock.advance(60_000);
    expect(sender.told).toEqual(["100 at 0.003", "timeout at 10"]);
    expect(second).toEqual([]);
  });

  test("goes to nobody else once it is not wanted any more", () => {
    const sender = new Sender();
    const second = sender.listenAt(SECOND);
    sender.send([FIRST, SECOND], { method: "INVITE", limitMs: undefined });
    sender.clock.advance(1000);
    sender.attempt?.stay();
    sender.clock.advance(60_000);
    expect(second).toEqual([]);
    expect(sender.told).toEqual(["timeout at 32"]);
  });

  test("has the 503 for its answer, once it is not wanted any more", () => {
    const sender = new Sender();
    sender.answerAt(FIRST, [503], 1000);
    const second = sender.listenAt(SECOND);
    sender.send([FIRST, SECOND], { method: "INVITE" });
    sender.attempt?.stay();
    sender.clock.advance(60_000);
    expect(second).toEqual([]);
    expect(sender.told).toEqual(["503 at 1.002"]);
  });

  test("takes the 503 of the last one for an answer", () => {
    const sender = new Sender();
    sender.answerAt(FIRST, [503]);
    sender.answerAt(SECOND, [503]);
    sender.send([FIRST, SECOND]);
    sender.clock.advance(60_000);
    expect(sender.told).toEqual(["503 at 0.006"]);
  });

  test("does not hear any more of one that it has left", () => {
    const sender = new Sender();
    sender.answerAt(FIRST, [200], 5000);
    sender.answerAt(SECOND, [404], 3000);
    sender.send([FIRST, SECOND]);
    sender.clock.advance(60_000);
    expect(sender.told).toEqual(["404 at 7.002"]);
  });

  test("tries them all when none can be sent to at all, and says so once", () => {
    const sender = new Sender();
    sender.transport.send = (_text, _listener, _target, failed) => failed?.("EMSGSIZE");
    sender.send([FIRST, SECOND, THIRD]);
    expect(sender.told).toEqual(["transport-error at 0"]);
    expect(sender.failed).toEqual([FIRST, SECOND, THIRD]);
    expect(sender.attempt?.transaction).toBeUndefined();
    sender.clock.advance(60_000);
    expect(sender.told).toHaveLength(1);
  });

  test("knows the transaction of the present target, for a CANCEL", () => {
    const sender = new Sender();
    sender.send([FIRST, SECOND], { method: "INVITE" });
    expect(sender.attempt?.transaction?.request.target).toEqual(targetAt(FIRST));
    sender.clock.advance(5000);
    expect(sender.attempt?.transaction?.request.target).toEqual(targetAt(SECOND));
  });
});
