/**
 * What a Record-Route token is worth to somebody who has stolen it. All who have seen the dialog know it: proxies on the
 * way, and the other party. It is bound to one dialog, needs a To tag, and from an address that midreg does not know it
 * leads to the two sides of that dialog and nowhere else. Inside it, its holder can do what the other party can; that
 * is inherent in SIP without end-to-end authentication, and phones ask for the tags.
 */
import { beforeEach, describe, expect, test } from "vitest";
import { PHONE_PLACE } from "../../support/call-messages.ts";
import {
  type Call,
  fromAlice,
  fromBob,
  MAIN_PLACE,
  ProxyStage,
  STRANGER_PLACE,
} from "../proxy-rules/stage.ts";

let stage: ProxyStage;
let call: Call;

beforeEach(async () => {
  stage = await ProxyStage.open();
  call = stage.call();
});

const FORBIDDEN = [`SIP/2.0 403 Forbidden > ${STRANGER_PLACE}`];
const FORBIDDEN_ROUTE = [`SIP/2.0 403 Forbidden Route > ${STRANGER_PLACE}`];

describe("a stolen token outside its dialog", () => {
  const tampered: readonly (readonly [string, (text: string) => string])[] = [
    ["with another Call-ID", (text) => text.replace("Call-ID: call-1", "Call-ID: call-2")],
    ["with other tags", (text) => text.replaceAll(/tag=(?:bob|uas)/gu, "tag=mallory")],
    ["without the tag of who placed the call", (text) => text.replace("tag=bob", "tag=x")],
    ["in a request that begins a dialog", (text) => text.replace(";tag=uas", "")],
    [
      "in a request that begins a dialog, as the other party",
      (text) =>
        text.replace("<sip:alice@sip.test>;tag=uas", "<sip:x@y>").replace("tag=bob", "tag=bob"),
    ],
    ["with one character changed", (text) => text.replace(/Route: <sip:d./u, "Route: <sip:dA")],
    [
      "as if the phone had placed the call",
      (text) => text.replace("Route: <sip:d", "Route: <sip:o"),
    ],
    ["at another host", (text) => text.replace("@192.0.2.1:5060;lr", "@192.0.2.9:5060;lr")],
  ];

  test.each(tampered)("is nothing: %s", (_, change) => {
    for (const method of ["INVITE", "MESSAGE", "BYE", "OPTIONS"]) {
      const text = change(fromBob(method, { route: call.own }, STRANGER_PLACE));
      expect(stage.lines(text, STRANGER_PLACE)).toEqual(FORBIDDEN);
    }
  });

  test("is nothing in the Request-URI, as a strict router puts it", () => {
    const uri = call.own.slice(1, -1);
    const text = fromBob("INVITE", { uri, route: "<sip:198.51.100.200;lr>" }, STRANGER_PLACE);
    expect(stage.lines(text.replace(";tag=uas", ""), STRANGER_PLACE)).toEqual(FORBIDDEN);
    expect(stage.lines(text, STRANGER_PLACE)).toEqual(
      [
        `INVITE sip:198.51.100.200;lr SIP/2.0 > ${PHONE_PLACE}`,
        `SIP/2.0 100 Trying > ${STRANGER_PLACE}`,
      ].toReversed(),
    );
  });
});

describe("a token that somebody makes up", () => {
  // A stateless answer has a keyed digest of Call-ID, From tag and CSeq as its To tag: all of the sender's choice.
  test("is nothing with the To tag of an answer for its digest", () => {
    const flow = `|udp:192.0.2.1:5060<${PHONE_PLACE}`;
    const payload = `d${Buffer.from(flow).toString("base64url")}`;
    const asking = fromBob("MESSAGE", { route: "", cseq: 4711 }, STRANGER_PLACE)
      .replace("Call-ID: call-1", `Call-ID: ${payload}`)
      .replace(";tag=uas", "");
    const [answer] = stage.raw(asking, STRANGER_PLACE);
    const [, tag = ""] = /^To:.*;tag=([\w-]{14})\r$/mu.exec(answer?.text ?? "") ?? [];
    expect(tag).not.toBe("");
    const route = `<sip:${payload}.${tag}@192.0.2.1:5060;lr>`;
    const attack = fromBob("MESSAGE", { route }, STRANGER_PLACE)
      .replace("Call-ID: call-1", "Call-ID: bob")
      .replace("tag=bob", "tag=4711");
    expect(stage.lines(attack, STRANGER_PLACE)).toEqual(FORBIDDEN);
  });
});

