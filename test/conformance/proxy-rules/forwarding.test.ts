/** Rules 10 to 18: what a request looks like when it goes on (RFC 3261 section 16.6, RFC 5658). */
import { beforeEach, describe, expect, test } from "vitest";
import { PHONE_PLACE } from "../../support/call-messages.ts";
import {
  answerTo,
  headerLine,
  headerLines,
  message,
  methodOf,
  statusOf,
} from "../../support/messages.ts";
import { COMMON, fromAlice, fromBob, MAIN_PLACE, OWN_VIA, ProxyStage, startLine } from "./stage.ts";

let stage: ProxyStage;

beforeEach(async () => {
  stage = await ProxyStage.open();
});

describe("rule 10: the copy", () => {
  test("has the contact, one hop less, Record-Route, the Path ahead of Routes, a Via, and else its bytes", async () => {
    const path = "<sip:tok@198.51.100.20;lr>, <sip:inner.test;lr>";
    const headers = [`Path: ${path}`, "Supported: path"];
    stage = await ProxyStage.open({}, { headers, from: "198.51.100.20:5060" });
    const odd = [
      "max-forwards:  70",
      "ROUTE: <sip:192.0.2.1;lr>,<sip:next.test;lr>",
      "X-Odd:\t kept ",
      "s: \xe9",
    ];
    expect(stage.requests(stage.ask("INVITE", odd), MAIN_PLACE)).toEqual([
      {
        to: "198.51.100.20:5060",
        text: message(
          `INVITE sip:alice@${PHONE_PLACE} SIP/2.0`,
          OWN_VIA,
          "Max-Breadth: 30",
          "Record-Route: <sip:T@192.0.2.1:5060;lr>",
          `Route: ${path}`,
          "Via: SIP/2.0/UDP 192.0.2.50:5060;branch=z9hG4bK-1",
          "Max-Forwards: 69",
          "ROUTE: <sip:next.test;lr>",
          "X-Odd:\t kept ",
          "s: \xe9",
          ...COMMON,
          "CSeq: 1 INVITE",
          "Content-Length: 0",
        ),
      },
    ]);
  });

  test("has Max-Forwards 70 where there was none", () => {
    expect(headerLines(stage.sentOf(stage.ask("MESSAGE")), "Max-Forwards")).toEqual(["70"]);
  });

  test("is none with Max-Forwards 0: 483", () => {
    expect(stage.lines(stage.ask("MESSAGE", ["Max-Forwards: 0"]), MAIN_PLACE)).toEqual([
      `SIP/2.0 483 Too Many Hops > ${MAIN_PLACE}`,
    ]);
    expect(stage.lines(stage.ask("ACK", ["Max-Forwards: 0"]), MAIN_PLACE)).toEqual([]);
  });

  test("but OPTIONS with Max-Forwards 0 is answered, to the byte", () => {
    const [answer, ...more] = stage.leaving(stage.ask("OPTIONS", ["Max-Forwards: 0"]), MAIN_PLACE);
    expect(more).toEqual([]);
    expect(answer).toEqual({
      to: MAIN_PLACE,
      text: message(
        "SIP/2.0 200 OK",
        "Via: SIP/2.0/UDP 192.0.2.50:5060;branch=z9hG4bK-1",
        "From: <sip:bob@sip.test>;tag=bob",
        "To: <sip:alice@sip.test>;tag=M",
        "Call-ID: rule",
        "CSeq: 1 OPTIONS",
        "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, MESSAGE, SUBSCRIBE, NOTIFY, PUBLISH, REFER, INFO, PRACK, UPDATE",
        "Accept: application/sdp",
        "Supported: path",
        "Content-Length: 0",
      ),
    });
  });

  test("is none with a Proxy-Require that midreg does not know: 420 with Unsupported", () => {
    const [answer] = stage.leaving(
      stage.ask("MESSAGE", ["Proxy-Require: a,B", "Proxy-Require: c"]),
      MAIN_PLACE,
    );
    expect(startLine(answer?.text ?? "")).toBe("SIP/2.0 420 Bad Extension");
    expect(headerLines(answer?.text ?? "", "Unsupported")).toEqual(["a, b, c"]);
  });

  test("is one of a phone's to urn:service:sos: who is to be called is for the main registrar to say", () => {
    const urn = "urn:service:sos";
    const [sent] = stage.requests(stage.ask("INVITE", [], urn), PHONE_PLACE);
    expect([startLine(sent?.text ?? ""), sent?.to]).toEqual([`INVITE ${urn} SIP/2.0`, MAIN_PLACE]);
    const [answer] = stage.leaving(stage.ask("MESSAGE", [], urn), MAIN_PLACE);
    expect(statusOf(answer?.text ?? "")).toBe(416);
  });

  test.each(["http://x.test", "im:alice@192.0.2.1"])("is none to %s: 416", (uri) => {
    for (const from of [MAIN_PLACE, PHONE_PLACE]) {
      const [answer] = stage.leaving(stage.ask("MESSAGE", [], uri), from);
      expect(statusOf(answer?.text ?? "")).toBe(416);
    }
  });

  test("says how long its body is where a datagram did not, since it may go on by a stream", async () => {
    stage = await ProxyStage.open({
      listeners: [
        ["198.51.100.1", 5060, "tcp"],
        ["192.0.2.1", 5060],
      ],
    });
    const text = `${stage.ask("MESSAGE").replace("Content-Length: 0\r\n", "")}hi`;
    const [sent] = stage.raw(text, MAIN_PLACE);
    expect(sent?.to).toBe(PHONE_PLACE);
    expect(headerLine(sent?.text ?? "", "Via")).toMatch(/^SIP\/2\.0\/TCP 198\.51\.100\.1:5060;/u);
    expect(sent?.text.endsWith("\r\nContent-Length: 2\r\n\r\nhi")).toBe(true);
    const answer = answerTo(sent?.text ?? "", 200, "OK").replace("Content-Length: 0\r\n", "");
    const [back] = stage.raw(answer, PHONE_PLACE, "198.51.100.1:5060");
    expect(headerLines(back?.text ?? "", "Content-Length")).toEqual(["0"]);
  });
});

