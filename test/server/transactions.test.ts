import { describe, expect, test } from "vitest";
import { MAX_COMPLETED_REGISTERS, MAX_SERVER_TRANSACTIONS } from "../../src/server/limits.ts";
import type { ServerTransaction } from "../../src/server/server-transaction.ts";
import { type OutgoingRequest, withVia } from "../../src/server/transactions.ts";
import { buildCancel } from "../../src/sip/build-ack.ts";
import type { SipRequest } from "../../src/sip/message.ts";
import {
  answerTo,
  headerLine,
  message,
  methodOf,
  requestOf,
  responseOf,
} from "../support/messages.ts";
import { LISTENER, Parts, targetAt } from "./fixtures.ts";

const PEER = "192.0.2.50:5060";

function request(method: string, branch: string, headers: { to?: string } = {}): SipRequest {
  return requestOf(
    message(
      `${method} sip:alice@sip.test SIP/2.0`,
      `Via: SIP/2.0/UDP ${PEER};branch=${branch}`,
      "From: <sip:bob@sip.test>;tag=bob",
      `To: <sip:alice@sip.test>${headers.to ?? ""}`,
      "Call-ID: 1",
      `CSeq: 1 ${method}`,
      "Content-Length: 0",
    ),
  );
}

function open(parts: Parts, method: string, branch = "z9hG4bK-1"): ServerTransaction {
  const transaction = parts.transactions.open(request(method, branch), parts.arrivalFrom(PEER));
  if (transaction === undefined) throw new Error("No room");
  return transaction;
}

function openMany(parts: Parts, count: number, isAnswered: boolean, prefix = "z9hG4bK-"): void {
  for (let at = 0; at < count; at += 1) {
    const transaction = open(parts, "REGISTER", `${prefix}${at}`);
    if (isAnswered) transaction.reply(200, "OK");
  }
}

describe("server transactions", () => {
  test("are found by what repeats their request, and by nothing else", () => {
    const parts = new Parts();
    expect(parts.transactions.find(request("REGISTER", "z9hG4bK-1"))).toBeUndefined();
    const transaction = open(parts, "REGISTER");
    expect(parts.transactions.find(request("REGISTER", "z9hG4bK-1"))).toBe(transaction);
    expect(parts.transactions.find(request("REGISTER", "z9hG4bK-2"))).toBeUndefined();
    expect(parts.transactions.find(request("OPTIONS", "z9hG4bK-1"))).toBeUndefined();
  });

  test("end 32 s after their answer, and repeat it until then", () => {
    const parts = new Parts();
    const heard = parts.listenAt(PEER);
    const transaction = open(parts, "REGISTER");
    expect(parts.transactions.openCount).toBe(1);
    transaction.reply(200, "OK");
    expect(parts.transactions.openCount).toBe(0);
    parts.clock.advance(31_000);
    transaction.repeat();
    parts.clock.advance(999);
    expect(heard).toHaveLength(2);
    expect(heard[1]).toBe(heard[0]);
    expect(parts.recording.gauge("sip_transactions", { kind: "server" })).toBe(1);
    parts.clock.advance(1);
    expect(parts.recording.gauge("sip_transactions", { kind: "server" })).toBe(0);
  });

  test("of an INVITE are found by its CANCEL and by the ACK to their failure", () => {
    const parts = new Parts();
    const transaction = open(parts, "INVITE");
    transaction.respond(486, answerTo(request("INVITE", "z9hG4bK-1").text, 486, "Busy"), "uas");
    const { transactions } = parts;
    expect(transactions.findCancelled(request("CANCEL", "z9hG4bK-1"))).toBe(transaction);
    expect(transactions.findCancelled(request("CANCEL", "z9hG4bK-2"))).toBeUndefined();
    const to = ";tag=uas";
    expect(transactions.findAcknowledged(request("ACK", "z9hG4bK-1", { to }))).toBe(transaction);
    expect(transactions.findAcknowledged(request("ACK", "z9hG4bK-2", { to }))).toBeUndefined();
  });

  test(`from ${MAX_COMPLETED_REGISTERS} on, completed REGISTERs make room, the oldest first`, () => {
    const parts = new Parts();
    openMany(parts, MAX_COMPLETED_REGISTERS, true);
    open(parts, "REGISTER", "z9hG4bK-new");
    const isKept = (at: number): boolean =>
      parts.transactions.find(request("REGISTER", `z9hG4bK-${at}`)) !== undefined;
    expect([0, 7, 8, MAX_COMPLETED_REGISTERS - 1].map(isKept)).toEqual([false, false, true, true]);
    expect(parts.recording.gauge("sip_transactions", { kind: "server" })).toBe(
      MAX_COMPLETED_REGISTERS - 7,
    );
  });

  test("that are not answered or no REGISTERs stay", () => {
    const parts = new Parts();
    open(parts, "REGISTER", "z9hG4bK-open");
    open(parts, "OPTIONS", "z9hG4bK-options").reply(200, "OK");
    openMany(parts, MAX_COMPLETED_REGISTERS, true);
    expect(parts.transactions.find(request("REGISTER", "z9hG4bK-open"))).toBeDefined();
    expect(parts.transactions.find(request("OPTIONS", "z9hG4bK-options"))).toBeDefined();
  });

  test(`are ${MAX_SERVER_TRANSACTIONS} at most`, () => {
    const parts = new Parts();
    openMany(parts, MAX_SERVER_TRANSACTIONS, false);
    expect(parts.transactions.open(request("REGISTER", "z9hG4bK-x"), parts.arrivalFrom(PEER))).toBe(
      undefined,
    );
    expect(parts.transactions.openCount).toBe(MAX_SERVER_TRANSACTIONS);
  });
});

