import { describe, expect, test } from "vitest";
import type { RegisterPolicy } from "../../src/registrar/register-policy.ts";
import { ctidOf, type ForwardedRegister } from "../../src/registrar/rewrite-register.ts";
import type { Identity } from "../../src/registrar/upstream-identity.ts";
import { headerLine, headerLines, message } from "../support/messages.ts";
import { SequentialIds } from "../support/sequential-ids.ts";
import { POLICY } from "../support/world.ts";
import {
  AOR,
  AOR_URI,
  buildBinding,
  CONTACT,
  CTID,
  decideAs,
  type InputParts,
  type RegisterParts,
  SENT_BY,
  UPSTREAM_CONTACT,
} from "./fixtures.ts";

const IDS = new SequentialIds();

/** A binding whose upstream registration is about to end, so that every REGISTER is forwarded. */
const expiring = buildBinding({ upstream: { expiresAtMs: 0 } });

function forward(parts: InputParts = {}): ForwardedRegister {
  return decideAs("forward", parts).forward;
}

function identity(parts: Partial<Identity>): Identity {
  return { key: CTID, callId: "pending-call-id", cseq: 3, ...parts };
}

describe("the forwarded REGISTER, to the byte (spec section 1.5)", () => {
  test("a first registration", () => {
    const headers = [
      "Authorization: Digest username=alice",
      "User-Agent: Phone 1.0",
      "Supported: path, gruu",
      "X-Odd:  kept  as  it is ",
    ];
    const sent = forward({ register: { headers } });
    expect(sent).toMatchObject({
      identity: { key: CTID, callId: "upstream-0001-call-id", cseq: 1 },
      requestUri: "sip:sip.test",
      to: AOR_URI,
      from: "",
      userAgent: "Phone 1.0",
      affected: [],
    });
    expect(sent.text).toBe(
      message(
        "REGISTER sip:sip.test SIP/2.0",
        "Via: SIP/2.0/UDP 198.51.100.7:40000;branch=z9hG4bK-phone",
        "Max-Forwards: 69",
        "From: <sip:alice@sip.test>;tag=upstream-000",
        "To: <sip:alice@sip.test>",
        "Call-ID: upstream-0001-call-id",
        "CSeq: 1 REGISTER",
        `Contact: <sip:alice@192.0.2.1:5060;ctid=${CTID}>;expires=3600`,
        ...headers,
        "Content-Length: 0",
      ),
    );
  });

  test("a refresh goes on with the identity of its binding", () => {
    const sent = forward({ bindings: [expiring] });
    expect(sent.identity).toMatchObject({ callId: "upstream-call-id", cseq: 8 });
    expect(sent.affected).toEqual([CTID]);
    expect(headerLine(sent.text, "From")).toBe("<sip:alice@sip.test>;tag=upstream-cal");
    expect(headerLine(sent.text, "Call-ID")).toBe("upstream-call-id");
    expect(headerLine(sent.text, "CSeq")).toBe("8 REGISTER");
  });

  test("a fetch and a star have no contact of midreg's", () => {
    const fetch = forward({ register: { contacts: [] } });
    expect(headerLines(fetch.text, "Contact")).toEqual([]);
    const star = forward({ register: { contacts: ["*"], expires: "0" } });
    expect(headerLines(star.text, "Contact")).toEqual(["*"]);
    expect(star.identity.key).toBe(IDS.ctid(AOR, "*"));
  });
});

