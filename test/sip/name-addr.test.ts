import { expect, test } from "vitest";
import { parseNameAddr } from "../../src/sip/name-addr.ts";

test.each([
  ["sip:a@b", "", "sip:a@b", ""],
  ["sip:a@b;tag=1", "", "sip:a@b", ";tag=1"],
  ["sip:a@b ; tag = 1", "", "sip:a@b", "; tag = 1"],
  ["<sip:a@b>", "", "sip:a@b", ""],
  ["<sip:a@b;lr?x=y>;tag=1", "", "sip:a@b;lr?x=y", ";tag=1"],
  ["<sip:a@b> ;tag=1", "", "sip:a@b", ";tag=1"],
  ["<sip:a,b@c>", "", "sip:a,b@c", ""],
  ["Bob <sip:a@b>", "Bob", "sip:a@b", ""],
  ["caller<sip:a@b>", "caller", "sip:a@b", ""],
  ["T. O'Neil-Smith  <sip:a@b>", "T. O'Neil-Smith", "sip:a@b", ""],
  ["A/B & C #1 <sip:a@b>", "A/B & C #1", "sip:a@b", ""],
  ["Voil\u00c3\u00a0 <sip:a@b>", "Voil\u00c3\u00a0", "sip:a@b", ""],
  ['"Bell, A. <x>" <sip:a@b>;tag=1', '"Bell, A. <x>"', "sip:a@b", ";tag=1"],
  ['"a\\"b\\\\"<sip:a@b>', '"a\\"b\\\\"', "sip:a@b", ""],
  ['""\t<sip:a@b>', '""', "sip:a@b", ""],
  ['"\\\0" <sip:a@b>', '"\\\0"', "sip:a@b", ""],
  ['<sip:a@b>;+sip.instance="<urn:uuid:1>"', "", "sip:a@b", ';+sip.instance="<urn:uuid:1>"'],
  ["<tel:+1;ext=2>;x", "", "tel:+1;ext=2", ";x"],
  ["isbn:2983792873", "", "isbn:2983792873", ""],
  ["<sip:[2001:db8::1]>", "", "sip:[2001:db8::1]", ""],
])("%j is taken apart", (value, display, uri, params) => {
  expect(parseNameAddr(value)).toEqual({ display, uri, params });
});

test.each([
  ["nothing", ""],
  ["an asterisk", "*"],
  ["no scheme", "alice"],
  ["a domain alone", "alan@jasomi.com"],
  ["a URI that is malformed", "<sip:a@b:70000>"],
  ["a zone identifier", "<sip:a@[fe80::1%eth0]>"],
  ["empty brackets", "<>"],
  ["spaces inside the brackets", "< sip:a@b >"],
  ["an open bracket", "<sip:a@b"],
  ["two brackets", "<<sip:a@b>"],
  ["an open quote", '"Bob <sip:a@b>'],
  ["text between quote and bracket", '"Bob" x <sip:a@b>'],
  ["a quoted name and no URI", '"Bob"'],
  ["a comma in a bare name", "Bell, A <sip:a@b>"],
  ["a quote in a bare name", 'B"ob <sip:a@b>'],
  ["an at sign in a bare name", "a@b <sip:a@b>"],
  ["a control character in a bare name", "B\u0007ob <sip:a@b>"],
  ["text behind the bracket", "<sip:a@b>x"],
  ["an empty parameter", "<sip:a@b>;;tag=1"],
  ["a semicolon at the end", "<sip:a@b>;"],
  ["a second address", "<sip:a@b>;tag=1,<sip:c@d>"],
  ["a second address behind a space", "<sip:a@b>;tag=1, <sip:c@d>"],
  ["headers without brackets", "sip:a@b?x=y"],
  ["a comma without brackets", "sip:a,b@c"],
  ["brackets in a parameter", "sip:a@b;x=<y>"],
  ["a space in the URI", "sip:a b@c"],
  ["a NUL in the URI", "<sip:a\0@b>"],
  ["a line break in the URI", "<sip:a@b\r\n>"],
])("%s is malformed", (_, value) => {
  expect(parseNameAddr(value)).toBeUndefined();
});
