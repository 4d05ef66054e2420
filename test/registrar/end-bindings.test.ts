import { expect, test } from "vitest";
import { endBindings } from "../../src/registrar/end-bindings.ts";
import { AOR, buildBinding, NOW_MS } from "./fixtures.ts";

const INPUT = {
  nowMs: NOW_MS,
  identities: () => undefined,
  isDoubted: () => false,
  outgoingExpiresSec: 3600,
  afterExpiryMs: 3_600_000,
};

test("bindings that are ended go, and are owed to the main registrar; others stay", () => {
  const bindings = ["1", "2", "3"].map((ctid) => buildBinding({ ctid, push: "apns p t" }));
  expect(endBindings({ aor: AOR, bindings }, ["1", "3"], INPUT)).toMatchObject({
    aor: AOR,
    put: [],
    remove: ["1", "3"],
    enqueue: [
      { ctid: "1", aor: AOR, dueAtMs: NOW_MS, attempts: 0, upstream: bindings[0]?.upstream },
      { ctid: "3", aor: AOR, dueAtMs: NOW_MS, attempts: 0, upstream: bindings[2]?.upstream },
    ],
  });
});

test("what has gone upstream already is owed nothing", () => {
  const bindings = [buildBinding({ upstream: { expiresAtMs: NOW_MS } })];
  const ctids = bindings.map(({ ctid }) => ctid);
  expect(endBindings({ aor: AOR, bindings }, ctids, INPUT)).toMatchObject({ enqueue: [] });
});

test("nothing chosen and nothing expired changes nothing", () => {
  expect(endBindings({ aor: AOR, bindings: [buildBinding()] }, ["x"], INPUT)).toBeUndefined();
});
