import { isSameUri } from "../../src/sip/compare-uri.ts";
import { contactsOf } from "../../src/sip/contact.ts";
import { unescapeUri } from "../../src/sip/escape.ts";
import { HEADER } from "../../src/sip/header-name.ts";
import {
  addressesOf,
  paramValuesOf,
  parseSipDate,
  secondsHeader,
  tokensOf,
} from "../../src/sip/header-values.ts";
import {
  bodyOf,
  headerValue,
  headerValues,
  type SipRequest,
  type SipResponse,
} from "../../src/sip/message.ts";
import { paramValue, unquote } from "../../src/sip/params.ts";
import { splitList } from "../../src/sip/split-list.ts";
import { parseUri, type Uri, uriParam } from "../../src/sip/uri.ts";
import { parseVia } from "../../src/sip/via.ts";
import { accepted, garbage, malformed, refused, request, type Verdict } from "./corpus.ts";

type Message = SipRequest | SipResponse;

/** URI and parameters of each contact. */
function contacts(message: Message): unknown {
  const list = contactsOf(message);
  return typeof list === "object" ? list.map(({ uri, params }) => [uri, params]) : list;
}

function contactUri(message: Message): Uri | undefined {
  const list = contactsOf(message);
  return typeof list === "object" ? parseUri(list[0]?.uri ?? "") : undefined;
}

/** Transport, host and branch of each Via value of the message. */
function vias(message: Message): unknown {
  const values = headerValues(message, HEADER.via).flatMap((line) => splitList(line) ?? []);
  return values.map((value) => {
    const via = parseVia(value);
    return [via?.transport, via?.host, via?.branch];
  });
}

function target(message: Message): Uri | undefined {
  return parseUri(request(message).uri);
}

function userOf(uri: Uri | undefined): string {
  return unescapeUri(uri?.user ?? "");
}

function param(uri: Uri | undefined, name: string): string | undefined {
  return uri === undefined ? undefined : uriParam(uri, name);
}

/** What becomes of each message, with the section of RFC 4475 that speaks of it. */
export const RFC4475_VERDICTS: Readonly<
  Record<string, readonly [section: string, verdict: Verdict]>