describe("client transactions", () => {
  test("send the request with a Via of midreg's own on top, and a branch of its own each time", () => {
    const parts = new Parts();
    const heard = parts.listenAt(PEER);
    const user = { onResponse: () => undefined, onFailure: () => undefined };
    parts.transactions.send(outgoing("REGISTER"), user);
    parts.transactions.send(outgoing("REGISTER"), user);
    parts.clock.advance(10);
    expect(heard.map((text) => headerLine(text, "Via"))).toEqual([
      "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-midreg-1;rport",
      "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-midreg-2;rport",
    ]);
    expect(parts.recording.gauge("sip_transactions", { kind: "client" })).toBe(2);
  });

  test("take their answers by branch and method, and no stray ones", () => {
    const parts = new Parts();
    const told: number[] = [];
    const user = {
      onResponse: ({ status }: { status: number }) => void told.push(status),
      onFailure: () => undefined,
    };
    const heard = parts.listenAt(PEER);
    parts.transactions.send(outgoing("REGISTER"), user);
    parts.clock.advance(10);
    const answer = answerTo(heard[0] ?? "", 200, "OK");
    expect(parts.transactions.receive(responseOf(answer.replace("midreg-1", "other")))).toBe(false);
    expect(parts.transactions.receive(responseOf(answer.replace("1 REGISTER", "1 OPTIONS")))).toBe(
      false,
    );
    expect(parts.transactions.receive(responseOf(answer))).toBe(true);
    expect(parts.transactions.receive(responseOf(answer))).toBe(true);
    expect(told).toEqual([200]);
    parts.clock.advance(5000);
    expect(parts.transactions.receive(responseOf(answer))).toBe(false);
    expect(parts.recording.gauge("sip_transactions", { kind: "client" })).toBe(0);
  });

  test("of a CANCEL stand beside that of the INVITE, with its branch", () => {
    const parts = new Parts();
    const heard = parts.listenAt(PEER);
    const user = { onResponse: () => undefined, onFailure: () => undefined };
    const { request: invite } = parts.transactions.send(outgoing("INVITE"), user);
    parts.transactions.sendCancel(buildCancel(invite.text), invite, user);
    parts.clock.advance(10);
    expect(heard.map(methodOf)).toEqual(["INVITE", "CANCEL"]);
    expect(headerLine(heard[1] ?? "", "Via")).toBe(headerLine(heard[0] ?? "", "Via"));
    for (const text of heard) {
      expect(parts.transactions.receive(responseOf(answerTo(text, 200, "OK")))).toBe(true);
    }
    parts.clock.advance(60_000);
    expect(parts.recording.gauge("sip_transactions", { kind: "client" })).toBe(0);
  });

  test("of a CANCEL that nobody answers end too", () => {
    const parts = new Parts();
    const user = { onResponse: () => undefined, onFailure: () => undefined };
    const { request: invite } = parts.transactions.send(outgoing("INVITE"), user);
    parts.transactions.sendCancel(buildCancel(invite.text), invite, user);
    parts.clock.advance(60_000);
    expect(parts.recording.gauge("sip_transactions", { kind: "client" })).toBe(0);
    expect(parts.errors).toEqual([]);
  });

  test("a Via names the protocol of the listener and goes above all other headers", () => {
    expect(withVia("A b SIP/2.0\r\nVia: x\r\n\r\n", LISTENER, "z9hG4bK-b")).toBe(
      "A b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-b;rport\r\nVia: x\r\n\r\n",
    );
  });
});

/** A request of a phone on its way, without midreg's Via. */
function outgoing(method: string): OutgoingRequest {
  const text = message(
    `${method} sip:x SIP/2.0`,
    "Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK-phone",
    "Max-Forwards: 70",
    "From: <sip:a@b>;tag=1",
    "To: <sip:a@b>",
    "Call-ID: 1",
    `CSeq: 1 ${method}`,
    "Content-Length: 0",
  );
  return { text, method, listener: LISTENER, target: targetAt(PEER) };
}