describe("the forwarded Contact", () => {
  test.each<[string, string, string]>([
    [
      "user as it was escaped, as the reference",
      "<sip:a%40b@h>",
      contactUpstream("a%40b@", "sip:a%40b@h"),
    ],
    ["user with ; and ? and /", "<sip:a;b?c/d@h>", contactUpstream("a;b?c/d@", "sip:a;b?c/d@h")],
    [
      "user beyond ASCII",
      "<sip:caf\xc3\xa9@h>",
      contactUpstream("caf\xc3\xa9@", "sip:caf\xc3\xa9@h"),
    ],
    ["no user; differs: never sip:@ (T16)", "<sip:h>", contactUpstream("", "sip:h")],
    ["sips, as the reference: sip", "<sips:alice@h>", contactUpstream("alice@", "sips:alice@h")],
    ["IPv6", "<sip:alice@[2001:db8::1]>", contactUpstream("alice@", "sip:alice@[2001:db8::1]")],
    [
      "display name, URI parameters, password and headers dropped, as the reference",
      '"A, B" <sip:alice:secret@h:99;transport=tcp;ob;pn-prid=x?a=b>',
      contactUpstream("alice@", "sip:alice:secret@h:99;transport=tcp;ob;pn-prid=x?a=b"),
    ],
    [
      "header parameters dropped, as the reference",
      '<sip:alice@h>;+sip.instance="<urn:x>";reg-id=1;received="x"',
      contactUpstream("alice@", "flow <urn:x> 1"),
    ],
    [
      "q and methods passed; differs (T22)",
      '<sip:alice@h>;q=0.50;methods="INVITE,BYE"',
      contactUpstream("alice@", "sip:alice@h", ';methods="INVITE,BYE";q=0.5;expires=3600'),
    ],
    [
      "a longer lifetime shortened, as the reference",
      "<sip:alice@h>;expires=3600",
      contactUpstream("alice@", "sip:alice@h"),
    ],
    [
      "a removal with 0, as the reference",
      "<sip:alice@h>;expires=0",
      contactUpstream("alice@", "sip:alice@h", ";expires=0"),
    ],
    [
      "a ctid that the phone made up dropped",
      `<sip:alice@h;ctid=${CTID}>`,
      contactUpstream("alice@", `sip:alice@h;ctid=${CTID}`),
    ],
  ])("%s", (_, contact, expected) => {
    const { text } = forward({ register: { contacts: [contact] } });
    expect(headerLines(text, "Contact")).toEqual([expected]);
  });

  test.each<[string, Partial<RegisterPolicy>, string]>([
    ["ct-username", { contactIdInsertion: "ct-username" }, `<sip:${CTID}@${SENT_BY}>;expires=3600`],
    [
      "ct-username and extra parameters",
      { contactIdInsertion: "ct-username", extraContactParams: ";transport=udp;site=b" },
      `<sip:${CTID}@${SENT_BY};transport=udp;site=b>;expires=3600`,
    ],
    [
      "ct-param of another name and extra parameters",
      { contactIdParam: "id", extraContactParams: ";site=b" },
      `<sip:alice@${SENT_BY};id=${CTID};site=b>;expires=3600`,
    ],
    [
      "another outgoing_expires",
      { outgoingExpiresSec: 7200 },
      `<${UPSTREAM_CONTACT}>;expires=7200`,
    ],
    ["no parameters passed", { upstreamContactParams: [] }, `<${UPSTREAM_CONTACT}>;expires=3600`],
    [
      "an instance passed in its place",
      { upstreamContactParams: ["+sip.instance", "expires"] },
      `<${UPSTREAM_CONTACT}>;+sip.instance="<urn:a,b>";expires=3600`,
    ],
  ])("with %s", (_, policy, expected) => {
    const contacts = [`<${CONTACT}>;+sip.instance="<urn:a,b>";expires=60`];
    const { text } = forward({ policy, register: { contacts } });
    expect(headerLines(text, "Contact")).toEqual([expected]);
  });

  test("names an IPv6 listener in brackets", () => {
    const { text } = forward({ sentBy: "[2001:db8::5]:5060" });
    expect(headerLine(text, "Contact")).toBe(
      `<sip:alice@[2001:db8::5]:5060;ctid=${CTID}>;expires=3600`,
    );
  });

  test("of several contacts is one line, in their order; differs: the reference keeps the lines", () => {
    const contacts = ["<sip:a@h>;expires=60, <sip:b@h>;expires=0", "<sip:c@h>"];
    const { text } = forward({ register: { contacts } });
    const [a, b, c] = ["sip:a@h", "sip:b@h", "sip:c@h"];
    expect(headerLines(text, "Contact")).toEqual([
      `${contactUpstream("a@", a ?? "")}, ${contactUpstream("b@", b ?? "", ";expires=0")}, ${contactUpstream("c@", c ?? "")}`,
    ]);
  });

  test("replaces a compact and folded header where it stood", () => {
    const headers = [`m: <${CONTACT}>\r\n ;expires=60`, "X: y"];
    const { text } = forward({ register: { contacts: [], headers } });
    expect(text).toContain(
      `CSeq: 1 REGISTER\r\nContact: <${UPSTREAM_CONTACT}>;expires=3600\r\nX: y`,
    );
    expect(text).not.toContain("\nm: ");
  });

  test("of a removal is the one the main registrar knows, whatever midreg's address is now", () => {
    const contacts = [`<${CONTACT}>;expires=0`];
    const { text } = forward({
      register: { contacts },
      bindings: [buildBinding()],
      sentBy: "192.0.2.2:5060",
    });
    expect(headerLine(text, "Contact")).toBe(`<${UPSTREAM_CONTACT}>;expires=0`);
  });

  test("of a refresh is midreg's present address", () => {
    const { text, contacts } = forward({ bindings: [expiring], sentBy: "192.0.2.2:5060" });
    const uri = `sip:alice@192.0.2.2:5060;ctid=${CTID}`;
    expect(headerLine(text, "Contact")).toBe(`<${uri}>;expires=3600`);
    expect(contacts).toMatchObject([{ upstreamContact: uri, ctid: CTID, lifetimeSec: 60 }]);
  });
});