> = {
  wsinv: [
    "3.1.1.1",
    accepted(
      (message) => ({
        request: [request(message).method, request(message).uri, message.callId, message.cseq],
        target: [target(message)?.user, target(message)?.host, target(message)?.params],
        to: [message.to.uri, message.toTag],
        from: [unquote(message.from.display), message.from.uri, message.fromTag],
        maxForwards: secondsHeader(message, HEADER.maxForwards),
        vias: vias(message),
        contacts: contactsOf(message),
        routes: addressesOf(message, HEADER.route)?.map(({ uri }) => uri),
        bodyLength: bodyOf(message).length,
      }),
      {
        request: [
          "INVITE",
          "sip:vivekg@chair-dnrc.example.com;unknownparam",
          "wsinv.ndaksdj@192.0.2.1",
          { number: 9, method: "INVITE" },
        ],
        target: ["vivekg", "chair-dnrc.example.com", ";unknownparam"],
        to: ["sip:vivekg@chair-dnrc.example.com", "1918181833n"],
        from: ['J Rosenberg \\"', "sip:jdrosen@example.com", "98asjd8"],
        maxForwards: 68,
        vias: [
          ["UDP", "192.0.2.2", "390skdjuw"],
          ["TCP", "spindle.example.com", "z9hG4bK9ikj8"],
          ["UDP", "192.168.255.111", "z9hG4bK30239"],
        ],
        contacts: [
          {
            display: String.raw`"Quoted string \"\""`,
            uri: "sip:jdrosen@example.com",
            params: "; newparam = newvalue ; secondparam ; q = 0.33",
            expires: undefined,
            q: 330,
          },
        ],
        routes: ["sip:services.example.com;lr;unknownwith=value;unknown-no-value"],
        bodyLength: 150,
      },
    ),
  ],
  intmeth: [
    "3.1.1.2",
    accepted(
      (message) => ({
        method: [request(message).method, message.cseq.method, message.cseq.number],
        target: [target(message)?.user, target(message)?.password, target(message)?.host],
        to: unquote(message.to.display),
        from: [message.from.display, message.from.uri, message.fromTag],
        branch: message.via.branch,
        callId: message.callId,
        maxForwards: secondsHeader(message, HEADER.maxForwards),
      }),
      {
        method: [
          "!interesting-Method0123456789_*+`.%indeed'~",
          "!interesting-Method0123456789_*+`.%indeed'~",
          139_122_385,
        ],
        target: [
          "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
          "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)",
          "example.com",
        ],
        to: "BEL:\u0007 NUL:\0 DEL:\u007f",
        from: ["token1~` token2'+_ token3*%!.-", "sip:mundane@example.com", "_token~1'+`*%!-."],
        branch: "z9hG4bK-.!%66*_+`'~",
        callId: "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
        maxForwards: 255,
      },
    ),
  ],
  esc01: [
    "3.1.1.3",
    accepted(
      (message) => ({
        target: [userOf(target(message)), target(message)?.host],
        isToTheUser: isSameUri(message.to.uri, "sip:user@example.com"),
        from: userOf(parseUri(message.from.uri)),
        contact: [
          userOf(contactUri(message)),
          param(contactUri(message), "lr"),
          // Escapes are undone once.
          unescapeUri(param(contactUri(message), "name") ?? ""),
        ],
      }),
      {
        target: ["sips:user@example.com", "example.net"],
        isToTheUser: true,
        from: "I have spaces",
        contact: ["caller", "", "value%41"],
      },
    ),
  ],
  escnull: [
    "3.1.1.4",
    accepted(
      (message) => [userOf(parseUri(message.to.uri)), contacts(message)],
      [
        "null-\0-null",
        [
          ["sip:%00@host5.example.com", ""],
          ["sip:%00%00@host5.example.com", ""],
        ],
      ],
    ),
  ],
  esc02: [
    "3.1.1.5",
    accepted(
      (message) => [request(message).method, unquote(message.to.display), contacts(message)],
      [
        "RE%47IST%45R",
        "%Z%45",
        [
          ["sip:alias1@host1.example.com", ""],
          ["sip:alias3@host3.example.com", ""],
        ],
      ],
    ),
  ],
  lwsdisp: [
    "3.1.1.6",
    accepted((message) => message.from, {
      display: "caller",
      uri: "sip:caller@example.com",
      params: ";tag=323",
    }),
  ],
  longreq: [
    "3.1.1.7",
    accepted(
      (message) => {
        const to = parseUri(message.to.uri);
        return {
          to: [unquote(message.to.display), to?.port],
          toParams: [param(to, "unknownparam1"), param(to, `longparam${"name".repeat(25)}`)],
          fromTag: message.fromTag,
          callId: message.callId,
          vias: headerValues(message, HEADER.via).length,
        };
      },
      {
        to: [`I have a user name of ${"extreme".repeat(10)} proportion`, 6000],
        toParams: [`very${"long".repeat(20)}value`, "shortvalue"],
        fromTag: `12${"982".repeat(50)}424`,
        callId: `longreq.one${"really".repeat(20)}longcallid`,
        vias: 34,
      },
    ),
  ],
  dblreq: [
    "3.1.1.8",
    accepted((message) => [request(message).method, bodyOf(message)], ["REGISTER", ""]),
  ],
  semiuri: [
    "3.1.1.9",
    accepted(
      (message) => [
        userOf(target(message)),
        paramValuesOf(message, HEADER.accept)?.map(({ value }) => value),
      ],
      [
        "user;par=u@example.net",
        [
          "application/sdp",
          "application/pkcs7-mime",
          "multipart/mixed",
          "multipart/signed",
          "message/sip",
          "message/sipfrag",
        ],
      ],
    ),
  ],
  transports: [
    "3.1.1.10",
    accepted(vias, [
      ["UDP", "t1.example.com", "z9hG4bKkdjuw"],
      ["SCTP", "t2.example.com", "z9hG4bKklasjdhf"],
      ["TLS", "t3.example.com", "z9hG4bK2980unddj"],
      ["UNKNOWN", "t4.example.com", "z9hG4bKasd0f3en"],
      ["TCP", "t5.example.com", "z9hG4bK0a9idfnee"],
    ]),
  ],
  mpart01: [
    "3.1.1.11",
    accepted(
      (message) => [
        bodyOf(message).length,
        bodyOf(message).includes("\0"),
        paramValuesOf(message, HEADER.contentType),
        parseSipDate(headerValue(message, HEADER.date) ?? ""),
      ],
      [
        553,
        true,
        [{ value: "multipart/mixed", params: ";boundary=7a9cbec02ceef655" }],
        Date.UTC(2005, 9, 15, 4, 44, 56),
      ],
    ),
  ],
  unreason: [
    "3.1.1.12",
    accepted(
      (message) =>
        message.kind === "response"
          ? [message.status, Buffer.from(message.reason, "latin1").toString("utf8")]
          : [],
      [200, "= 2**3 * 5**2 но сто девяносто девять - простое"],
    ),
  ],
  noreason: [
    "3.1.1.13",
    accepted(
      (message) => (message.kind === "response" ? [message.status, message.reason] : []),
      [100, ""],
    ),
  ],
  badinv01: ["3.1.2.1", malformed("Malformed Via")],
  clerr: ["3.1.2.2", malformed("Content-Length larger than message")],
  ncl: ["3.1.2.3", malformed("Malformed Content-Length")],
  scalar02: ["3.1.2.4", malformed("Malformed CSeq")],
  scalarlg: ["3.1.2.5", garbage("bad-response")],
  quotbal: ["3.1.2.6", malformed("Malformed To")],
  ltgtruri: ["3.1.2.7", malformed("Malformed Request-URI")],
  lwsruri: ["3.1.2.8", malformed("Malformed Request-Line")],
  lwsstart: ["3.1.2.9", malformed("Malformed Request-Line")],
  trws: ["3.1.2.10", malformed("Malformed Request-Line")],
  escruri: ["3.1.2.11", malformed("Headers in Request-URI")],
  // Nothing depends on the Date, so its time zone does not matter.
  baddate: [
    "3.1.2.12",
    accepted((message) => parseSipDate(headerValue(message, HEADER.date) ?? ""), undefined),
  ],
  regbadct: ["3.1.2.13", refused("registrar (400)", contactsOf, undefined)],
  badaspec: ["3.1.2.14", malformed("Malformed To")],
  baddn: ["3.1.2.15", malformed("Header section not ended")],
  badvers: ["3.1.2.16", malformed("Version Not Supported", 505)],
  mismatch01: ["3.1.2.17", malformed("CSeq method does not match request")],
  mismatch02: ["3.1.2.18", malformed("CSeq method does not match request")],
  bigcode: ["3.1.2.19", garbage("bad-response")],
  // The cookie with nothing behind it identifies nothing: matching falls back on RFC 2543.
  badbranch: ["3.2.1", accepted((message) => message.via.branch, "z9hG4bK")],
  insuf: ["3.3.1", malformed("Missing Call-ID")],
  unkscm: [
    "3.3.2",
    refused("proxy (416)", (message) => [target(message)?.scheme, target(message)?.opaque], [
      "nobodyknowsthisscheme",
      "totallyopaquecontent",
    ]),
  ],
  novelsc: ["3.3.3", refused("proxy (416)", (message) => target(message)?.scheme, "soap.beep")],
  unksm2: [
    "3.3.4",
    refused(
      "registrar (400)",
      ({ to, from }) => [parseUri(to.uri)?.scheme, parseUri(from.uri)?.scheme],
      ["isbn", "http"],
    ),
  ],
  bext01: [
    "3.3.5",
    refused(
      "proxy (420)",
      (message) => [tokensOf(message, HEADER.require), tokensOf(message, HEADER.proxyRequire)],
      [
        ["nothingsupportsthis", "nothingsupportsthiseither"],
        ["noproxiessupportthis", "nordoanyproxiessupportthis"],
      ],
    ),
  ],
  invut: [
    "3.3.6",
    accepted(
      (message) => [bodyOf(message).length, headerValue(message, HEADER.contentType)],
      [40, "application/unknownformat"],
    ),
  ],
  regaut01: [
    "3.3.7",
    accepted(
      (message) => headerValue(message, HEADER.authorization),
      "NoOneKnowsThisScheme opaque-data=here",
    ),
  ],
  multi01: ["3.3.8", malformed("Repeated CSeq")],
  mcl01: ["3.3.9", malformed("Repeated Content-Length")],
  bcast: [
    "3.3.10",
    refused("transaction layer (dropped)", vias, [
      ["UDP", "192.0.2.198", "z9hG4bK1324923"],
      ["UDP", "255.255.255.255", "z9hG4bK1saber23"],
    ]),
  ],
  zeromf: [
    "3.3.11",
    refused("proxy (483)", (message) => secondsHeader(message, HEADER.maxForwards), 0),
  ],
  cparam01: ["3.3.12", accepted(contacts, [["sip:+19725552222@gw1.example.net", ";unknownparam"]])],
  cparam02: ["3.3.13", accepted(contacts, [["sip:+19725552222@gw1.example.net;unknownparam", ""]])],
  regescrt: [
    "3.3.14",
    accepted((message) => contactUri(message)?.headers, "Route=%3Csip:sip.example.com%3E"),
  ],
  // The Accept header is for the called phone to judge.
  sdp01: [
    "3.3.15",
    accepted(
      (message) => paramValuesOf(message, HEADER.accept),
      [{ value: "text/nobodyKnowsThis", params: "" }],
    ),
  ],
  inv2543: [
    "3.4.1",
    accepted(
      (message) => ({
        missing: [message.via.branch, message.fromTag, headerValue(message, HEADER.maxForwards)],
        to: [message.to.uri, message.to.params],
        bodyLength: bodyOf(message).length,
        maddr: paramValue(addressesOf(message, HEADER.recordRoute)?.[0]?.uri ?? "", "maddr"),
      }),
      {
        missing: [undefined, "", undefined],
        to: ["sip:+16505552222@ss1.example.net", ";user=phone"],
        bodyLength: 105,
        maddr: "ss1.example.com",
      },
    ),
  ],
  test: ["appendix A only", garbage("not-sip")],
};
