import { describe, expect, test } from "vitest";
import type { NextHop } from "../../src/proxy/proxy-input.ts";
import {
  buildBinding,
  CONTACT,
  CTID,
  SENT_BY,
  SOURCE,
  UPSTREAM_CONTACT,
} from "../registrar/fixtures.ts";
import { headerLines } from "../support/messages.ts";
import {
  decide,
  INSIDE_SENT_BY,
  INSIDE_SOURCE,
  type InputParts,
  ownRoute,
  relayedText,
  requestText,
} from "./fixtures.ts";

const DIALOG = { to: "<sip:alice@sip.test>;tag=alice" } as const;
const FLOW: NextHop = { kind: "flow", flow: SOURCE };

describe("a call from the main registrar", () => {
  test("goes to the device by its ctid, to the byte", () => {
    const decision = decide({ headers: ["X-Odd:  kept "] });
    expect(decision).toMatchObject({ kind: "relay", direction: "to-device", nextHop: FLOW });
    expect(relayedText(decision)).toBe(
      requestText({ uri: CONTACT, maxForwards: "69", headers: ["X-Odd:  kept "] }).replace(
        "Via: ",
        `Record-Route: ${ownRoute()}\r\nVia: `,
      ),
    );
  });

  test.each<[string, InputParts]>([
    ["an unknown ctid", { uri: `sip:alice@${SENT_BY};ctid=${"0".repeat(16)}` }],
    ["no ctid", { uri: `sip:alice@${SENT_BY}` }],
    ["a ctid at another host (T15)", { uri: `sip:alice@192.0.2.9;ctid=${CTID}` }],
    ["a ctid whose binding is gone (T15)", { bindings: [] }],
    ["a telephone number", { uri: "tel:+4930123456" }],
    ["no Max-Forwards", { maxForwards: "", uri: `sip:${SENT_BY}` }],
  ])("with %s is answered 404, and 481 inside a dialog (row 7)", (_, parts) => {
    expect(decide(parts)).toMatchObject({
      kind: "respond",
      reason: "unknown-contact",
      status: 404,
    });
    expect(decide({ ...parts, ...DIALOG })).toMatchObject({ reason: "no-dialog", status: 481 });
  });

  test("takes the Path vector of the binding as Route, ahead of what is left (row 10)", () => {
    const path = '"a <b>, c" <sip:edge.test;lr;x=1>, <sip:next.test;lr>';
    const decision = decide({
      bindings: [buildBinding({ path })],
      routes: [`<sip:${SENT_BY};lr>`, "<sip:other.test;lr>"],
    });
    expect(headerLines(relayedText(decision), "Route")).toEqual([path, "<sip:other.test;lr>"]);
    expect(decision).toMatchObject({
      nextHop: { kind: "uri", uri: "sip:edge.test;lr;x=1", flow: SOURCE },
    });
  });

  test("goes by the flow where the Path cannot be read", () => {
    const decision = decide({ bindings: [buildBinding({ path: '"' })] });
    expect(decision).toMatchObject({ nextHop: FLOW });
    expect(headerLines(relayedText(decision), "Route")).toEqual([]);
  });

  test.each([
    ["headers", "sip:alice@198.51.100.7?Subject=x&Route=%3Csip:evil%3E", "sip:alice@198.51.100.7"],
    ["a method parameter", "sip:alice@198.51.100.7;METHOD=BYE;ob", "sip:alice@198.51.100.7;ob"],
    ["an empty header part", "sip:alice@198.51.100.7?", "sip:alice@198.51.100.7"],
  ])("row 29: has no %s of the contact in its Request-URI", (_, contact, uri) => {
    const text = relayedText(decide({ bindings: [buildBinding({ contact })] }));
    expect(text.startsWith(`INVITE ${uri} SIP/2.0\r\n`)).toBe(true);
  });

  test.each([
    "sip:a?b@198.51.100.7;transport=udp",
    "sips:%61@[2001:db8::1]:5061;ob",
    "sip:198.51.100.7:40000",
    "sip:a;method=x@h",
  ])("has the contact %s as it was written", (contact) => {
    const text = relayedText(decide({ bindings: [buildBinding({ contact })] }));
    expect(text.startsWith(`INVITE ${contact} SIP/2.0\r\n`)).toBe(true);
  });
});

