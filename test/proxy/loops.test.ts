import { describe, expect, test } from "vitest";
import { decideRequest } from "../../src/proxy/decide-request.ts";
import type { ProxyDecision } from "../../src/proxy/proxy-input.ts";
import { requestOf } from "../support/messages.ts";
import { buildInput, decide, type InputParts, requestText } from "./fixtures.ts";

const OTHER = "SIP/2.0/UDP 203.0.113.1;branch=z9hG4bK-x";

/** What becomes of a request that has midreg's Via from before below the Via of another. */
function again(before: InputParts, now: InputParts): ProxyDecision {
  const first = decideRequest(buildInput(before));
  if (first.kind !== "relay") throw new Error("not relayed");
  const own = `SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1234.${first.mark};rport`;
  const text = requestText(now).replace("Via: ", `Via: ${OTHER}, ${own}\r\nVia: `);
  return decideRequest({ ...buildInput(now), request: requestOf(text) });
}

describe("a request that has passed midreg before (row 19, RFC 5393 section 4.2)", () => {
  test("and asks for the same is a loop", () => {
    expect(again({}, {})).toMatchObject({ reason: "loop", status: 482 });
    const device = { sender: "device", uri: "sip:bob@sip.test" } as const;
    expect(again(device, device)).toMatchObject({ status: 482 });
  });

  test("and has only other Vias, Max-Forwards and Record-Routes now is a loop still", () => {
    const now = { maxForwards: "60", headers: ["Record-Route: <sip:x;lr>"] };
    expect(again({}, now)).toMatchObject({ status: 482 });
  });

  test.each<[string, InputParts]>([
    ["another Request-URI", { uri: "sip:alice@192.0.2.1:5060;ctid=f1d94a17a1c56583;x" }],
    ["another sender", { sender: "device" }],
    ["a Route", { routes: ["<sip:192.0.2.50:5060;lr>"] }],
    ["another From tag", { from: "<sip:bob@sip.test>;tag=other" }],
    ["another call", { callId: "call-2" }],
    ["credentials", { headers: ["Proxy-Authorization: Digest x"] }],
  ])("and has %s now is a spiral, and goes on", (_, now) => {
    expect(again({}, now)).toMatchObject({ kind: "relay" });
  });

  test("has the same mark whatever its method, since ACK and CANCEL share the INVITE's branch", () => {
    const marks = (["INVITE", "ACK"] as const).map((method) => {
      const decision = decide({ method });
      return decision.kind === "relay" ? decision.mark : "";
    });
    expect(marks[0]).toBe(marks[1]);
    expect(marks[0]).toMatch(/^[\w-]{14}$/u);
  });
});

describe("Max-Breadth (RFC 5393 section 5.3.3)", () => {
  test.each([
    [[], 60],
    [["Max-Breadth: 7"], 7],
    [["Max-Breadth: 1000"], 60],
    [["Max-Breadth: many"], 60],
  ])("of %j is %i", (headers, breadth) => {
    const decision = decide({ headers });
    expect(decision).toMatchObject({ breadth });
    expect(decision.text).not.toContain("Max-Breadth");
  });

  test("of 0 is 440", () => {
    expect(decide({ headers: ["Max-Breadth: 0"] })).toMatchObject({ status: 440 });
  });
});
