import { describe, expect, test } from "vitest";
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

  test("none may be left: 405 says what would have been allowed (RFC 3261 section 21.4.6)", () => {
    const bindings = [phone, second];
    const decision = decide({ bindings, lookup: { filtersMethods: true }, method: "SUBSCRIBE" });
    expect(decision).toMatchObject({
      status: 405,
      headers: "Allow: INVITE, ACK, BYE, CANCEL, MESSAGE\r\n",
    });
  });
});
