/**
 * The IPv6 torture messages of RFC 5118. Sections beside the verdicts are of that RFC.
 */
import { expect, test } from "vitest";
import { isSameUri } from "../../src/sip/compare-uri.ts";
import { contactsOf } from "../../src/sip/contact.ts";
import { HEADER } from "../../src/sip/header-name.ts";
import { bodyOf, headerValues, type SipRequest, type SipResponse } from "../../src/sip/message.ts";
import { paramValue } from "../../src/sip/params.ts";
import { parseUri } from "../../src/sip/uri.ts";
import { parseVia } from "../../src/sip/via.ts";
import {
  accept,
  accepted,
  factsOf,
  judge,
  malformed,
  messageNames,
  passOn,
  readMessage,
  type Verdict,
  withoutSurplus,
  wordsOf,
} from "./corpus.ts";

type Message = SipRequest | SipResponse;

/** The Request-URI's host and port. */
function target(message: Message): unknown {
  const uri = parseUri(message.kind === "request" ? message.uri : "");
  return [uri?.host, uri?.port];
}

function vias(message: Message): unknown {
  return headerValues(message, HEADER.via).map((line) => {
    const via = parseVia(line);
    return [via?.host, via?.port, paramValue(via?.params ?? "", "received")];
  });
}

function contactHosts(message: Message): unknown {
  const list = contactsOf(message);
  return typeof list === "object" ? list.map(({ uri }) => parseUri(uri)?.host) : list;
}

interface Row {
  readonly section: string;
  /** What is put right before the message is judged, besides the line ends (README.md). */
  readonly repair?: (text: string) => string;
  readonly verdict: Verdict;
}

const withEmptyLine = (text: string): string => `${text}\r\n`;

const VERDICTS: Readonly<Record<string, Row>> = {
  "ipv6-good": {
    section: "4.1",
    verdict: accepted(
      (message) => [target(message), vias(message), contactHosts(message)],
      [
        ["[2001:db8::10]", undefined],
        [["[2001:db8::9:1]", undefined, undefined]],
        ["[2001:db8::1]"],
      ],
    ),
  },
  "ipv6-bad": { section: "4.2", verdict: malformed("Malformed Request-URI") },
  "port-ambiguous": {
    section: "4.3",
    verdict: accepted(target, ["[2001:db8::10:5070]", undefined]),
  },
  "port-unambiguous": { section: "4.4", verdict: accepted(target, ["[2001:db8::10]", 5070]) },
  "via-received-param-with-delim": {
    section: "4.5",
    verdict: accepted(vias, [["[2001:db8::9:1]", undefined, "[2001:db8::9:255]"]]),
  },
  "via-received-param-no-delim": {
    section: "4.5",
    verdict: accepted(vias, [["[2001:db8::9:1]", undefined, "2001:db8::9:255"]]),
  },
  "ipv6-in-sdp": {
    section: "4.6",
    // The archive says 268 where the body has 251 bytes.
    repair: (text) => text.replace("Content-Length: 268", "Content-Length: 251"),
    verdict: accepted(
      (message) => [target(message), bodyOf(message).includes("c=IN IP6 2001:db8::20\r\n")],
      [["[2001:db8::10]", undefined], true],
    ),
  },
  "mult-ip-in-header": {
    section: "4.7",
    verdict: accepted(vias, [
      ["[2001:db8::9:1]", 6050, undefined],
      ["192.0.2.1", undefined, undefined],
      ["[2001:db8::9:255]", undefined, "192.0.2.200"],
    ]),
  },
  "mult-ip-in-sdp": {
    section: "4.8",
    verdict: accepted(
      (message) => [contactHosts(message), bodyOf(message).length],
      [["[2001:db8::9:1]"], 181],
    ),
  },
  "ipv4-mapped-ipv6": {
    section: "4.9",
    verdict: accepted(
      (message) => [vias(message), contactHosts(message)],
      [
        [
          ["[::ffff:192.0.2.10]", 19_823, undefined],
          ["[::ffff:192.0.2.2]", undefined, undefined],
        ],
        ["[::ffff:192.0.2.2]"],
      ],
    ),
  },
  "ipv6-bug-abnf-3-colons": {
    section: "4.10",
    repair: withEmptyLine,
    verdict: accepted(
      (message) => [target(message), isSameUri(message.to.uri, "sip:user@[2001:db8::192.0.2.1]")],
      [["[2001:db8:::192.0.2.1]", undefined], true],
    ),
  },
  "ipv6-correct-abnf-2-colons": {
    section: "4.10",
    repair: withEmptyLine,
    verdict: accepted(target, ["[2001:db8::192.0.2.1]", undefined]),
  },
};

const rows = Object.entries(VERDICTS).map(([name, { section, repair, verdict }]) => {
  const raw = readMessage("rfc5118", name);
  const text = raw.replaceAll("\n", "\r\n");
  return {
    title: `${name} (section ${section}): ${wordsOf(verdict)}`,
    raw,
    text: repair === undefined ? text : repair(text),
    verdict,
  };
});

test("every message of the archive has a verdict", () => {
  expect(Object.keys(VERDICTS).toSorted()).toEqual(messageNames("rfc5118"));
});

test.each(rows)("$title", ({ verdict, text }) => {
  expect(judge(text)).toBe(wordsOf(verdict));
  const { read, are } = factsOf(verdict, text);
  expect(read).toEqual(are);
});

const acceptedRows = rows.filter(({ verdict }) => verdict.is === "accepted");
test.each(acceptedRows)("$title, passed on byte for byte", ({ text }) => {
  const message = accept(text);
  expect(passOn(message)).toBe(withoutSurplus(text, message));
});

test.each(rows)("$title; with its bare line feeds it is not SIP", ({ raw }) => {
  expect(judge(raw)).toBe("not-sip");
});

test.each([
  ["ipv6-in-sdp", "400 Content-Length larger than message"],
  ["ipv6-bug-abnf-3-colons", "400 Header section not ended"],
  ["ipv6-correct-abnf-2-colons", "400 Header section not ended"],
])("%s with CRLF and not put right: %s", (name, words) => {
  expect(judge(readMessage("rfc5118", name).replaceAll("\n", "\r\n"))).toBe(words);
});
