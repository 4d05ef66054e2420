import { describe, expect, test } from "vitest";
import type { ProxyDecision } from "../../src/proxy/proxy-input.ts";
import {
  buildBinding,
  CONTACT,
  CTID,
  NOW_MS,
  SENT_BY,
  SOURCE,
  UPSTREAM_CONTACT,
} from "../registrar/fixtures.ts";
import { headerLine, headerLines } from "../support/messages.ts";
import { decide, type InputParts, ownRoute, relayedText } from "./fixtures.ts";

const UUID = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
const PUBLIC = `sip:alice@sip.test;gr=${UUID}`;
const PATH = "<sip:token@edge.test;lr>, <sip:inner.test;lr>";
const device = buildBinding({ params: `;+sip.instance="<${UUID}>"` });
const DIALOG = { to: "<sip:alice@sip.test>;tag=alice" } as const;

function startLine(decision: ProxyDecision): string {
  return relayedText(decision).split("\r\n")[0] ?? "";
}

/** A call from the main registrar to the public GRUU. */
function call(parts: InputParts = {}): ProxyDecision {
  return decide({ uri: PUBLIC, bindings: [device], ...parts });
}

/** A BYE of the other side, in the dialog it has with the device. */
function inDialog(parts: InputParts = {}): ProxyDecision {
  return decide({
    method: "BYE",
    uri: PUBLIC,
    bindings: [device],
    routes: [ownRoute()],
    sender: "stranger",
    ...DIALOG,
    ...parts,
  });
}

describe("a request from the main registrar to a GRUU", () => {
  test.each(["INVITE", "MESSAGE", "SUBSCRIBE", "OPTIONS", "ACK", "MADEUP"])(
    "goes to the contact, without gr: %s",
    (method) => {
      expect(startLine(call({ method }))).toBe(`${method} ${CONTACT} SIP/2.0`);
    },
  );

  test("is recorded, so that the dialog stays on the path (RFC 5627 section 6.2)", () => {
    expect(headerLine(relayedText(call()), "Record-Route")).toMatch(/^<sip:d[\w.-]+@/u);
  });

  test("goes by the Path", () => {
    const decision = call({ bindings: [{ ...device, path: PATH }] });
    expect(headerLines(relayedText(decision), "Route")).toEqual([PATH]);
    expect(decision).toMatchObject({ nextHop: { kind: "uri", uri: "sip:token@edge.test;lr" } });
  });

  test("with a Route left does not go by the Path as well (section 6.1)", () => {
    const routes = [`<sip:${SENT_BY};lr>`, "<sip:recorded.test;lr>"];
    const decision = call({ routes, bindings: [{ ...device, path: PATH }], ...DIALOG });
    expect(headerLines(relayedText(decision), "Route")).toEqual(["<sip:recorded.test;lr>"]);
    expect(decision).toMatchObject({
      direction: "to-device",
      nextHop: { kind: "uri", uri: "sip:recorded.test;lr", flow: SOURCE },
    });
    expect(startLine(decision)).toBe(`INVITE ${CONTACT} SIP/2.0`);
  });

  test("without a contact is told to come back, in a dialog or not", () => {
    const over = { ...device, expiresAtMs: NOW_MS };
    expect(call({ bindings: [over] })).toMatchObject({ reason: "gruu-away", status: 480 });
    expect(call({ bindings: [], ...DIALOG })).toMatchObject({ reason: "gruu-away", status: 480 });
  });

  test("is not believed from a stranger, and goes upstream from a device", () => {
    expect(call({ sender: "stranger" })).toMatchObject({ status: 403 });
    const decision = call({ sender: "device" });
    expect(decision).toMatchObject({ direction: "to-upstream" });
    expect(startLine(decision)).toBe(`INVITE ${PUBLIC} SIP/2.0`);
  });
});

describe("inside a dialog", () => {
  test("a GRUU becomes the contact", () => {
    const decision = inDialog();
    expect(startLine(decision)).toBe(`BYE ${CONTACT} SIP/2.0`);
    expect(decision).toMatchObject({ nextHop: { kind: "flow", flow: SOURCE } });
  });

  test("a GRUU becomes the contact, and the recorded route stays, without the Path", () => {
    const routes = [ownRoute(), "<sip:edge.test;lr>"];
    const decision = inDialog({ routes, bindings: [{ ...device, path: PATH }] });
    expect(headerLines(relayedText(decision), "Route")).toEqual(["<sip:edge.test;lr>"]);
    expect(decision).toMatchObject({ nextHop: { kind: "uri", uri: "sip:edge.test;lr" } });
  });

  test("midreg's own contact becomes the device's, as with GRUUs of the main registrar's", () => {
    expect(startLine(inDialog({ uri: UPSTREAM_CONTACT }))).toBe(`BYE ${CONTACT} SIP/2.0`);
    const other = buildBinding({ ctid: "0000000000000002" });
    const uri = UPSTREAM_CONTACT.replace(CTID, other.ctid);
    expect(inDialog({ uri, bindings: [device, other] })).toMatchObject({ status: 481 });
  });

  test("a GRUU of an instance that is away is told so, when its address-of-record is here", () => {
    const uri = PUBLIC.replace("f81d", "f82d");
    expect(inDialog({ uri })).toMatchObject({ reason: "gruu-away", status: 480 });
  });

  test.each([
    ["of another domain", "sip:alice@198.51.100.7;gr=self-made"],
    ["of another registrar", "sip:x8ffkas08af7@sip.test;gr"],
    ["when nothing is known of it any more", "sip:carol@sip.test;gr=x"],
  ])("a GRUU %s goes to the device as it is", (_, uri) => {
    const decision = inDialog({ uri });
    expect(startLine(decision)).toBe(`BYE ${uri} SIP/2.0`);
    expect(decision).toMatchObject({ nextHop: { kind: "flow", flow: SOURCE } });
  });

  test("a GRUU of another address-of-record is not the way to it", () => {
    const bob = buildBinding({
      ctid: "0000000000000002",
      source: "udp:192.0.2.1:5060<203.0.113.9:1",
    });
    const bindings = [{ ...device, ...bob, params: device.params }, buildBinding()];
    const aors = { [bob.ctid]: "bob@sip.test" };
    const decision = inDialog({ bindings, aors });
    expect(startLine(decision)).toBe(`BYE ${PUBLIC} SIP/2.0`);
    expect(decision).toMatchObject({ nextHop: { kind: "flow", flow: SOURCE } });
  });

  test("of two tokens in a row the second says where it goes: the call of one device to another", () => {
    const caller = ownRoute({ role: "caller", flow: "udp:192.0.2.1:5060<203.0.113.9:1", ctid: "" });
    const decision = inDialog({ routes: [caller, ownRoute()] });
    expect(decision).toMatchObject({
      direction: "to-device",
      nextHop: { kind: "flow", flow: SOURCE },
    });
    expect(headerLines(relayedText(decision), "Route")).toEqual([]);
  });

  test("requests of the device go where the other side said, GRUU or not", () => {
    const decision = inDialog({
      uri: PUBLIC,
      from: "<sip:alice@sip.test>;tag=alice",
      to: "<sip:bob@sip.test>;tag=bob",
    });
    expect(decision).toMatchObject({
      direction: "to-upstream",
      nextHop: { kind: "uri", uri: PUBLIC, flow: undefined },
    });
  });
});