describe("a stolen token inside its dialog, from a stranger's address", () => {
  test("leads to the phone, as the other party's would who sends here directly", () => {
    expect(
      stage.lines(fromBob("BYE", { route: call.own }, STRANGER_PLACE), STRANGER_PLACE),
    ).toEqual([`BYE sip:alice@${PHONE_PLACE} SIP/2.0 > ${PHONE_PLACE}`]);
  });

  test("does not lead to where the Request-URI says, but to the phone of the dialog", () => {
    const uri = "sip:victim@198.51.100.200;maddr=198.51.100.201";
    expect(
      stage.lines(fromBob("BYE", { uri, route: call.own }, STRANGER_PLACE), STRANGER_PLACE),
    ).toEqual([`BYE ${uri} SIP/2.0 > ${PHONE_PLACE}`]);
  });

  test.each(["<sip:198.51.100.200;lr>", "<sip:198.51.100.200>", "<sip:192.0.2.50;lr>"])(
    "leads no further than the phone: %s behind it is refused",
    (further) => {
      const route = `${call.own}, ${further}`;
      expect(stage.lines(fromBob("BYE", { route }, STRANGER_PLACE), STRANGER_PLACE)).toEqual(
        FORBIDDEN_ROUTE,
      );
    },
  );

  test("is followed to the phone where an own Route with an maddr stands behind it", () => {
    const route = `${call.own}, <sip:192.0.2.1;maddr=198.51.100.200;lr>`;
    expect(stage.lines(fromBob("BYE", { route }, STRANGER_PLACE), STRANGER_PLACE)).toEqual([
      `BYE sip:alice@${PHONE_PLACE} SIP/2.0 > ${PHONE_PLACE}`,
    ]);
  });

  test("leads to the main registrar in the name of the phone, which may have a new address", () => {
    const route = call.own;
    const uri = `sip:bob@${MAIN_PLACE}`;
    expect(stage.lines(fromAlice("BYE", { uri, route }, STRANGER_PLACE), STRANGER_PLACE)).toEqual([
      `BYE ${uri} SIP/2.0 > ${MAIN_PLACE}`,
    ]);
    expect(
      stage.lines(
        fromAlice("BYE", { route: `${route}, <sip:192.0.2.50;lr>` }, STRANGER_PLACE),
        STRANGER_PLACE,
      ),
    ).toEqual([`BYE sip:bob@203.0.113.9:5060 SIP/2.0 > ${MAIN_PLACE}`]);
  });

  test.each([
    ["the Request-URI", { uri: "sip:victim@198.51.100.200" }, ""],
    ["a number", { uri: "tel:+882990000000" }, ""],
    ["a Route", {}, ", <sip:198.51.100.200;lr>"],
    ["a strict router", {}, ", <sip:198.51.100.200>"],
    ["the main registrar's host with an maddr", {}, ", <sip:192.0.2.50;maddr=198.51.100.200;lr>"],
    ["its domain with an maddr", { uri: "sip:x@sip.test;maddr=198.51.100.200" }, ""],
    ["the main registrar's host at another port", {}, ", <sip:192.0.2.50:22;lr>"],
  ])("does not lead from the phone's side to anywhere else: %s", (_, parts, further) => {
    for (const method of ["BYE", "INVITE", "MESSAGE", "REFER"]) {
      const text = fromAlice(method, { ...parts, route: `${call.own}${further}` }, STRANGER_PLACE);
      expect(stage.lines(text, STRANGER_PLACE)).toEqual(FORBIDDEN_ROUTE);
    }
    const ack = fromAlice("ACK", { ...parts, route: `${call.own}${further}` }, STRANGER_PLACE);
    expect(stage.lines(ack, STRANGER_PLACE)).toEqual([]);
  });

  test("leads to no other phone: neither by ctid nor by GRUU", () => {
    const carol = stage.world.phone("carol", "198.51.100.9:40000");
    carol.register({
      contact: `${carol.contact};+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"`,
      headers: ["Supported: gruu"],
    });
    stage.world.pass(1);
    const [, gruu = ""] = /pub-gruu="([^"]*)"/u.exec(carol.last) ?? [];
    const ctid = stage.world.main.contactsFor("sip:carol@sip.test")[0] ?? "";
    expect([gruu, ctid]).not.toContain("");
    for (const uri of [gruu, ctid]) {
      stage.raw(fromBob("BYE", { uri, route: call.own }, STRANGER_PLACE), STRANGER_PLACE);
    }
    expect(carol.requests).toEqual([]);
  });

  test("leads to nobody once the phone has registered elsewhere but to that phone", () => {
    stage.phone.register({ from: "198.51.100.7:55555" });
    stage.world.pass(1);
    expect(
      stage.lines(fromBob("BYE", { route: call.own }, STRANGER_PLACE), STRANGER_PLACE),
    ).toEqual([`BYE sip:alice@${PHONE_PLACE} SIP/2.0 > 198.51.100.7:55555`]);
  });

  test("opens no state that is not bounded: what it sends is a transaction like any other", () => {
    const open = (): number =>
      stage.world.recording.gauge("sip_transactions", { kind: "server" }) ?? -1;
    const before = open();
    const text = fromBob("MESSAGE", { route: call.own }, STRANGER_PLACE);
    for (let sent = 0; sent < 50; sent += 1) stage.raw(text, STRANGER_PLACE);
    expect(open()).toBe(before + 1);
    stage.world.pass(70);
    expect(open()).toBe(0);
  });
});

