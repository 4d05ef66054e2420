import { createHmac } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KeyedIds, MIN_SECRET_BYTES } from "../../src/auth/keyed-ids.ts";
import { isToken } from "../../src/sip/grammar.ts";

const SECRET = Buffer.from("0123456789abcdef0123456789abcdef", "latin1");
const bytes = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
});

/** Computed here by other calls than in the source. */
function hmac(key: Buffer, data: Buffer): Buffer {
  return createHmac("sha256", key).update(data).digest();
}

describe("keyed identifiers", () => {
  test("known answer: HMAC-SHA-256 of RFC 4231 test case 2 stands behind a ctid", () => {
    // Key "Jefe" is too short for an install secret; zeros behind it do not change an HMAC.
    const key = Buffer.concat([Buffer.from("Jefe", "latin1"), Buffer.alloc(28)]);
    const expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    expect(hmac(key, Buffer.from("what do ya want for nothing?")).toString("hex")).toBe(expected);
    const ctid = hmac(key, Buffer.from("a\0b")).toString("hex").slice(0, 16);
    expect(new KeyedIds(key).ctid("a", "b")).toBe(ctid);
  });

  test("a ctid is the first 64 bits of the HMAC over address-of-record and device", () => {
    fc.assert(
      fc.property(bytes, bytes, (aor, device) => {
        const data = Buffer.concat([
          Buffer.from(aor, "latin1"),
          Buffer.from([0]),
          Buffer.from(device, "latin1"),
        ]);
        const ctid = new KeyedIds(SECRET).ctid(aor, device);
        expect(ctid).toBe(hmac(SECRET, data).subarray(0, 8).toString("hex"));
        expect(ctid).toMatch(/^[0-9a-f]{16}$/u);
      }),
    );
  });

  test("a mac is the first 80 bits of the HMAC under a key of its own", () => {
    const key = hmac(SECRET, Buffer.from("midreg token key"));
    fc.assert(
      fc.property(bytes, (text) => {
        const mac = new KeyedIds(SECRET).mac(text);
        const digest = hmac(key, Buffer.from(text, "latin1"));
        expect(mac).toBe(digest.subarray(0, 10).toString("base64url"));
        expect(mac).toHaveLength(14);
      }),
    );
  });

  test("a mac tells nothing about a ctid of the same text", () => {
    const ids = new KeyedIds(SECRET);
    const mac = Buffer.from(ids.mac("a\0b"), "base64url").toString("hex");
    expect(mac.slice(0, 16)).not.toBe(ids.ctid("a", "b"));
  });

  test("are the same after a restart with the same secret, and others with another", () => {
    const again = new KeyedIds(Buffer.from(SECRET));
    const other = new KeyedIds(Buffer.from("fedcba9876543210fedcba9876543210", "latin1"));
    const ids = new KeyedIds(SECRET);
    expect(again.ctid("a", "b")).toBe(ids.ctid("a", "b"));
    expect(again.mac("a")).toBe(ids.mac("a"));
    expect(other.ctid("a", "b")).not.toBe(ids.ctid("a", "b"));
    expect(other.mac("a")).not.toBe(ids.mac("a"));
  });

  test("keep address-of-record and device apart", () => {
    const ids = new KeyedIds(SECRET);
    expect(ids.ctid("ab", "c")).not.toBe(ids.ctid("a", "bc"));
  });

  test("take a secret of 16 bytes and none that is shorter", () => {
    expect(MIN_SECRET_BYTES).toBe(16);
    expect(() => new KeyedIds(SECRET.subarray(0, 15))).toThrow(RangeError);
    expect(() => new KeyedIds(SECRET.subarray(0, 15))).toThrow("at least 16 bytes");
    expect(new KeyedIds(SECRET.subarray(0, 16)).ctid("a", "b")).toHaveLength(16);
  });
});