describe("a call from a device", () => {
  const device = { sender: "device", uri: "sip:bob@sip.test" } as const;

  test("goes to the main registrar, to the byte", () => {
    const decision = decide(device);
    expect(decision).toMatchObject({ direction: "to-upstream", nextHop: { kind: "upstream" } });
    const route = ownRoute({ role: "caller" });
    expect(relayedText(decision)).toBe(
      requestText({ uri: "sip:bob@sip.test", maxForwards: "69" }).replace(
        "Via: ",
        `Record-Route: ${route}\r\nVia: `,
      ),
    );
  });

  test.each([
    [
      "midreg as domain gives way to the main registrar",
      `sip:bob@${SENT_BY};user=phone`,
      "sip:bob@192.0.2.50:5060;user=phone",
    ],
    ["midreg without user", `sips:${SENT_BY}`, "sips:192.0.2.50:5060"],
    ["another domain stays", "sips:bob@elsewhere.test:99;x", "sips:bob@elsewhere.test:99;x"],
    ["a telephone number stays", "tel:+4930123456", "tel:+4930123456"],
  ])("Request-URI: %s", (_, uri, sent) => {
    expect(relayedText(decide({ ...device, uri })).startsWith(`INVITE ${sent} SIP/2.0\r\n`)).toBe(
      true,
    );
  });

  test.each([
    ["midreg and somebody", [`<sip:${SENT_BY};lr>`, "<sip:evil.test;lr>"]],
    ["somebody alone", ["<sip:evil.test;lr>"]],
    ["the main registrar's host at another port", ["<sip:192.0.2.50:5080;lr>"]],
    ["a strict router", ["<sip:evil.test>"]],
    ["midreg three times", [1, 2, 3].map(() => `<sip:${SENT_BY};lr>`)],
  ])("row 18: a preloaded Route is no way around the main registrar: %s", (_, routes) => {
    expect(decide({ ...device, routes })).toMatchObject({ reason: "foreign-route", status: 403 });
  });

  test.each([
    ["the main registrar", "<sip:192.0.2.50:5060;lr>", {}],
    ["the domain that it serves", "<sip:SIP.test;lr>", {}],
    [
      "its Service-Route (row 30)",
      "<sip:orig@edge.test;lr>",
      { replay: "Service-Route: <sip:x;lr>, <sip:orig@edge.test;lr>\r\n" },
    ],
  ])("row 18: a preloaded Route may name %s, and stays", (_, route, parts) => {
    const bindings = [buildBinding(parts)];
    const decision = decide({ ...device, bindings, routes: [`<sip:${SENT_BY};lr>`, route] });
    expect(decision).toMatchObject({ nextHop: { kind: "upstream" } });
    expect(headerLines(relayedText(decision), "Route")).toEqual([route]);
  });

  test("cannot reach another device by its ctid itself (T15)", () => {
    const decision = decide({ sender: "device" });
    expect(decision).toMatchObject({ nextHop: { kind: "upstream" } });
    expect(relayedText(decision).startsWith(`INVITE sip:alice@192.0.2.50:5060;ctid=${CTID} `)).toBe(
      true,
    );
  });
});

describe("a request from nobody midreg knows", () => {
  test.each<[string, InputParts]>([
    ["by ctid (T15)", {}],
    ["to anywhere", { uri: "sip:bob@sip.test" }],
    ["inside a dialog it has no token of", DIALOG],
    ["with a Route of midreg's without a token", { routes: [`<sip:${SENT_BY};lr>`], ...DIALOG }],
    ["with a token that begins no dialog", { routes: [ownRoute()] }],
    ["with a name that is no token", { routes: [`<sip:d.bob@${SENT_BY};lr>`], ...DIALOG }],
    ["as OPTIONS to a device", { method: "OPTIONS" }],
    ["as REFER", { method: "REFER" }],
  ])("is answered 403: %s", (_, parts) => {
    expect(decide({ sender: "stranger", ...parts })).toEqual({
      kind: "respond",
      reason: "stranger",
      status: 403,
      phrase: "Forbidden",
      headers: "",
    });
  });
});