describe("a device behind an edge proxy", () => {
  const EDGE = "198.51.100.20:5060";

  test("is reached with a token through the hosts of its Path, and those only", async () => {
    const headers = [`Path: <sip:tok@${EDGE};lr>`, "Supported: path"];
    const edged = await ProxyStage.open({}, { headers, from: EDGE });
    edged.world.network.listen(EDGE, () => undefined);
    const own = edged.call().own;
    // The edge has not answered, so the call itself is made up of what it was sent.
    const invite = edged.world.network.sent.find(
      ({ to, text }) => to === EDGE && text.startsWith("INVITE"),
    );
    const recorded = /Record-Route: (<sip:d[^>]+>)/u.exec(invite?.text ?? "")?.[1] ?? "";
    expect([own, recorded.length > 20]).toEqual(["", true]);
    const ask = (further: string): string[] =>
      edged.lines(
        fromBob("BYE", { route: `${recorded}, ${further}` }, STRANGER_PLACE),
        STRANGER_PLACE,
      );
    expect(ask("<sip:other@198.51.100.20:5062;lr>")).toEqual([
      `BYE sip:alice@${PHONE_PLACE} SIP/2.0 > 198.51.100.20:5062`,
    ]);
    expect(ask("<sip:198.51.100.21;lr>")).toEqual(FORBIDDEN_ROUTE);
    expect(ask("<sip:198.51.100.20;maddr=198.51.100.21;lr>")).toEqual(FORBIDDEN_ROUTE);
  });
});

describe("a registered phone inside a dialog", () => {
  // Its dialogs may lead to where no Record-Route of the main registrar's stands in between (RFC 3261 section 16.12),
  // and midreg keeps no state of them. Who has a registration is served so far, with the token of the dialog only.
  test("has its requests follow the route of the dialog, wherever that leads", () => {
    expect(stage.lines(fromAlice("BYE", { route: call.own }), PHONE_PLACE)).toEqual([
      "BYE sip:bob@203.0.113.9:5060 SIP/2.0 > 203.0.113.9:5060",
    ]);
  });

  test("but not with the token of another dialog", () => {
    const text = fromAlice("BYE", { route: call.own }).replace("call-1", "call-2");
    expect(stage.lines(text, PHONE_PLACE)).toEqual([`SIP/2.0 403 Forbidden > ${PHONE_PLACE}`]);
  });
});