describe("after a rotation", () => {
  const NEWER = Buffer.from("fedcba9876543210fedcba9876543210", "latin1");
  const before = new KeyedIds(SECRET);

  test("what was made with an older secret opens, and nothing more is made with it", () => {
    const ids = new KeyedIds(NEWER, [Buffer.from("some secret in between"), SECRET]);
    fc.assert(
      fc.property(bytes, fc.string({ unit: "grapheme-ascii", maxLength: 200 }), (text, plain) => {
        expect(ids.isMac(text, before.mac(text))).toBe(true);
        expect(ids.isMac(text, ids.mac(text))).toBe(true);
        expect(ids.unseal(before.seal(plain) ?? "")).toBe(plain);
        expect(ids.mac(text)).toBe(new KeyedIds(NEWER).mac(text));
        expect(ids.ctid(text, text)).toBe(new KeyedIds(NEWER).ctid(text, text));
        expect(before.unseal(ids.seal(plain) ?? "")).toBeUndefined();
      }),
    );
  });

  test("what was made with one that is forgotten does not open", () => {
    const ids = new KeyedIds(NEWER);
    expect(ids.isMac("a", before.mac("a"))).toBe(false);
    expect(ids.unseal(before.seal("a") ?? "")).toBeUndefined();
  });

  test("while it is in use, the same holds", () => {
    const ids = new KeyedIds(SECRET);
    const [mac, sealed] = [ids.mac("a"), ids.seal("a") ?? ""];
    ids.use(NEWER, [SECRET]);
    expect([ids.isMac("a", mac), ids.unseal(sealed), ids.mac("a") === mac]).toEqual([
      true,
      "a",
      false,
    ]);
    ids.use(NEWER, []);
    expect([ids.isMac("a", mac), ids.unseal(sealed)]).toEqual([false, undefined]);
  });

  test.each(["", "A", "not a digest at all", "\u00ff".repeat(14)])("%j is no digest", (given) => {
    expect(new KeyedIds(NEWER, [SECRET]).isMac("a", given)).toBe(false);
  });
});

describe("random identifiers", () => {
  const MANY = 100_000;

  test.each([
    ["a branch", "branch", /^z9hG4bK[\w-]{16}$/u],
    ["a tag", "tag", /^[\w-]{12}$/u],
    ["a Call-ID", "callId", /^[\w-]{24}$/u],
  ] as const)("%s is a token of its length, and never comes twice", (_, name, shape) => {
    const ids = new KeyedIds(SECRET);
    const seen = new Set<string>();
    for (let count = 0; count < MANY; count += 1) seen.add(ids[name]());
    expect(seen.size).toBe(MANY);
    expect([...seen].filter((id) => !shape.test(id) || !isToken(id))).toEqual([]);
  });

  test("every bit of a Call-ID comes and goes: no part of it stands still", () => {
    const ids = new KeyedIds(SECRET);
    const ones = Array.from({ length: 144 }, () => 0);
    for (let count = 0; count < 2000; count += 1) {
      const id = Buffer.from(ids.callId(), "base64url");
      for (const bit of ones.keys())
        ones[bit] = (ones[bit] ?? 0) + (((id[bit >> 3] ?? 0) >> (bit & 7)) & 1);
    }
    // Fair bits are ten standard deviations inside these bounds.
    expect(Math.min(...ones)).toBeGreaterThan(770);
    expect(Math.max(...ones)).toBeLessThan(1230);
  });

  test("two sources with the same secret share nothing", () => {
    const one = new KeyedIds(SECRET);
    const two = new KeyedIds(SECRET);
    const tags = new Set(Array.from({ length: 1000 }, () => [one.tag(), two.tag()]).flat());
    expect(tags.size).toBe(2000);
  });

  test("a fraction is from 0 to 1 and spreads evenly", () => {
    const ids = new KeyedIds(SECRET);
    const fractions = Array.from({ length: 20_000 }, () => ids.fraction());
    expect(fractions.every((fraction) => fraction >= 0 && fraction < 1)).toBe(true);
    const low = fractions.filter((fraction) => fraction < 0.25).length;
    // Expected 5000, standard deviation 61.
    expect(low).toBeGreaterThan(4500);
    expect(low).toBeLessThan(5500);
    expect(new Set(fractions).size).toBe(fractions.length);
  });
});
