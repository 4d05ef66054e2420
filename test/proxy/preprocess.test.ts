import { describe, expect, test } from "vitest";
import { parseMessage } from "../../src/sip/parse-message.ts";
import { buildBinding, CONTACT, SENT_BY, SOURCE, UPSTREAM_CONTACT } from "../registrar/fixtures.ts";
import { headerLines } from "../support/messages.ts";
import {
  decide,
  INSIDE_SENT_BY,
  type InputParts,
  ownRoute,
  relayedText,
  requestText,
} from "./fixtures.ts";

const DIALOG = { to: "<sip:alice@sip.test>;tag=alice" } as const;
const DEVICE = { sender: "device", uri: "sip:bob@sip.test" } as const;

function startLine(parts: InputParts): string {
  return relayedText(decide(parts)).split("\r\n")[0] ?? "";
}

function routesOf(parts: InputParts): string[] {
  return headerLines(relayedText(decide(parts)), "Route");
}

function uriOf(route: string): string {
  return route.slice(1, -1);
}

describe("row 1: a Request-URI that a strict router has put there", () => {
  test("gives way to the last Route, in the dialog of its token", () => {
    const parts = { method: "BYE", uri: uriOf(ownRoute()), routes: [`<${CONTACT}>`], ...DIALOG };
    expect(startLine(parts)).toBe(`BYE ${CONTACT} SIP/2.0`);
    expect(routesOf(parts)).toEqual([]);
    expect(decide(parts)).toMatchObject({ nextHop: { kind: "flow", flow: SOURCE } });
  });

  test("keeps the Routes between, and goes to the first of them", () => {
    const routes = ["<sip:edge.test;lr>", `<${CONTACT}>`];
    const parts = { method: "BYE", uri: uriOf(ownRoute()), routes, ...DIALOG };
    expect(routesOf(parts)).toEqual(["<sip:edge.test;lr>"]);
    expect(decide(parts)).toMatchObject({ nextHop: { kind: "uri", uri: "sip:edge.test;lr" } });
  });

  test("takes the second half of a double Record-Route along", () => {
    const second = ownRoute({ at: INSIDE_SENT_BY }).replace(";lr", ";lr;r2=on");
    const parts = {
      method: "BYE",
      uri: uriOf(ownRoute()).replace(";lr", ";lr;r2=on"),
      routes: [second, `<${CONTACT}>`],
      ...DIALOG,
    };
    expect(startLine(parts)).toBe(`BYE ${CONTACT} SIP/2.0`);
    expect(routesOf(parts)).toEqual([]);
  });

  test("is known for a Route to midreg that a phone has loaded beforehand", () => {
    const parts = { ...DEVICE, uri: `sip:${SENT_BY};lr`, routes: ["<sip:carol@sip.test>"] };
    expect(startLine(parts)).toBe("INVITE sip:carol@sip.test SIP/2.0");
    expect(routesOf(parts)).toEqual([]);
  });

  test.each<[string, InputParts]>([
    ["with a token of another dialog", { uri: uriOf(ownRoute()), callId: "call-2" }],
    ["without a Route behind it", { uri: uriOf(ownRoute()), routes: [] }],
    ["of somebody else", { uri: "sip:other.test;lr", routes: [`<${CONTACT}>`] }],
  ])("is an ordinary one %s", (_, parts) => {
    expect(decide({ routes: [`<${CONTACT}>`], ...DIALOG, ...parts })).toMatchObject({
      kind: "respond",
    });
  });
});

describe("row 2: an maddr in the Request-URI", () => {
  test.each([
    ["of midreg is taken off", `sip:bob@sip.test;maddr=192.0.2.1`, "sip:bob@sip.test"],
    [
      "goes with its port and transport",
      "sip:bob@sip.test:5080;maddr=10.0.0.1;transport=tcp;user=phone",
      "sip:bob@sip.test;user=phone",
    ],
    [
      "leaves the default port as written",
      "sip:bob@sip.test:5060;maddr=192.0.2.1",
      "sip:bob@sip.test:5060",
    ],
    [
      "of midreg's address at a port that is not midreg's stays",
      "sip:bob@sip.test:5099;maddr=192.0.2.1",
      "sip:bob@sip.test:5099;maddr=192.0.2.1",
    ],
    [
      "of somebody else stays",
      "sip:bob@sip.test;maddr=192.0.2.9",
      "sip:bob@sip.test;maddr=192.0.2.9",
    ],
  ])("%s", (_, uri, sent) => {
    expect(startLine({ ...DEVICE, uri })).toBe(`INVITE ${sent} SIP/2.0`);
  });
});