describe("rule 11: Record-Route", () => {
  test.each(["INVITE", "SUBSCRIBE", "REFER", "NOTIFY", "UPDATE", "DANCE"])(
    "is put above what is there in a %s, also when there is a Route",
    (method) => {
      const headers = ["Record-Route: <sip:192.0.2.50;lr>", "Route: <sip:192.0.2.1;lr>"];
      expect(headerLines(stage.sentOf(stage.ask(method, headers)), "Record-Route")).toEqual([
        "<sip:T@192.0.2.1:5060;lr>",
        "<sip:192.0.2.50;lr>",
      ]);
    },
  );

  test.each(["MESSAGE", "OPTIONS", "PUBLISH"])(
    "is not put into a %s, which makes no dialog",
    (method) => {
      expect(headerLines(stage.sentOf(stage.ask(method)), "Record-Route")).toEqual([]);
    },
  );

  test("means nothing in a REGISTER: not stored, not passed on, not given back", () => {
    stage.phone.register({
      contact: "<sip:alice@198.51.100.7:40001>",
      headers: ["Record-Route: <sip:evil.test;lr>"],
    });
    stage.world.pass(0.5);
    expect(stage.phone.lastStatus).toBe(200);
    expect([stage.world.main.registers.at(-1), stage.phone.last].join("")).not.toContain("ecord-");
    const uri = stage.world.main.contactsFor("sip:alice@sip.test").at(-1) ?? "";
    expect(headerLines(stage.sentOf(stage.ask("MESSAGE", [], uri)), "Route")).toEqual([]);
  });
});

/** The phone on TLS, the main registrar on UDP. */
async function mixedStage(): Promise<ProxyStage> {
  const listeners = [
    ["198.51.100.1", 5061, "tls"],
    ["192.0.2.1", 5060],
  ] as const;
  return ProxyStage.open({ listeners });
}

