/** Rules 21 to 26 and 29: what goes back, what midreg does as a user agent of its own, and URIs (RFC 3261 sections 16.7, 12, 19). */
import { beforeEach, describe, expect, test } from "vitest";
import { buildInvite, PHONE_PLACE } from "../../support/call-messages.ts";
import { answerTo, headerLine, headerLines, message, methodOf } from "../../support/messages.ts";
import { CALL_VIA, fromAlice, fromBob, MAIN_PLACE, ProxyStage, startLine } from "./stage.ts";

let stage: ProxyStage;

beforeEach(async () => {
  stage = await ProxyStage.open();
});

describe("rule 21: Via", () => {
  test("midreg's own is taken off, and every other byte stays", () => {
    const invite = stage.ring();
    const headers = ["Contact: <sip:alice@10.0.0.5>", "X-Odd:\t kept ", "s: \xe9"];
    const answer = answerTo(invite, 180, "Ringing", { headers, body: "early\xff" });
    const own = `Via: ${headerLine(invite, "Via")}\r\n`;
    expect(stage.raw(answer, PHONE_PLACE)).toEqual([
      { to: MAIN_PLACE, text: answer.replace(own, "") },
    ]);
  });

  test("a response with no further one was for midreg, and stops here", () => {
    const answer = answerTo(stage.ring(), 180, "Ringing").replace(`${CALL_VIA}\r\n`, "");
    expect(stage.raw(answer, PHONE_PLACE)).toEqual([]);
  });

  test.each(["255.255.255.255", "224.0.1.75:5060", "192.0.2.1:5060", "198.51.100.200:9"])(
    "the next one is not where a response goes, be it %s: it goes where the request came from",
    (place) => {
      const answer = answerTo(stage.ring(), 180, "Ringing").replace(
        CALL_VIA,
        CALL_VIA.replace(MAIN_PLACE, place),
      );
      expect(stage.raw(answer, PHONE_PLACE).map(({ to }) => to)).toEqual([MAIN_PLACE]);
    },
  );

  test("a response to nothing that midreg has sent is dropped, never forwarded by its Via", () => {
    const invite = stage.ring();
    const stray = answerTo(invite, 200, "OK").replace(
      /branch=z9hG4bK[^;]*;/u,
      "branch=z9hG4bK-made-up;",
    );
    expect(stage.raw(stray, PHONE_PLACE)).toEqual([]);
    expect(
      stage.raw(
        answerTo(invite, 200, "OK").replace("192.0.2.1:5060;", "192.0.2.9:5060;"),
        PHONE_PLACE,
      ),
    ).toEqual([]);
  });

  test("a 100 stops here, since midreg has given its own", () => {
    const [trying] = stage.leaving(buildInvite({ uri: stage.contact }), MAIN_PLACE);
    expect(trying).toEqual({
      to: MAIN_PLACE,
      text: message(
        "SIP/2.0 100 Trying",
        CALL_VIA,
        "From: <sip:bob@sip.test>;tag=bob",
        "To: <sip:alice@sip.test>",
        "Call-ID: call-1",
        "CSeq: 1 INVITE",
        "Content-Length: 0",
      ),
    });
    expect(stage.raw(answerTo(stage.ring(), 100, "Trying"), PHONE_PLACE)).toEqual([]);
  });
});

describe("rule 22: Record-Route in responses", () => {
  // Rewriting is for proxies that record one value for two sides. midreg records two (rule 13), so it leaves responses
  // alone, and retransmissions are the same for that reason.
  test("is not rewritten, with one value or two", async () => {
    const listeners = [
      ["198.51.100.1", 5061, "tls"],
      ["192.0.2.1", 5060],
    ] as const;
    for (const one of [stage, await ProxyStage.open({ listeners })]) {
      const sent = one.raw(buildInvite({ uri: one.contact }), MAIN_PLACE, "192.0.2.1:5060");
      const invite = sent.find(({ to }) => to === PHONE_PLACE)?.text ?? "";
      const before = headerLines(invite, "Record-Route");
      const answer = answerTo(invite, 200, "OK");
      const place = one === stage ? "192.0.2.1:5060" : "198.51.100.1:5061";
      const [first] = one.raw(answer, PHONE_PLACE, place);
      expect(headerLines(first?.text ?? "", "Record-Route")).toEqual(before);
      expect(one.raw(answer, PHONE_PLACE, place)).toEqual([first]);
    }
  });
});

