import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KeyedIds } from "../../src/auth/keyed-ids.ts";
import {
  buildDialogToken,
  type DialogSeal,
  type DialogToken,
  openDialogToken,
} from "../../src/proxy/dialog-token.ts";
import { parseUri } from "../../src/sip/uri.ts";

const ids = new KeyedIds(Buffer.from("the secret of this install"));
const mac = (text: string): string => ids.mac(text);
const isMac = (sealed: string, given: string): boolean => ids.isMac(sealed, given);
const seal: DialogSeal = { callId: "call-1", initiatorTag: "bob" };
const token: DialogToken = {
  role: "callee",
  flow: "udp:192.0.2.1:5060<198.51.100.7:40000",
  ctid: "0123456789abcdef",
};
const text = buildDialogToken(token, seal, mac);

const ascii = fc.string({ unit: "grapheme-ascii", maxLength: 30 });
const tokens = fc.record<DialogToken>({
  role: fc.constantFrom("callee", "caller"),
  flow: ascii,
  ctid: fc.stringMatching(/^[0-9a-f]{0,16}$/u),
});
const seals = fc.record({ callId: ascii, initiatorTag: ascii });

describe("a dialog token", () => {
  test("opens for the dialog it was made for, whatever is in it", () => {
    fc.assert(
      fc.property(tokens, seals, (given, of) => {
        expect(openDialogToken(buildDialogToken(given, of, mac), of, isMac)).toEqual(given);
      }),
    );
  });

  test("can stand in a SIP URI as it is", () => {
    fc.assert(
      fc.property(tokens, seals, (given, of) => {
        const user = buildDialogToken(given, of, mac);
        expect(user).toMatch(/^[do][\w-]+\.[\w-]{14}$/u);
        expect(parseUri(`sip:${user}@192.0.2.1:5060;lr`)?.user).toBe(user);
      }),
    );
  });

  test("does not open with any one character changed", () => {
    const characters = "ABCXYZabcxyz0189-_.=d o|%";
    for (const at of text.split("").keys()) {
      for (const character of characters) {
        if (text[at] === character) continue;
        const flipped = text.slice(0, at) + character + text.slice(at + 1);
        expect(openDialogToken(flipped, seal, isMac)).toBeUndefined();
      }
    }
  });

  test("does not open cut short or made longer", () => {
    for (let length = 0; length < text.length; length += 1) {
      expect(openDialogToken(text.slice(0, length), seal, isMac)).toBeUndefined();
      expect(openDialogToken(text.slice(length + 1), seal, isMac)).toBeUndefined();
    }
    for (const longer of [`${text}A`, `${text}=`, `${text}.`, `A${text}`, `${text}.${text}`]) {
      expect(openDialogToken(longer, seal, isMac)).toBeUndefined();
    }
  });

  test.each<[string, DialogSeal]>([
    ["another Call-ID", { ...seal, callId: "call-2" }],
    ["another tag", { ...seal, initiatorTag: "alice" }],
    ["no tag", { ...seal, initiatorTag: "" }],
    [
      "a Call-ID and tag that only read the same together",
      { callId: "call-1\0b", initiatorTag: "ob" },
    ],
  ])("does not open for %s", (_, other) => {
    expect(openDialogToken(text, other, isMac)).toBeUndefined();
  });

  test("does not open with the key of another install", () => {
    const others = new KeyedIds(Buffer.from("the secret of another install"));
    expect(
      openDialogToken(text, seal, (sealed, given) => others.isMac(sealed, given)),
    ).toBeUndefined();
  });

  test.each([
    "",
    ".",
    "..",
    "d.",
    "dA.",
    "d%%%.AAAA",
    "d====.",
    "dAAAA",
    `.${mac("")}`,
    `x.${mac("x")}`,
  ])("is not garbage such as %j", (garbage) => {
    expect(openDialogToken(garbage, seal, isMac)).toBeUndefined();
  });

  test("that somebody makes up is never opened and never throws", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (head, tail) => {
        expect(openDialogToken(`${head}.${tail}`, seal, isMac)).toBeUndefined();
        expect(openDialogToken(head, seal, isMac)).toBeUndefined();
      }),
    );
  });
});
