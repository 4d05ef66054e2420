/**
 * midreg is no open relay: requests of those who are not served, and what of them leaves midreg. The right answer goes
 * back to where the request came from, and nothing goes anywhere else.
 */
import { beforeEach, describe, expect, test } from "vitest";
import { buildInvite, PHONE_PLACE } from "../../support/call-messages.ts";
import { headerLine, message, statusOf } from "../../support/messages.ts";
import { SERVER_PLACE } from "../../support/world.ts";
import { MAIN_PLACE, ProxyStage, STRANGER_PLACE } from "../proxy-rules/stage.ts";

let stage: ProxyStage;

beforeEach(async () => {
  stage = await ProxyStage.open();
});

let count = 0;

interface Parts {
  readonly method?: string;
  readonly uri?: string;
  readonly via?: string;
  readonly headers?: readonly string[];
}

function request(parts: Parts = {}): string {
  const { method = "INVITE", uri = "sip:victim@elsewhere.test" } = parts;
  count += 1;
  return message(
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/UDP ${parts.via ?? STRANGER_PLACE};branch=z9hG4bK-s${count};rport`,
    "Max-Forwards: 70",
    "From: <sip:mallory@elsewhere.test>;tag=m",
    "To: <sip:victim@elsewhere.test>",
    `Call-ID: attack-${count}`,
    `CSeq: 1 ${method}`,
    "Contact: <sip:mallory@203.0.113.66>",
    ...(parts.headers ?? []),
    "Content-Length: 0",
  );
}

const METHODS = ["INVITE", "MESSAGE", "OPTIONS", "SUBSCRIBE", "REFER", "PUBLISH", "BYE", "DANCE"];
/** What is sent to the main registrar. */
function toMain(line: string): string {
  return `${line} SIP/2.0 > ${MAIN_PLACE}`;
}

const REFUSED = [`SIP/2.0 403 Forbidden > ${STRANGER_PLACE}`];

describe("a stranger", () => {
  test.each(METHODS)("gets 403 for a %s to another domain", (method) => {
    expect(stage.lines(request({ method }), STRANGER_PLACE)).toEqual(REFUSED);
  });

  test.each([
    ["the address of a third party", "sip:victim@198.51.100.200"],
    ["a registered user", "sip:alice@sip.test"],
    ["a number, which costs money", "tel:+882990000000"],
    ["a scheme that nobody routes", "http://169.254.169.254/latest"],
    ["midreg with an maddr elsewhere", "sip:192.0.2.1;maddr=198.51.100.200"],
    ["elsewhere with the maddr of midreg", "sip:victim@198.51.100.200;maddr=192.0.2.1"],
    ["a user of midreg's host", "sip:alice@192.0.2.1:5060"],
    ["a multicast address", "sip:224.0.1.75"],
  ])("gets 403 for %s", (_, uri) => {
    expect(stage.lines(request({ uri }), STRANGER_PLACE)).toEqual(REFUSED);
  });

  test("gets 400 for a Request-URI with headers, such as a Route", () => {
    const uri = "sip:x@192.0.2.1?Route=%3Csip:198.51.100.200%3E";
    expect(stage.lines(request({ uri }), STRANGER_PLACE)).toEqual([
      `SIP/2.0 400 Headers in Request-URI > ${STRANGER_PLACE}`,
    ]);
  });

  test.each([
    ["to a third party", "<sip:198.51.100.200;lr>"],
    ["through midreg to a third party", "<sip:192.0.2.1;lr>, <sip:198.51.100.200;lr>"],
    ["through midreg to the main registrar", `<sip:192.0.2.1;lr>, <sip:${MAIN_PLACE};lr>`],
    ["through midreg to a phone", `<sip:192.0.2.1;lr>, <sip:${PHONE_PLACE};lr>`],
    ["to a strict router", "<sip:192.0.2.1;lr>, <sip:198.51.100.200>"],
    [
      "with a token that is made up",
      "<sip:dfHVkcDo1MDYwPDE5OC41MS4xMDAuNzo0MDAwMA.AAAAAAAAAAAAAA@192.0.2.1;lr>",
    ],
  ])("gets 403 for a preloaded Route %s", (_, route) => {
    const headers = [`Route: ${route}`];
    for (const method of ["INVITE", "MESSAGE", "BYE"]) {
      expect(stage.lines(request({ method, headers }), STRANGER_PLACE)).toEqual(REFUSED);
    }
  });

  test("gets 403 for a ctid, whether it exists or not: the answers are the same", () => {
    const known = stage.contact;
    const guessed = known.replace(/ctid=\w+/u, "ctid=0123456789abcdef");
    const answers = [known, guessed].map((uri) => {
      const text = request({ uri, method: "MESSAGE" });
      const [answer, ...more] = stage.leaving(text, STRANGER_PLACE);
      expect(more).toEqual([]);
      const unlike = `attack-${count}|z9hG4bK-s${count}`;
      return (answer?.text ?? "").replaceAll(new RegExp(unlike, "gu"), "*");
    });
    expect(statusOf(answers[0] ?? "")).toBe(403);
    expect(answers[1]).toBe(answers[0]);
  });

  test("has its REGISTER to anywhere sent to the main registrar, and nowhere else", () => {
    const headers = ["Route: <sip:192.0.2.1;lr>, <sip:198.51.100.200;lr>"];
    const text = request({ method: "REGISTER", headers });
    const places = stage.raw(text, STRANGER_PLACE).map(({ to }) => to);
    expect(new Set(places)).toEqual(new Set([MAIN_PLACE, STRANGER_PLACE]));
  });

  test("gets no answer to an ACK, and nothing is passed on", () => {
    for (const uri of [stage.contact, "sip:victim@198.51.100.200"]) {
      expect(stage.lines(request({ method: "ACK", uri }), STRANGER_PLACE)).toEqual([]);
    }
  });

  test("gets 481 for a CANCEL of nothing", () => {
    expect(stage.lines(request({ method: "CANCEL" }), STRANGER_PLACE)).toEqual([
      `SIP/2.0 481 Call/Transaction Does Not Exist > ${STRANGER_PLACE}`,
    ]);
  });

  test("cannot cancel a call whose Via it has read (RFC 3261 section 22.1); the caller can", () => {
    const invite = buildInvite({ uri: stage.contact });
    const [, sent = { text: "" }] = stage.raw(invite, MAIN_PLACE);
    stage.phone.send(
      message(
        "SIP/2.0 180 Ringing",
        ...["Via", "From", "To", "Call-ID", "CSeq"].map((name) =>
          sent.text
            .split("\r\n")
            .filter((line) => line.startsWith(`${name}:`))
            .join("\r\n"),
        ),
        "Content-Length: 0",
      ),
    );
    stage.world.pass(0.1);
    const cancel = message(
      `CANCEL ${stage.contact} SIP/2.0`,
      `Via: ${headerLine(invite, "Via")}`,
      "Max-Forwards: 70",
      `From: ${headerLine(invite, "From")}`,
      `To: ${headerLine(invite, "To")}`,
      `Call-ID: ${headerLine(invite, "Call-ID")}`,
      "CSeq: 1 CANCEL",
      "Content-Length: 0",
    );
    const [answer, ...more] = stage.lines(cancel, STRANGER_PLACE);
    expect(answer).toBe("SIP/2.0 481 Call/Transaction Does Not Exist > 203.0.113.66:5060");
    expect(more).toEqual([]);
    expect(stage.lines(cancel, MAIN_PLACE)).toContain(
      `CANCEL sip:alice@${PHONE_PLACE} SIP/2.0 > ${PHONE_PLACE}`,
    );
  });

  test.each([
    ["errors", "sip:victim@elsewhere.test"],
    ["OPTIONS", "sip:192.0.2.1"],
  ])("is not answered for ever, so that midreg is no reflector: %s", (_, uri) => {
    const answers: string[] = [];
    stage.world.network.listen(STRANGER_PLACE, (text) => answers.push(text));
    for (let sent = 0; sent < 500; sent += 1) {
      stage.world.network.send(request({ method: "OPTIONS", uri }), STRANGER_PLACE, SERVER_PLACE);
    }
    stage.world.pass(1);
    expect(answers.length).toBeGreaterThan(20);
    expect(answers.length).toBeLessThan(80);
  });

  test("has its answers sent to its own address, whatever its Via says", () => {
    const text = request({ via: "198.51.100.200:5060" });
    expect(stage.lines(text, STRANGER_PLACE)).toEqual(REFUSED);
    const aimed = request({
      via: "198.51.100.200:5060;maddr=198.51.100.201;received=198.51.100.202",
    });
    expect(stage.lines(aimed, STRANGER_PLACE)).toEqual(REFUSED);
  });
});

describe("a GRUU", () => {
  const INSTANCE = ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"';

  test.each(["pub-gruu", "temp-gruu"])(
    "%s of a phone is no way to it for a stranger",
    async (kind) => {
      const contact = `<sip:alice@${PHONE_PLACE}>${INSTANCE}`;
      const own = await ProxyStage.open({}, { contact, headers: ["Supported: gruu"] });
      const told = headerLine(own.phone.last, "Contact");
      const [, uri = ""] = new RegExp(`${kind}="([^"]*)"`, "u").exec(told) ?? [];
      expect(uri).toMatch(/^sip:.*gr/u);
      expect(own.lines(request({ uri, method: "MESSAGE" }), STRANGER_PLACE)).toEqual(REFUSED);
      expect(own.lines(request({ uri, method: "MESSAGE" }), MAIN_PLACE)).toEqual([
        `MESSAGE sip:alice@${PHONE_PLACE} SIP/2.0 > ${PHONE_PLACE}`,
      ]);
    },
  );
});

