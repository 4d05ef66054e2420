import { describe, expect, test } from "vitest";
import { MAX_URI_LENGTH } from "../../src/sip/limits.ts";
import { isUri, parseUri, serializeUri, type Uri, uriParam } from "../../src/sip/uri.ts";

const SIP: Uri = {
  scheme: "sip",
  user: undefined,
  password: undefined,
  host: "h",
  port: undefined,
  params: "",
  headers: "",
  opaque: "",
};

function parsed(text: string): Uri {
  const uri = parseUri(text);
  if (uri === undefined) throw new Error(`Not a URI: ${text}`);
  return uri;
}

describe("sip and sips", () => {
  test.each<[string, Partial<Uri>]>([
    // RFC 3261 section 19.1.3.
    ["sip:alice@atlanta.com", { user: "alice", host: "atlanta.com" }],
    [
      "sip:alice:secretword@atlanta.com;transport=tcp",
      { user: "alice", password: "secretword", host: "atlanta.com", params: ";transport=tcp" },
    ],
    [
      "sips:alice@atlanta.com?subject=project%20x&priority=urgent",
      {
        scheme: "sips",
        user: "alice",
        host: "atlanta.com",
        headers: "subject=project%20x&priority=urgent",
      },
    ],
    [
      "sip:+1-212-555-1212:1234@gateway.com;user=phone",
      { user: "+1-212-555-1212", password: "1234", host: "gateway.com", params: ";user=phone" },
    ],
    ["sips:1212@gateway.com", { scheme: "sips", user: "1212", host: "gateway.com" }],
    ["sip:alice@192.0.2.4", { user: "alice", host: "192.0.2.4" }],
    [
      "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
      { host: "atlanta.com", params: ";method=REGISTER", headers: "to=alice%40atlanta.com" },
    ],
    ["sip:alice;day=tuesday@atlanta.com", { user: "alice;day=tuesday", host: "atlanta.com" }],
    // Hosts and ports.
    ["sip:h:1", { port: 1 }],
    ["sip:h:5060", { port: 5060 }],
    ["sip:h:65535", { port: 65_535 }],
    ["sip:h:0005060", { port: 5060 }],
    [
      "sip:u@[2001:db8::1]:5061;lr",
      { user: "u", host: "[2001:db8::1]", port: 5061, params: ";lr" },
    ],
    ["sip:a_b.internal", { host: "a_b.internal" }],
    ["sip:example.com.", { host: "example.com." }],
    // Users.
    ["sip:a/b?c;d=e,f&g=+$!~*'()@h", { user: "a/b?c;d=e,f&g=+$!~*'()" }],
    ["sip:*67#123@h", { user: "*67#123" }],
    ["sip:%00%40@h", { user: "%00%40" }],
    ["sip:\u00c3\u00a9@h", { user: "\u00c3\u00a9" }],
    ["sip:u:@h", { user: "u", password: "" }],
    ["sip:u?x=y@h", { user: "u?x=y" }],
    ["sip:h;x=y@z", { user: "h;x=y", host: "z" }],
    // Spelling.
    ["SIP:h", {}],
    ["SipS:h", { scheme: "sips" }],
    ["sip:h;;lr;", { params: ";;lr;" }],
    ["sip:h?", { headers: "" }],
  ])("%s is taken apart", (text, parts) => {
    expect(parseUri(text)).toEqual({ ...SIP, ...parts });
    expect(isUri(text)).toBe(true);
  });

  test.each([
    ["nothing", ""],
    ["no scheme", "alice@atlanta.com"],
    ["no host", "sip:"],
    ["no host behind the user", "sip:alice@"],
    ["an empty user", "sip:@atlanta.com"],
    ["an empty user with a password", "sip::secret@atlanta.com"],
    ["two at signs", "sip:a@b@c"],
    ["port 0", "sip:h:0"],
    ["port 65536", "sip:h:65536"],
    ["port 70000", "sip:h:70000"],
    ["port 4294967297", "sip:h:4294967297"],
    ["an empty port", "sip:h:"],
    ["a port that is no number", "sip:h:5o60"],
    ["a negative port", "sip:h:-1"],
    ["an IPv6 address without brackets", "sip:2001:db8::10"],
    ["a zone identifier", "sip:[fe80::1%25eth0]"],
    ["a raw zone identifier", "sip:u@[fe80::1%eth0]:5060"],
    ["brackets around something else", "sip:[example]"],
    ["brackets around hexadecimal digits", "sip:[abc]"],
    ["an open bracket", "sip:[2001:db8::1"],
    ["a host that starts with a dot", "sip:.example.com"],
    ["a host with a space", "sip:exa mple.com"],
    ["an escape in the host", "sip:%65xample.com"],
    ["a byte beyond ASCII in the host", "sip:ex\u00e4mple.com"],
    ["half an escape in the user", "sip:a%4@h"],
    ["a broken escape in the user", "sip:a%zz@h"],
    ["a broken escape in the password", "sip:a:%4@h"],
    ["a second colon in the user", "sip:a:b:c@h"],
    ["a space in the user", "sip:a b@h"],
    ["a NUL in the user", "sip:a\0b@h"],
    ["a line break in the user", "sip:a\r\nb@h"],
    ["a quote in the user", 'sip:"a"@h'],
    ["a bracket in the user", "sip:[a]@h"],
    ["a space in the parameters", "sip:h; lr"],
    ["a NUL in the parameters", "sip:h;x=\0"],
    ["a delete in the parameters", "sip:h;x=\u007f"],
    ["a quote in the parameters", 'sip:h;x="y"'],
    ["an angle bracket in the headers", "sip:h?Route=<sip:x>"],
    ["a line break in the headers", "sip:h?a=b\n"],
    ["angle brackets around it", "<sip:h>"],
    ["too much of it", `sip:h;x=${"y".repeat(MAX_URI_LENGTH)}`],
  ])("%s is malformed", (_, text) => {
    expect(parseUri(text)).toBeUndefined();
    expect(isUri(text)).toBe(false);
  });

  test("the limit of the length is exact", () => {
    const text = `sip:h;x=${"y".repeat(MAX_URI_LENGTH - 8)}`;
    expect(text).toHaveLength(MAX_URI_LENGTH);
    expect([isUri(text), isUri(`${text}y`)]).toEqual([true, false]);
  });
});

