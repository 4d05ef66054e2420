import { expect, test } from "vitest";
import { parseMessage } from "../../src/sip/parse-message.ts";
import { responsePort, stampVia } from "../../src/sip/stamp-via.ts";
import { parseVia, type Via } from "../../src/sip/via.ts";
import { REGISTER } from "./requests.ts";

function via(value: string): Via {
  const parsed = parseVia(value);
  if (parsed === undefined) throw new Error(`Not a Via: ${value}`);
  return parsed;
}

const V = "SIP/2.0/UDP";

// The source is 192.0.2.1, port 9988, throughout.
test.each([
  [
    "the example of RFC 3581",
    `${V} 10.1.1.1:4540;rport;branch=b`,
    `${V} 10.1.1.1:4540;rport=9988;branch=b;received=192.0.2.1`,
  ],
  [
    "a flag at the end",
    `${V} 10.1.1.1;branch=b;rport`,
    `${V} 10.1.1.1;branch=b;rport=9988;received=192.0.2.1`,
  ],
  [
    "rport from the address itself",
    `${V} 192.0.2.1;rport;branch=b`,
    `${V} 192.0.2.1;rport=9988;branch=b;received=192.0.2.1`,
  ],
  [
    "another case and white space",
    `${V} h ; RPort ; branch=b`,
    `${V} h ; RPort=9988; branch=b;received=192.0.2.1`,
  ],
  ["no rport from another address", `${V} h;branch=b`, `${V} h;branch=b;received=192.0.2.1`],
  ["no parameters at all", `${V} h`, `${V} h;received=192.0.2.1`],
  [
    "an rport the client made up",
    `${V} h;rport=1;branch=b`,
    `${V} h;rport=9988;branch=b;received=192.0.2.1`,
  ],
  [
    "a received the client made up",
    `${V} h;received=203.0.113.9;branch=b`,
    `${V} h;branch=b;received=192.0.2.1`,
  ],
  [
    "a received the client made up, from the address itself",
    `${V} 192.0.2.1;received=203.0.113.9`,
    `${V} 192.0.2.1;received=192.0.2.1`,
  ],
  [
    "both made up",
    `${V} h;rport=1;branch=b;received=203.0.113.9`,
    `${V} h;branch=b;rport=9988;received=192.0.2.1`,
  ],
  ["rport twice", `${V} h;rport;branch=b;rport=7`, `${V} h;branch=b;rport=9988;received=192.0.2.1`],
  [
    "rport inside quotes",
    `${V} h;x=";rport";rport`,
    `${V} h;x=";rport";rport=9988;received=192.0.2.1`,
  ],
  ["something like rport", `${V} h;rports;branch=b`, `${V} h;rports;branch=b;received=192.0.2.1`],
  [
    "further values on the line",
    `${V} h;rport, ${V} i;rport`,
    `${V} h;rport=9988;received=192.0.2.1, ${V} i;rport`,
  ],
  ["further values without rport", `${V} h , ${V} i`, `${V} h;received=192.0.2.1, ${V} i`],
])("%s: %s", (_, value, stamped) => {
  expect(stampVia(via(value), "192.0.2.1", 9988)).toBe(stamped);
});

test.each([
  [`${V} 192.0.2.1;branch=b`, "192.0.2.1"],
  [`${V} [2001:DB8::1]:5060`, "2001:db8:0::1"],
])("%s from %s needs no change", (value, address) => {
  expect(stampVia(via(value), address, 9988)).toBeUndefined();
});

test("an IPv6 address goes into received without brackets (RFC 5118 section 4.5)", () => {
  expect(stampVia(via(`${V} h;rport`), "2001:db8::1", 9988)).toBe(
    `${V} h;rport=9988;received=2001:db8::1`,
  );
});

test.each([
  [`${V} h;rport;branch=b`, 9988],
  [`${V} h:4540;rport`, 9988],
  [`${V} h:4540`, 4540],
  [`${V} h;maddr=203.0.113.9`, 5060],
])("a response to %s goes to port %i", (value, port) => {
  expect(responsePort(via(value), 9988)).toBe(port);
});

test("a request is stamped on its way through the parser", () => {
  const stamped = `${V} 10.1.2.3:5060;rport=9988;branch=z9hG4bKa;received=192.0.2.1`;
  expect(parseMessage(REGISTER, "192.0.2.1", 9988)).toMatchObject({ stampedVia: stamped });
});

test("a request whose Via says the truth is left as it is", () => {
  const request = parseMessage(REGISTER.replace(";rport", ""), "10.1.2.3", 5060);
  expect(request).toMatchObject({ kind: "request", stampedVia: undefined });
});