describe("rule 23: answers of midreg's own", () => {
  // It gives no answer that makes a dialog: a 100 has no tag, and of the 2xx only that to OPTIONS. So there is no
  // Record-Route to copy (RFC 3261 section 12.1.1).
  test("make no dialog and have no Record-Route", () => {
    const headers = ["Record-Route: <sip:192.0.2.50;lr;x=y>"];
    const [trying] = stage.leaving(buildInvite({ uri: stage.contact, headers }), MAIN_PLACE);
    expect(headerLine(trying?.text ?? "", "To")).not.toContain("tag");
    const options = buildInvite({ uri: "sip:192.0.2.1", headers, branch: "z9hG4bK-o" });
    const [ok] = stage.leaving(options.replaceAll("INVITE", "OPTIONS"), MAIN_PLACE);
    expect(startLine(ok?.text ?? "")).toBe("SIP/2.0 200 OK");
    expect([trying, ok].map((one) => one?.text).join("")).not.toContain("Record-Route");
  });
});

describe("rules 24 and 25: dialogs of midreg's own", () => {
  // There are none: it sends REGISTER and OPTIONS, which have an empty route set. Dialogs of others pass through.
  test("midreg sends nothing of its own but REGISTER and OPTIONS, to a target, without Route or To tag", () => {
    stage.world.pass(3600);
    const own = stage.world.network.sent.filter(
      ({ from, text }) => from === "192.0.2.1:5060" && methodOf(text) !== "",
    );
    expect(new Set(own.map(({ text }) => methodOf(text)))).toEqual(
      new Set(["REGISTER", "OPTIONS"]),
    );
    for (const { text, to } of own) {
      expect([to, headerLine(text, "Route"), headerLine(text, "To").includes("tag=")]).toEqual([
        MAIN_PLACE,
        "",
        false,
      ]);
    }
  });

  test("a subscription of a phone's passes, and its NOTIFYs find the phone by the recorded route", () => {
    const subscribe = fromAlice("SUBSCRIBE", { uri: "sip:bob@sip.test", route: "" }).replace(
      ";tag=bob",
      "",
    );
    const [sent] = stage.raw(subscribe, PHONE_PLACE);
    const route = headerLine(sent?.text ?? "", "Record-Route");
    const uri = "sip:alice@10.0.0.5:5060";
    expect(stage.lines(fromBob("NOTIFY", { uri, route }), MAIN_PLACE)).toEqual([
      `NOTIFY ${uri} SIP/2.0 > ${PHONE_PLACE}`,
    ]);
  });

  test("a target refresh changes the target and not the route", () => {
    const { own, recorded } = stage.call();
    const moved = fromBob("INVITE", { route: own }).replace(
      "Max-Forwards",
      "Contact: <sip:bob@203.0.113.10>\r\nMax-Forwards",
    );
    const [, invite] = stage.raw(moved, MAIN_PLACE);
    expect(headerLine(invite?.text ?? "", "Contact")).toBe("<sip:bob@203.0.113.10>");
    const bye = fromAlice("BYE", {
      uri: "sip:bob@203.0.113.10",
      route: recorded.join(", "),
      cseq: 3,
    });
    const [sent] = stage.raw(bye, PHONE_PLACE);
    expect(sent?.to).toBe("192.0.2.50:5060");
    expect(startLine(sent?.text ?? "")).toBe("BYE sip:bob@203.0.113.10 SIP/2.0");
    expect(headerLines(sent?.text ?? "", "Route")).toEqual(["<sip:192.0.2.50;lr>"]);
  });
});

