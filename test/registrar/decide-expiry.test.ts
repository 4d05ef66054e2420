import { describe, expect, test } from "vitest";
import type { Binding } from "../../src/location/binding.ts";
import type { AorChange } from "../../src/location/change.ts";
import { decideExpiry, nextExpiryMs } from "../../src/registrar/decide-expiry.ts";
import type { Identity } from "../../src/registrar/upstream-identity.ts";
import { AOR, buildBinding, NOW_MS } from "./fixtures.ts";

interface Known {
  readonly identity?: Identity;
  readonly doubted?: string;
}

function expire(
  bindings: readonly Binding[],
  { identity, doubted }: Known = {},
): AorChange | undefined {
  return decideExpiry(
    { aor: AOR, bindings },
    {
      nowMs: NOW_MS,
      identities: (ctid) => (identity?.key === ctid ? identity : undefined),
      isDoubted: (ctid) => ctid === doubted,
      outgoingExpiresSec: 600,
      afterExpiryMs: 60_000,
    },
  );
}

describe("what expires (spec section 3.1)", () => {
  const gone = buildBinding({ ctid: "gone", expiresAtMs: NOW_MS });
  const left = buildBinding({ ctid: "left", expiresAtMs: NOW_MS + 1 });
  const forgotten = buildBinding({
    ctid: "old",
    expiresAtMs: 1,
    upstream: { expiresAtMs: NOW_MS },
  });

  test("goes, and a de-registration is owed for it at once, as the reference", () => {
    expect(expire([gone, left])).toEqual({
      aor: AOR,
      put: [],
      touch: [],
      remove: ["gone"],
      enqueue: [{ ctid: "gone", aor: AOR, upstream: gone.upstream, dueAtMs: NOW_MS, attempts: 0 }],
      dequeue: [],
    });
  });

  test("goes without one where the main registrar has forgotten it already", () => {
    const change = expire([forgotten, gone]);
    expect(change?.remove).toEqual(["old", "gone"]);
    expect(change?.enqueue.map(({ ctid }) => ctid)).toEqual(["gone"]);
  });

  test("is nothing while every lifetime lasts", () => {
    expect(expire([left])).toBeUndefined();
  });

  test("is looked for at the first end of a lifetime", () => {
    expect(nextExpiryMs({ aor: AOR, bindings: [left, gone, left] }, 0)).toBe(NOW_MS);
    expect(nextExpiryMs({ aor: AOR, bindings: [] }, 0)).toBeUndefined();
  });

  test.each([
    ["the number that is stored", undefined, 7],
    [
      "the number a challenge has used since",
      { key: "gone", callId: "upstream-call-id", cseq: 10 },
      9,
    ],
    [
      "the number that is stored, when another Call-ID has come since",
      { key: "gone", callId: "fresh", cseq: 10 },
      7,
    ],
    [
      "the number that is stored, whatever others have used",
      { key: "left", callId: "upstream-call-id", cseq: 10 },
      7,
    ],
  ])("is de-registered with a number above %s (T5)", (_, identity, cseq) => {
    const change = expire([gone], identity === undefined ? {} : { identity });
    expect(change?.enqueue[0]?.upstream).toMatchObject({ callId: "upstream-call-id", cseq });
  });

  test("is taken back for as long as it may last where an answer was lost", () => {
    expect(expire([forgotten], { doubted: "old" })?.enqueue).toMatchObject([
      { ctid: "old", upstream: { expiresAtMs: NOW_MS + 600_000 } },
    ]);
    expect(expire([gone], { doubted: "gone" })?.enqueue[0]?.upstream).toEqual(gone.upstream);
    expect(expire([forgotten], { doubted: "gone" })?.enqueue).toEqual([]);
  });
});

describe("a device that can be woken", () => {
  const asleep = buildBinding({ ctid: "asleep", push: "apns p t", expiresAtMs: NOW_MS - 59_999 });
  const over = buildBinding({ ctid: "over", push: "apns p t", expiresAtMs: NOW_MS - 60_000 });

  test("is kept beyond its end, and ends with a de-registration after that", () => {
    expect(expire([asleep, over])).toMatchObject({ remove: ["over"], enqueue: [{ ctid: "over" }] });
    expect(nextExpiryMs({ aor: AOR, bindings: [asleep, over] }, 60_000)).toBe(NOW_MS);
  });

  test("is kept no longer than the main registrar has it", () => {
    const forgotten = { ...asleep, upstream: { ...asleep.upstream, expiresAtMs: NOW_MS } };
    expect(expire([forgotten])).toMatchObject({ remove: ["asleep"], enqueue: [] });
  });

  test("keeps the registration that others of its user have ended", () => {
    const mode = "aor" as const;
    const change = expire([
      { ...asleep, mode },
      buildBinding({ ctid: "gone", mode, expiresAtMs: NOW_MS }),
    ]);
    expect(change).toMatchObject({ remove: ["gone"], enqueue: [] });
  });
});