describe("who looks like somebody else by address", () => {
  test("the main registrar's address at another port is a stranger", () => {
    expect(stage.lines(request({ uri: stage.contact }), "192.0.2.50:5061")).toEqual([
      `SIP/2.0 403 Forbidden > 192.0.2.50:5061`,
    ]);
  });

  test("the main registrar's address at another port of a connection is a stranger, where it is reached by UDP", async () => {
    const streams = await ProxyStage.open({ hasStreams: true });
    const place = "192.0.2.50:40000";
    streams.world.transport.connect(place);
    const text = request({ uri: streams.contact, method: "MESSAGE", via: MAIN_PLACE });
    expect(streams.lines(text, place)).toEqual([`SIP/2.0 403 Forbidden > ${place}`]);
    expect(streams.phone.requests).toEqual([]);
  });

  test.each(["198.51.100.7:40001", "198.51.100.8:40000"])(
    "a neighbour of the phone's, at %s, is a stranger",
    (place) => {
      const answer = stage.lines(request({ via: place }), place);
      expect(answer).toEqual([`SIP/2.0 403 Forbidden > ${place}`]);
    },
  );

  test("the phone's address at another listener is a stranger", async () => {
    const two = await ProxyStage.open({
      listeners: [
        ["192.0.2.1", 5060],
        ["192.0.2.1", 5070],
      ],
    });
    const text = request({ via: PHONE_PLACE });
    expect(two.lines(text, PHONE_PLACE, "192.0.2.1:5070")).toEqual([
      `SIP/2.0 403 Forbidden > ${PHONE_PLACE}`,
    ]);
  });

  test("a phone whose registration has ended is a stranger", () => {
    stage.phone.register({ expires: 0 });
    stage.world.pass(1);
    expect(stage.lines(request({ via: PHONE_PLACE }), PHONE_PLACE)).toEqual([
      `SIP/2.0 403 Forbidden > ${PHONE_PLACE}`,
    ]);
  });
});

