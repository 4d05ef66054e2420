/** Rules 1 to 9: what midreg takes off a request before it goes anywhere (RFC 3261 section 16.4). */
import { beforeEach, describe, expect, test } from "vitest";
import { buildInvite, inDialog, PHONE_PLACE } from "../../support/call-messages.ts";
import { answerTo, headerLine, headerLines, message } from "../../support/messages.ts";
import { fromAlice, fromBob, MAIN_PLACE, OWN_VIA, ProxyStage, shown, startLine } from "./stage.ts";

let stage: ProxyStage;

beforeEach(async () => {
  stage = await ProxyStage.open();
});

const VIA_MAIN = "Via: SIP/2.0/UDP 192.0.2.50:5060;branch=z9hG4bK-1";

function request(method: string, uri: string, ...headers: readonly string[]): string {
  return message(
    `${method} ${uri} SIP/2.0`,
    "Via: SIP/2.0/UDP 198.51.100.7:40000;branch=z9hG4bK-1",
    ...headers,
    "Max-Forwards: 70",
    "From: <sip:alice@sip.test>;tag=a",
    "To: <sip:bob@sip.test>",
    "Call-ID: c",
    `CSeq: 1 ${method}`,
    "Content-Length: 0",
  );
}

describe("rule 1: a Request-URI that midreg has put into Record-Route", () => {
  test("comes from a strict router: the last Route takes its place", () => {
    const { own } = stage.call();
    const bye = message(
      `BYE ${own.slice(1, -1)} SIP/2.0`,
      VIA_MAIN,
      `Route: <sip:192.0.2.77;lr>, <sip:alice@${PHONE_PLACE}>`,
      "Max-Forwards: 70",
      "From: <sip:bob@sip.test>;tag=bob",
      "To: <sip:alice@sip.test>;tag=uas",
      "Call-ID: call-1",
      "CSeq: 2 BYE",
      "Content-Length: 0",
    );
    expect(stage.leaving(bye, MAIN_PLACE)).toEqual([
      {
        to: "192.0.2.77:5060",
        text: message(
          `BYE sip:alice@${PHONE_PLACE} SIP/2.0`,
          OWN_VIA,
          "Max-Breadth: 60",
          VIA_MAIN,
          "Route: <sip:192.0.2.77;lr>",
          "Max-Forwards: 69",
          "From: <sip:bob@sip.test>;tag=bob",
          "To: <sip:alice@sip.test>;tag=uas",
          "Call-ID: call-1",
          "CSeq: 2 BYE",
          "Content-Length: 0",
        ),
      },
    ]);
  });

  test("and the Route is gone when that was its last value; no state is needed for it", async () => {
    const { own } = stage.call();
    const after = await ProxyStage.open({ after: stage.world });
    const bye = fromBob("BYE", {
      uri: own.slice(1, -1),
      route: `<sip:alice@${PHONE_PLACE}>`,
    });
    const [sent] = after.leaving(bye, MAIN_PLACE);
    expect(sent?.to).toBe(PHONE_PLACE);
    expect(startLine(sent?.text ?? "")).toBe(`BYE sip:alice@${PHONE_PLACE} SIP/2.0`);
    expect(headerLines(sent?.text ?? "", "Route")).toEqual([]);
  });
});

describe("rule 2: maddr", () => {
  test.each([
    ["sip:bob@sip.test;maddr=192.0.2.1", "sip:bob@sip.test"],
    ["sip:bob@sip.test:5060;transport=udp;maddr=192.0.2.1;x=y", "sip:bob@sip.test:5060;x=y"],
    ["sip:bob@sip.test;user=phone;maddr=192.0.2.1;transport=UDP", "sip:bob@sip.test;user=phone"],
  ])("that is midreg's is taken off, with the transport: %s", (uri, sent) => {
    expect(stage.lines(request("MESSAGE", uri), PHONE_PLACE)).toEqual([
      `MESSAGE ${sent} SIP/2.0 > ${MAIN_PLACE}`,
    ]);
  });

  test("with the port, where that is not the usual one", async () => {
    const other = await ProxyStage.open({
      listeners: [
        ["192.0.2.1", 5060],
        ["192.0.2.1", 5080],
      ],
    });
    const uri = "sip:bob@sip.test:5080;maddr=192.0.2.1";
    expect(other.lines(request("MESSAGE", uri), PHONE_PLACE)).toEqual([
      `MESSAGE sip:bob@sip.test SIP/2.0 > ${MAIN_PLACE}`,
    ]);
  });

  test.each(["sip:bob@sip.test:5099;maddr=192.0.2.1", "sip:bob@sip.test;maddr=198.51.100.200"])(
    // The rule would have it sent there. midreg sends what is from phones to the main registrar and nowhere else,
    // which may send it there.
    "at another port, or of somebody else, stays: %s",
    (uri) => {
      expect(stage.lines(request("MESSAGE", uri), PHONE_PLACE)).toEqual([
        `MESSAGE ${uri} SIP/2.0 > ${MAIN_PLACE}`,
      ]);
    },
  );
});