/** Record-Route values of what leaves. */
function recordsOf(text: string, from: string, to: string): string[] {
  const sent = stage.requests(text, from, to)[0]?.text ?? "";
  return headerLines(sent, "Record-Route");
}

describe("rule 12: Record-Route and sips", () => {
  test("has lr, and is sips on the side where sips is asked for and TLS spoken", async () => {
    stage = await mixedStage();
    const uri = "sips:bob@sip.test";
    const invite = fromAlice("INVITE", { uri, route: "" }).replace(";tag=bob", "");
    expect(recordsOf(invite, PHONE_PLACE, "198.51.100.1:5061")).toEqual([
      // A sips URI of a listener without TLS would lead nowhere.
      "<sip:T@192.0.2.1:5060;transport=udp;lr;r2=on>",
      "<sips:T@198.51.100.1:5061;lr;r2=on>",
    ]);
  });

  test("is forced into what comes by TLS and goes on without it, and is double then", async () => {
    stage = await mixedStage();
    const invite = fromAlice("SUBSCRIBE", { uri: "sip:bob@sip.test", route: "" }).replace(
      ";tag=bob",
      "",
    );
    expect(recordsOf(invite, PHONE_PLACE, "198.51.100.1:5061")).toEqual([
      "<sip:T@192.0.2.1:5060;transport=udp;lr;r2=on>",
      "<sip:T@198.51.100.1:5061;transport=tls;lr;r2=on>",
    ]);
  });
});

describe("rules 13 and 14: a change of interface or transport", () => {
  test("has two values, the outgoing one above, each with its host, port and transport", async () => {
    stage = await mixedStage();
    expect(recordsOf(stage.ask("INVITE"), MAIN_PLACE, "192.0.2.1:5060")).toEqual([
      "<sip:T@198.51.100.1:5061;transport=tls;lr;r2=on>",
      "<sip:T@192.0.2.1:5060;transport=udp;lr;r2=on>",
    ]);
  });

  test("from IPv4 to IPv6 as well", async () => {
    const phone = "[2001:db8::7]:40000";
    stage = await ProxyStage.open(
      {
        listeners: [
          ["2001:db8::1", 5060],
          ["192.0.2.1", 5060],
        ],
      },
      { from: phone },
    );
    stage.world.network.listen(phone, () => undefined);
    const [, sent] = stage.leaving(stage.ask("INVITE"), MAIN_PLACE, "192.0.2.1:5060");
    expect(sent?.to).toBe(phone);
    expect(headerLines(sent?.text ?? "", "Record-Route")).toEqual([
      "<sip:T@[2001:db8::1]:5060;lr;r2=on>",
      "<sip:T@192.0.2.1:5060;lr;r2=on>",
    ]);
  });

  test("rule 14: one value, without a transport, where both sides are the same", () => {
    expect(recordsOf(stage.ask("INVITE"), MAIN_PLACE, "192.0.2.1:5060")).toEqual([
      "<sip:T@192.0.2.1:5060;lr>",
    ]);
  });

  test("a phone that goes by the values comes back on its own side (as Linphone, which falls back to UDP)", async () => {
    stage = await mixedStage();
    stage.phone.onRequest = (text) => {
      if (methodOf(text) === "INVITE") stage.phone.send(answerTo(text, 200, "OK"));
    };
    stage.raw(stage.ask("INVITE"), MAIN_PLACE, "192.0.2.1:5060");
    const recorded = headerLines(stage.world.main.responses.at(-1) ?? "", "Record-Route");
    // Alice was called: her route set is in the order of the values.
    const bye = message(
      "BYE sip:bob@192.0.2.50:5060 SIP/2.0",
      `Via: SIP/2.0/TLS ${PHONE_PLACE};branch=z9hG4bK-bye`,
      `Route: ${recorded.join(", ")}`,
      "Max-Forwards: 70",
      "From: <sip:alice@sip.test>;tag=uas",
      "To: <sip:bob@sip.test>;tag=bob",
      "Call-ID: rule",
      "CSeq: 1 BYE",
      "Content-Length: 0",
    );
    expect(stage.leaving(bye, PHONE_PLACE, "198.51.100.1:5061")).toEqual([
      {
        to: MAIN_PLACE,
        text: message(
          "BYE sip:bob@192.0.2.50:5060 SIP/2.0",
          OWN_VIA,
          "Max-Breadth: 60",
          `Via: SIP/2.0/TLS ${PHONE_PLACE};branch=z9hG4bK-bye`,
          "Max-Forwards: 69",
          "From: <sip:alice@sip.test>;tag=uas",
          "To: <sip:bob@sip.test>;tag=bob",
          "Call-ID: rule",
          "CSeq: 1 BYE",
          "Content-Length: 0",
        ),
      },
    ]);
  });
});

