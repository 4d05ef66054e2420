import { assert, integer, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { KeyedIds } from "../../src/auth/keyed-ids.ts";

const IDS = new KeyedIds(Buffer.from("0123456789abcdef0123456789abcdef", "latin1"));
const OTHER = new KeyedIds(Buffer.from("another secret of another install", "latin1"));

/** Any bytes but NUL, as many as can be sealed. */
const texts = string({
  unit: integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 256,
});

function seal(text: string): string {
  const sealed = IDS.seal(text);
  if (sealed === undefined) throw new Error("Not sealed");
  return sealed;
}

function pieces(text: string): string[] {
  return text.match(/.{8}/gu) ?? [];
}

describe("a sealed text", () => {
  test("opens to what was sealed, for the same secret also after a restart", () => {
    const restarted = new KeyedIds(Buffer.from("0123456789abcdef0123456789abcdef", "latin1"));
    assert(
      property(texts, (text) => {
        expect(IDS.unseal(seal(text))).toBe(text);
        expect(restarted.unseal(seal(text))).toBe(text);
      }),
    );
  });

  test("never opens for another secret", () => {
    assert(
      property(texts, (text) => {
        expect(OTHER.unseal(seal(text))).toBeUndefined();
      }),
    );
  });

  test("never opens with any one character changed, cut off or added", () => {
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    assert(
      property(texts, integer({ min: 0 }), integer({ min: 1, max: 63 }), (text, at, shift) => {
        const sealed = seal(text);
        const index = at % sealed.length;
        const char = alphabet[(alphabet.indexOf(sealed[index] ?? "") + shift) % 64] ?? "";
        expect(IDS.unseal(sealed.slice(0, index) + char + sealed.slice(index + 1))).toBeUndefined();
        expect(IDS.unseal(sealed.slice(0, index) + sealed.slice(index + 1))).toBeUndefined();
        expect(IDS.unseal(`${sealed}${char}`)).toBeUndefined();
      }),
    );
  });

  test("never comes out of any other text", () => {
    assert(
      property(string({ maxLength: 500 }), (text) => {
        expect(IDS.unseal(text)).toBeUndefined();
      }),
    );
    expect(IDS.unseal("A".repeat(128))).toBeUndefined();
    expect(IDS.unseal("A".repeat(512))).toBeUndefined();
    expect(IDS.unseal(`${"A".repeat(127)}=`)).toBeUndefined();
  });

  test("is another each time, and no part of it repeats", () => {
    const [a, b] = [seal("alice@sip.test"), seal("alice@sip.test")];
    expect(pieces(a).filter((piece) => b.includes(piece))).toEqual([]);
  });

  test.each([
    [0, 128],
    [64, 128],
    [65, 256],
    [160, 256],
    [161, 384],
    [256, 384],
    [257, undefined],
  ])("of %i bytes is %s characters long, so that its length tells little", (bytes, length) => {
    expect(IDS.seal("x".repeat(bytes))?.length).toBe(length);
  });
});
