import { assert, integer, property } from "fast-check";
import { describe, expect, test } from "vitest";
import type { Binding } from "../../src/location/binding.ts";
import {
  type GruuTarget,
  isTemporaryGruu,
  publicGruu,
  resolveGruu,
  temporaryGruu,
} from "../../src/location/gruu.ts";
import { isSameUri } from "../../src/sip/compare-uri.ts";
import { parseUri, type Uri } from "../../src/sip/uri.ts";
import { AOR, buildBinding, NOW_MS, SENT_BY } from "../registrar/fixtures.ts";
import { SequentialIds } from "../support/sequential-ids.ts";
import { POLICY } from "../support/world.ts";

const IDS = new SequentialIds();
const UUID = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
const INSTANCE = `;+sip.instance="<${UUID}>"`;
const PUBLIC = `sip:alice@sip.test;gr=${UUID}`;

const device = buildBinding({ params: INSTANCE });

function uriOf(text: string): Uri {
  const uri = parseUri(text);
  if (uri === undefined) throw new Error(`No URI: ${text}`);
  return uri;
}

function resolve(text: string, bindings: readonly Binding[], aor = AOR): GruuTarget | undefined {
  return resolveGruu(uriOf(text), {
    aorPolicy: POLICY.aor,
    record: (asked) => (asked === aor && bindings.length > 0 ? { aor, bindings } : undefined),
    keys: IDS,
    isTarget: ({ expiresAtMs }) => expiresAtMs > NOW_MS,
  });
}

function temporary(binding = device, aor = AOR, instance = UUID): string {
  return temporaryGruu(aor, binding, instance, { keys: IDS, host: SENT_BY }) ?? "";
}

const found = (binding: Binding, ...others: readonly Binding[]): GruuTarget => ({
  kind: "found",
  binding,
  others,
});

describe("a public GRUU", () => {
  test("is the address-of-record and gr (RFC 5627 section 3.2)", () => {
    expect(publicGruu("sip:callee@example.com", UUID)).toBe(`sip:callee@example.com;gr=${UUID}`);
  });

  test("keeps scheme, escapes and port, and no parameters", () => {
    expect(publicGruu("sips:a%20b:pw@example.com:5071;user=phone?x=y", "urn:x-y:a;b")).toBe(
      "sips:a%20b@example.com:5071;gr=urn:x-y:a%3Bb",
    );
    expect(publicGruu("sip:example.com", UUID)).toBeUndefined();
  });

  test("equals its address-of-record but for gr, and none of another instance (section 5.4)", () => {
    expect(isSameUri(PUBLIC, PUBLIC.toUpperCase().replace("SIP:ALICE", "sip:alice"))).toBe(true);
    expect(isSameUri(PUBLIC, publicGruu("sip:alice@sip.test", "urn:uuid:other") ?? "")).toBe(false);
  });

  test.each([
    ["as it is", PUBLIC],
    [
      "in another case, which counts neither in hosts nor UUIDs",
      PUBLIC.replace("sip.test", "SIP.Test").replace("f81d", "F81D"),
    ],
    ["escaped", PUBLIC.replace("urn:", "urn%3A").replace("alice", "%61lice")],
    ["with parameters a device has added", `${PUBLIC};opaque=x`],
  ])("leads to the contact of its instance: %s", (_, uri) => {
    const other = buildBinding({ ctid: "0000000000000002", updatedAtMs: NOW_MS });
    expect(resolve(uri, [other, device])).toEqual(found(device));
  });

  test("leads to the most recently refreshed of several contacts (section 6.1)", () => {
    const newer = buildBinding({ ctid: "0000000000000002", params: INSTANCE, updatedAtMs: NOW_MS });
    expect(resolve(PUBLIC, [device, newer])).toEqual(found(newer, device));
    expect(resolve(PUBLIC, [newer, device])).toEqual(found(newer, device));
  });

  test("waits for its device to come back (section 5.3)", () => {
    const over = { ...device, expiresAtMs: NOW_MS };
    const other = buildBinding({ ctid: "0000000000000002" });
    expect(resolve(PUBLIC, [over])).toEqual({ kind: "unavailable", isKnown: true });
    expect(resolve(PUBLIC, [other])).toEqual({ kind: "unavailable", isKnown: true });
    expect(resolve(PUBLIC, [])).toEqual({ kind: "unavailable", isKnown: false });
  });

  test("of the main registrar's making leads to the contact it was given to", () => {
    const upstreamGruu = ';pub-gruu="sip:alice@sip.test;gr=kjh29x97us97d"';
    const given = { ...device, upstreamGruu };
    expect(resolve("sip:alice@sip.test;gr=kjh29x97us97d", [given])).toEqual(found(given));
    expect(resolve("sip:alice@sip.test;gr=other", [given])?.kind).toBe("unavailable");
  });

  test.each(["sip:alice@sip.test", "sip:alice@sip.test;gr", "sip:sip.test;gr=x", "tel:+1;gr=x"])(
    "is not %s",
    (uri) => {
      expect(resolve(uri, [device])).toBeUndefined();
    },
  );
});