describe("rule 15: requests inside a dialog", () => {
  test("get no Record-Route: route sets do not change any more", () => {
    const { own } = stage.call();
    for (const method of ["INVITE", "UPDATE", "REFER", "SUBSCRIBE"]) {
      const headers = `Contact: <sip:bob@203.0.113.10>\r\nMax-Forwards`;
      const text = fromBob(method, { route: own }).replace("Max-Forwards", headers);
      const [sent] = stage.requests(text, MAIN_PLACE);
      expect(sent?.to).toBe(PHONE_PLACE);
      expect(headerLines(sent?.text ?? "", "Record-Route")).toEqual([]);
      // The target refresh passes as it is.
      expect(headerLines(sent?.text ?? "", "Contact")).toEqual(["<sip:bob@203.0.113.10>"]);
    }
  });
});

describe("rule 16: a strict router next", () => {
  test("becomes the Request-URI without what may not stand there, and the real one comes last", () => {
    const { own } = stage.call();
    const route = `${own}, <sip:strict@192.0.2.77:5070;method=BYE;x=y?Subject=z>, <sip:next.test;lr>`;
    const bye = fromAlice("BYE", { route });
    expect(stage.leaving(bye, PHONE_PLACE)).toEqual([
      {
        to: "192.0.2.77:5070",
        text: message(
          "BYE sip:strict@192.0.2.77:5070;x=y SIP/2.0",
          OWN_VIA,
          "Max-Breadth: 60",
          `Via: ${headerLine(bye, "Via").replace(";rport", ";rport=40000;received=198.51.100.7")}`,
          "Route: <sip:next.test;lr>, <sip:bob@203.0.113.9:5060>",
          "Max-Forwards: 69",
          "From: <sip:alice@sip.test>;tag=uas",
          "To: <sip:bob@sip.test>;tag=bob",
          "Call-ID: call-1",
          "CSeq: 2 BYE",
          "Content-Length: 0",
        ),
      },
    ]);
  });
});

describe("rule 17: the fixed next hop of phones is the main registrar", () => {
  // No Route is pushed for it: the operator has named it, it is the registrar and so the proxy of the domain, and the
  // request would only carry a value that it takes off. That it is a loose router is a condition of the manual's.
  test("the Request-URI and the Routes that name it stay", () => {
    const text = stage.ask("MESSAGE", [`Route: <sip:${MAIN_PLACE};lr>`], "sip:bob@elsewhere.test");
    const [sent] = stage.requests(text, PHONE_PLACE);
    expect(sent?.to).toBe(MAIN_PLACE);
    expect(startLine(sent?.text ?? "")).toBe("MESSAGE sip:bob@elsewhere.test SIP/2.0");
    expect(headerLines(sent?.text ?? "", "Route")).toEqual([`<sip:${MAIN_PLACE};lr>`]);
  });
});

describe("rule 18: preloaded Routes", () => {
  // All of it is in ../open-relay.
  test("lead to the main registrar or nowhere", () => {
    const text = stage
      .ask("MESSAGE", ["Route: <sip:192.0.2.1;lr>, <sip:evil.test;lr>"])
      .replace(MAIN_PLACE, PHONE_PLACE);
    expect(stage.lines(text, PHONE_PLACE)).toEqual([
      `SIP/2.0 403 Forbidden Route > ${PHONE_PLACE}`,
    ]);
  });
});