describe("rule 26: Contact and sips", () => {
  // The rule is for user agents. midreg makes Contacts in REGISTERs only, with its own address on the side of the main
  // registrar: they stay sip, since sips would demand TLS on every hop, which that side need not have.
  test("the Contact of a phone passes as it is, sips or not", () => {
    for (const contact of ["<sips:alice@198.51.100.7>", "<sip:alice@198.51.100.7>"]) {
      const invite = fromAlice("INVITE", { uri: "sips:bob@sip.test", route: "" })
        .replace(";tag=bob", "")
        .replace("Max-Forwards", `Contact: ${contact}\r\nMax-Forwards`);
      const sent = stage.raw(invite, PHONE_PLACE).find(({ to }) => to === MAIN_PLACE);
      expect(headerLines(sent?.text ?? "", "Contact")).toEqual([contact]);
      expect(startLine(sent?.text ?? "")).toBe("INVITE sips:bob@sip.test SIP/2.0");
    }
  });

  test("a sips contact of a phone is called by it, under a sip contact upstream", () => {
    stage.phone.register({ contact: "<sips:alice@198.51.100.7:40000>" });
    stage.world.pass(0.5);
    const uri = stage.world.main.contactsFor("sip:alice@sip.test").at(-1) ?? "";
    expect(uri).toMatch(/^sip:alice@192\.0\.2\.1:5060;ctid=/u);
    const invite = stage.ring(buildInvite({ uri }));
    expect(startLine(invite)).toBe("INVITE sips:alice@198.51.100.7:40000 SIP/2.0");
  });
});

describe("rule 29: headers in URIs", () => {
  test.each([
    "Route=%3Csip:evil.test;lr%3E",
    "From=%3Csip:x%40y%3E",
    "Via=x",
    "Call-ID=x",
    "CSeq=1",
    "Record-Route=x",
  ])("a Request-URI with ?%s is refused", (headers) => {
    for (const from of [MAIN_PLACE, PHONE_PLACE]) {
      const text = buildInvite({
        uri: `${stage.contact}?${headers}`,
        branch: `z9hG4bK-${headers.length}`,
      });
      const sent = stage.leaving(text, from);
      expect(sent.map((one) => startLine(one.text))).toEqual([
        "SIP/2.0 400 Headers in Request-URI",
      ]);
    }
  });

  test("a contact with headers is called without them", () => {
    stage.phone.register({
      contact: "<sip:alice@198.51.100.7:40000?Route=%3Csip:evil.test%3E&From=x>",
    });
    stage.world.pass(0.5);
    const uri = stage.world.main.contactsFor("sip:alice@sip.test").at(-1) ?? "";
    const invite = stage.ring(buildInvite({ uri }));
    expect(startLine(invite)).toBe(`INVITE sip:alice@${PHONE_PLACE} SIP/2.0`);
    expect(headerLines(invite, "Route")).toEqual([]);
    expect(invite).not.toContain("evil");
  });

  test("one in a Contact of a 3xx passes as it is: midreg does not follow it", () => {
    const headers = ["Contact: <sip:x@evil.test?Route=%3Csip:y%3E>"];
    const sent = stage.raw(answerTo(stage.ring(), 302, "Moved", { headers }), PHONE_PLACE);
    expect(sent.map(({ to, text }) => [to, startLine(text)])).toEqual([
      [PHONE_PLACE, `ACK sip:alice@${PHONE_PLACE} SIP/2.0`],
      [MAIN_PLACE, "SIP/2.0 302 Moved"],
    ]);
    expect(headerLines(sent[1]?.text ?? "", "Contact")).toEqual([
      "<sip:x@evil.test?Route=%3Csip:y%3E>",
    ]);
  });
});
