import { describe, expect, test } from "vitest";
import { readRegister, userAgentOf } from "../../src/registrar/read-register.ts";
import type { RegisterPolicy } from "../../src/registrar/register-policy.ts";
import { requestOf } from "../support/messages.ts";
import { POLICY } from "../support/world.ts";
import { AOR, CONTACT, type RegisterParts, registerText } from "./fixtures.ts";

const policy: RegisterPolicy = { ...POLICY, defaultExpiresSec: 1800 };

function read(
  parts: RegisterParts,
  given: RegisterPolicy = policy,
): ReturnType<typeof readRegister> {
  return readRegister(requestOf(registerText(parts)), given);
}

function refusal(reason: string): { status: number; reason: string } {
  return { status: 400, reason };
}

describe("a REGISTER is read", () => {
  test("with its address-of-record and one contact", () => {
    expect(
      read({
        contacts: [`"Alice" <${CONTACT}>;q=0.25;+sip.instance="<urn:x>";expires=60;reg-id=1`],
      }),
    ).toEqual({
      aor: AOR,
      contacts: [
        {
          uri: CONTACT,
          params: ';+sip.instance="<urn:x>";reg-id=1',
          q: 250,
          lifetimeSec: 60,
          requestedSec: 60,
          push: "",
          pushKey: "",
          rangePercent: 0,
          flowKey: "<urn:x> 1",
        },
      ],
      policy,
      isStar: false,
      path: "",
      received: "",
      supportsPath: false,
      supportsGruu: false,
      offers: undefined,
      isOutbound: false,
    });
  });

  test("without a contact as a fetch", () => {
    expect(read({ contacts: [] })).toMatchObject({ contacts: [], isStar: false });
  });

  test.each([
    ["a To of another scheme", { to: "<tel:+4930123456>" }, "Malformed address-of-record"],
    ["a To without user", { to: "<sip:sip.test>" }, "Address-of-record without a user"],
    [
      "a Call-ID of 256 bytes; differs: before it is forwarded (T8)",
      { callId: "c".repeat(256) },
      "Call-ID too long",
    ],
  ])("and refused for %s", (_, parts, reason) => {
    expect(read(parts)).toEqual(refusal(reason));
  });

  test("with a Call-ID of 255 bytes", () => {
    expect(read({ callId: "c".repeat(255) })).toMatchObject({ aor: AOR });
  });

  test("with its User-Agent, and no more than 255 bytes of that", () => {
    expect(agentOf("Phone 1.0")).toBe("Phone 1.0");
    expect(agentOf("x".repeat(60_000))).toBe("x".repeat(255));
    expect(userAgentOf(requestOf(registerText()))).toBe("");
  });
});

describe("lifetimes are read (spec section 1.7)", () => {
  test.each<[string, string, string | undefined, number]>([
    ["param", ";expires=60", undefined, 60],
    ["header", "", "60", 60],
    ["param before header", ";expires=120", "60", 120],
    ["neither", "", undefined, 1800],
    ["param 0", ";expires=0", "60", 0],
    ["header 0", "", "0", 0],
    ["param below min_expires", ";expires=1", undefined, 10],
    ["header below min_expires", "", "1", 10],
    ["param above max_expires", ";expires=86400", undefined, 3600],
    ["T29: expires=soon is the default, as the reference", ";expires=soon", undefined, 1800],
    ["T29: expires=-5 is the default, as the reference", ";expires=-5", undefined, 1800],
    ["T29: expires=60.5 is the default", ";expires=60.5", undefined, 1800],
    ['T29: expires="60" is the default', ';expires="60"', undefined, 1800],
    ["T29: expires without a value is the default", ";expires", undefined, 1800],
    ["T29: expires= with nothing behind it is the default", ";expires=", undefined, 1800],
    ["T29: expires=2147483647", ";expires=2147483647", undefined, 3600],
    ["T29: expires=2147483648; differs: no overflow", ";expires=2147483648", undefined, 3600],
    ["T29: expires=4294967295; differs: no overflow", ";expires=4294967295", undefined, 3600],
    ["T29: expires=4294967296; differs: no overflow", ";expires=4294967296", undefined, 3600],
    [
      "T29: expires of 40 digits; differs: no overflow",
      `;expires=${"9".repeat(40)}`,
      undefined,
      3600,
    ],
    ["T29: header 4294967296 is clamped; differs: not the default", "", "4294967296", 3600],
    ["T29: leading zeros", ";expires=000060", undefined, 60],
    ["T29: the first of two params counts", ";expires=60;expires=120", undefined, 60],
    ["T29: blanks around the param", " ; expires = 60", undefined, 60],
    ["T29: the param in another case", ";EXPIRES=60", undefined, 60],
    ["T29: a quoted param that only looks like one", ';x=";expires=60"', undefined, 1800],
  ])("%s", (_, params, header, lifetimeSec) => {
    const ask = read({ contacts: [`<${CONTACT}>${params}`], expires: header });
    expect(ask).toMatchObject({ contacts: [{ uri: CONTACT, lifetimeSec }] });
  });

  test("T29: from a compact and folded header", () => {
    const text = registerText({
      contacts: [],
      headers: [`m: <${CONTACT}>\r\n ;expires=60\r\n\t;q=0.5`],
    });
    expect(readRegister(requestOf(text), policy)).toMatchObject({
      contacts: [{ uri: CONTACT, lifetimeSec: 60, q: 500 }],
    });
  });

  test("without brackets, where the parameters are the header's (RFC 3261 section 20.10)", () => {
    expect(read({ contacts: [`${CONTACT};expires=60`] })).toMatchObject({
      contacts: [{ uri: CONTACT, lifetimeSec: 60 }],
    });
  });

  test.each(["soon", "-5", "", "60;x", "1 2", "0x10"])(
    "T29: and Expires: %j is refused, as the reference",
    (expires) => {
      expect(read({ expires })).toEqual(refusal("Malformed Expires"));
    },
  );

  test("T29: up to 2^31-1 without max_expires", () => {
    const ask = read(
      { contacts: [`<${CONTACT}>;expires=4294967295`] },
      { ...policy, maxExpiresSec: 0 },
    );
    expect(ask).toMatchObject({ contacts: [{ lifetimeSec: 2_147_483_647 }] });
  });
});

