import { expect, test } from "vitest";
import { HEADER, headerId, headerName } from "../../src/sip/header-name.ts";

const KNOWN = Object.entries(HEADER).filter(([key]) => key !== "other");

test.each(KNOWN)("%s has a name that leads back to it, in every case", (key, id) => {
  const name = headerName(id);
  expect(name.replaceAll("-", "").toLowerCase()).toBe(key.toLowerCase());
  expect([headerId(name), headerId(name.toLowerCase()), headerId(name.toUpperCase())]).toEqual([
    id,
    id,
    id,
  ]);
});

// RFC 3261 section 7.3.3, RFC 6665, RFC 4028.
test.each([
  ["v", HEADER.via],
  ["f", HEADER.from],
  ["t", HEADER.to],
  ["i", HEADER.callId],
  ["m", HEADER.contact],
  ["l", HEADER.contentLength],
  ["c", HEADER.contentType],
  ["e", HEADER.contentEncoding],
  ["k", HEADER.supported],
  ["o", HEADER.event],
  ["u", HEADER.allowEvents],
  ["x", HEADER.sessionExpires],
])("the compact form %s is known, in both cases", (compact, id) => {
  expect([headerId(compact), headerId(compact.toUpperCase())]).toEqual([id, id]);
});

test.each([
  "",
  "constructor",
  "__proto__",
  "toString",
  "hasOwnProperty",
  "X-Via",
  "Via ",
  " Via",
  "C%6Fntact",
  "vi",
  "q",
])("%j is any other header", (name) => {
  expect(headerId(name)).toBe(HEADER.other);
});

test("headers without a number of their own have no name", () => {
  expect([headerName(HEADER.other), headerName(-1), headerName(1000)]).toEqual(["", "", ""]);
});