describe("a ctid", () => {
  test("is that of the binding, whichever equal spelling comes", () => {
    const register = { contacts: ["<sip:%61lice@198.51.100.7:40000>"] };
    expect(
      forward({ register, bindings: [buildBinding({ ctid: "0123456789abcdef" })] }),
    ).toMatchObject({ contacts: [{ ctid: "0123456789abcdef" }] });
  });

  test("is not given twice when a binding has taken another spelling than it was made with", () => {
    // Made with ;x=1, and since refreshed as ;x=2: what comes as ;x=1 is another device.
    const contact = `${CONTACT};x=2`;
    const bindings = [buildBinding({ ctid: IDS.ctid(AOR, `${CONTACT};x=1`), contact })];
    const register = { contacts: [`<${CONTACT};x=1>`] };
    const [sent] = forward({ register, bindings }).contacts;
    expect(sent?.binding).toBeUndefined();
    expect(sent?.ctid).toMatch(/^[0-9a-f]{16}$/u);
    expect(sent?.ctid).not.toBe(bindings[0]?.ctid);
    expect(forward({ register, bindings }).contacts[0]?.ctid).toBe(sent?.ctid);
  });

  test("is found in a URI by the name of its parameter, in whatever case that was configured", () => {
    expect(ctidOf("sip:alice@192.0.2.1;ctid=0f", POLICY)).toBe("0f");
    expect(ctidOf("sip:alice@192.0.2.1;CTID=0f", POLICY)).toBe("0f");
    expect(ctidOf("sip:alice@192.0.2.1;CtId=0f", { ...POLICY, contactIdParam: "CtId" })).toBe("0f");
    expect(ctidOf("sip:alice@192.0.2.1;ct%69d=0f", POLICY)).toBe("0f");
  });

  test.each([
    ["another parameter", "sip:alice@192.0.2.1;ctidx=0f"],
    ["a user that looks like one", "sip:alice;ctid=0f@192.0.2.1"],
    ["a header that looks like one", "sip:alice@192.0.2.1?ctid=0f"],
    ["a malformed URI", "sip:@;ctid=0f"],
  ])("is not found in %s", (_, uri) => {
    expect(ctidOf(uri, POLICY)).toBeUndefined();
  });

  test("is the user with ct-username", () => {
    const policy: RegisterPolicy = { ...POLICY, contactIdInsertion: "ct-username" };
    expect(ctidOf("sip:0f@192.0.2.1;ctid=1e", policy)).toBe("0f");
    expect(ctidOf("sip:192.0.2.1;ctid=1e", policy)).toBeUndefined();
  });
});

