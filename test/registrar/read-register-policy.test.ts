import { describe, expect, test } from "vitest";
import { readRegister } from "../../src/registrar/read-register.ts";
import type { RegisterPolicy } from "../../src/registrar/register-policy.ts";
import { requestOf } from "../support/messages.ts";
import { POLICY } from "../support/world.ts";
import { CONTACT, type RegisterParts, registerText } from "./fixtures.ts";

function read(parts: RegisterParts, policy: Partial<RegisterPolicy>): object {
  return readRegister(requestOf(registerText(parts)), { ...POLICY, ...policy });
}

/** The usual contact with URI parameters. */
function x(params: string): string {
  return `<${CONTACT}${params}>`;
}

/** An ask with one contact of that lifetime. */
function taken(lifetimeSec: number): object {
  return { contacts: [{ lifetimeSec }] };
}

/** An ask with the Path, and whether it is given back. */
function kept(supportsPath: boolean): object {
  return { path: "<sip:edge.test;lr>", supportsPath };
}

describe("a lifetime below min_expires (RFC 3261 section 10.3 step 7)", () => {
  const brief = { status: 423, reason: "Interval Too Brief", headers: "Min-Expires: 60\r\n" };
  test.each<[string, RegisterParts, object]>([
    ["of the contact", { contacts: [`<${CONTACT}>;expires=59`] }, brief],
    ["of the header", { contacts: [`<${CONTACT}>`], expires: "1" }, brief],
    [
      "of the second contact",
      { contacts: [`<${CONTACT}>;expires=60, <sip:b@h>;expires=5`] },
      brief,
    ],
    ["not of the minimum itself", { contacts: [`<${CONTACT}>;expires=60`] }, taken(60)],
    ["not of a removal", { contacts: [`<${CONTACT}>;expires=0`] }, taken(0)],
    ["not of the default", { contacts: [`<${CONTACT}>`] }, taken(3600)],
    ["not of a malformed one", { contacts: [`<${CONTACT}>;expires=soon`] }, taken(3600)],
    [
      "not of a header that the contact overrides",
      { contacts: [`<${CONTACT}>;expires=60`], expires: "5" },
      taken(60),
    ],
  ])("with min_expires_mode reject, %s", (_, parts, expected) => {
    const policy = { minExpiresSec: 60, minExpiresMode: "reject" } as const;
    expect(read(parts, policy)).toMatchObject(expected);
  });

  test("is raised all the same when it is an hour or more", () => {
    const policy = { minExpiresSec: 7200, maxExpiresSec: 0, minExpiresMode: "reject" } as const;
    expect(read({ contacts: [`<${CONTACT}>;expires=3600`] }, policy)).toMatchObject(taken(7200));
    expect(read({ contacts: [`<${CONTACT}>;expires=3599`] }, policy)).toMatchObject({
      status: 423,
    });
  });

  test("is raised with min_expires_mode raise", () => {
    const parts = { contacts: [`<${CONTACT}>;expires=1`] };
    expect(read(parts, { minExpiresSec: 60 })).toMatchObject(taken(60));
  });
});

describe("a Path (RFC 3327 section 5.3)", () => {
  const path = "Path: <sip:edge.test;lr>";
  const supported = "Supported: path";
  const refused = { status: 420, reason: "Bad Extension", headers: "Unsupported: path\r\n" };
  test.each<[RegisterPolicy["pathMode"], string, readonly string[], object]>([
    ["off", "is kept and never given back", [path, supported], kept(false)],
    ["lazy", "is given back to devices that support it", [path, supported], kept(true)],
    ["lazy", "is kept silently for those that do not", [path], kept(false)],
    ["strict", "is given back", [path, supported], kept(true)],
    ["strict", "is refused from devices that would not understand it", [path], refused],
    ["strict", "is not missed where there is none", [], { path: "" }],
  ])("with path_mode %s %s", (pathMode, _, headers, expected) => {
    expect(read({ headers }, { pathMode })).toMatchObject(expected);
  });
});

test("each contact knows how much of its lifetime may be taken off", () => {
  const policy = { expiresRangePercent: 10, defaultExpiresRangePercent: 40 };
  const contacts = [`<${CONTACT}>;expires=600, <sip:b@h>, <sip:c@h>;expires=soon`];
  expect(read({ contacts }, policy)).toMatchObject({
    contacts: [{ rangePercent: 10 }, { rangePercent: 40 }, { rangePercent: 40 }],
  });
  expect(read({ contacts: ["<sip:b@h>"], expires: "90" }, policy)).toMatchObject({
    contacts: [{ rangePercent: 10 }],
  });
});

describe("contacts of one REGISTER that are equal (RFC 3261 section 19.1.4, which is not transitive)", () => {
  test.each([
    [[x(";x=2"), x(";x=1"), x("")], [CONTACT]],
    [
      [x(""), x(";x=2"), x(";x=1")],
      [`${CONTACT};x=2`, `${CONTACT};x=1`],
    ],
    [
      [x(";x=1"), "<sip:b@h>", x(";x=2"), x("")],
      [CONTACT, "sip:b@h"],
    ],
    [[x(";x=1"), x(";x=1")], [`${CONTACT};x=1`]],
  ])("%j: the last of them stands for all that it equals", (contacts, uris) => {
    expect(read({ contacts }, {})).toMatchObject({ contacts: uris.map((uri) => ({ uri })) });
  });
});
