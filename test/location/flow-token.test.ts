import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KeyedIds } from "../../src/auth/keyed-ids.ts";
import {
  buildFlowToken,
  type FlowToken,
  hasFlowTokenForm,
  openFlowToken,
} from "../../src/location/flow-token.ts";
import { buildDialogToken, hasTokenForm, openDialogToken } from "../../src/proxy/dialog-token.ts";
import { parseUri } from "../../src/sip/uri.ts";

const ids = new KeyedIds(Buffer.from("the secret of this install"));
const mac = (text: string): string => ids.mac(text);
const isMac = (text: string, given: string): boolean => ids.isMac(text, given);

const tokens = fc.record<FlowToken>({
  flow: fc.string({ unit: "grapheme-ascii", maxLength: 60 }),
  ctid: fc.stringMatching(/^[0-9a-f]{0,16}$/u),
});
const token: FlowToken = {
  flow: "tcp:192.0.2.1:5060<198.51.100.7:40000#k3f9a2.1c",
  ctid: "0123456789abcdef",
};
const text = buildFlowToken(token, mac);

describe("the token of a Path", () => {
  test("opens, whatever is in it, and can stand in a SIP URI as it is", () => {
    fc.assert(
      fc.property(tokens, (given) => {
        const user = buildFlowToken(given, mac);
        expect(openFlowToken(user, isMac)).toEqual(given);
        expect(hasFlowTokenForm(user)).toBe(true);
        expect(parseUri(`sip:${user}@192.0.2.1:5060;lr;ob`)?.user).toBe(user);
      }),
    );
  });

  test("is unlike that of any other flow or contact", () => {
    fc.assert(
      fc.property(tokens, tokens, (one, other) => {
        const isSame = one.flow === other.flow && one.ctid === other.ctid;
        expect(buildFlowToken(one, mac) === buildFlowToken(other, mac)).toBe(isSame);
      }),
    );
  });

  test("does not open with any one character changed", () => {
    for (const at of text.split("").keys()) {
      for (const character of "ABCXYZabcxyz0189-_.=p o|%") {
        if (text[at] === character) continue;
        const flipped = text.slice(0, at) + character + text.slice(at + 1);
        expect(openFlowToken(flipped, isMac)).toBeUndefined();
      }
    }
  });

  test("does not open with the key of another install, and garbage neither", () => {
    const others = new KeyedIds(Buffer.from("the secret of another install"));
    expect(openFlowToken(text, (sealed, given) => others.isMac(sealed, given))).toBeUndefined();
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (head, tail) => {
        expect(openFlowToken(`p${head}.${tail}`, isMac)).toBeUndefined();
      }),
    );
  });

  test("is never taken for the token of a dialog, nor the other way around", () => {
    const seal = { callId: "call-1", initiatorTag: "bob" };
    for (const role of ["callee", "caller"] as const) {
      for (const edge of [{}, { isEdge: true as const }]) {
        const dialog = buildDialogToken({ ...token, role, ...edge }, seal, mac);
        expect([hasTokenForm(dialog), hasFlowTokenForm(dialog)]).toEqual([true, false]);
        expect(openDialogToken(dialog, seal, isMac)).toEqual({ ...token, role, ...edge });
        expect(openFlowToken(`p${dialog.slice(1)}`, isMac)).toBeUndefined();
      }
    }
    expect(hasTokenForm(text)).toBe(false);
    for (const letter of ["d", "o", "D", "O", "p"]) {
      expect(openDialogToken(letter + text.slice(1), seal, isMac)).toBeUndefined();
    }
  });
});