describe("the lines around it", () => {
  test.each<[string, RegisterParts, string, string[]]>([
    ["Expires is replaced where the phone has it", { expires: "60" }, "Expires", ["3600"]],
    ["Expires is not added, as the reference", {}, "Expires", []],
    [
      "T21: Expires is 0 when every contact is removed",
      { expires: "60", contacts: [`<${CONTACT}>;expires=0`] },
      "Expires",
      ["0"],
    ],
    [
      "T21: Expires is that of the contact that stays",
      { expires: "0", contacts: [`<${CONTACT}>;expires=60`, "<sip:b@h>"] },
      "Expires",
      ["3600"],
    ],
    ["Max-Forwards counts down", { maxForwards: "1" }, "Max-Forwards", ["0"]],
    ["Max-Forwards of 255", { maxForwards: "255" }, "Max-Forwards", ["254"]],
    ["a missing Max-Forwards becomes 70", { maxForwards: "" }, "Max-Forwards", ["70"]],
    [
      "T19: Path is kept here and does not go upstream",
      { headers: ["Path: <sip:edge;lr>", "Path: <sip:x>"] },
      "Path",
      [],
    ],
    [
      "Record-Route is taken off (checklist row 11)",
      { headers: ["Record-Route: <sip:edge;lr>"] },
      "Record-Route",
      [],
    ],
    [
      "Route of midreg's own is taken off",
      { headers: [`Route: <sip:${SENT_BY};lr>, <sip:next;lr>`] },
      "Route",
      ["<sip:next;lr>"],
    ],
    [
      "Route of others stays (checklist row 30)",
      { headers: ["Route: <sip:next;lr>"] },
      "Route",
      ["<sip:next;lr>"],
    ],
    ["a Route that is none stays", { headers: ["Route: <nonsense"] }, "Route", ["<nonsense"]],
    [
      "From keeps its display name and parameters",
      { from: '"A \\"B\\" ;tag=x" <sip:alice@sip.test>;x=1;TAG=phone;y' },
      "From",
      ['"A \\"B\\" ;tag=x" <sip:alice@sip.test>;x=1;y;tag=upstream-000'],
    ],
    [
      "From without brackets gets them",
      { from: "sip:alice@sip.test;tag=phone" },
      "From",
      ["<sip:alice@sip.test>;tag=upstream-000"],
    ],
    [
      "From without a tag gets one",
      { from: "Alice <sip:alice@sip.test>" },
      "From",
      ["Alice <sip:alice@sip.test>;tag=upstream-000"],
    ],
    [
      "To stays as it is",
      { to: '"Alice" <sip:alice@sip.test;x=y>;z' },
      "To",
      ['"Alice" <sip:alice@sip.test;x=y>;z'],
    ],
    ["unknown headers stay", { headers: ["X-Odd: a,b;c"] }, "X-Odd", ["a,b;c"]],
    [
      "credentials stay, of a proxy too",
      { headers: ["Proxy-Authorization: Digest x=y"] },
      "Proxy-Authorization",
      ["Digest x=y"],
    ],
  ])("%s", (_, register, name, lines) => {
    expect(headerLines(forward({ register }).text, name)).toEqual(lines);
  });

  test.each([
    ["of a domain passes as it is", "sip:sip.test;x=y", "sip:sip.test;x=y"],
    ["of midreg gives way to the main registrar", `sip:${SENT_BY}`, "sip:192.0.2.50:5060"],
    ["of midreg with sips keeps its scheme", `sips:${SENT_BY};x=y`, "sips:192.0.2.50:5060"],
    ["of another scheme passes as it is", "tel:+4930123456", "tel:+4930123456"],
  ])("a Request-URI %s", (_, uri, requestUri) => {
    const sent = forward({ register: { uri } });
    expect(sent.requestUri).toBe(requestUri);
    expect(sent.text.startsWith(`REGISTER ${requestUri} SIP/2.0\r\n`)).toBe(true);
  });

  test("T26: a third-party registration keeps both From and To", () => {
    const from = "<sip:secretary@sip.test>;tag=phone";
    const sent = forward({ register: { from } });
    expect(sent).toMatchObject({ from: "sip:secretary@sip.test", to: AOR_URI });
    expect(headerLine(sent.text, "From")).toBe("<sip:secretary@sip.test>;tag=upstream-000");
  });

  test("a body goes along", () => {
    const text = message(
      "REGISTER sip:sip.test SIP/2.0",
      "Via: SIP/2.0/UDP h;branch=z9hG4bK-1",
      "From: <sip:alice@sip.test>;tag=1",
      "To: <sip:alice@sip.test>",
      "Call-ID: 1",
      "CSeq: 1 REGISTER",
      "Content-Length: 4",
    );
    expect(
      forward({ register: `${text}body` }).text.endsWith(
        "Content-Length: 4\r\nMax-Forwards: 70\r\n\r\nbody",
      ),
    ).toBe(true);
  });
});