describe("a registered phone", () => {
  test.each(["MESSAGE", "SUBSCRIBE", "PUBLISH", "DANCE"])(
    "has its %s to anywhere sent to the main registrar, which decides",
    (method) => {
      for (const uri of [
        "sip:victim@198.51.100.200",
        "sip:x@y.test;maddr=198.51.100.200",
        "tel:+1",
      ]) {
        expect(stage.lines(request({ method, uri, via: PHONE_PLACE }), PHONE_PLACE)).toEqual([
          toMain(`${method} ${uri}`),
        ]);
      }
    },
  );

  test.each([
    ["a third party", "<sip:198.51.100.200;lr>"],
    ["a third party behind midreg", "<sip:192.0.2.1;lr>, <sip:198.51.100.200;lr>"],
    [
      "a third party with the maddr of the main registrar",
      "<sip:198.51.100.200;maddr=192.0.2.50;lr>",
    ],
    ["another phone", "<sip:198.51.100.8:40000;lr>"],
    ["the main registrar at another port", "<sip:192.0.2.50:22;lr>"],
    ["a strict router", "<sip:198.51.100.200>"],
    ["another scheme", "<http://169.254.169.254/>"],
  ])("gets 403 for a Route to %s", (_, route) => {
    const headers = [`Route: ${route}`];
    const text = request({ method: "MESSAGE", via: PHONE_PLACE, headers });
    expect(stage.lines(text, PHONE_PLACE)).toEqual([
      `SIP/2.0 403 Forbidden Route > ${PHONE_PLACE}`,
    ]);
  });

  test("reaches another phone by its ctid by way of the main registrar only", () => {
    const uri = stage.contact;
    const other = stage.world.phone("carol", "198.51.100.9:40000");
    other.register();
    stage.world.pass(1);
    const text = request({ method: "MESSAGE", uri, via: other.place });
    expect(stage.lines(text, other.place)).toEqual([
      toMain(`MESSAGE ${uri.replace("192.0.2.1:5060", "192.0.2.50:5060")}`),
    ]);
  });

  test("has a REGISTER with any Route sent to the main registrar and nowhere else", () => {
    stage.phone.register({
      contact: "<sip:alice@198.51.100.7:4>",
      headers: ["Route: <sip:198.51.100.200;lr>"],
    });
    const before = stage.world.network.sent.length;
    stage.world.pass(0.5);
    const places = stage.world.network.sent.slice(before - 1).map(({ to }) => to);
    expect(new Set(places)).toEqual(new Set([SERVER_PLACE, MAIN_PLACE, PHONE_PLACE]));
  });
});