describe("other schemes", () => {
  test.each<[string, Partial<Uri>]>([
    ["tel:+1-201-555-0123", { scheme: "tel", opaque: "+1-201-555-0123" }],
    [
      "tel:7042;phone-context=example.com;ext=1",
      { scheme: "tel", opaque: "7042", params: ";phone-context=example.com;ext=1" },
    ],
    ["TEL:911", { scheme: "tel", opaque: "911" }],
    ["urn:service:sos", { scheme: "urn", opaque: "service:sos" }],
    ["http://example.com/a;b?c=d", { scheme: "http", opaque: "//example.com/a;b?c=d" }],
    ["soap.beep://192.0.2.103:3002", { scheme: "soap.beep", opaque: "//192.0.2.103:3002" }],
    ["constructor:x", { scheme: "constructor", opaque: "x" }],
  ])("%s is scheme and opaque part", (text, parts) => {
    expect(parseUri(text)).toEqual({ ...SIP, host: "", ...parts });
    expect(isUri(text)).toBe(true);
  });

  test.each(["tel:", "1tel:5", ":5", "tel", "tel:1 2", "mailto:<a@b>", 'x:"', "x:\0", "x:a\r\nb"])(
    "%j is malformed",
    (text) => {
      expect(parseUri(text)).toBeUndefined();
      expect(isUri(text)).toBe(false);
    },
  );
});

test.each([
  "sip:alice:secretword@atlanta.com:5061;transport=tcp;lr?subject=x&y",
  "sips:[2001:db8::1]:5061",
  "sip:a%40b@h;x=%41",
  "tel:+1-201;ext=5",
  "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
])("%s is written as it was", (text) => {
  expect(serializeUri(parsed(text))).toBe(text);
});

test("no URI is ever written with an empty user", () => {
  expect(serializeUri({ ...SIP, user: "", password: "x" })).toBe("sip:h");
});

test.each([
  ["sip:h;transport=TCP;lr", "transport", "TCP"],
  ["sip:h;transport=TCP;lr", "lr", ""],
  ["sip:h;LR=on", "lr", "on"],
  ["sip:h;x=1;x=2", "x", "1"],
  ["sip:h", "lr", undefined],
  ["sip:h;lr", "gr", undefined],
  // RFC 4475 section 3.1.1.3.
  ["sip:h;%6C%72;n%61me=v%61lue%25%34%31", "lr", ""],
  ["sip:h;%6C%72;n%61me=v%61lue%25%34%31", "name", "v%61lue%25%34%31"],
  ["sip:h;a=%41", "b", undefined],
  ["sip:h;a%4=1", "a", undefined],
  ["tel:1;ext=5", "ext", "5"],
])("in %s, %s is %j", (text, name, value) => {
  expect(uriParam(parsed(text), name)).toBe(value);
});
