import { describe, expect, test } from "vitest";
import { compilePattern } from "../../src/pattern/pattern.ts";
import { buildBinding, CTID } from "../registrar/fixtures.ts";
import { decide } from "./fixtures.ts";

const phone = buildBinding({ methods: "INVITE,ACK,BYE,CANCEL" });
/** Stands for the same URI of ours, as the devices of one user do in AoR throttling. */
const second = buildBinding({ contact: "sip:alice@198.51.100.8", methods: "MESSAGE,INVITE" });
const silent = buildBinding({ contact: "sip:alice@198.51.100.9", ctid: CTID });

function contactsOf(decision: ReturnType<typeof decide>): string[] {
  if (decision.kind !== "relay") return [];
  return decision.branches.map(({ text }) => text.split(" ")[1] ?? "");
}

describe("of the devices that a call is for", () => {
  test("all ring", () => {
    const bindings = [phone, second];
    expect(contactsOf(decide({ bindings }))).toEqual([phone.contact, second.contact]);
  });

  test("the most preferred one rings with no_branches", () => {
    const bindings = [phone, second];
    expect(contactsOf(decide({ bindings, lookup: { fork: "best" } }))).toEqual([phone.contact]);
  });

  test("method_filtering leaves out those whose Allow lacks the method, not those that gave none", () => {
    const bindings = [phone, second, silent];
    const lookup = { filtersMethods: true };
    expect(contactsOf(decide({ bindings, lookup, method: "MESSAGE" }))).toEqual([
      second.contact,
      silent.contact,
    ]);
    expect(contactsOf(decide({ bindings, method: "MESSAGE" }))).toHaveLength(3);
  });

  test("those whose User-Agent does not fit are left out", () => {
    const bindings = [{ ...phone, userAgent: "Yealink T46" }, second];
    const lookup = { userAgent: compilePattern("Yealink*") };
    expect(contactsOf(decide({ bindings, lookup }))).toEqual([phone.contact]);
    const none = { userAgent: compilePattern("Snom*"), noContactStatus: 480 as const };
    expect(decide({ bindings, lookup: none })).toMatchObject({ status: 480 });
  });

  test("those that answer pings too slowly are left out, not those that were never pinged", () => {
    const bindings = [phone, second, silent];
    const latencies = { [phone.contact]: 301, [second.contact]: 300 };
    const lookup = { maxLatencyMs: 300 };
    expect(contactsOf(decide({ bindings, latencies, lookup }))).toEqual([
      second.contact,
      silent.contact,
    ]);
    expect(contactsOf(decide({ bindings, latencies }))).toHaveLength(3);
  });

  test("the one that answers pings fastest comes first, those never pinged last", () => {
    const bindings = [silent, phone, second];
    const latencies = { [phone.contact]: 40, [second.contact]: 20 };
    const lookup = { sortsByLatency: true };
    const fastestFirst = [second.contact, phone.contact, silent.contact];
    expect(contactsOf(decide({ bindings, latencies, lookup }))).toEqual(fastestFirst);
    const best = { ...lookup, fork: "best" as const };
    expect(contactsOf(decide({ bindings, latencies, lookup: best }))).toEqual([second.contact]);
  });

  test("groups of equal q stay in their order when the fastest comes first", () => {
    const preferred = { ...phone, q: 900 };
    const slow = { ...second, q: 500 };
    const fast = { ...silent, q: 500 };
    const latencies = { [preferred.contact]: 90, [slow.contact]: 50, [fast.contact]: 10 };
    const lookup = { sortsByLatency: true, fork: "by-q" as const };
    const decision = decide({ bindings: [preferred, slow, fast], latencies, lookup });
    expect(contactsOf(decision)).toEqual([preferred.contact]);
    expect(decision).toMatchObject({ later: [[{}, {}]], ringMs: 20_000 });
    const [later = []] = decision.kind === "relay" ? decision.later : [];
    expect(later.map(({ text }) => text.split(" ")[1])).toEqual([fast.contact, slow.contact]);
  });

  test("one whose connection has ended is left out while another one is there", () => {
    const ended = { ...phone, source: "tcp:192.0.2.1:5060<198.51.100.7:40000#a.1" };
    const dead = [ended.source];
    expect(contactsOf(decide({ bindings: [ended, second], dead }))).toEqual([second.contact]);
    expect(contactsOf(decide({ bindings: [ended], dead }))).toEqual([ended.contact]);
  });

  test("one that can be woken is not left out for that", () => {
    const asleep = {
      ...phone,
      source: "tcp:192.0.2.1:5060<198.51.100.7:40000#a.1",
      push: "fcm p t",
    };
    const bindings = [asleep, second];
    expect(contactsOf(decide({ bindings, dead: [asleep.source] }))).toHaveLength(2);
  });

  test("none may be left: 405 says what would have been allowed (RFC 3261 section 21.4.6)", () => {
    const bindings = [phone, second];
    const decision = decide({ bindings, lookup: { filtersMethods: true }, method: "SUBSCRIBE" });
    expect(decision).toMatchObject({
      status: 405,
      headers: "Allow: INVITE, ACK, BYE, CANCEL, MESSAGE\r\n",
    });
  });
});
