import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type RefreshTries, refreshDueMs } from "../../src/push/decide-refresh.ts";
import { type BindingParts, buildBinding, NOW_MS } from "../registrar/fixtures.ts";
import { runs } from "../support/effort.ts";

const OPTIONS = {
  triggerMs: 120_000,
  refreshSpreadMs: 30_000,
  refreshRetryMs: 30_000,
  afterExpiryMs: 3_600_000,
};

/** A binding that was refreshed at NOW_MS for so many seconds. */
function registered(sec: number, parts: BindingParts = {}) {
  const expiresAtMs = NOW_MS + sec * 1000;
  return buildBinding({
    ctid: "0000000000000000",
    push: "apns p t",
    updatedAtMs: NOW_MS,
    expiresAtMs,
    upstream: { expiresAtMs: NOW_MS + 86_400_000 },
    ...parts,
  });
}

interface Row {
  readonly name: string;
  readonly sec?: number;
  readonly parts?: BindingParts;
  readonly tries?: RefreshTries;
  readonly options?: Partial<typeof OPTIONS>;
  /** Seconds from the registration; undefined for never. */
  readonly due: number | undefined;
}

const pushed = (count: number, atSec: number): RefreshTries => ({
  count,
  atMs: NOW_MS + atSec * 1000,
});

describe("a device is woken", () => {
  test.each<Row>([
    { name: "so long before the end (RFC 8599 section 5.5)", sec: 600, due: 480 },
    {
      name: "or up to the spread earlier",
      sec: 600,
      parts: { ctid: "ffffffff00000000" },
      due: 450,
    },
    {
      name: "after half of a short lifetime, never at once (the reference's defect)",
      sec: 60,
      due: 30,
    },
    {
      name: "then spread over a quarter of it",
      sec: 60,
      parts: { ctid: "ffffffff00000000" },
      due: 15,
    },
    { name: "not without a push resource", sec: 600, parts: { push: "" }, due: undefined },
    {
      name: "not when it wakes by itself (sip.pnsreg)",
      sec: 600,
      parts: { params: ';+sip.instance="<urn:x:y>";+sip.pnsreg' },
      due: undefined,
    },
    { name: "again when it has not come", sec: 600, tries: pushed(1, 480), due: 510 },
    { name: "then after twice as long", sec: 600, tries: pushed(2, 510), due: 570 },
    { name: "and again, beyond its end", sec: 600, tries: pushed(3, 570), due: 690 },
    {
      name: "but not when that is not wanted",
      sec: 600,
      tries: pushed(3, 570),
      options: { afterExpiryMs: 0 },
      due: undefined,
    },
    {
      name: "nor when the main registrar has forgotten it by then",
      sec: 600,
      tries: pushed(3, 570),
      parts: { upstream: { expiresAtMs: NOW_MS + 620_000 } },
      due: undefined,
    },
    { name: "nor for ever", sec: 600, tries: pushed(8, 4_000), due: undefined },
  ])("$name", ({ sec = 600, parts = {}, tries, options = {}, due }) => {
    const dueMs = refreshDueMs(registered(sec, parts), { ...OPTIONS, ...options }, tries);
    const atSec = dueMs === undefined ? undefined : Math.round((dueMs - NOW_MS) / 1000);
    expect(atSec).toBe(due);
  });

  test("never before a quarter of its lifetime, always before its end, and at the same time after a restart", () => {
    const arbitrary = fc.record({
      sec: fc.integer({ min: 1, max: 100_000 }),
      ctid: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      triggerMs: fc.integer({ min: 1000, max: 86_400_000 }),
      refreshSpreadMs: fc.integer({ min: 0, max: 3_600_000 }),
    });
    const check = fc.property(arbitrary, ({ sec, ctid, ...options }) => {
      const binding = registered(sec, { ctid: ctid.toString(16).padStart(16, "0") });
      const dueMs = refreshDueMs(binding, { ...OPTIONS, ...options }) ?? 0;
      expect(dueMs).toBeGreaterThanOrEqual(Math.floor(NOW_MS + sec * 250));
      expect(dueMs).toBeLessThan(binding.expiresAtMs);
      expect(refreshDueMs(binding, { ...OPTIONS, ...options })).toBe(dueMs);
    });
    fc.assert(check, runs(300));
  });
});
