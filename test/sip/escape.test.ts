import { expect, test } from "vitest";
import { escapeParam, escapeUser, normalizeEscapes, unescapeUri } from "../../src/sip/escape.ts";

test.each([
  ["alice", "alice"],
  ["%61lice", "alice"],
  ["null-%00-null", "null-\0-null"],
  ["sips%3Auser%40example.com", "sips:user@example.com"],
  ["%C3%A9%c3%a9", "\u00c3\u00a9\u00c3\u00a9"],
  // Once, and no more.
  ["%2541", "%41"],
  ["%25%34%31", "%41"],
  // What is no escape stays.
  ["%", "%"],
  ["%4", "%4"],
  ["%zz%41", "%zzA"],
])("%s without escapes is %j", (text, expected) => {
  expect(unescapeUri(text)).toBe(expected);
});

test.each([
  ["alice", "alice"],
  ["%61l%69ce", "alice"],
  ["%c3%a9", "\u00c3\u00a9"],
  // Reserved characters are not the same as their escapes (RFC 3261 section 19.1.4).
  ["a%40b%3a%3B%2f%3F%3d%2B%24%2c%26", "a%40b%3A%3B%2F%3F%3D%2B%24%2C%26"],
  ["%2541", "%2541"],
])("%s for comparing is %s", (text, expected) => {
  expect(normalizeEscapes(text)).toBe(expected);
});

test.each([
  ["alice", "alice"],
  ["a b@c", "a%20b%40c"],
  ["+1;x=y?/,&$", "+1;x=y?/,&$"],
  ["50%", "50%25"],
  ["[x]:#\\", "%5Bx%5D%3A%23%5C"],
  ["\0\u00e9\r\n", "%00%E9%0D%0A"],
])("%j as a user is %s and comes back", (text, expected) => {
  expect(escapeUser(text)).toBe(expected);
  expect(unescapeUri(escapeUser(text))).toBe(text);
});

test.each([
  ["https://push.example/x?y=1&z", "https://push.example/x%3Fy%3D1&z"],
  ["a;b=c,d@e", "a%3Bb%3Dc%2Cd%40e"],
  ["[::1]:+$", "[::1]:+$"],
])("%j as a parameter is %s and comes back", (text, expected) => {
  expect(escapeParam(text)).toBe(expected);
  expect(unescapeUri(escapeParam(text))).toBe(text);
});