describe("contacts are checked (spec section 1.2)", () => {
  test("* with Expires 0 is a star, as the reference", () => {
    expect(read({ contacts: ["*"], expires: "0" })).toMatchObject({ contacts: [], isStar: true });
  });

  test.each<[string, RegisterParts, string]>([
    [
      "* with a lifetime, as the reference",
      { contacts: ["*"], expires: "60" },
      "Contact * without Expires 0",
    ],
    ["* without Expires, as the reference", { contacts: ["*"] }, "Contact * without Expires 0"],
    [
      "* with expires=0 of its own",
      { contacts: ["*;expires=0"], expires: "0" },
      "Malformed Contact",
    ],
    [
      "* before another contact, as the reference",
      { contacts: [`*, <${CONTACT}>`], expires: "0" },
      "Malformed Contact",
    ],
    [
      "* behind another contact, as the reference",
      { contacts: [`<${CONTACT}>, *`], expires: "0" },
      "Malformed Contact",
    ],
    [
      "* in a header of its own beside another",
      { contacts: [`<${CONTACT}>`, "*"], expires: "0" },
      "Malformed Contact",
    ],
    ["* twice", { contacts: ["*", "*"], expires: "0" }, "Malformed Contact"],
    ["a contact that is none", { contacts: ["<sip:alice"] }, "Malformed Contact"],
    [
      "an empty contact among others",
      { contacts: [`<${CONTACT}>,,<${CONTACT}>`] },
      "Malformed Contact",
    ],
    ["another scheme", { contacts: ["<mailto:alice@sip.test>"] }, "Unusable Contact URI"],
    ["a telephone number", { contacts: ["<tel:+4930123456>"] }, "Unusable Contact URI"],
    ["nothing before the @ (T16)", { contacts: ["<sip:@198.51.100.7>"] }, "Malformed Contact"],
    ["a port beyond 65535", { contacts: ["<sip:alice@198.51.100.7:65536>"] }, "Malformed Contact"],
    [
      "a q beyond 1; differs: before it is forwarded (section 1.5)",
      { contacts: [`<${CONTACT}>;q=2.0`] },
      "Malformed q of Contact",
    ],
    ["a q that is none", { contacts: [`<${CONTACT}>;q=high`] }, "Malformed q of Contact"],
    [
      "a fault in the last of several contacts (T28)",
      { contacts: [`<${CONTACT}>`, "<mailto:a@b>"] },
      "Unusable Contact URI",
    ],
    [
      "more than 64 contacts",
      { contacts: Array.from({ length: 65 }, (_, at) => `<sip:a@h${at}>`) },
      "Malformed Contact",
    ],
  ])("%s is refused", (_, parts, reason) => {
    expect(read(parts)).toEqual(refusal(reason));
  });

  test.each([
    ["first", (long: string) => [long]],
    ["second", (long: string) => [`<${CONTACT}>`, long]],
  ])(
    "a Contact over max_contact_len is refused in the %s header; differs: each is measured",
    (_, contacts) => {
      expect(read({ contacts: contacts(`<${uriOf(2048)}>`) })).toMatchObject({ isStar: false });
      expect(read({ contacts: contacts(`<${uriOf(2049)}>`) })).toEqual(
        refusal("Contact URI too long"),
      );
      expect(read({ contacts: contacts(`<${CONTACT}>${paramsOf(2048)}`) })).toMatchObject({
        isStar: false,
      });
      expect(read({ contacts: contacts(`<${CONTACT}>${paramsOf(2049)}`) })).toEqual(
        refusal("Contact too long"),
      );
    },
  );

  test.each([
    ["q=0", ";q=0", undefined, 0],
    ["q=1.000", ";q=1.000", undefined, 1000],
    ["q=0.125", ";q=0.125", 700, 125],
    ["none", "", undefined, undefined],
    ["none, with default_q", "", 700, 700],
  ])("a preference is read in thousandths: %s", (_, params, defaultQ, q) => {
    const ask = read({ contacts: [`<${CONTACT}>${params}`] }, { ...policy, defaultQ });
    expect(ask).toMatchObject({ contacts: [{ q }] });
  });

  test("several contacts keep their order, over headers and lists", () => {
    const contacts = ["<sip:a@h1>, <sip:b@h2>;expires=0", "<sips:c@[2001:db8::1]>", "<sip:h4>"];
    const ask = read({ contacts, expires: "60" });
    expect(ask).toMatchObject({
      contacts: [
        { uri: "sip:a@h1", lifetimeSec: 60 },
        { uri: "sip:b@h2", lifetimeSec: 0 },
        { uri: "sips:c@[2001:db8::1]", lifetimeSec: 60 },
        { uri: "sip:h4", lifetimeSec: 60 },
      ],
    });
  });

  test("a contact that stands twice is one, and its last word counts", () => {
    const contacts = ["<sip:a@host>;expires=60;q=0.5", "<sip:b@host>", "<sip:a@HOST>;expires=90"];
    const ask = read({ contacts });
    expect(ask).toMatchObject({
      contacts: [{ uri: "sip:a@HOST", lifetimeSec: 90, q: undefined }, { uri: "sip:b@host" }],
    });
  });
});

