import { describe, expect, test } from "vitest";
import type { Binding } from "../../src/location/binding.ts";
import { forkTargets } from "../../src/proxy/fork-targets.ts";
import type { LookupPolicy } from "../../src/proxy/lookup-policy.ts";
import { buildBinding } from "../registrar/fixtures.ts";
import { decide } from "./fixtures.ts";

function device(ctid: string, parts: Partial<Binding> = {}): Binding {
  return buildBinding({ ctid, contact: `sip:alice@${ctid}`, params: "", ...parts });
}

function instance(name: string): string {
  return `;+sip.instance="<urn:x-y:${name}>"`;
}

/** Names of the flows of the devices of each group. */
function forked(bindings: readonly Binding[], fork: LookupPolicy["fork"]): string[][] {
  return forkTargets(bindings, { fork }).map((group) =>
    group.map((flows) => flows.map(({ ctid }) => ctid).join("+")),
  );
}

describe("the devices that a request is for", () => {
  const bindings = [
    device("a"),
    device("b", { q: 1000 }),
    device("c", { q: 700 }),
    device("d", { q: 700 }),
    device("e", { q: 0 }),
  ];

  test.each<[LookupPolicy["fork"], string[][]]>([
    ["all", [["a", "b", "c", "d", "e"]]],
    ["best", [["a"]]],
    ["by-q", [["a", "b"], ["c", "d"], ["e"]]],
  ])("with fork %s", (fork, groups) => {
    expect(forked(bindings, fork)).toEqual(groups);
    expect(forked([], fork)).toEqual([]);
  });

  test("are one for all flows of an instance, the newest flow first", () => {
    const flows = [
      device("old", { params: instance("1"), updatedAtMs: 1 }),
      device("other", { params: instance("2"), updatedAtMs: 9 }),
      device("new", {
        params: instance("1").toUpperCase().replace("+SIP.INSTANCE", "+sip.instance"),
        updatedAtMs: 3,
      }),
      device("mid", { params: instance("1"), updatedAtMs: 2 }),
    ];
    expect(forked(flows, "all")).toEqual([["new+mid+old", "other"]]);
  });

  test("have the preference of their most preferred flow", () => {
    const flows = [
      device("one", { params: instance("1"), q: 900, updatedAtMs: 1 }),
      device("two", { q: 500 }),
      device("three", { params: instance("1"), q: 100, updatedAtMs: 2 }),
    ];
    expect(forked(flows, "by-q")).toEqual([["three+one"], ["two"]]);
  });

  test("are 32 at most", () => {
    const many = Array.from({ length: 40 }, (_, at) => device(`d${at}`));
    expect(forked(many, "all")[0]).toHaveLength(32);
  });
});

describe("lookup.no_contact_status", () => {
  test.each([404, 480] as const)("%i is what a request without a contact gets", (status) => {
    const parts = { bindings: [], lookup: { noContactStatus: status } };
    expect(decide(parts)).toMatchObject({ reason: "unknown-contact", status });
    expect(decide({ ...parts, to: "<sip:alice@sip.test>;tag=x" })).toMatchObject({ status: 481 });
  });
});

test("a request to a GRUU has the other flows of its instance to fall back on", () => {
  const old = device("old", { params: instance("1"), updatedAtMs: 1 });
  const fresh = device("new", { params: instance("1"), updatedAtMs: 2 });
  const uri = "sip:alice@sip.test;gr=urn:x-y:1";
  const decision = decide({ uri, bindings: [old, fresh, device("other")] });
  expect(decision.text).toContain("INVITE sip:alice@new SIP/2.0");
  expect(decision.others?.map(({ text }) => text.split("\r\n")[0])).toEqual([
    "INVITE sip:alice@old SIP/2.0",
  ]);
});

test("a device has four flows tried at most, however many it has registered", () => {
  const bindings = [1, 2, 3, 4, 5, 6].map((at) =>
    device(`f${at}`, { params: instance("1"), updatedAtMs: at }),
  );
  const decision = decide({ uri: "sip:alice@sip.test;gr=urn:x-y:1", bindings });
  expect(decision.others).toHaveLength(3);
});
