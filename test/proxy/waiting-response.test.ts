import { describe, expect, test } from "vitest";
import { waitingHeaders } from "../../src/proxy/waiting-response.ts";
import { SENT_BY } from "../registrar/fixtures.ts";
import { buildInput, type InputParts } from "./fixtures.ts";

const headersFor = (parts: InputParts): string | undefined => waitingHeaders(buildInput(parts));

describe("a provisional response of midreg's own", () => {
  test("has every Record-Route, line by line, and midreg as contact (RFC 3261 section 12.1.1)", () => {
    const headers = ["Record-Route: <sip:a;lr;x=%20>;p=1 , <sip:b;lr>", "RECORD-ROUTE: <sip:c;lr>"];
    expect(headersFor({ headers })).toBe(
      "Record-Route: <sip:a;lr;x=%20>;p=1 , <sip:b;lr>\r\nRecord-Route: <sip:c;lr>\r\n" +
        `Contact: <sip:${SENT_BY}>\r\n`,
    );
  });

  test.each([
    ["udp", "", `<sip:${SENT_BY}>`],
    ["tcp", "", `<sip:${SENT_BY};transport=tcp>`],
    ["tls", "", `<sip:${SENT_BY};transport=tls>`],
    ["tls", "Record-Route: <sips:a;lr>", `<sips:${SENT_BY}>`],
    ["tls", "Record-Route: <sip:a;lr>, <sips:b;lr>", `<sip:${SENT_BY};transport=tls>`],
    ["wss", "Record-Route: <sips:a;lr>", `<sips:${SENT_BY};transport=ws>`],
    // There is no sips without TLS.
    ["udp", "Record-Route: <sips:a;lr>", `<sip:${SENT_BY}>`],
  ] as const)("over %s with %j has the contact %s", (protocol, header, contact) => {
    const sides = [{ sentBy: SENT_BY, protocol }];
    const source = `${protocol}:${SENT_BY}<192.0.2.50:5060`;
    const headers = header === "" ? [] : [header];
    const text = headersFor({ headers, sides, source }) ?? "";
    expect(text.split("\r\n").at(-2)).toBe(`Contact: ${contact}`);
  });

  test.each([
    ["Require: 100rel", false],
    ["Require: timer, 100REL", false],
    ["Require: timer", true],
    ["Supported: 100rel", true],
  ])("to an INVITE with %j: %s", (header, isThere) => {
    expect(headersFor({ headers: [header] }) !== undefined).toBe(isThere);
  });
});
