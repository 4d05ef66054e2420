import { describe, expect, test } from "vitest";
import type { AorRecord } from "../../src/location/binding.ts";
import { findBinding, instanceOf, type MatchingMode } from "../../src/location/match-contact.ts";
import { AOR, buildBinding } from "../registrar/fixtures.ts";

/** A contact, its header parameters, and the Call-ID of its REGISTER. */
type Device = readonly [uri: string, params?: string, callId?: string];

function recordWith(devices: readonly Device[]): AorRecord {
  const bindings = devices.map(([contact, params = "", callId = "c"], at) =>
    buildBinding({ contact, params, callId, ctid: String(at) }),
  );
  return { aor: AOR, bindings };
}

function find(known: readonly Device[], asked: Device, mode: MatchingMode): string | undefined {
  const [uri, params = "", callId = "c"] = asked;
  return findBinding(recordWith(known), { uri, params }, callId, mode)?.ctid;
}

const UUID = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
const instance = (urn: string, more = ""): string => `;+sip.instance="<${urn}>"${more}`;

describe("with matching mode contact", () => {
  test("the URI decides, whatever the instance and the Call-ID", () => {
    const known: Device[] = [["sip:a@h", instance("urn:uuid:1")]];
    expect(find(known, ["sip:a@h", instance("urn:uuid:2"), "other"], "contact")).toBe("0");
  });
});

describe("with matching mode contact-call-id", () => {
  test.each<[string, Device, string | undefined]>([
    ["the same of both", ["sip:a@h", "", "c2"], "1"],
    ["an equal URI", ["sip:a@H", "", "c2"], "1"],
    ["another Call-ID", ["sip:a@h", "", "c3"], undefined],
    ["another URI", ["sip:a@h2", "", "c2"], undefined],
  ])("a contact with %s", (_, asked, ctid) => {
    const known: Device[] = [
      ["sip:a@h", "", "c1"],
      ["sip:a@h", "", "c2"],
    ];
    expect(find(known, asked, "contact-call-id")).toBe(ctid);
  });
});

describe("with matching mode instance", () => {
  const known: Device[] = [
    ["sip:a@10.0.0.1", instance(`urn:uuid:${UUID}`)],
    ["sip:a@10.0.0.2"],
    ["sip:a@10.0.0.3", instance("urn:x:Abc", ";reg-id=1")],
    ["sip:a@10.0.0.4", instance("urn:x:Abc", ";reg-id=2")],
  ];
  test.each<[string, Device, string | undefined]>([
    ["the instance at another address", ["sip:b@h", instance(`urn:uuid:${UUID}`)], "0"],
    ["a UUID in capitals", ["sip:b@h", instance(`URN:UUID:${UUID.toUpperCase()}`)], "0"],
    ["no instance, by its URI", ["sip:a@10.0.0.2"], "1"],
    ["no instance and the URI of one that has it", ["sip:a@10.0.0.1"], undefined],
    [
      "an instance and the URI of one that has none",
      ["sip:a@10.0.0.2", instance("urn:y:1")],
      undefined,
    ],
    ["another instance at the same URI", ["sip:a@10.0.0.1", instance("urn:uuid:2")], undefined],
    ["the second flow of a device", ["sip:n@h", instance("urn:X:Abc", ";reg-id=2")], "3"],
    ["a third flow of a device", ["sip:n@h", instance("urn:x:Abc", ";reg-id=3")], undefined],
    [
      "a URN that differs by case where it counts",
      ["sip:n@h", instance("urn:x:abc", ";reg-id=2")],
      undefined,
    ],
    ["an empty instance, by its URI", ["sip:a@10.0.0.2", ';+sip.instance=""'], "1"],
  ])("a contact with %s", (_, asked, ctid) => {
    expect(find(known, asked, "instance")).toBe(ctid);
  });

  test.each([
    ["", undefined],
    [';+sip.instance="<urn:UUID:AB>";q=1', "<urn:uuid:ab>"],
    [';+SIP.Instance="<urn:Imei:AB>"', "<urn:imei:AB>"],
    [';+sip.instance="no urn"', "no urn"],
  ])("of %j the instance is %j", (params, expected) => {
    expect(instanceOf(params)).toBe(expected);
  });
});

describe("with matching mode param:rinstance", () => {
  const known: Device[] = [["sip:a@h;rinstance=1"], ["sip:a@h:5062"], ["sip:b@h;rinstance"]];
  test.each<[string, Device, string | undefined]>([
    ["the value at another address", ["sip:b@x;RINSTANCE=1"], "0"],
    ["another value", ["sip:a@h;rinstance=2"], undefined],
    ["none, by its URI", ["sip:a@h:5062"], "1"],
    ["none never takes the place of one that has it", ["sip:a@h"], undefined],
    ["one without a value, by its URI", ["sip:b@h"], "2"],
  ])("a contact with %s", (_, asked, ctid) => {
    expect(find(known, asked, "param:rinstance")).toBe(ctid);
  });

  test("an unknown address-of-record has no binding", () => {
    const contact = { uri: "sip:a@h;rinstance=1", params: "" };
    expect(findBinding(undefined, contact, "c", "param:rinstance")).toBeUndefined();
  });
});
