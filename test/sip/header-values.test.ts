import { describe, expect, test } from "vitest";
import { HEADER } from "../../src/sip/header-name.ts";
import {
  addressesOf,
  featureCapsOf,
  formatSipDate,
  paramValuesOf,
  parseDeltaSeconds,
  parseFeatureCaps,
  parseParamValue,
  parseSipDate,
  retryAfterOf,
  secondsHeader,
  tokensOf,
  warningsOf,
} from "../../src/sip/header-values.ts";
import { MAX_LIST_VALUES } from "../../src/sip/limits.ts";
import type { SipRequest } from "../../src/sip/message.ts";
import { requestOf } from "../support/messages.ts";
import { registerWith } from "./requests.ts";

/** A REGISTER with these lines besides the usual ones. */
function withLines(...lines: string[]): SipRequest {
  return requestOf(registerWith({ "User-Agent": lines }));
}

test.each([
  ["0", 0],
  ["3600", 3600],
  ["007", 7],
  ["4294967295", 4_294_967_295],
  ["4294967296", 4_294_967_295],
  [`1${"0".repeat(100)}`, 4_294_967_295],
  ["", undefined],
  ["-1", undefined],
  ["3600s", undefined],
  ["1.5", undefined],
])("%j in seconds is %s", (text, seconds) => {
  expect(parseDeltaSeconds(text)).toBe(seconds);
});

test.each([
  ["Expires: 7200", HEADER.expires, 7200],
  ["Min-Expires : 60", HEADER.minExpires, 60],
  ["Flow-Timer:\r\n 120", HEADER.flowTimer, 120],
  ["Max-Breadth: 60", HEADER.maxBreadth, 60],
  ["Expires:", HEADER.expires, Number.NaN],
  ["Expires: soon", HEADER.expires, Number.NaN],
  ["Expires: 1, 2", HEADER.expires, Number.NaN],
  ["X: 1", HEADER.expires, undefined],
])("%j is a number", (line, id, seconds) => {
  expect(secondsHeader(withLines(line), id)).toBe(seconds);
});

test.each([
  ["Retry-After: 5", 5],
  ["Retry-After: 18000;duration=3600", 18_000],
  ["Retry-After: 120 (I'm in a meeting)", 120],
  ["Retry-After: 120(x)", 120],
  ["Retry-After: 949302838503028349304023988", 4_294_967_295],
  ["Retry-After: 5x", undefined],
  ["Retry-After: soon", undefined],
  ["Retry-After:", undefined],
  ["X: 1", undefined],
])("%j asks for seconds", (line, seconds) => {
  expect(retryAfterOf(withLines(line))).toBe(seconds);
});

describe("dates", () => {
  test.each([
    ["Sat, 13 Nov 2010 23:29:00 GMT", Date.UTC(2010, 10, 13, 23, 29)],
    ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
    ["Thu, 29 Feb 2024 23:59:59 GMT", Date.UTC(2024, 1, 29, 23, 59, 59)],
  ])("%s is read and written", (text, atMs) => {
    expect(parseSipDate(text)).toBe(atMs);
    expect(formatSipDate(atMs + 999)).toBe(text);
  });

  test.each([
    "",
    "Fri, 01 Jan 2010 16:00:00 EST",
    "Fri, 01 Jan 2010 16:00:00 UTC",
    "Fri, 01 Jan 2010 16:00:00",
    "Sat, 01 Jan 2010 16:00:00 GMT",
    "Wed, 31 Feb 2010 16:00:00 GMT",
    "Fri, 1 Jan 2010 16:00:00 GMT",
    "Friday, 01-Jan-10 16:00:00 GMT",
    "2010-01-01T16:00:00Z",
    "Invalid Date",
    "0",
  ])("%j is no date", (text) => {
    expect(parseSipDate(text)).toBeUndefined();
  });
});

test("tokens of all lines come in lower case, empty ones left out", () => {
  const request = withLines("Supported: path, ,Outbound", "k: GRUU", "Supported:");
  expect(tokensOf(request, HEADER.supported)).toEqual(["path", "outbound", "gruu"]);
  expect(tokensOf(request, HEADER.require)).toEqual([]);
});

