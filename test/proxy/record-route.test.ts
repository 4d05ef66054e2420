import { describe, expect, test } from "vitest";
import type { Side } from "../../src/proxy/proxy-input.ts";
import { buildBinding, CONTACT } from "../registrar/fixtures.ts";
import { headerLines } from "../support/messages.ts";
import { decide, type InputParts, relayedText } from "./fixtures.ts";

const UDP: Side = { sentBy: "192.0.2.1:5060", protocol: "udp" };
const TCP: Side = { sentBy: "192.0.2.1:5060", protocol: "tcp" };
const TLS: Side = { sentBy: "192.0.2.1:5061", protocol: "tls" };
const WS: Side = { sentBy: "192.0.2.1:8080", protocol: "ws" };
const WSS: Side = { sentBy: "192.0.2.1:8443", protocol: "wss" };
const SIX: Side = { sentBy: "[2001:db8::1]:5060", protocol: "udp" };

function flowOn({ protocol, sentBy }: Side): string {
  return `${protocol}:${sentBy}<198.51.100.7:40000`;
}

/** Record-Route of a call from one side to the other, with U for the token. */
function recorded(from: Side, to: Side, parts: InputParts = {}): string[] {
  const given: InputParts =
    parts.sender === "device"
      ? { source: flowOn(from), upstreamSide: to, uri: "sip:bob@sip.test" }
      : {
          source: flowOn(from),
          upstreamSide: from,
          bindings: [buildBinding({ source: flowOn(to) })],
        };
  const text = relayedText(decide({ sides: [from, to], ...given, ...parts }));
  return headerLines(text, "Record-Route").map((route) => route.replace(/:[\w.-]+@/u, ":U@"));
}

describe("Record-Route with one listener (rows 11, 12 and 14)", () => {
  test.each<[Side, string]>([
    [UDP, "<sip:U@192.0.2.1:5060;lr>"],
    [TCP, "<sip:U@192.0.2.1:5060;transport=tcp;lr>"],
    [TLS, "<sip:U@192.0.2.1:5061;transport=tls;lr>"],
    [WS, "<sip:U@192.0.2.1:8080;transport=ws;lr>"],
    [WSS, "<sip:U@192.0.2.1:8443;transport=ws;lr>"],
    [SIX, "<sip:U@[2001:db8::1]:5060;lr>"],
  ])("of %o is one value with its transport", (side, route) => {
    expect(recorded(side, side)).toEqual([route]);
    expect(recorded(side, side, { sender: "device" })).toEqual([route]);
  });
});

describe("Record-Route with two listeners (row 13, RFC 5658 section 6.2)", () => {
  test.each<[string, Side, Side, string[]]>([
    [
      "transport",
      TCP,
      UDP,
      [
        "<sip:U@192.0.2.1:5060;transport=udp;lr;r2=on>",
        "<sip:U@192.0.2.1:5060;transport=tcp;lr;r2=on>",
      ],
    ],
    [
      "family",
      UDP,
      SIX,
      ["<sip:U@[2001:db8::1]:5060;lr;r2=on>", "<sip:U@192.0.2.1:5060;lr;r2=on>"],
    ],
    [
      "transport from a browser",
      WSS,
      UDP,
      [
        "<sip:U@192.0.2.1:5060;transport=udp;lr;r2=on>",
        "<sip:U@192.0.2.1:8443;transport=ws;lr;r2=on>",
      ],
    ],
  ])("that change in %s is two, the outgoing one above, both marked", (_, from, to, routes) => {
    expect(recorded(from, to)).toEqual(routes);
    expect(recorded(from, to, { sender: "device" })).toEqual(routes);
  });
});

describe("sips (row 12)", () => {
  test("in and out over TLS is one sips value", () => {
    expect(recorded(TLS, TLS, { sender: "device", uri: "sips:bob@sip.test" })).toEqual([
      "<sips:U@192.0.2.1:5061;lr>",
    ]);
  });

  test("in and not out is two, one of each scheme", () => {
    const bindings = [buildBinding({ source: flowOn(TLS), contact: CONTACT })];
    const uri = "sips:alice@192.0.2.1:5060;ctid=f1d94a17a1c56583";
    expect(recorded(TLS, TLS, { bindings, uri })).toEqual([
      "<sip:U@192.0.2.1:5061;transport=tls;lr;r2=on>",
      "<sips:U@192.0.2.1:5061;lr;r2=on>",
    ]);
  });

  test("as the top Route asks for it, too", () => {
    const routes = ["<sips:192.0.2.50:5060;lr>"];
    expect(recorded(TLS, TLS, { sender: "device", routes })).toEqual([
      "<sips:U@192.0.2.1:5061;lr>",
    ]);
  });

  test("is not promised where a listener has no TLS", () => {
    expect(recorded(UDP, TLS, { sender: "device", uri: "sips:bob@sip.test" })).toEqual([
      "<sips:U@192.0.2.1:5061;lr;r2=on>",
      "<sip:U@192.0.2.1:5060;transport=udp;lr;r2=on>",
    ]);
  });
});

test("one for the flow of the caller and one per branch for the flow of the callee (row 20)", () => {
  const [caller] = recorded(UDP, UDP, { sender: "device" });
  expect(caller).toBe("<sip:U@192.0.2.1:5060;lr>");
  const first = relayedText(decide({ sender: "device", uri: "sip:bob@sip.test" }));
  const second = relayedText(
    decide({ headers: [`Record-Route: ${headerLines(first, "Record-Route")[0]}`] }),
  );
  const [above, below] = headerLines(second, "Record-Route");
  expect(below).toBe(headerLines(first, "Record-Route")[0]);
  expect(above).not.toBe(below);
});
