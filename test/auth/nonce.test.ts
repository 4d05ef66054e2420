import * as fc from "fast-check";
import { expect, test } from "vitest";
import { KeyedIds } from "../../src/auth/keyed-ids.ts";
import { buildNonce, isSameText, readNonce } from "../../src/auth/nonce.ts";

const ids = new KeyedIds(Buffer.from("the secret of this install"));
const mac = (text: string): string => ids.mac(text);
const NOW_MS = Date.UTC(2026, 0, 1);

test("a nonce is recognised by the install that made it, with the time it was made", () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 43 }), fc.string(), (nowMs, realm) => {
      const read = readNonce(buildNonce(nowMs, ids.tag(), realm, mac), realm, mac);
      expect(read?.issuedAtMs).toBe(nowMs);
    }),
  );
});

test("two nonces of the same moment have different names", () => {
  const names = [ids.tag(), ids.tag()].map((salt) => {
    return readNonce(buildNonce(NOW_MS, salt, "a", mac), "a", mac)?.key;
  });
  expect(new Set(names).size).toBe(2);
});

test("a nonce with one character changed is nobody's", () => {
  const nonce = buildNonce(NOW_MS, ids.tag(), "sip.test", mac);
  fc.assert(
    fc.property(
      fc.nat(nonce.length - 1),
      fc.constantFrom("0", "a", "Z", "-", "_", "."),
      (at, char) => {
        fc.pre(nonce[at] !== char);
        const changed = nonce.slice(0, at) + char + nonce.slice(at + 1);
        expect(readNonce(changed, "sip.test", mac)).toBeUndefined();
      },
    ),
  );
});

test("a nonce of another realm or another install is not taken", () => {
  const nonce = buildNonce(NOW_MS, ids.tag(), "sip.test", mac);
  const other = new KeyedIds(Buffer.from("the secret of another install"));
  expect(readNonce(nonce, "other.test", mac)).toBeUndefined();
  expect(readNonce(nonce, "sip.test", (text) => other.mac(text))).toBeUndefined();
});

test("no text crashes the reader", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(readNonce(text, "sip.test", mac)).toBeUndefined();
    }),
  );
});

test.each([
  ["", "", true],
  ["ab", "ab", true],
  ["ab", "ac", false],
  ["ab", "abc", false],
])("%j and %j: the same is %s", (a, b, isSame) => {
  expect(isSameText(a, b)).toBe(isSame);
});
