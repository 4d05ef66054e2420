import { describe, expect, test } from "vitest";
import { registrationStart, restartedSiblings, upstreamGruuOf } from "../../src/registrar/gruu.ts";
import { readRegister } from "../../src/registrar/read-register.ts";
import { headerLine, requestOf } from "../support/messages.ts";
import { POLICY } from "../support/world.ts";
import { answerOf, expiring, granted, ok, put } from "./answer-fixtures.ts";
import {
  AOR,
  AOR_URI,
  buildBinding,
  CONTACT,
  decideAs,
  NOW_MS,
  type RegisterParts,
  recordOf,
  registerText,
} from "./fixtures.ts";

const INSTANCE = ';+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"';
const OTHER = INSTANCE.replace("f81d", "f82d");
const SECOND = "0000000000000002";
const START_MS = NOW_MS - 30_000;

const device = buildBinding({ params: INSTANCE });

function readStatus(parts: RegisterParts, gruu = true): number {
  const read = readRegister(requestOf(registerText(parts)), { ...POLICY, gruu });
  return "status" in read ? read.status : 200;
}

describe("a registration", () => {
  const start = (
    parts: Parameters<typeof buildBinding>[0],
    { callId = "phone-call-id", bindings = [device] } = {},
  ): number =>
    registrationStart(buildBinding(parts), {
      record: recordOf(AOR, bindings),
      callId,
      nowMs: NOW_MS,
    });

  test.each<[string, Parameters<typeof start>, number]>([
    ["begins with the first contact", [{ params: INSTANCE }, { bindings: [] }], NOW_MS],
    ["goes on with the Call-ID", [{ params: INSTANCE }], START_MS],
    ["begins anew with another Call-ID", [{ params: INSTANCE }, { callId: "new" }], NOW_MS],
    [
      "begins anew after a lapse",
      [{ params: INSTANCE }, { bindings: [{ ...device, expiresAtMs: NOW_MS }] }],
      NOW_MS,
    ],
    ["goes on with another contact", [{ params: INSTANCE, ctid: SECOND }], START_MS],
    [
      "goes on with another spelling of the instance",
      [{ params: INSTANCE.replace("f81d", "F81D"), ctid: SECOND }],
      START_MS,
    ],
    ["is another one for another instance", [{ params: OTHER, ctid: SECOND }], NOW_MS],
    [
      "goes on with the first REGISTER of another flow, whose Call-ID is its own",
      [{ params: `${INSTANCE};reg-id=2`, ctid: SECOND }, { callId: "new" }],
      START_MS,
    ],
    [
      "goes on where the most recently refreshed contact has the Call-ID",
      [
        { params: INSTANCE, ctid: SECOND },
        {
          callId: "new",
          bindings: [device, { ...device, ctid: SECOND, callId: "new", updatedAtMs: NOW_MS - 1 }],
        },
      ],
      START_MS,
    ],
    [
      "without an instance goes on whatever the Call-ID",
      [{}, { bindings: [buildBinding()] }],
      START_MS,
    ],
    [
      "never begins at the same moment twice",
      [{ params: INSTANCE }, { callId: "new", bindings: [{ ...device, registeredAtMs: NOW_MS }] }],
      NOW_MS + 1,
    ],
  ])("%s", (_, parameters, startMs) => {
    expect(start(...parameters)).toBe(startMs);
  });

  test("that begins anew takes the other contacts of its instance along, and no others", () => {
    const begun = { ...device, registeredAtMs: NOW_MS };
    const sibling = { ...device, ctid: SECOND };
    const stranger = buildBinding({ ctid: "3", params: OTHER });
    const record = recordOf(AOR, [device, sibling, stranger]);
    expect(restartedSiblings(record, [begun], NOW_MS)).toEqual([
      { ...sibling, registeredAtMs: NOW_MS },
    ]);
    expect(restartedSiblings(record, [device], NOW_MS)).toEqual([]);
    expect(restartedSiblings(record, [buildBinding({ registeredAtMs: 5 })], NOW_MS)).toEqual([]);
  });
});

