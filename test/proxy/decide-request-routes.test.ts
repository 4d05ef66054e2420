import { describe, expect, test } from "vitest";
import type { NextHop } from "../../src/proxy/proxy-input.ts";
import { buildBinding, CONTACT, SENT_BY, SOURCE } from "../registrar/fixtures.ts";
import { headerLine, headerLines } from "../support/messages.ts";
import {
  decide,
  INSIDE_SENT_BY,
  INSIDE_SOURCE,
  type InputParts,
  MAIN_SOURCE,
  ownRoute,
  relayedText,
  requestText,
} from "./fixtures.ts";

const DIALOG = { to: "<sip:alice@sip.test>;tag=alice" } as const;
/** The same dialog seen from the device: From and To change places. */
const BACK = { from: "<sip:alice@sip.test>;tag=alice", to: "<sip:bob@sip.test>;tag=bob" } as const;
const FLOW: NextHop = { kind: "flow", flow: SOURCE };

describe("a Route of midreg's own", () => {
  test.each<[string, readonly string[], string[]]>([
    ["row 3: is taken off", [`<sip:${SENT_BY};lr>`, "<sip:x;lr>"], ["<sip:x;lr>"]],
    [
      "row 3: is taken off twice when it is double",
      [`<sip:${SENT_BY};lr>, <sip:${INSIDE_SENT_BY};lr>, <sip:x;lr>`],
      ["<sip:x;lr>"],
    ],
    [
      "row 3: is taken off twice over two lines",
      [`<sip:${SENT_BY};lr>`, `<sip:${INSIDE_SENT_BY};lr>`],
      [],
    ],
    [
      "is taken off twice at most",
      [`<sip:${SENT_BY};lr>`, `<sip:${SENT_BY};lr>`, `<sip:${SENT_BY};lr;x>`],
      [`<sip:${SENT_BY};lr;x>`],
    ],
    [
      "row 4: stays when it is not on top",
      ["<sip:x;lr>", `<sip:${SENT_BY};lr>`],
      ["<sip:x;lr>", `<sip:${SENT_BY};lr>`],
    ],
    ["row 4: of others stays", ["<sip:x;lr>"], ["<sip:x;lr>"]],
    ["row 5: is known by the default port", [`<sip:192.0.2.1;lr;transport=udp>`], []],
    [
      "row 6: alone outside a dialog is taken off, and the target counts",
      [`<sip:${SENT_BY};lr>`],
      [],
    ],
  ])("%s", (_, routes, left) => {
    const decision = decide({ routes });
    expect(headerLines(relayedText(decision), "Route")).toEqual(left);
    expect(decision).toMatchObject({ direction: "to-device" });
  });
});

describe("inside a dialog that a device was called in", () => {
  test.each<[string, InputParts]>([
    ["the main registrar", { sender: "upstream" }],
    [
      "the caller itself, past the main registrar",
      { sender: "stranger", source: "udp:x<203.0.113.9:5060" },
    ],
  ])("a request of the caller's side goes to the device, from %s", (_, parts) => {
    const decision = decide({
      method: "BYE",
      uri: CONTACT,
      routes: [ownRoute()],
      ...DIALOG,
      ...parts,
    });
    expect(decision).toMatchObject({ direction: "to-device", nextHop: FLOW });
    expect(relayedText(decision)).toBe(
      requestText({ method: "BYE", uri: CONTACT, maxForwards: "69", ...DIALOG }),
    );
  });

  test("goes to the flow that the device has now", () => {
    const source = `${SOURCE}9`;
    const decision = decide({
      routes: [ownRoute()],
      bindings: [buildBinding({ source })],
      ...DIALOG,
    });
    expect(decision).toMatchObject({ nextHop: { kind: "flow", flow: source } });
  });

  test("goes to the flow of the call when the device is not registered any more", () => {
    const decision = decide({ routes: [ownRoute()], bindings: [], ...DIALOG });
    expect(decision).toMatchObject({ nextHop: FLOW });
  });

  test("follows a Route behind midreg's own, from the device's listener", () => {
    const routes = [ownRoute(), "<sip:edge.test;lr>"];
    const decision = decide({ routes, uri: CONTACT, ...DIALOG });
    expect(decision).toMatchObject({
      direction: "to-device",
      nextHop: { kind: "uri", uri: "sip:edge.test;lr", flow: SOURCE },
    });
    expect(headerLines(relayedText(decision), "Route")).toEqual(["<sip:edge.test;lr>"]);
  });

  test.each<[string, readonly string[], NextHop]>([
    [
      "the Route behind midreg's own",
      ["<sip:192.0.2.50;lr>"],
      { kind: "uri", uri: "sip:192.0.2.50;lr", flow: undefined },
    ],
    [
      "the Request-URI when there is none (row 7)",
      [],
      { kind: "uri", uri: "sip:bob@203.0.113.9", flow: undefined },
    ],
  ])("a request of the device goes to %s", (_, more, nextHop) => {
    const decision = decide({
      method: "BYE",
      uri: "sip:bob@203.0.113.9",
      routes: [ownRoute(), ...more],
      sender: "device",
      ...BACK,
    });
    expect(decision).toMatchObject({ direction: "to-upstream", nextHop });
  });

  test("a token is found in the second of two values of midreg's own", () => {
    const routes = [`<sip:${SENT_BY};lr>`, ownRoute({ at: INSIDE_SENT_BY })];
    expect(decide({ routes, sender: "stranger", ...DIALOG })).toMatchObject({ nextHop: FLOW });
    expect(
      decide({ routes: [...routes].toReversed(), sender: "stranger", ...DIALOG }),
    ).toMatchObject({
      nextHop: FLOW,
    });
  });

  test("an ACK follows the Route like any other (row 8)", () => {
    const decision = decide({ method: "ACK", uri: CONTACT, routes: [ownRoute()], ...DIALOG });
    expect(decision).toMatchObject({ direction: "to-device", nextHop: FLOW });
  });

  test.each<[string, InputParts]>([
    ["without a token", { routes: [`<sip:${SENT_BY};lr>`] }],
    ["with a token of another call", { routes: [ownRoute()], callId: "call-2" }],
    [
      "with no tag at all, by RFC 2543",
      { routes: [ownRoute({ tag: "" })], from: "<sip:bob@sip.test>" },
    ],
  ])("a request of the main registrar %s is routed by its ctid", (_, parts) => {
    const decision = decide({ bindings: [buildBinding({ source: INSIDE_SOURCE })], ...parts });
    expect(decision).toMatchObject({ nextHop: { kind: "flow", flow: INSIDE_SOURCE } });
  });
});

describe("inside a dialog that a device has begun", () => {
  const route = ownRoute({ role: "caller", ctid: "" });

  test("a request of the device goes on outward", () => {
    const decision = decide({
      sender: "device",
      uri: "sip:carol@203.0.113.9",
      routes: [route, "<sip:192.0.2.50;lr>"],
      ...DIALOG,
    });
    expect(decision).toMatchObject({
      direction: "to-upstream",
      nextHop: { uri: "sip:192.0.2.50;lr" },
    });
  });

  test("a request of the other side goes to the flow it was begun on", () => {
    const decision = decide({ uri: CONTACT, routes: [route], source: MAIN_SOURCE, ...BACK });
    expect(decision).toMatchObject({ direction: "to-device", nextHop: FLOW });
    expect(headerLine(relayedText(decision), "Max-Forwards")).toBe("69");
  });
});
