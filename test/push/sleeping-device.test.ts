import { describe, expect, test } from "vitest";
import type { Binding } from "../../src/location/binding.ts";
import { serializePush } from "../../src/location/push-device.ts";
import { isHopeless, losesPush } from "../../src/push/push-result.ts";
import { flowsSince, isOfDevice, sleepingDevice } from "../../src/push/sleeping-device.ts";
import { buildBinding, NOW_MS } from "../registrar/fixtures.ts";

const resource = (prid: string): string =>
  serializePush({ provider: "fcm", param: "project", prid });
const INSTANCE = ';+sip.instance="<urn:uuid:F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6>"';

function phone(parts: Partial<Binding> = {}): Binding {
  return buildBinding({
    ctid: "0123456789abcdef",
    contact: "sip:alice@198.51.100.7:40000;pn-provider=fcm;pn-param=project;pn-prid=old",
    params: "",
    push: resource("old"),
    expiresAtMs: NOW_MS + 60_000,
    updatedAtMs: NOW_MS - 30_000,
    ...parts,
  });
}

const OTHER = "fedcba9876543210";
const ELSEWHERE = "sip:alice@203.0.113.4:5062;pn-provider=fcm;pn-param=project;pn-prid=new";

describe("a binding is of the device that was asleep", () => {
  test.each<readonly [string, Partial<Binding>, Partial<Binding>, boolean]>([
    ["when it is the same binding", {}, { push: resource("new") }, true],
    ["when it has its token", {}, { ctid: OTHER, contact: ELSEWHERE }, true],
    [
      "when it has its contact with another token",
      {},
      {
        ctid: OTHER,
        push: resource("new"),
        contact: "sip:alice@198.51.100.7:40000;pn-provider=fcm;pn-param=project;pn-prid=new",
      },
      true,
    ],
    [
      "when it has its instance, whatever else has changed",
      { params: INSTANCE },
      { params: INSTANCE.toLowerCase(), ctid: OTHER, push: resource("new"), contact: ELSEWHERE },
      true,
    ],
    [
      "when it has its token, though its instance is another",
      { params: INSTANCE },
      { params: INSTANCE.replace("F81D", "0000"), ctid: OTHER, contact: ELSEWHERE },
      true,
    ],
    [
      "not when its instance is another and only its contact is the same",
      { params: INSTANCE },
      { params: INSTANCE.replace("F81D", "0000"), ctid: OTHER, push: resource("new") },
      false,
    ],
    [
      "not when nothing is the same",
      {},
      { ctid: OTHER, push: resource("new"), contact: ELSEWHERE },
      false,
    ],
    [
      "not when it is only at the same address and never sleeps",
      {},
      { ctid: OTHER, push: "", contact: "sip:alice@198.51.100.7:40000" },
      false,
    ],
  ])("%s", (_, before, after, expected) => {
    expect(isOfDevice(sleepingDevice([phone(before)]), phone(after))).toBe(expected);
  });
});

describe("the flows of a device that has come back", () => {
  const device = sleepingDevice([phone({ params: INSTANCE })]);
  const facts = { sinceMs: NOW_MS - 1000, nowMs: NOW_MS, isAwake: () => false };
  const back = phone({ params: INSTANCE, updatedAtMs: NOW_MS, source: "new" });

  test("begin with the one it has registered on last", () => {
    const earlier = phone({
      params: INSTANCE,
      ctid: OTHER,
      updatedAtMs: NOW_MS - 500,
      source: "earlier",
    });
    const flows = flowsSince(device, [earlier, back], { ...facts, isAwake: () => true });
    expect(flows?.map(({ source }) => source)).toEqual(["new", "earlier"]);
  });

  test("leave out those that are asleep", () => {
    const earlier = phone({ params: INSTANCE, ctid: OTHER, source: "earlier" });
    expect(flowsSince(device, [earlier, back], facts)?.map(({ source }) => source)).toEqual([
      "new",
    ]);
  });

  test.each([
    ["it has not registered since", [phone({ params: INSTANCE })]],
    ["what it has registered is over", [{ ...back, expiresAtMs: NOW_MS }]],
    ["it was somebody else", [phone({ ctid: OTHER, push: resource("new"), contact: ELSEWHERE })]],
  ])("are none while %s", (_, bindings) => {
    expect(flowsSince(device, bindings, facts)).toBeUndefined();
  });
});

describe("what a provider says", () => {
  test.each([
    ["accepted", false],
    ["dead-token", true],
    ["rejected", true],
    ["throttled", false],
    ["unavailable", false],
    ["timeout", false],
    ["overloaded", false],
  ] as const)("%s: nobody need wait: %s", (result, expected) => {
    expect(isHopeless(result)).toBe(expected);
  });

  const before = NOW_MS - 30_001;
  test.each<readonly [string, string, number | undefined, boolean]>([
    ["takes the token from its device", "old", undefined, true],
    ["takes nothing from a device with another token", "other", undefined, false],
    ["takes nothing from a device that has registered since", "old", before, false],
    ["takes it when the device has not", "old", NOW_MS, true],
  ])("of a dead token %s", (_, prid, deadSinceMs, expected) => {
    expect(losesPush(phone(), { deadPush: resource(prid), deadSinceMs })).toBe(expected);
  });
});