describe("GRUUs of the main registrar's making", () => {
  const open = ';pub-gruu="sip:alice@sip.test;gr=x"';
  const hidden = ';temp-gruu="sip:a\\"b@sip.test;gr"';

  test.each([
    ["both", `;expires=60${hidden};q=1${open}`, open + hidden],
    ["one of them", `${open};expires=60`, open],
    ["none", ";expires=60", ""],
    ["one without quotes", ";pub-gruu=sip:x", ""],
    ["more than is kept", `${open};temp-gruu="${"x".repeat(1024)}"`, ""],
  ])("are kept as they are: %s", (_, params, kept) => {
    expect(upstreamGruuOf(params)).toBe(kept);
  });

  test("stay with the binding, and are gone when it gives none any more", () => {
    const register = { contacts: [`<${CONTACT}>${INSTANCE}`], headers: ["Supported: gruu"] };
    const first = answerOf({ bindings: [expiring], register, answer: ok([granted(3600) + open]) });
    expect(put(first)?.upstreamGruu).toBe(open);
    expect(headerLine(first.text, "Contact")).toContain(`<${CONTACT}>${open}${INSTANCE}`);
    const next = answerOf({ bindings: [expiring], register, answer: ok([granted(3600)]) });
    expect(put(next)?.upstreamGruu).toBe("");
    expect(headerLine(next.text, "Contact")).toContain("tgruu");
  });
});

describe("a contact with an instance", () => {
  test.each<[string, string, number]>([
    ["the address-of-record", AOR_URI, 403],
    ["it in other words", "sip:%61lice@SIP.TEST;transport=udp", 403],
    ["its GRUU", `${AOR_URI};gr=x`, 403],
    ["any temporary GRUU", "sip:tgruu.x@192.0.2.9;gr", 403],
    ["no SIP URI", "mailto:alice@sip.test", 403],
    ["another user of the domain", "sip:bob@sip.test;gr=x", 200],
    ["a device", CONTACT, 200],
  ])("is judged by its URI: %s (RFC 5627 section 5.1)", (_, uri, status) => {
    expect(readStatus({ contacts: [`<${uri}>${INSTANCE}`] })).toBe(status);
  });

  test("may be removed, or be without instance, or the operator wants no GRUUs", () => {
    expect(readStatus({ contacts: [`<${AOR_URI}>${INSTANCE};expires=0`] })).toBe(200);
    expect(readStatus({ contacts: [`<${AOR_URI}>`] })).toBe(200);
    expect(readStatus({ contacts: [`<${AOR_URI}>${INSTANCE}`] }, false)).toBe(200);
  });
});

describe("Require: gruu (RFC 5627 section 4.1)", () => {
  const refresh = { contacts: [`<${CONTACT}>${INSTANCE};expires=60`] };

  test("is met here, so a refresh is absorbed", () => {
    const register = { ...refresh, headers: ["Require: GRUU", "Supported: gruu"] };
    const { answer } = decideAs("absorb", { register, bindings: [device] });
    expect(headerLine(answer, "Contact")).toContain("pub-gruu=");
  });

  test.each([
    ["gruu", ""],
    ["path, gruu", "path"],
    ["path", "path"],
  ])("is not asked of the main registrar: %s", (written, passed) => {
    const register = { ...refresh, headers: [`Require: ${written}`] };
    const { forward } = decideAs("forward", { register, bindings: [expiring] });
    expect(headerLine(forward.text, "Require")).toBe(passed);
  });

  test("is the main registrar's business when the operator wants no GRUUs", () => {
    const register = { ...refresh, headers: ["Require: gruu"] };
    const parts = { register, bindings: [device], policy: { gruu: false } };
    expect(headerLine(decideAs("forward", parts).forward.text, "Require")).toBe("gruu");
  });
});