describe("a temporary GRUU", () => {
  test("has a sealed user part that tells nothing, and gr without a value", () => {
    const uri = temporary();
    expect(uri).toMatch(/^sip:tgruu\.[\w-]{128}@192\.0\.2\.1:5060;gr$/u);
    expect(isTemporaryGruu(uriOf(uri))).toBe(true);
    expect(isTemporaryGruu(uriOf(uri.replace(";gr", "")))).toBe(false);
    expect(isTemporaryGruu(uriOf(PUBLIC))).toBe(false);
  });

  test("is another each time, and all of them lead to the contact", () => {
    const many = Array.from({ length: 50 }, () => temporary());
    expect(new Set(many).size).toBe(50);
    for (const uri of many) expect(resolve(uri, [device])).toEqual(found(device));
  });

  test("stays valid while its device refreshes, moves and stands beside others", () => {
    const uri = temporary();
    const moved = {
      ...device,
      ctid: "0000000000000002",
      contact: "sip:alice@203.0.113.9",
      updatedAtMs: NOW_MS,
    };
    const capital = { ...device, params: INSTANCE.toUpperCase() };
    expect(resolve(uri, [buildBinding({ ctid: "3" }), device, moved])).toEqual(
      found(moved, device),
    );
    expect(resolve(uri, [capital])).toEqual(found(capital));
  });

  test.each<[string, readonly Binding[]]>([
    ["the address-of-record has no contact", []],
    ["the instance has none", [buildBinding({ params: INSTANCE.replace("f81d", "f82d") })]],
    ["its contact has expired", [{ ...device, expiresAtMs: NOW_MS }]],
    ["the registration began anew", [{ ...device, registeredAtMs: device.registeredAtMs + 1 }]],
  ])("is invalid when %s", (_, bindings) => {
    expect(resolve(temporary(), bindings)).toEqual({ kind: "invalid" });
  });

  test("holds any address-of-record up to 232 bytes, blanks and all, and none beyond", () => {
    assert(
      property(integer({ min: 1, max: 300 }), (length) => {
        const aor = `${" b".repeat(length).slice(0, length)}@sip.test`;
        const uri = temporary(device, aor);
        const target = uri === "" ? undefined : resolve(uri, [device], aor);
        expect(target).toEqual(aor.length > 232 ? undefined : found(device));
      }),
    );
  });

  test("of somebody else's making is none of ours", () => {
    expect(
      resolve("sip:tgruu.7hs==jd7vnzga5w7fajsc7-ajd6fabz0f8g5@example.com;gr", [device]),
    ).toBeUndefined();
    const uri = temporary();
    const forged = uri.replace(/tgruu\../u, (start) =>
      start.endsWith("A") ? "tgruu.B" : "tgruu.A",
    );
    expect(resolve(forged, [device])).toBeUndefined();
  });

  test("is not opened by what another part of midreg has sealed", () => {
    const sealed = IDS.seal("anything at all") ?? "";
    expect(resolve(`sip:tgruu.${sealed}@sip.test;gr`, [device])).toEqual({ kind: "invalid" });
  });
});
