import * as fc from "fast-check";
import { expect, test } from "vitest";
import { KeyedIds } from "../../src/auth/keyed-ids.ts";
import { buildNonce, isGivenTo, isSameText, readNonce } from "../../src/auth/nonce.ts";

const ids = new KeyedIds(Buffer.from("the secret of this install"));
const mac = (text: string): string => ids.mac(text);
const ADDRESS = "198.51.100.7";

function nonceAt(issuedAtMs: number, realm = "sip.test", salt = ids.tag()): string {
  return buildNonce({ issuedAtMs, salt, realm, address: ADDRESS }, mac);
}

const NOW_MS = Date.UTC(2026, 0, 1);

test("a nonce is recognised by the install that made it, with the time it was made", () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 43 }), fc.string(), (nowMs, realm) => {
      const read = readNonce(nonceAt(nowMs, realm), realm, mac);
      expect(read?.issuedAtMs).toBe(nowMs);
    }),
  );
});

test("two nonces of the same moment have different names", () => {
  const names = [1, 2].map(() => readNonce(nonceAt(NOW_MS, "a"), "a", mac)?.key);
  expect(new Set(names).size).toBe(2);
});

test("a nonce with one character changed is nobody's", () => {
  const nonce = nonceAt(NOW_MS);
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
  const nonce = nonceAt(NOW_MS);
  const other = new KeyedIds(Buffer.from("the secret of another install"));
  expect(readNonce(nonce, "other.test", mac)).toBeUndefined();
  expect(readNonce(nonce, "sip.test", (text) => other.mac(text))).toBeUndefined();
});

test("a nonce tells whether an address is the one it was given to", () => {
  const nonce = readNonce(nonceAt(NOW_MS), "sip.test", mac);
  if (nonce === undefined) throw new Error("not recognised");
  expect(isGivenTo(nonce, ADDRESS, mac)).toBe(true);
  expect(isGivenTo(nonce, "198.51.100.8", mac)).toBe(false);
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
