/** RFC 3261 section 18.2.2: where responses go whose connection has ended. */
import { describe, expect, test } from "vitest";
import type { Listener, Protocol, Target, Transport } from "../../src/ports.ts";
import { type Arrival, sendResponse } from "../../src/server/arrival.ts";
import { TimerQueue } from "../../src/server/timer-queue.ts";
import { Transactions } from "../../src/server/transactions.ts";
import type { SipRequest } from "../../src/sip/message.ts";
import { parseMessage } from "../../src/sip/parse-message.ts";
import { memoryListener } from "../support/memory-network.ts";
import { message } from "../support/messages.ts";
import { SequentialIds } from "../support/sequential-ids.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { RecordingModules } from "../transport/recording-modules.ts";

const ANSWER = "SIP/2.0 200 OK\r\n\r\n";

/** A transport on which the one connection has ended in that way. */
class EndedConnection implements Transport {
  readonly listeners: readonly Listener[] = [];
  readonly targets: Target[] = [];
  readonly #code: string;

  constructor(code: string) {
    this.#code = code;
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  expectKeepAlive(): void {}

  send(_: string, __: Listener, target: Target, failed?: (code: string) => void): void {
    this.targets.push(target);
    if (target.connection !== undefined) failed?.(this.#code);
  }

  isOpen(): boolean {
    return false;
  }
}

function arrivalOf(protocol: Protocol, connection: string): Arrival {
  const listener = memoryListener("192.0.2.1", 5060, protocol);
  return { listener, address: "198.51.100.7", port: 40_000, connection, atMs: 0 };
}

function requestVia(via: string): SipRequest {
  const parsed = parseMessage(
    message(
      "OPTIONS sip:sip.test SIP/2.0",
      `Via: ${via};branch=z9hG4bK1;rport`,
      "Max-Forwards: 70",
      "From: <sip:a@b>;tag=1",
      "To: <sip:a@b>",
      "Call-ID: 1",
      "CSeq: 1 OPTIONS",
      "Content-Length: 0",
    ),
  );
  if (parsed.kind !== "request") throw new Error("no request");
  return parsed;
}

describe("a response whose connection has ended", () => {
  test.each<[Protocol, string, number]>([
    ["tcp", "SIP/2.0/TCP phone.test:5070", 5070],
    ["tcp", "SIP/2.0/TCP phone.test", 5060],
    ["tls", "SIP/2.0/TLS phone.test", 5061],
    ["tls", "SIP/2.0/TLS 10.0.0.9:40001", 40_001],
  ])("by %s with %s goes to the client's address at port %i", (protocol, via, port) => {
    const transport = new EndedConnection("ECONNRESET");
    sendResponse(transport, arrivalOf(protocol, "a.1"), requestVia(via), ANSWER);
    expect(transport.targets).toEqual([
      { protocol, address: "198.51.100.7", port: 40_000, connection: "a.1" },
      { protocol, address: "198.51.100.7", port },
    ]);
  });

  test("because its peer does not read is given up", () => {
    const transport = new EndedConnection("ENOBUFS");
    sendResponse(transport, arrivalOf("tcp", "a.1"), requestVia("SIP/2.0/TCP phone.test"), ANSWER);
    expect(transport.targets).toHaveLength(1);
  });

  test("has nothing to do with UDP, which has no connections", () => {
    const transport = new EndedConnection("ECONNRESET");
    sendResponse(transport, arrivalOf("udp", ""), requestVia("SIP/2.0/UDP phone.test"), ANSWER);
    expect(transport.targets).toEqual([{ protocol: "udp", address: "198.51.100.7", port: 40_000 }]);
  });

  test("of a transaction goes the same way", () => {
    const transport = new EndedConnection("ECONNRESET");
    const clock = new VirtualClock();
    const timers = new TimerQueue(clock, () => undefined);
    const { metrics } = new RecordingModules();
    const modules = { transport, timers, ids: new SequentialIds(), metrics };
    const request = requestVia("SIP/2.0/TCP phone.test:5070");
    const transaction = new Transactions(modules).open(request, arrivalOf("tcp", "a.1"));
    transaction?.reply(200, "OK");
    expect(transport.targets.map(({ port, connection }) => [port, connection])).toEqual([
      [40_000, "a.1"],
      [5070, undefined],
    ]);
  });
});
