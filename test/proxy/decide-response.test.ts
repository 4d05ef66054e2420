import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decideResponse } from "../../src/proxy/decide-response.ts";
import { headerLines, message, responseOf } from "../support/messages.ts";

const OWN = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-own";
const NEXT = "SIP/2.0/UDP 192.0.2.50:5060;branch=z9hG4bK-1;received=192.0.2.50";

function response(
  status: string,
  vias: readonly string[],
  headers: readonly string[] = [],
): string {
  return message(
    `SIP/2.0 ${status}`,
    ...vias.map((via) => `Via: ${via}`),
    "From: <sip:bob@sip.test>;tag=bob",
    "To: <sip:alice@sip.test>;tag=alice",
    "Call-ID: call-1",
    "CSeq: 1 INVITE",
    ...headers,
    "Content-Length: 4",
  ).concat("body");
}

describe("a response on its way back (checklist row 21)", () => {
  test.each(["180 Ringing", "183 Session Progress", "200 OK", "302 Moved", "486 Busy", "600 Busy"])(
    "%s passes without midreg's Via and otherwise as it came",
    (status) => {
      const headers = ["Record-Route: <sip:x;lr>;foo=bar", "X-Odd:  kept "];
      const text = response(status, [OWN, NEXT], headers);
      expect(decideResponse(responseOf(text), "to-device")).toEqual({
        kind: "pass",
        status: Number(status.slice(0, 3)),
        text: response(status, [NEXT], headers),
      });
    },
  );

  test("takes the first of several Via values in a line", () => {
    const relayed = decideResponse(
      responseOf(response("200 OK", [`${OWN} , ${NEXT}, ${NEXT}`])),
      "to-device",
    );
    expect(relayed).toMatchObject({ text: response("200 OK", [`${NEXT}, ${NEXT}`]) });
  });

  test("a 100 is hop by hop and stops", () => {
    const text = response("100 Trying", [OWN, NEXT]);
    expect(decideResponse(responseOf(text), "to-device")).toEqual({ kind: "stop" });
  });

  test.each([
    ["without a further Via", [OWN]],
    ["whose Via has a comma in quotes only", [`${OWN};x="a,b"`]],
  ])("that was for midreg itself stops: one %s", (_, vias) => {
    const text = response("200 OK", vias);
    expect(decideResponse(responseOf(text), "to-device")).toEqual({ kind: "stop" });
  });

  test("a device's 503 becomes a 500 (RFC 3261 section 16.7 step 6)", () => {
    const text = response("503 Service Unavailable", [OWN, NEXT], ["Retry-After: 9"]);
    const relayed = decideResponse(responseOf(text), "to-device");
    expect(relayed).toEqual({
      kind: "pass",
      status: 500,
      text: response("500 Server Internal Error", [NEXT], ["Retry-After: 9"]),
    });
  });

  test.each(["408 Request Timeout", "430 Flow Failed"])(
    "a device's %s becomes a 480: its flow is nothing for callers (RFC 5626 section 5.3.2)",
    (status) => {
      const relayed = decideResponse(responseOf(response(status, [OWN, NEXT])), "to-device");
      expect(relayed).toEqual({
        kind: "pass",
        status: 480,
        text: response("480 Temporarily Unavailable", [NEXT]),
      });
    },
  );

  test("the main registrar's 503 stays one", () => {
    const text = response("503 Service Unavailable", [OWN, NEXT]);
    expect(decideResponse(responseOf(text), "to-upstream")).toMatchObject({ status: 503 });
  });

  test("loses one Via and no other, and stops when it had no more", () => {
    const via = fc.constantFrom(OWN, NEXT, `${NEXT}, ${NEXT}`, `${OWN},${NEXT}`);
    fc.assert(
      fc.property(fc.array(via, { minLength: 1, maxLength: 4 }), (vias) => {
        const text = response("200 OK", vias);
        const relayed = decideResponse(responseOf(text), "to-upstream");
        const left = relayed.kind === "pass" ? countVias(relayed.text) : 0;
        expect(left).toBe(countVias(text) - 1);
      }),
    );
  });
});

function countVias(text: string): number {
  return headerLines(text, "Via").join(", ").split(",").length;
}