describe("rule 3: the top Route is midreg's", () => {
  test("one value is taken off, and the others keep their bytes", () => {
    const route = 'Route:  <sip:192.0.2.1;lr> ,"x, y"<sip:192.0.2.50;lr>;a=b';
    const [sent] = stage.leaving(request("MESSAGE", "sip:bob@sip.test", route), PHONE_PLACE);
    expect(sent).toEqual({
      to: MAIN_PLACE,
      text: message(
        "MESSAGE sip:bob@sip.test SIP/2.0",
        OWN_VIA,
        "Max-Breadth: 60",
        "Via: SIP/2.0/UDP 198.51.100.7:40000;branch=z9hG4bK-1",
        'Route:  "x, y"<sip:192.0.2.50;lr>;a=b',
        "Max-Forwards: 69",
        "From: <sip:alice@sip.test>;tag=a",
        "To: <sip:bob@sip.test>",
        "Call-ID: c",
        "CSeq: 1 MESSAGE",
        "Content-Length: 0",
      ),
    });
  });

  test("both values of a double one are taken off at once, and nothing comes around (RFC 5658)", async () => {
    const two = await ProxyStage.open({
      listeners: [
        ["192.0.2.1", 5060],
        ["198.51.100.1", 5060],
      ],
      localAddress: "198.51.100.1",
    });
    const invite = buildInvite({ uri: two.contact });
    two.phone.onRequest = (text) => two.phone.send(answerTo(text, 200, "OK"));
    two.raw(invite, MAIN_PLACE, "198.51.100.1:5060");
    const recorded = headerLines(two.world.main.responses.at(-1) ?? "", "Record-Route");
    expect(recorded.map((value) => shown(value))).toEqual([
      "<sip:T@192.0.2.1:5060;lr;r2=on>",
      "<sip:T@198.51.100.1:5060;lr;r2=on>",
      "<sip:192.0.2.50;lr>",
    ]);
    two.phone.onRequest = undefined;
    const route = recorded.slice(0, 2).toReversed().join(", ");
    const sent = two.leaving(fromBob("BYE", { route }), MAIN_PLACE, "198.51.100.1:5060");
    expect(sent.map(({ to }) => to)).toEqual([PHONE_PLACE]);
    expect(sent[0]?.text).not.toContain("Route:");
  });
});

describe("rule 4: the top Route is somebody else's", () => {
  test("it stays, and the request goes there", () => {
    const invite = buildInvite({
      uri: stage.contact,
      headers: ["Route: <sip:192.0.2.77:5070;lr>"],
    });
    const [, sent] = stage.leaving(invite, MAIN_PLACE);
    expect(sent?.to).toBe("192.0.2.77:5070");
    expect(headerLines(sent?.text ?? "", "Route")).toEqual(["<sip:192.0.2.77:5070;lr>"]);
  });
});

