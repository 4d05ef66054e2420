import { describe, expect, test } from "vitest";
import { decideResponse } from "../../src/proxy/decide-response.ts";
import { buildBinding, SOURCE } from "../registrar/fixtures.ts";
import { headerLines, message, responseOf } from "../support/messages.ts";
import { decide, type InputParts, ownRoute, relayedText } from "./fixtures.ts";

const PUSH = ";pn-provider=apns;pn-prid=SECRET;pn-param=T.b";

/** Contact as written, and as it leaves. */
const CONTACTS = [
  ["nothing to hide", "<sip:a@h;x=1>;q=0.5", "<sip:a@h;x=1>;q=0.5"],
  ["the reference for dialogs stays", "<sip:a@h;pn-purr=P;pn-prid=S>", "<sip:a@h;pn-purr=P>"],
  ["RFC 8599", `"A" <sip:a@h;x=1${PUSH};ob>;+sip.ice`, '"A" <sip:a@h;x=1;ob>;+sip.ice'],
  ["Linphone's old ones", "<sip:a@h;app-id=1;pn-type=f;pn-tok=SECRET>", "<sip:a@h>"],
  ["other cases", "<sip:a@h;PN-Prid=SECRET;APP-ID=x>", "<sip:a@h>"],
  ["escaped names", "<sip:a@h;%70n-prid=SECRET;y>", "<sip:a@h;y>"],
  ["header parameters", "<sip:a@h>;pn-prid=SECRET;q=1", "<sip:a@h>;q=1"],
  ["no brackets", "sip:a@h;pn-prid=SECRET;q=1", "<sip:a@h>;q=1"],
  ["several", "<sip:a@h;pn-prid=SECRET>, <sip:b@h>", "<sip:a@h>, <sip:b@h>"],
  ["a user that looks like it", "<sip:a;pn-prid=x@h>", "<sip:a;pn-prid=x@h>"],
  ["a name that looks like it", '";pn-prid=x" <sip:a@h>', '";pn-prid=x" <sip:a@h>'],
] as const;

describe("the Contact of a device loses its push parameters", () => {
  test.each(CONTACTS)("in its requests: %s", (_, contact, sent) => {
    const parts = { sender: "device", uri: "sip:bob@sip.test" } as const;
    const text = relayedText(decide({ ...parts, headers: [`m: ${contact}`, "X-Kept:  y"] }));
    expect(headerLines(text, "m")).toEqual([sent]);
    expect(text).toContain("X-Kept:  y\r\n");
  });

  test.each(CONTACTS)("in its responses: %s", (_, contact, sent) => {
    const text = message(
      "SIP/2.0 200 OK",
      "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-own",
      "Via: SIP/2.0/UDP 192.0.2.50;branch=z9hG4bK-1",
      "From: <sip:bob@sip.test>;tag=bob",
      "To: <sip:alice@sip.test>;tag=alice",
      "Call-ID: call-1",
      "CSeq: 1 INVITE",
      `Contact: ${contact}`,
    );
    const passed = decideResponse(responseOf(text), "to-device");
    expect(headerLines(passed.kind === "pass" ? passed.text : "", "Contact")).toEqual([sent]);
    const other = decideResponse(responseOf(text), "to-upstream");
    expect(headerLines(other.kind === "pass" ? other.text : "", "Contact")).toEqual([contact]);
  });

  test("in a request inside a dialog, from wherever it comes", () => {
    const parts: InputParts = {
      sender: "stranger",
      method: "UPDATE",
      uri: "sip:bob@192.0.2.50",
      routes: [ownRoute()],
      from: "<sip:alice@sip.test>;tag=alice",
      to: "<sip:bob@sip.test>;tag=bob",
      headers: ["Contact: <sip:a@h;pn-prid=SECRET>"],
    };
    expect(headerLines(relayedText(decide(parts)), "Contact")).toEqual(["<sip:a@h>"]);
  });

  test("and the whole line when it cannot be read", () => {
    const headers = ["Contact: <sip:a@h;pn-prid=SECRET"];
    const text = relayedText(decide({ sender: "device", uri: "sip:bob@sip.test", headers }));
    expect(text).not.toContain("SECRET");
  });

  test("but what the other side says is left alone", () => {
    const headers = ["Contact: <sip:b@other.test;pn-prid=theirs>"];
    expect(relayedText(decide({ headers }))).toContain("pn-prid=theirs");
  });
});

describe("a request to the contact that the other side was told", () => {
  const contact = `sip:alice@198.51.100.7:40000;x=1${PUSH}`;
  const bindings = [buildBinding({ contact })];
  const DIALOG = { to: "<sip:alice@sip.test>;tag=alice", routes: [ownRoute()], method: "BYE" };

  test("reaches the device under the contact that it has registered", () => {
    const uri = "sip:alice@198.51.100.7:40000;x=1";
    const text = relayedText(decide({ ...DIALOG, uri, bindings }));
    expect(text.split("\r\n")[0]).toBe(`BYE ${contact} SIP/2.0`);
  });

  test("also when the device has placed the call", () => {
    const uri = "sip:alice@198.51.100.7:40000;x=1";
    const from = "<sip:bob@sip.test>;tag=bob";
    const to = "<sip:alice@sip.test>;tag=alice";
    const routes = [ownRoute({ role: "caller", tag: "alice" })];
    const decision = decide({ method: "BYE", uri, from, to, routes, bindings });
    expect(decision).toMatchObject({ nextHop: { kind: "flow", flow: SOURCE } });
    expect(relayedText(decision).split("\r\n")[0]).toBe(`BYE ${contact} SIP/2.0`);
  });

  test.each(["sip:alice@198.51.100.7:40001;x=1", "sip:other@198.51.100.7:40000;x=1"])(
    "and one to any other is left alone: %s",
    (uri) => {
      const text = relayedText(decide({ ...DIALOG, uri, bindings }));
      expect(text.split("\r\n")[0]).toBe(`BYE ${uri} SIP/2.0`);
    },
  );
});