describe("a token that was not made for the dialog of a request, or was altered", () => {
  const TAKEN: ReadonlyArray<readonly [string, InputParts]> = [
    ["of another call", { routes: [ownRoute()], callId: "call-2" }],
    ["of another participant", { routes: [ownRoute({ tag: "carol" })] }],
    ["with another role", { routes: [ownRoute().replace("sip:d", "sip:o")] }],
    ["in escapes", { routes: [ownRoute().replace("sip:d", "sip:%64A")] }],
    ["behind a good one", { routes: [ownRoute(), ownRoute({ tag: "carol" })] }],
    ["before a good one", { routes: [ownRoute({ tag: "carol" }), ownRoute()] }],
    [
      "in the Request-URI, as a strict router has put it there",
      { uri: ownRoute({ tag: "carol" }).slice(1, -1), routes: [`<${CONTACT}>`] },
    ],
  ];

  test.each(TAKEN)("is answered 403, whoever sends it (RFC 5626 section 5.3.1): %s", (_, parts) => {
    for (const sender of ["upstream", "device", "stranger"] as const) {
      const decision = decide({ method: "BYE", uri: CONTACT, sender, ...DIALOG, ...parts });
      expect(decision).toMatchObject({ kind: "respond", reason: "forged-token", status: 403 });
    }
  });

  test.each<[string, InputParts]>([
    ["at another host", { routes: [ownRoute({ tag: "carol", at: "192.0.2.9:5060" })] }],
    ["behind somebody else's Route", { routes: ["<sip:x.test;lr>", ownRoute({ tag: "carol" })] }],
    [
      "in a request that begins a dialog",
      { routes: [ownRoute({ tag: "carol" })], to: "<sip:x@y>" },
    ],
    [
      "between ends of which one has no tag (RFC 2543)",
      { routes: [ownRoute({ tag: "carol" })], from: "<sip:bob@sip.test>" },
    ],
    ["in a name that is too short", { routes: [`<sip:dAAAA.bob@${SENT_BY};lr>`] }],
  ])("is not looked at %s", (_, parts) => {
    const decision = decide({ method: "BYE", uri: UPSTREAM_CONTACT, ...DIALOG, ...parts });
    expect(decision).toMatchObject({ direction: "to-device" });
  });
});

describe("validation (RFC 3261 section 16.3)", () => {
  test.each<[string, InputParts, number, string, string]>([
    ["Max-Forwards 0 (row 10)", { maxForwards: "0" }, 483, "too-many-hops", ""],
    ["Max-Forwards 000", { maxForwards: "000" }, 483, "too-many-hops", ""],
    [
      "Proxy-Require",
      { headers: ["Proxy-Require: a, B"] },
      420,
      "bad-extension",
      "Unsupported: a, b\r\n",
    ],
    [
      "a scheme nobody routes, from a device",
      { uri: "http://x", sender: "device" },
      416,
      "unsupported-scheme",
      "",
    ],
    [
      "a scheme nobody routes, from the main registrar",
      { uri: "urn:service:sos" },
      416,
      "unsupported-scheme",
      "",
    ],
    ["a Route that is none", { routes: ["<sip:a"] }, 400, "malformed-route", ""],
  ])("%s", (_, parts, status, ...[reason, headers]) => {
    expect(decide(parts)).toMatchObject({ kind: "respond", status, reason, headers });
  });

  test.each([
    ["counts down", "70", "69"],
    ["counts down to 0", "1", "0"],
    ["is 70 where it was missing", "", "70"],
  ])("row 10: Max-Forwards %s", (_, maxForwards, sent) => {
    expect(headerLines(relayedText(decide({ maxForwards })), "Max-Forwards")).toEqual([sent]);
  });
});