describe("rule 5: which Routes are midreg's", () => {
  const listeners = [
    ["192.0.2.1", 5060],
    ["192.0.2.1", 5061, "tls"],
    ["2001:db8::1", 5060],
  ] as const;

  async function ask(route: string): Promise<string[]> {
    const own = await ProxyStage.open({
      listeners,
      ownHosts: ["edge.example"],
    });
    return own.lines(request("MESSAGE", "sip:bob@sip.test", `Route: ${route}`), PHONE_PLACE);
  }

  test.each([
    "<sip:192.0.2.1;lr>",
    "<sip:192.0.2.1:5060;lr>",
    "<sip:192.0.2.1;transport=UDP;lr>",
    "<sips:192.0.2.1;lr>",
    "<sip:192.0.2.1;transport=tls;lr>",
    "<sip:192.0.2.1:5061;transport=tls;lr>",
    "<SIP:EDGE.Example;lr>",
    "<sip:edge.example.:5060;lr>",
    "<sips:edge.example;lr>",
    "<sip:[2001:db8::1];lr>",
    "<sip:[2001:DB8:0:0::1]:5060;lr>",
    "<sip:192.0.2.1;%6Cr>",
    "<sip:192.0.2.1;lr=on>",
    "<sip:to%6Ben.x:y@192.0.2.1;lr>",
    '"a, <b>" <sip:192.0.2.1;lr>;x=y',
  ])("%s is one", async (route) => {
    expect(await ask(route)).toEqual([`MESSAGE sip:bob@sip.test SIP/2.0 > ${MAIN_PLACE}`]);
  });

  test.each([
    "<sip:192.0.2.1:5062;lr>",
    "<sip:192.0.2.2;lr>",
    "<sip:x.edge.example;lr>",
    "<sip:192.0.2.1@evil.test;lr>",
    "<sip:[2001:db8::2];lr>",
    "<sip:192.0.2.1;transport=ws;lr>",
  ])("%s is none", async (route) => {
    expect(await ask(route)).toEqual([`SIP/2.0 403 Forbidden Route > ${PHONE_PLACE}`]);
  });
});

describe("rule 6: a Route that is nothing but midreg", () => {
  test("is taken off a request outside of dialogs, which then goes to its target", () => {
    const invite = buildInvite({
      uri: stage.contact,
      headers: ["Route: <sip:192.0.2.1;lr>"],
    });
    const [, sent] = stage.leaving(invite, MAIN_PLACE);
    expect(sent?.to).toBe(PHONE_PLACE);
    expect(startLine(sent?.text ?? "")).toBe(`INVITE sip:alice@${PHONE_PLACE} SIP/2.0`);
    expect(headerLines(sent?.text ?? "", "Route")).toEqual([]);
  });
});

describe("rule 7: a request inside a dialog without any Route left", () => {
  test("goes to its Request-URI", () => {
    const { own } = stage.call();
    expect(stage.lines(fromAlice("BYE", { route: own }), PHONE_PLACE)).toEqual([
      "BYE sip:bob@203.0.113.9:5060 SIP/2.0 > 203.0.113.9:5060",
    ]);
  });

  test("is 481 where that is midreg and there is no binding, and 404 outside of dialogs", () => {
    const uri = "sip:alice@192.0.2.1:5060;ctid=0123456789abcdef";
    const { own } = stage.call();
    const gone = "SIP/2.0 481 Call/Transaction Does Not Exist";
    expect(stage.lines(fromBob("BYE", { uri, route: "" }), MAIN_PLACE)).toEqual([
      `${gone} > ${MAIN_PLACE}`,
    ]);
    expect(stage.lines(fromBob("BYE", { uri, route: own }), MAIN_PLACE)).toEqual([
      `${gone} > ${MAIN_PLACE}`,
    ]);
    expect(
      stage.lines(fromAlice("BYE", { uri: "sip:bob@192.0.2.1", route: own }), PHONE_PLACE),
    ).toEqual([`${gone} > ${PHONE_PLACE}`]);
    expect(stage.lines(buildInvite({ uri, branch: "z9hG4bK-new" }), MAIN_PLACE)).toEqual([
      `SIP/2.0 404 Not Found > ${MAIN_PLACE}`,
    ]);
  });
});

