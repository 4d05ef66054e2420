/**
 * What nobody should send. A message is a byte string; `at` numbers the datagrams of a flood, so that each
 * has names of its own.
 */
import { randomBytes } from "node:crypto";
import { message } from "../support/messages.ts";

export type Datagram = string | Buffer;

/** Largest UDP payload over IPv4. */
const MAX_PAYLOAD_BYTES = 65_507;

/** Parts of a request that are not as they should be. */
interface Parts {
  readonly line?: string;
  readonly via?: string;
  readonly cseq?: string;
  readonly callId?: string;
  readonly to?: string;
  readonly from?: string;
  readonly contact?: string;
  readonly length?: string;
  /** Further header lines. */
  readonly more?: readonly string[];
}

/** A REGISTER that is fine but for these parts. */
export function register(at: number, parts: Parts = {}): string {
  return message(
    parts.line ?? "REGISTER sip:sip.test SIP/2.0",
    parts.via ?? `Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-hostile-${at};rport`,
    "Max-Forwards: 70",
    `From: ${parts.from ?? `<sip:hostile${at}@sip.test>;tag=h${at}`}`,
    `To: ${parts.to ?? `<sip:hostile${at}@sip.test>`}`,
    `Call-ID: ${parts.callId ?? `hostile-${at}`}`,
    `CSeq: ${parts.cseq ?? "1 REGISTER"}`,
    `Contact: ${parts.contact ?? `<sip:hostile${at}@127.0.0.1:9>`}`,
    "Expires: 600",
    ...(parts.more ?? []),
    `Content-Length: ${parts.length ?? 0}`,
  );
}

