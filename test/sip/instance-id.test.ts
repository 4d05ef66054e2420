import { describe, expect, test } from "vitest";
import { instanceOf, isSameInstance } from "../../src/sip/instance-id.ts";

const UUID = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";

describe("the instance ID of a contact", () => {
  test.each([
    ["of RFC 5627 section 3.2", `;+sip.instance="<${UUID}>"`, UUID],
    ["among others, in capitals", `;q=1;+SIP.INSTANCE = "<${UUID}>";reg-id=1`, UUID],
    [
      "of another name space",
      ';+sip.instance="<urn:gsma:imei:90420156-025763-0>"',
      "urn:gsma:imei:90420156-025763-0",
    ],
    ["with an escaped character", ';+sip.instance="<urn:x-a:1\\2>"', "urn:x-a:12"],
  ])("is the URN without its brackets: %s", (_, params, instance) => {
    expect(instanceOf(params)).toBe(instance);
  });

  test.each([
    ["no parameters", ""],
    ["no such parameter", ";q=1;reg-id=1"],
    ["a flag", ";+sip.instance"],
    ["no quotes", `;+sip.instance=<${UUID}>`],
    ["no brackets, as some registrars echo it", `;+sip.instance="${UUID}"`],
    ["no URN", ';+sip.instance="<f81d4fae>"'],
    ["an empty URN", ';+sip.instance="<urn:uuid:>"'],
    ["a space in it", ';+sip.instance="<urn:uuid:a b>"'],
    ["more than a URN has", `;+sip.instance="<urn:uuid:${"a".repeat(201)}>"`],
  ])("is not there with %s", (_, params) => {
    expect(instanceOf(params)).toBeUndefined();
  });

  test("compares without case, since the gr parameter does", () => {
    expect(isSameInstance(UUID, UUID.toUpperCase())).toBe(true);
    expect(isSameInstance(UUID, UUID.replace("f81d", "f82d"))).toBe(false);
  });
});
