/**
 * The registration and the call of RFC 3261 section 24.
 */
import { expect, test } from "vitest";
import { buildResponse } from "../../src/sip/build-response.ts";
import { contactsOf } from "../../src/sip/contact.ts";
import { HEADER } from "../../src/sip/header-name.ts";
import { secondsHeader } from "../../src/sip/header-values.ts";
import { bodyOf, headerValues } from "../../src/sip/message.ts";
import { parseMessage } from "../../src/sip/parse-message.ts";
import { accept, messageNames, passOn, readMessage } from "./corpus.ts";

const BOB_TAG = "a6c85cf";

/** Method or status, number of Via lines, To tag, length of the body, for each message of the call. */
const MESSAGES = [
  ["registration-f01", "REGISTER", 1, "", 0],
  ["registration-f02", 200, 1, "2493k59kd", 0],
  ["session-f01", "INVITE", 1, "", 142],
  ["session-f02", 100, 1, "", 0],
  ["session-f03", "INVITE", 2, "", 142],
  ["session-f04", 100, 2, "", 0],
  ["session-f05", "INVITE", 3, "", 142],
  ["session-f06", 180, 3, BOB_TAG, 0],
  ["session-f07", 180, 2, BOB_TAG, 0],
  ["session-f08", 180, 1, BOB_TAG, 0],
  ["session-f09", 200, 3, BOB_TAG, 131],
  ["session-f10", 200, 2, BOB_TAG, 131],
  ["session-f11", 200, 1, BOB_TAG, 131],
  ["session-f12", "ACK", 1, BOB_TAG, 0],
  ["session-f13", "BYE", 1, "1928301774", 0],
  ["session-f14", 200, 1, "1928301774", 0],
] as const;

test("every message of the section is looked at", () => {
  expect(MESSAGES.map(([name]) => name)).toEqual(messageNames("rfc3261"));
});

test.each(MESSAGES)("%s is read as it is meant: %s, %i Via", (name, ...expected) => {
  const message = accept(readMessage("rfc3261", name));
  expect([
    message.kind === "request" ? message.method : message.status,
    headerValues(message, HEADER.via).length,
    message.toTag,
    bodyOf(message).length,
  ]).toEqual(expected);
});

test.each(MESSAGES)("%s is passed on byte for byte", (name) => {
  const text = readMessage("rfc3261", name);
  expect(passOn(accept(text))).toBe(text);
});

test("the registration has Bob's contact and its lifetime", () => {
  const message = accept(readMessage("rfc3261", "registration-f01"));
  expect(contactsOf(message)).toEqual([
    { display: "", uri: "sip:bob@192.0.2.4", params: "", expires: undefined, q: undefined },
  ]);
  expect(secondsHeader(message, HEADER.expires)).toBe(7200);
});

test("F1 from where F2 says it came is answered with F2, its fold apart", () => {
  const request = parseMessage(readMessage("rfc3261", "registration-f01"), "192.0.2.4", 5060);
  if (request.kind !== "request") throw new Error("Not a request");
  const answer = buildResponse(request, 200, "OK", {
    toTag: "2493k59kd",
    headers: "Contact: <sip:bob@192.0.2.4>\r\nExpires: 7200\r\n",
  });
  expect(answer).toBe(
    readMessage("rfc3261", "registration-f02").replace("\r\n ;received", ";received"),
  );
});