describe("rule 8: ACK", () => {
  test("for a 2xx goes end to end on its own, each time with the same bytes", () => {
    const { own } = stage.call();
    const ack = fromBob("ACK", { route: own, cseq: 1 });
    const first = stage.raw(ack, MAIN_PLACE);
    expect(first.map(({ to, text }) => ({ to, text: shown(text) }))).toEqual([
      {
        to: PHONE_PLACE,
        text: message(
          `ACK sip:alice@${PHONE_PLACE} SIP/2.0`,
          OWN_VIA,
          "Max-Breadth: 60",
          `Via: ${headerLine(ack, "Via").replace(";rport", ";rport=5060;received=192.0.2.50")}`,
          "Max-Forwards: 69",
          "From: <sip:bob@sip.test>;tag=bob",
          "To: <sip:alice@sip.test>;tag=uas",
          "Call-ID: call-1",
          "CSeq: 1 ACK",
          "Content-Length: 0",
        ),
      },
    ]);
    expect(stage.raw(ack, MAIN_PLACE)).toEqual(first);
    const invite = stage.phone.requests.find((text) => text.startsWith("INVITE")) ?? "";
    expect(headerLine(first[0]?.text ?? "", "Via")).not.toBe(headerLine(invite, "Via"));
  });

  test("for a failure is hop by hop: Request-URI, Route and branch of the INVITE", async () => {
    const edge = await edgeStage();
    const [, invite] = edge.raw(buildInvite({ uri: edge.contact }), MAIN_PLACE);
    const busy = answerTo(invite?.text ?? "", 486, "Busy Here");
    const [ack, told] = edge.raw(busy, EDGE);
    expect(startLine(told?.text ?? "")).toBe("SIP/2.0 486 Busy Here");
    expect(ack).toEqual({
      to: EDGE,
      text: message(
        `ACK sip:alice@${PHONE_PLACE} SIP/2.0`,
        `Via: ${headerLine(invite?.text ?? "", "Via")}`,
        "Max-Forwards: 70",
        "From: <sip:bob@sip.test>;tag=bob",
        "To: <sip:alice@sip.test>;tag=uas",
        "Call-ID: call-1",
        "CSeq: 1 ACK",
        `Route: ${PATH}`,
        "Content-Length: 0",
      ),
    });
    const up = inDialog("ACK", {
      uri: edge.contact,
      from: "<sip:bob@sip.test>;tag=bob",
      to: "<sip:alice@sip.test>;tag=uas",
      route: "",
      branch: "z9hG4bK-call",
      via: MAIN_PLACE,
    });
    expect(edge.raw(up.replace(";rport", ""), MAIN_PLACE)).toEqual([]);
  });
});

test("rule 8: ACK for an answer of midreg's own without state ends here (section 8.2.7)", () => {
  const invite = buildInvite({ uri: stage.contact, headers: ["Max-Breadth: 0"] });
  const [refused] = stage.raw(invite, MAIN_PLACE);
  expect(startLine(refused?.text ?? "")).toBe("SIP/2.0 440 Max-Breadth Exceeded");
  const ack = inDialog("ACK", {
    uri: stage.contact,
    from: "<sip:bob@sip.test>;tag=bob",
    to: headerLine(refused?.text ?? "", "To"),
    route: "",
    branch: "z9hG4bK-call",
    via: MAIN_PLACE,
  });
  expect(stage.raw(ack, MAIN_PLACE)).toEqual([]);
});

describe("rule 9: CANCEL", () => {
  test("follows the INVITE: the same place, Request-URI, Via and Route", async () => {
    const edge = await edgeStage();
    const call = buildInvite({ uri: edge.contact });
    const [, invite] = edge.raw(call, MAIN_PLACE);
    edge.raw(answerTo(invite?.text ?? "", 180, "Ringing"), EDGE);
    const cancel = message(
      `CANCEL ${edge.contact} SIP/2.0`,
      `Via: ${headerLine(call, "Via")}`,
      "Max-Forwards: 70",
      "From: <sip:bob@sip.test>;tag=bob",
      "To: <sip:alice@sip.test>",
      "Call-ID: call-1",
      "CSeq: 1 CANCEL",
      "Content-Length: 0",
    );
    const [ok, sent] = edge.raw(cancel, MAIN_PLACE);
    expect([startLine(ok?.text ?? ""), ok?.to]).toEqual(["SIP/2.0 200 OK", MAIN_PLACE]);
    expect(sent).toEqual({
      to: EDGE,
      text: message(
        `CANCEL sip:alice@${PHONE_PLACE} SIP/2.0`,
        `Via: ${headerLine(invite?.text ?? "", "Via")}`,
        "Max-Forwards: 70",
        "From: <sip:bob@sip.test>;tag=bob",
        "To: <sip:alice@sip.test>",
        "Call-ID: call-1",
        "CSeq: 1 CANCEL",
        `Route: ${PATH}`,
        "Content-Length: 0",
      ),
    });
  });
});

const EDGE = "198.51.100.20:5060";
const PATH = `<sip:tok@${EDGE};lr>, <sip:inner.test;lr>`;

/** The phone registers through an edge proxy, and its calls go there. */
async function edgeStage(): Promise<ProxyStage> {
  const headers = [`Path: ${PATH}`, "Supported: path"];
  const edge = await ProxyStage.open({}, { headers, from: EDGE });
  return edge;
}