/** Any other request from somebody unknown. */
export function otherRequest(
  method: string,
  at: number,
  uri = "sip:good@sip.test",
  more: readonly string[] = [],
): string {
  return message(
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-${method.slice(0, 20)}-${at};rport`,
    "Max-Forwards: 70",
    `From: <sip:mallory@sip.test>;tag=m${at}`,
    "To: <sip:good@sip.test>",
    `Call-ID: other-${at}`,
    `CSeq: 1 ${method}`,
    "Contact: <sip:mallory@127.0.0.1:9>",
    ...more,
    "Content-Length: 0",
  );
}

/** A response to a request that was never sent. */
function strayResponse(at: number, more: readonly string[] = []): string {
  return message(
    "SIP/2.0 200 OK",
    `Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-stray-${at}`,
    "From: <sip:a@sip.test>;tag=a",
    "To: <sip:a@sip.test>;tag=b",
    `Call-ID: stray-${at}`,
    "CSeq: 1 REGISTER",
    ...more,
    "Content-Length: 0",
  );
}

/** Datagrams that get no answer at all, and the counter that tells how many there were. */
interface Dropped {
  readonly name: string;
  readonly counter: string;
  readonly reason: string;
  readonly count: number;
  readonly build: (at: number) => Datagram;
}

function dropped(
  name: string,
  counter: string,
  build: (at: number) => Datagram,
  count = 100,
): Dropped {
  const [family = "", reason = ""] = counter.split(" ");
  return { name, counter: `sip_${family}_total`, reason, count, build };
}

export const DROPPED: readonly Dropped[] = [
  dropped("empty datagrams", "dropped keepalive", () => ""),
  dropped("CRLF pings", "dropped keepalive", () => "\r\n\r\n"),
  dropped("NULs", "dropped keepalive", () => Buffer.alloc(512)),
  dropped("pings of arbitrary octets", "dropped keepalive", () => "\u00FF\0ab"),
  dropped("broken STUN", "dropped stun", () =>
    Buffer.concat([Buffer.from("000100ff2112a442", "hex"), Buffer.alloc(12)]),
  ),
  dropped("random bytes", "parse_errors not-sip", () =>
    Buffer.concat([Buffer.from("x"), randomBytes(700)]),
  ),
  dropped(
    "the largest datagrams",
    "parse_errors not-sip",
    () => Buffer.alloc(MAX_PAYLOAD_BYTES, "x"),
    40,
  ),
  dropped(
    "the largest datagrams of line ends",
    "parse_errors not-sip",
    () => `x${"\r\n".repeat(32_000)}`,
    40,
  ),
  dropped("another protocol", "parse_errors not-sip", () => "GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
  dropped(
    "a request line and nothing else",
    "parse_errors no-via",
    () => "REGISTER sip:sip.test SIP/2.0\r\n\r\n",
  ),
  dropped("a port in Via that is none", "parse_errors no-via", (at) =>
    register(at, { via: `Via: SIP/2.0/UDP 127.0.0.1:70000;branch=z9hG4bK-${at};rport` }),
  ),
  dropped("responses nobody asked for", "dropped stray-response", (at) => strayResponse(at)),
  dropped("broken responses", "parse_errors bad-response", (at) =>
    strayResponse(at, ["CSeq: 2 REGISTER"]),
  ),
  dropped("malformed ACKs", "parse_errors bad-request", (at) =>
    otherRequest("ACK", at, "sip:a:99999"),
  ),
];

const PORT = "127.0.0.1:65536";

/** Requests of a stranger that are wrong, or look so, by the status they get. */
export const ANSWERED: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  200: {
    "headers named like properties of JavaScript objects": register(1, {
      more: ["constructor: x", "__proto__: y", "hasOwnProperty: z", "toString : a", "valueOf:"],
    }),
    "64 contacts": register(2, { contact: contacts(64) }),
    "a Via of 70 values": register(3, {
      via: `Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-70;rport${", SIP/2.0/UDP h".repeat(69)}`,
    }),
    "70 Vias": register(4, {
      via: `Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-70l;rport${"\r\nv: SIP/2.0/UDP h".repeat(69)}`,
    }),
    "a header folded 100 times": register(5, { more: [`Subject: a${"\r\n b".repeat(100)}`] }),
    "a tag of 20,000 bytes": register(6, { from: `<sip:a@sip.test>;tag=${"t".repeat(20_000)}` }),
    "a branch of 20,000 bytes": register(7, {
      via: `Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-${"b".repeat(20_000)};rport`,
    }),
    "credentials that are none": register(8, {
      more: [
        'Authorization: Digest username="a, realm=',
        "Authorization: Digest",
        "Authorization:",
      ],
    }),
    "a Record-Route with a port that is none": register(9, {
      more: [`Record-Route: <sip:${PORT};lr>`],
    }),
    "the highest CSeq": register(10, { cseq: "2147483647 REGISTER" }),
    "an AoR that looks like a label": register(11, { to: "<sip:a%22%7B%7D%5C@sip.test>" }),
  },
  400: {
    "a port in the Request-URI": register(20, { line: `REGISTER sip:${PORT} SIP/2.0` }),
    "a port in To": register(21, { to: `<sip:a@${PORT}>` }),
    "a port in From": register(22, { from: `<sip:a@${PORT}>;tag=a` }),
    "a port in Contact": register(23, { contact: `<sip:a@${PORT}>` }),
    "a port in Path": register(24, { more: [`Path: <sip:${PORT};lr>`] }),
    "a port in Route": otherRequest("INVITE", 25, "sip:a@b", [`Route: <sip:${PORT};lr>`]),
    "a Content-Length below zero": register(26, { length: "-1" }),
    "a Content-Length in words": register(27, { length: "1e3" }),
    "a Content-Length beyond the datagram": register(28, { length: "99999999999999999999" }),
    "a NUL in From": register(29, { from: "<sip:a\0b@sip.test>;tag=a" }),
    "a NUL in Contact": register(30, { contact: "<sip:a\0b@127.0.0.1:9>" }),
    "a NUL in a header name": register(31, { more: ["X\0Y: z"] }),
    "an escaped NUL in the AoR": register(32, { to: "<sip:a%00b@sip.test>" }),
    "line breaks in the AoR": register(33, { to: "<sip:a%0d%0ab@sip.test>" }),
    "a CSeq of 2**31": register(34, { cseq: "2147483648 REGISTER" }),
    "a CSeq of 2**32": register(35, { cseq: "4294967296 REGISTER" }),
    "a CSeq below zero": register(36, { cseq: "-1 REGISTER" }),
    "a CSeq of another method": register(37, { cseq: "1 INVITE" }),
    "65 contacts": register(38, { contact: contacts(65) }),
    "64 contacts of 64 parameters": register(39, { contact: contacts(64, ";p=1".repeat(64)) }),
    "300 headers": register(40, { more: Array.from({ length: 300 }, (_, at) => `X-${at}: a`) }),
    "a header folded 8,000 times": register(41, { more: [`Subject: a${"\r\n b".repeat(8000)}`] }),
    "a Call-ID of 300 bytes": register(42, { callId: "c".repeat(300) }),
    "two From headers": register(43, { more: ["f: <sip:b@sip.test>;tag=b"] }),
    "an AoR that is a telephone number": register(44, { to: "<tel:+1234>" }),
    "a contact that is a mail address": register(45, { contact: "<mailto:a@b.test>" }),
    "a star that removes nothing": register(46, { contact: "*" }),
  },
  403: {
    "an INVITE": otherRequest("INVITE", 60),
    "a MESSAGE": otherRequest("MESSAGE", 61),
    "a SUBSCRIBE": otherRequest("SUBSCRIBE", 62),
    "a method nobody knows, of 5,000 bytes": otherRequest("M".repeat(5000), 63),
    "a Route past midreg": otherRequest("INVITE", 64, "sip:a@b", ["Route: <sip:127.0.0.1:9;lr>"]),
  },
  414: { "a Request-URI of 5,000 bytes": otherRequest("INVITE", 70, `sip:${"a".repeat(5000)}`) },
  481: { "a CANCEL for nothing": otherRequest("CANCEL", 80) },
  505: { "another version": register(90, { line: "REGISTER sip:sip.test SIP/3.0" }) },
  513: { "a body of 60,000 bytes": `${register(91, { length: "60000" })}${"b".repeat(60_000)}` },
};

function contacts(count: number, params = ""): string {
  const uris = Array.from({ length: count }, (_, at) => `<sip:c${at}@127.0.0.1:9${params}>`);
  return uris.join(", ");
}

/** Things that break parsers, to be put anywhere. */
const SPLINTERS = [
  "\r\n",
  "\r",
  "\n",
  "\0",
  " ",
  "\t",
  ":",
  ";",
  ",",
  '"',
  "\\",
  "<",
  ">",
  "@",
  "%",
  "[",
  "]",
  "=",
  "?",
  "*",
  "\r\n\r\n",
  "\r\n ",
  "SIP/2.0",
  "sip:",
  ";lr",
  ";ctid=0123456789abcdef",
  ":99999",
  "-1",
  "4294967296",
  "z9hG4bK",
  "\u00FF\u00FE",
];

/** A message with up to eight things wrong with it: bytes changed, cut out, doubled, or put in. */
export function mutate(text: string, random: () => number): string {
  const below = (limit: number): number => Math.floor(random() * limit);
  let mutant = text;
  for (let left = 1 + below(8); left > 0; left -= 1) {
    const at = below(mutant.length + 1);
    const to = at + below(random() < 0.9 ? 12 : mutant.length);
    const splinter = SPLINTERS[below(SPLINTERS.length)] ?? "";
    const middles = [
      splinter,
      "",
      mutant.slice(at, to).repeat(2),
      String.fromCodePoint(below(256)),
    ];
    const isInserted = random() < 0.3;
    mutant = mutant.slice(0, at) + (middles[below(4)] ?? "") + mutant.slice(isInserted ? at : to);
  }
  return mutant.slice(0, MAX_PAYLOAD_BYTES);
}
