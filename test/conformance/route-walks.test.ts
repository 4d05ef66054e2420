/**
 * The walks of RFC 3261 section 16.12.1 and RFC 5658 section 5, with midreg in the place of each proxy that it can
 * be. Its Record-Route values have tokens for users; T stands for them, and for the marks of a double one.
 */
import { describe, expect, test } from "vitest";
import { decideRequest } from "../../src/proxy/decide-request.ts";
import { buildDialogToken, type DialogToken } from "../../src/proxy/dialog-token.ts";
import type { ProxyInput, Side } from "../../src/proxy/proxy-input.ts";
import { buildInput, type InputParts } from "../proxy/fixtures.ts";
import { buildBinding } from "../registrar/fixtures.ts";
import { message, requestOf } from "../support/messages.ts";

const COMMON = [
  "From: <sip:caller@u1.example.com>;tag=1",
  "To: <sip:callee@domain.com>",
  "Call-ID: walk",
];

/** A request as the RFC prints it, with the headers that it leaves out. */
function requestLines(
  start: string,
  lines: readonly string[],
  common: readonly string[] = COMMON,
): string {
  return message(
    start,
    ...lines,
    "Via: SIP/2.0/UDP 203.0.113.9;branch=z9hG4bK-1",
    "Max-Forwards: 70",
    ...common,
    `CSeq: 1 ${start.slice(0, start.indexOf(" "))}`,
    "Content-Length: 0",
  );
}

interface Walk {
  readonly start: string;
  readonly lines: readonly string[];
  readonly common?: readonly string[];
  readonly input?: InputParts;
  /** Names of midreg. */
  readonly own: readonly string[];
  readonly rest?: Partial<ProxyInput>;
}

/** What midreg makes of a request: the lines the RFC prints, and where it goes. */
function walk({ start, lines, common, input = {}, own, rest = {} }: Walk): {
  lines: string[];
  to: string;
} {
  const request = requestOf(requestLines(start, lines, common));
  const given = { ...buildInput(input), isOwnHost: (host: string) => own.includes(host), request };
  const decision = decideRequest({ ...given, ...rest });
  if (decision.kind !== "relay") throw new Error(`${decision.status} ${decision.reason}`);
  const { text = "", nextHop } = decision.branches[0] ?? {};
  const shown = text
    .split("\r\n")
    .filter((line, at) => at === 0 || /^(?:Route|Record-Route|Contact):/u.test(line))
    .map((line) => line.replaceAll(/[do][\w-]{20,}\.[\w-]+@/gu, "T@"));
  const to = nextHop?.kind === "uri" ? nextHop.uri : (nextHop?.kind ?? "");
  return { lines: shown, to };
}

const seal = { callId: "walk", initiatorTag: "1" };

/** A Record-Route of midreg's for the dialog, in the place of the RFC's. */
function ownUri(host: string, token: Partial<DialogToken> = {}): string {
  const full: DialogToken = { role: "callee", flow: "udp:x<198.51.100.7:5060", ctid: "", ...token };
  return `sip:${buildDialogToken(full, seal, buildInput().mac)}@${host};lr`;
}

const IN_DIALOG = [
  "From: <sip:caller@u1.example.com>;tag=1",
  "To: <sip:callee@domain.com>;tag=2",
  "Call-ID: walk",
];
const BACK = [
  "From: <sip:callee@domain.com>;tag=2",
  "To: <sip:caller@u1.example.com>;tag=1",
  "Call-ID: walk",
];

describe("RFC 3261 section 16.12.1.1, basic SIP trapezoid", () => {
  test("P1 records itself and passes the INVITE on", () => {
    const side: Side = { sentBy: "p1.example.com", protocol: "udp" };
    expect(
      walk({
        start: "INVITE sip:callee@domain.com SIP/2.0",
        lines: ["Contact: sip:caller@u1.example.com"],
        own: ["p1.example.com"],
        input: { sender: "device", sides: [side], upstreamSide: side },
      }),
    ).toEqual({
      lines: [
        "INVITE sip:callee@domain.com SIP/2.0",
        "Record-Route: <sip:T@p1.example.com;lr>",
        "Contact: sip:caller@u1.example.com",
      ],
      to: "upstream",
    });
  });

  test("P2 rewrites the Request-URI and records itself above P1", () => {
    const side: Side = { sentBy: "p2.domain.com", protocol: "udp" };
    const binding = buildBinding({ contact: "sip:callee@u2.domain.com" });
    expect(
      walk({
        start: "INVITE sip:callee@domain.com SIP/2.0",
        lines: ["Contact: sip:caller@u1.example.com", "Record-Route: <sip:p1.example.com;lr>"],
        own: ["p2.domain.com", "domain.com"],
        input: { sides: [], upstreamSide: side },
        rest: { targetsOf: () => [binding] },
      }),
    ).toEqual({
      lines: [
        "INVITE sip:callee@u2.domain.com SIP/2.0",
        "Record-Route: <sip:T@p2.domain.com;lr>",
        "Contact: sip:caller@u1.example.com",
        "Record-Route: <sip:p1.example.com;lr>",
      ],
      to: "flow",
    });
  });

  test("P1 takes itself off the BYE and sends it to P2", () => {
    const route = `Route: <${ownUri("p1.example.com", { role: "caller" })}>,<sip:p2.domain.com;lr>`;
    expect(
      walk({
        start: "BYE sip:callee@u2.domain.com SIP/2.0",
        lines: [route],
        common: IN_DIALOG,
        own: ["p1.example.com"],
        input: { sender: "device" },
      }),
    ).toEqual({
      lines: ["BYE sip:callee@u2.domain.com SIP/2.0", "Route: <sip:p2.domain.com;lr>"],
      to: "sip:p2.domain.com;lr",
    });
  });

  test("P2 takes itself off the BYE and sends it to the callee", () => {
    expect(
      walk({
        start: "BYE sip:callee@u2.domain.com SIP/2.0",
        lines: [`Route: <${ownUri("p2.domain.com")}>`],
        common: IN_DIALOG,
        own: ["p2.domain.com"],
      }),
    ).toEqual({ lines: ["BYE sip:callee@u2.domain.com SIP/2.0"], to: "flow" });
  });
});