describe("Path is read (spec section 7.2)", () => {
  test.each<[string, readonly string[], string]>([
    ["one value", ["Path: <sip:edge.test;lr>"], "<sip:edge.test;lr>"],
    [
      "a list over two headers",
      ["Path: <sip:a;lr>, <sip:b>", "Path: <sip:c;lr>"],
      "<sip:a;lr>, <sip:b>, <sip:c;lr>",
    ],
    ["lr with a value", ["Path: <sip:edge.test;lr=on>"], "<sip:edge.test;lr=on>"],
  ])("T19: and kept by default: %s", (_, headers, path) => {
    expect(read({ headers })).toMatchObject({ path });
  });

  test.each([
    ["an empty value", ["Path: "], "Malformed Path"],
    ["a value that is none", ["Path: <sip:edge.test"], "Malformed Path"],
    ["a malformed URI", ["Path: <sip:;lr>"], "Malformed Path"],
    ["a first hop without lr, as the reference", ["Path: <sip:edge.test>"], "Path without lr"],
    ["lr that is the header's", ["Path: sip:edge.test;lr"], "Path without lr"],
    [
      "more than 2048 bytes; differs: not 253",
      [`Path: <sip:${"e".repeat(2048)}@h;lr>`],
      "Path too long",
    ],
  ])("T8: and refused before it is forwarded: %s", (_, headers, reason) => {
    expect(read({ headers })).toEqual(refusal(reason));
  });

  test("up to 2048 bytes", () => {
    const path = `<sip:${"e".repeat(2048 - 12)}@h;lr>`;
    expect(path).toHaveLength(2047);
    expect(read({ headers: [`Path: ${path}`] })).toMatchObject({ path });
    expect(read({ headers: [`Path: ${path.replace("h;", "hh;")}`] })).toMatchObject({
      isStar: false,
    });
  });

  test.each([
    ["Supported: path", true],
    ["k: gruu, PATH", true],
    ["Supported: pathological", false],
    ["X: path", false],
  ])("with %j, the device %s understand it", (header, supportsPath) => {
    expect(read({ headers: [header, "Path: <sip:edge.test;lr>"] })).toMatchObject({ supportsPath });
  });
});

function agentOf(value: string): string {
  return userAgentOf(requestOf(registerText({ headers: [`User-Agent: ${value}`] })));
}

/** A contact URI of so many bytes. */
function uriOf(length: number): string {
  return `sip:a@h;x=${"y".repeat(length - 10)}`;
}

/** Contact parameters of so many bytes. */
function paramsOf(length: number): string {
  return `;x=${"y".repeat(length - 3)}`;
}