describe("OPTIONS to midreg itself", () => {
  const options = { method: "OPTIONS", uri: `sip:${SENT_BY}`, sender: "stranger" } as const;

  test.each<[string, InputParts]>([
    ["from anybody", {}],
    ["with Max-Forwards 0 (row 10)", { maxForwards: "0" }],
    ["by way of a Route of its own (row 6)", { routes: [`<sip:${SENT_BY};lr>`] }],
    ["at its other listener", { uri: `sip:${INSIDE_SENT_BY};transport=udp` }],
  ])("is answered %s", (_, parts) => {
    const decision = decide({ ...options, ...parts });
    expect(decision).toMatchObject({
      kind: "respond",
      reason: "options",
      status: 200,
      phrase: "OK",
    });
    if (decision.kind !== "respond") return;
    const lines = decision.headers.split("\r\n");
    expect(lines.map((line) => line.split(":")[0])).toEqual(["Allow", "Accept", "Supported", ""]);
    expect(lines[0]).toContain("REGISTER");
  });

  test.each<[string, InputParts, string]>([
    ["a user", { uri: `sip:alice@${SENT_BY}` }, "stranger"],
    ["another host", { uri: "sip:elsewhere.test" }, "stranger"],
    ["a further Route", { routes: [`<sip:${SENT_BY};lr>, <sip:next.test;lr>`] }, "stranger"],
    ["a ctid", { uri: `sip:${SENT_BY};ctid=${CTID}` }, "stranger"],
    ["another method", { method: "MESSAGE" }, "stranger"],
  ])("is not for midreg with %s", (_, parts, reason) => {
    expect(decide({ ...options, ...parts })).toMatchObject({ kind: "respond", reason });
  });
});

describe("Record-Route", () => {
  test.each(["INVITE", "SUBSCRIBE", "REFER", "NOTIFY", "FOO"])(
    "row 11: is added to a %s",
    (method) => {
      expect(headerLines(relayedText(decide({ method })), "Record-Route")).toHaveLength(1);
    },
  );

  test.each(["MESSAGE", "OPTIONS", "PUBLISH", "ACK", "BYE"])("is not added to a %s", (method) => {
    expect(headerLines(relayedText(decide({ method })), "Record-Route")).toEqual([]);
  });

  test("row 15: is not added inside a dialog", () => {
    expect(headerLines(relayedText(decide(DIALOG)), "Record-Route")).toEqual([]);
  });

  test("row 11: stands above what is there, also when there is a Route", () => {
    const headers = ["Record-Route: <sip:192.0.2.50;lr>"];
    const text = relayedText(decide({ headers, routes: [`<sip:${SENT_BY};lr>`] }));
    expect(headerLines(text, "Record-Route")).toEqual([ownRoute(), "<sip:192.0.2.50;lr>"]);
  });

  test.each<[string, InputParts, [string, string]]>([
    [
      "to a device",
      { bindings: [buildBinding({ source: INSIDE_SOURCE })] },
      [INSIDE_SENT_BY, SENT_BY],
    ],
    ["from a device", { sender: "device", source: INSIDE_SOURCE }, [SENT_BY, INSIDE_SENT_BY]],
  ])(
    "row 13: is double after a change of listener, the outgoing one above: %s",
    (_, parts, hosts) => {
      const routes = headerLines(relayedText(decide(parts)), "Record-Route");
      expect(routes.map((route) => route.replace(/^<sip:[\w.-]+@(.+);lr;r2=on>$/u, "$1"))).toEqual(
        hosts,
      );
      expect(new Set(routes.map((route) => route.replace(/@.+/u, ""))).size).toBe(1);
    },
  );

  test.each<[string, InputParts]>([
    ["to a device", { bindings: [buildBinding({ source: "udp:gone:1<198.51.100.7:40000" })] }],
    ["from a device", { sender: "device", source: "udp:gone:1<198.51.100.7:40000" }],
  ])(
    "names the listener that faces the main registrar when the device's is gone: %s",
    (_, parts) => {
      const routes = headerLines(relayedText(decide(parts)), "Record-Route");
      expect(routes).toHaveLength(1);
      expect(routes[0]).toContain(`@${SENT_BY};lr`);
    },
  );
});

test("a Request-URI without a scheme midreg knows is no way in for the main registrar's ctid", () => {
  expect(decide({ uri: UPSTREAM_CONTACT.replace("sip:", "sips:") })).toMatchObject({
    kind: "relay",
  });
  expect(decide({ uri: `im:alice@${SENT_BY};ctid=${CTID}` })).toMatchObject({ status: 416 });
});