describe("RFC 3261 section 16.12.1.2, traversing a strict-routing proxy", () => {
  test("P4 reformats the BYE for the strict router behind it", () => {
    expect(
      walk({
        start: "BYE sip:caller@u1.example.com SIP/2.0",
        lines: [
          `Route: <${ownUri("p4.domain.com")}>`,
          "Route: <sip:p3.middle.com>",
          "Route: <sip:p2.example.com;lr>",
          "Route: <sip:p1.example.com;lr>",
        ],
        common: BACK,
        own: ["p4.domain.com"],
        input: { sender: "device" },
      }),
    ).toEqual({
      lines: [
        "BYE sip:p3.middle.com SIP/2.0",
        "Route: <sip:p2.example.com;lr>, <sip:p1.example.com;lr>, <sip:caller@u1.example.com>",
      ],
      to: "sip:p3.middle.com",
    });
  });

  test("P2 undoes what the strict router before it has done", () => {
    expect(
      walk({
        start: `BYE ${ownUri("p2.example.com")} SIP/2.0`,
        lines: ["Route: <sip:p1.example.com;lr>", "Route: <sip:caller@u1.example.com>"],
        common: BACK,
        own: ["p2.example.com"],
      }),
    ).toEqual({
      lines: ["BYE sip:caller@u1.example.com SIP/2.0", "Route: <sip:p1.example.com;lr>"],
      to: "sip:p1.example.com;lr",
    });
  });

  test("P1 takes itself off and sends the BYE to the caller", () => {
    const route = `Route: <${ownUri("p1.example.com", { role: "caller" })}>`;
    expect(
      walk({
        start: "BYE sip:caller@u1.example.com SIP/2.0",
        lines: [route],
        common: BACK,
        own: ["p1.example.com"],
      }),
    ).toEqual({ lines: ["BYE sip:caller@u1.example.com SIP/2.0"], to: "flow" });
  });
});

describe("RFC 5658 section 5, from IPv4 to IPv6 (in place of RFC 3261 section 16.12.1.3)", () => {
  const four: Side = { sentBy: "192.0.2.254:5060", protocol: "udp" };
  const six: Side = { sentBy: "[2001:db8::1]", protocol: "udp" };
  const own = ["192.0.2.254", "[2001:db8::1]"];
  const flow = `udp:${six.sentBy}<[2001:db8::33]:5060`;
  const doubled = [
    `Route: <${ownUri(four.sentBy, { flow })};r2=on>`,
    `Route: <${ownUri(six.sentBy, { flow })};r2=on>`,
  ];

  test("F1 to F2: the INVITE gets two values, the IPv6 one above", () => {
    const binding = buildBinding({ source: flow, contact: "sip:bob@biloxi.example.com" });
    expect(
      walk({
        start: "INVITE sip:bob@biloxi.example.com SIP/2.0",
        lines: ["Route: <sip:192.0.2.254:5060;lr>", "Contact: <sip:alice@192.0.2.1>"],
        own: [...own, "biloxi.example.com"],
        input: {
          source: `udp:${four.sentBy}<192.0.2.1:5060`,
          sides: [four, six],
          upstreamSide: four,
        },
        rest: { targetsOf: () => [binding] },
      }),
    ).toEqual({
      lines: [
        "INVITE sip:bob@biloxi.example.com SIP/2.0",
        "Record-Route: <sip:T@[2001:db8::1];lr;r2=on>",
        "Record-Route: <sip:T@192.0.2.254:5060;lr;r2=on>",
        "Contact: <sip:alice@192.0.2.1>",
      ],
      to: "flow",
    });
  });

  test("F5 to F6: the ACK loses both, and goes to the callee", () => {
    expect(
      walk({
        start: "ACK sip:bob@[2001:db8::33] SIP/2.0",
        lines: doubled,
        common: IN_DIALOG,
        own,
      }),
    ).toEqual({ lines: ["ACK sip:bob@[2001:db8::33] SIP/2.0"], to: "flow" });
  });

  test("F7 to F8: the BYE loses both, and goes to the caller", () => {
    expect(
      walk({
        start: "BYE sip:alice@192.0.2.1 SIP/2.0",
        lines: doubled.toReversed(),
        common: BACK,
        own,
        input: { sender: "device" },
      }),
    ).toEqual({ lines: ["BYE sip:alice@192.0.2.1 SIP/2.0"], to: "sip:alice@192.0.2.1" });
  });
});