describe("row 3: midreg's own Routes", () => {
  const pair = [ownRoute(), ownRoute({ at: INSIDE_SENT_BY })].map((route) =>
    route.replace(";lr", ";lr;r2=on"),
  );

  test("go for both passes of a dialog between two devices: twice two values", () => {
    const routes = [...pair, ...pair, "<sip:x.test;lr>"];
    expect(routesOf({ uri: CONTACT, routes, ...DIALOG })).toEqual(["<sip:x.test;lr>"]);
  });

  test("go for two passes and no more", () => {
    const routes = [...pair, ...pair, ...pair];
    expect(routesOf({ uri: CONTACT, routes, ...DIALOG })).toEqual(pair);
  });

  test("that are marked count as two where only one is midreg's", () => {
    const routes = [pair[0] ?? "", "<sip:x.test;lr;r2=on>"];
    expect(routesOf({ uri: CONTACT, routes, ...DIALOG })).toEqual(["<sip:x.test;lr;r2=on>"]);
  });

  test("row 5: are known with escaped characters in their token", () => {
    const user = /sip:(.)/u.exec(ownRoute())?.[1] ?? "";
    const escaped = ownRoute().replace(
      `sip:${user}`,
      `sip:%${user.charCodeAt(0).toString(16).toUpperCase()}`,
    );
    expect(
      decide({ uri: CONTACT, routes: [escaped], sender: "stranger", ...DIALOG }),
    ).toMatchObject({ direction: "to-device" });
  });
});

describe("row 16: a next hop without lr", () => {
  test("gets itself as Request-URI, and the real one as last Route", () => {
    const routes = [ownRoute(), "<sip:strict.test;method=BYE?X=y>", "<sip:next.test;lr>"];
    const parts = { method: "BYE", uri: CONTACT, routes, ...DIALOG };
    expect(startLine(parts)).toBe("BYE sip:strict.test SIP/2.0");
    expect(routesOf(parts)).toEqual([`<sip:next.test;lr>, <${CONTACT}>`]);
  });

  test("in the Path of a binding is served alike", () => {
    const bindings = [buildBinding({ path: "<sip:strict.test>, <sip:next.test;lr>" })];
    expect(startLine({ bindings })).toBe("INVITE sip:strict.test SIP/2.0");
    expect(routesOf({ bindings })).toEqual([`<sip:next.test;lr>, <${CONTACT}>`]);
    expect(decide({ bindings })).toMatchObject({ nextHop: { uri: "sip:strict.test" } });
  });
});

describe("row 29: headers in a URI that becomes the Request-URI", () => {
  test("are never honoured, nor passed on: of a Route behind a strict router", () => {
    const routes = ["<sip:carol@sip.test?Route=%3Csip:evil.test%3E&From=x>"];
    const text = relayedText(decide({ ...DEVICE, uri: `sip:${SENT_BY};lr`, routes }));
    expect(text.split("\r\n")[0]).toBe("INVITE sip:carol@sip.test SIP/2.0");
    expect(text).not.toContain("evil");
  });

  test("are refused in a Request-URI itself", () => {
    const text = requestText({ uri: "sip:bob@elsewhere.test?Route=%3Csip:evil.test%3E" });
    expect(parseMessage(text)).toMatchObject({ kind: "malformed", error: { status: 400 } });
  });
});

test("the contact of midreg's behind a strict router, or with an maddr, is found (rows 1 and 2)", () => {
  const behind = { uri: `sip:${SENT_BY};lr`, routes: [`<${UPSTREAM_CONTACT}>`] };
  expect(decide(behind)).toMatchObject({ direction: "to-device" });
  const uri = `${UPSTREAM_CONTACT};maddr=192.0.2.1`;
  expect(startLine({ uri })).toBe(`INVITE ${CONTACT} SIP/2.0`);
});

describe("a request that may go no further (section 16.3 step 3)", () => {
  test.each<[string, InputParts, number]>([
    ["INVITE", {}, 483],
    ["MESSAGE", { method: "MESSAGE" }, 483],
    ["OPTIONS, whomever it is for", { method: "OPTIONS" }, 200],
    ["OPTIONS of a stranger", { method: "OPTIONS", sender: "stranger" }, 200],
  ])("%s is answered by midreg", (_, parts, status) => {
    expect(decide({ maxForwards: "0", ...parts })).toMatchObject({ kind: "respond", status });
  });
});