describe("a contact that is not where its phone is", () => {
  test.each([
    "sip:alice@198.51.100.200",
    "sip:alice@127.0.0.1:6379;transport=tcp",
    "sip:alice@[::1];maddr=198.51.100.200",
  ])(
    "makes nobody else ring: %s is called at the address it has registered from",
    async (contact) => {
      const own = await ProxyStage.open({}, { contact: `<${contact}>` });
      expect(
        own.lines(request({ uri: own.contact, method: "MESSAGE", via: MAIN_PLACE }), MAIN_PLACE),
      ).toEqual([`MESSAGE ${contact} SIP/2.0 > ${PHONE_PLACE}`]);
    },
  );
});

describe("the main registrar", () => {
  test.each([
    ["another domain", "sip:victim@elsewhere.test", 404],
    ["an address", "sip:victim@198.51.100.200", 404],
    ["a number", "tel:+1", 404],
    ["a phone's own address", `sip:alice@${PHONE_PLACE}`, 404],
  ])("is not relayed to %s either", (_, uri, status) => {
    const [answer, ...more] = stage.leaving(request({ uri, via: MAIN_PLACE }), MAIN_PLACE);
    expect([statusOf(answer?.text ?? ""), answer?.to, more]).toEqual([status, MAIN_PLACE, []]);
  });
});