describe("the identity toward the main registrar (T5)", () => {
  const second = buildBinding({
    ctid: "b",
    contact: "sip:b@h",
    upstream: { callId: "x", cseq: 90 },
  });
  test.each<[string, InputParts, Partial<Identity>]>([
    ["is fresh for what is not registered", {}, { callId: "upstream-0001-call-id", cseq: 1 }],
    ["goes on from the binding", { bindings: [expiring] }, { callId: "upstream-call-id", cseq: 8 }],
    [
      "goes on from a challenge",
      { identities: [identity({})] },
      { callId: "pending-call-id", cseq: 3 },
    ],
    [
      "goes on from a challenge of a bound contact",
      { bindings: [expiring], identities: [identity({ callId: "upstream-call-id", cseq: 9 })] },
      { callId: "upstream-call-id", cseq: 9 },
    ],
    [
      "starts afresh after a refusal, whatever the binding says",
      { bindings: [expiring], identities: [identity({ callId: "fresh", cseq: 1 })] },
      { callId: "fresh", cseq: 1 },
    ],
    [
      "does not mind other bindings",
      { bindings: [second, expiring], identities: [identity({ key: "b", callId: "y", cseq: 95 })] },
      { callId: "upstream-call-id", cseq: 8 },
    ],
    [
      "of several contacts is that of the first",
      { bindings: [expiring, second], register: { contacts: ["<sip:b@h>", `<${CONTACT}>`] } },
      { key: "b", callId: "x", cseq: 91 },
    ],
    [
      "of a fetch is that of the first binding",
      { bindings: [expiring, second], register: { contacts: [], callId: "x" } },
      { key: CTID, callId: "upstream-call-id", cseq: 8 },
    ],
    [
      "of a star is that of the first binding",
      { bindings: [expiring, second], register: { contacts: ["*"], expires: "0" } },
      { key: CTID, callId: "upstream-call-id", cseq: 8 },
    ],
    [
      "of a star for an unknown address-of-record is its own",
      { register: { contacts: ["*"], expires: "0" } },
      { key: IDS.ctid(AOR, "*"), callId: "upstream-0001-call-id", cseq: 1 },
    ],
  ])("%s", (_, parts, expected) => {
    expect(forward(parts).identity).toMatchObject(expected);
  });
});

/** A contact of midreg's, for a contact of a phone. */
function contactUpstream(user: string, uri: string, more = ";expires=3600"): string {
  return `<sip:${user}${SENT_BY};ctid=${IDS.ctid(AOR, uri)}>${more}`;
}