describe("lists of addresses", () => {
  test.each([
    ["Route", HEADER.route],
    ["Record-Route", HEADER.recordRoute],
    ["Path", HEADER.path],
    ["Service-Route", HEADER.serviceRoute],
    ["P-Associated-URI", HEADER.pAssociatedUri],
  ])("%s is one, over all its lines", (name, id) => {
    const request = withLines(
      `${name}: <sip:p1.example.com;lr>,\r\n <sip:p2.example.com;lr>;x=","`,
      `${name}: "P3" <sip:p3.example.com;lr>`,
    );
    expect(addressesOf(request, id)).toEqual([
      { display: "", uri: "sip:p1.example.com;lr", params: "" },
      { display: "", uri: "sip:p2.example.com;lr", params: ';x=","' },
      { display: '"P3"', uri: "sip:p3.example.com;lr", params: "" },
    ]);
  });

  test("no such header is an empty list", () => {
    expect(addressesOf(withLines(), HEADER.path)).toEqual([]);
  });

  test.each(["Path:", "Path: <sip:a>,", "Path: <sip:a", "Path: a", 'Path: <sip:a>;x="'])(
    "%j is malformed",
    (line) => {
      expect(addressesOf(withLines("Path: <sip:b>", line), HEADER.path)).toBeUndefined();
    },
  );

  test("there is a limit over all lines", () => {
    const lines = Array.from({ length: MAX_LIST_VALUES }, () => "Path: <sip:a>");
    expect(addressesOf(withLines(...lines), HEADER.path)).toHaveLength(MAX_LIST_VALUES);
    expect(addressesOf(withLines(...lines, "Path: <sip:a>"), HEADER.path)).toBeUndefined();
  });
});

describe("values with parameters", () => {
  test.each([
    ["reg", "reg", ""],
    ["presence ; id = 5", "presence", "; id = 5"],
    ["application / sdp;q=0.5", "application / sdp", ";q=0.5"],
    ["*/*", "*/*", ""],
    ['multipart/mixed;boundary="a;b"', "multipart/mixed", ';boundary="a;b"'],
    ["1800;refresher=uac", "1800", ";refresher=uac"],
    ["active;expires=60", "active", ";expires=60"],
  ])("%s is taken apart", (text, value, params) => {
    expect(parseParamValue(text)).toEqual({ value, params });
  });

  test.each(["", ";x", "a b", "a/", "a/b/c", "a;", 'a;x="', "a@b"])("%j is malformed", (text) => {
    expect(parseParamValue(text)).toBeUndefined();
  });

  test("a list of them is read over all lines", () => {
    const request = withLines("Accept: application/sdp;level=1, */*;q=0.1", "Accept: text/plain");
    expect(paramValuesOf(request, HEADER.accept)).toEqual([
      { value: "application/sdp", params: ";level=1" },
      { value: "*/*", params: ";q=0.1" },
      { value: "text/plain", params: "" },
    ]);
  });

  test("an empty Accept accepts nothing, as one that is not there does", () => {
    expect(paramValuesOf(withLines("Accept:"), HEADER.accept)).toEqual([]);
    expect(paramValuesOf(withLines(), HEADER.accept)).toEqual([]);
  });

  test("one malformed value spoils the list", () => {
    expect(paramValuesOf(withLines("Accept: a/b, c d"), HEADER.accept)).toBeUndefined();
    expect(paramValuesOf(withLines("Accept: a/b,"), HEADER.accept)).toBeUndefined();
  });
});

describe("Feature-Caps (RFC 6809)", () => {
  test.each<[string, [string, string][]]>([
    ["*", []],
    [
      '*;+sip.pns="apns";+sip.vapid="k"',
      [
        ["+sip.pns", '"apns"'],
        ["+sip.vapid", '"k"'],
      ],
    ],
    ["* ; +G.3GPP.Srvcc", [["+g.3gpp.srvcc", ""]]],
    ["*;+__proto__", [["+__proto__", ""]]],
  ])("%s is read", (value, capabilities) => {
    expect(parseFeatureCaps(value)).toEqual(new Map(capabilities));
  });

  test.each(["", "+sip.pns", "*+sip.pns", "*;;", '*;+sip.pns="apns'])(
    "%j is malformed",
    (value) => {
      expect(parseFeatureCaps(value)).toBeUndefined();
    },
  );

  test("all values of a message come topmost first", () => {
    const request = withLines('Feature-Caps: *;+a="1,2", *;+b', "Feature-Caps: *;+c");
    expect(featureCapsOf(request)).toEqual([
      new Map([["+a", '"1,2"']]),
      new Map([["+b", ""]]),
      new Map([["+c", ""]]),
    ]);
    expect(featureCapsOf(withLines("Feature-Caps: *, x"))).toBeUndefined();
  });
});

describe("warnings (RFC 3261 section 20.43)", () => {
  test("they are read over all lines", () => {
    const request = withLines(
      'Warning: 307 isi.edu "Session parameter \\"foo\\", not understood",',
      ' 301 isi.edu:5060  "x"',
      'Warning: 399 [2001:db8::1] ""',
    );
    expect(warningsOf(request)).toEqual([
      { code: 307, agent: "isi.edu", text: 'Session parameter "foo", not understood' },
      { code: 301, agent: "isi.edu:5060", text: "x" },
      { code: 399, agent: "[2001:db8::1]", text: "" },
    ]);
  });

  test.each(['1812 overture "In Progress"', '399 "x"', "399 a x", '39 a "x"', '399 a "x'])(
    "%j is malformed",
    (value) => {
      expect(warningsOf(withLines(`Warning: ${value}`))).toBeUndefined();
    },
  );
});
