import { beforeEach, describe, expect, test } from "vitest";
import { contactsOf } from "../../src/sip/contact.ts";
import { paramValue, unquote } from "../../src/sip/params.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { BOB, buildInvite, inDialog, PHONE_PLACE } from "../support/call-messages.ts";
import { answerTo, headerLine, headerLines, message, responseOf } from "../support/messages.ts";
import type { Phone, RegisterOptions } from "../support/phone.ts";
import { SERVER_PLACE, World } from "../support/world.ts";

const INSTANCE = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
const PUBLIC = `sip:alice@sip.test;gr=${INSTANCE}`;
const AOR = "alice@sip.test";

let world: World;
let phone: Phone;

beforeEach(async () => {
  world = await World.start();
  phone = world.phone("alice", PHONE_PLACE);
});

/** Registers as a phone that wants GRUUs. */
function register(device = phone, options: RegisterOptions = {}): void {
  device.register({
    contact: `<sip:alice@${device.place}>;+sip.instance="<${INSTANCE}>"`,
    headers: ["Supported: path, gruu"],
    ...options,
  });
  world.pass(1);
}

/** pub-gruu and temp-gruu of each contact in an answer. */
function gruusIn(text: string): { readonly open: string; readonly hidden: string }[] {
  const contacts = contactsOf(responseOf(text));
  if (contacts === undefined || contacts === "*") throw new Error("No contacts");
  return contacts.map(({ params }) => ({
    open: unquote(paramValue(params, "pub-gruu") ?? ""),
    hidden: unquote(paramValue(params, "temp-gruu") ?? ""),
  }));
}

function hiddenIn(text: string): string {
  return gruusIn(text)[0]?.hidden ?? "";
}

let calls = 0;

/** Calls a URI from the main registrar: the status it hears, 100 when the call reached a device. */
function call(uri: string, at = world): number | undefined {
  calls += 1;
  const text = buildInvite({ uri, branch: `z9hG4bK-call-${calls}` });
  at.main.send(text.replace("Call-ID: call-1", `Call-ID: gruu-${calls}`), SERVER_PLACE);
  at.pass(0.1);
  return at.main.statuses.at(-1);
}

/** What a device registers one of its flows with (RFC 5626). */
function flow(device: Phone, id: number): RegisterOptions {
  return {
    contact: `<sip:alice@${device.place}>;+sip.instance="<${INSTANCE}>";reg-id=${id}`,
  };
}

/** A call to the phone, which answers with a GRUU as its Contact. */
function establish(target: string): string {
  phone.onRequest = (text) => {
    if (!text.startsWith("INVITE")) return;
    phone.send(answerTo(text, 200, "OK", { headers: [`Contact: <${target}>`] }));
  };
  world.main.send(buildInvite({ uri: PUBLIC }), SERVER_PLACE);
  world.pass(0.1);
  return headerLines(world.main.responses.at(-1) ?? "", "Record-Route")[0] ?? "";
}

function send(method: string, uri: string, route: string, branch = `z9hG4bK-${method}`): void {
  const parts = { from: BOB, to: "<sip:alice@sip.test>;tag=uas", via: world.main.place };
  world.main.send(inDialog(method, { ...parts, uri, route, branch }), SERVER_PLACE);
  world.pass(0.1);
}

describe("a phone that asks for GRUUs", () => {
  test("gets them in forwarded and in absorbed answers, its instance in angle brackets", () => {
    for (const isForwarded of [true, false]) {
      register();
      expect(headerLine(phone.last, "Contact")).toMatch(
        new RegExp(
          `^<sip:alice@${PHONE_PLACE}>;pub-gruu="${PUBLIC}";temp-gruu="sip:tgruu\\.[\\w-]{128}@192\\.0\\.2\\.1:5060;gr"` +
            `;\\+sip\\.instance="<${INSTANCE}>";expires=60$`,
          "u",
        ),
      );
      expect(world.main.registers).toHaveLength(1);
      expect(phone.responses).toHaveLength(isForwarded ? 1 : 2);
    }
  });

  test("gets the same public one and a new temporary one each time", () => {
    for (let count = 0; count < 5; count += 1) register();
    const all = phone.responses.flatMap((text) => gruusIn(text));
    expect(new Set(all.map(({ open }) => open))).toEqual(new Set([PUBLIC]));
    expect(new Set(all.map(({ hidden }) => hidden)).size).toBe(5);
  });

  test.each<[string, RegisterOptions]>([
    ["without Supported: gruu", { headers: ["Supported: path"] }],
    ["without an instance", { contact: `<sip:alice@${PHONE_PLACE}>` }],
    [
      "with GRUUs it has made up itself",
      { contact: `<sip:alice@${PHONE_PLACE}>;pub-gruu="sip:x@y;gr=1";temp-gruu="sip:z@y;gr"` },
    ],
  ])("gets none %s", (_, options) => {
    register(phone, options);
    expect(phone.statuses).toEqual([200]);
    expect(phone.last).not.toContain("gruu=");
    expect(world.record(AOR)?.bindings[0]?.params).not.toContain("gruu");
  });

  test("gets none when the operator says so, and none is known then", async () => {
    world = await World.start({ policy: { gruu: false } });
    phone = world.phone("alice", PHONE_PLACE);
    register();
    expect(phone.last).not.toContain("gruu=");
    expect(call(PUBLIC)).toBe(404);
  });

  test.each([
    ["its own address-of-record", "sip:alice@sip.test"],
    ["its public GRUU", PUBLIC],
    ["a temporary GRUU", "sip:tgruu.abc@192.0.2.1:5060;gr"],
  ])("is refused with %s as contact (RFC 5627 section 5.1)", (_, uri) => {
    register(phone, { contact: `<${uri}>;+sip.instance="<${INSTANCE}>"` });
    expect(phone.statuses).toEqual([403]);
    expect(world.main.registers).toEqual([]);
  });

  test("shares the public one, not the temporary one, with no other instance", () => {
    register();
    const second = world.phone("alice", "203.0.113.9:5062");
    const other = INSTANCE.replace("f81d", "f82d");
    register(second, { contact: `<sip:alice@${second.place}>;+sip.instance="<${other}>"` });
    const [first, next] = gruusIn(second.last);
    expect(first?.open).toBe(PUBLIC);
    expect(next?.open).toBe(PUBLIC.replace("f81d", "f82d"));
    expect(call(first?.hidden ?? "")).toBe(100);
    expect(phone.requests).toHaveLength(1);
    expect(call(next?.hidden ?? "")).toBe(100);
    expect(second.requests).toHaveLength(1);
  });
});

describe("a call to a GRUU", () => {
  test.each(["public", "temporary"])("reaches the one device by the %s one", (kind) => {
    register();
    const bystander = world.phone("alice", "203.0.113.9:5062");
    register(bystander, { contact: `<sip:alice@${bystander.place}>` });
    expect(call(kind === "public" ? PUBLIC : hiddenIn(phone.last))).toBe(100);
    expect(phone.requests[0]?.split("\r\n")[0]).toBe(`INVITE sip:alice@${PHONE_PLACE} SIP/2.0`);
    expect(bystander.requests).toEqual([]);
  });

  test("goes by the Path of the device", () => {
    register(phone, {
      headers: ["Path: <sip:tok@198.51.100.20:5060;lr>", "Supported: path, gruu"],
    });
    const edge = world.phone("edge", "198.51.100.20:5060");
    expect(call(PUBLIC)).toBe(100);
    expect(headerLine(edge.requests[0] ?? "", "Route")).toBe("<sip:tok@198.51.100.20:5060;lr>");
  });

  test("finds every temporary one of a registration valid, the first as the last", () => {
    for (let count = 0; count < 4; count += 1) register();
    for (const answer of phone.responses) expect(call(hiddenIn(answer))).toBe(100);
  });

  test("finds temporary ones valid after the phone has moved with the same Call-ID", () => {
    register();
    const before = hiddenIn(phone.last);
    const moved = world.phone("alice", "203.0.113.9:5062");
    register(moved, { callId: phone.callId, cseq: 7 });
    register(phone, { expires: 0 });
    expect(call(before)).toBe(100);
    expect(moved.requests[0]?.split("\r\n")[0]).toBe(`INVITE sip:alice@${moved.place} SIP/2.0`);
  });

  test("finds none of the temporary ones after the Call-ID has changed (section 5.1)", () => {
    register();
    const before = hiddenIn(phone.last);
    register(phone, { callId: "another", cseq: 1 });
    expect(call(before)).toBe(404);
    expect(call(hiddenIn(phone.last))).toBe(100);
    expect(call(PUBLIC)).toBe(100);
  });

  test("never finds them again when the contact of the new Call-ID is gone first", () => {
    register(phone, { expires: 3000 });
    const before = hiddenIn(phone.last);
    const rebooted = world.phone("alice", "203.0.113.9:5062");
    register(rebooted);
    expect(call(before)).toBe(404);
    register(rebooted, { expires: 0 });
    expect(world.record(AOR)?.bindings).toHaveLength(1);
    expect(call(before)).toBe(404);
    expect(call(PUBLIC)).toBe(100);
  });

  test("keeps them apart for reg-ids: a second flow with a Call-ID of its own changes nothing", () => {
    const second = world.phone("alice", "203.0.113.9:5062");
    register(phone, flow(phone, 1));
    const before = hiddenIn(phone.last);
    register(second, flow(second, 2));
    expect(call(before)).toBe(100);
    register(second, { ...flow(second, 2), callId: "another", cseq: 1 });
    expect(call(before)).toBe(404);
  });

  test.each(["swept", "not swept"])(
    "is answered with 480 and 404 once the registration is over (section 5.3), %s",
    (how) => {
      register();
      const before = hiddenIn(phone.last);
      world.pass(how === "swept" ? 120 : 59.2);
      expect(call(PUBLIC)).toBe(480);
      expect(call(before)).toBe(404);
      register(phone);
      expect(call(PUBLIC)).toBe(100);
      // The same Call-ID does not bring back what a lapse has ended.
      expect(call(before)).toBe(404);
      expect(call(hiddenIn(phone.last))).toBe(100);
    },
  );

  test("is answered with 480 when the device has de-registered and others have not", () => {
    register();
    const other = world.phone("alice", "203.0.113.9:5062");
    register(other, { contact: `<sip:alice@${other.place}>` });
    register(phone, { expires: 0 });
    expect(call(PUBLIC)).toBe(480);
    expect(other.requests).toEqual([]);
  });

  test("is refused to strangers, as every call is", () => {
    register();
    const heard: string[] = [];
    const stranger = "203.0.113.66:5060";
    world.network.listen(stranger, (text) => heard.push(text));
    for (const [at, uri] of [PUBLIC, hiddenIn(phone.last)].entries()) {
      const text = buildInvite({ uri, branch: `z9hG4bK-s-${at}` });
      world.network.send(text.replaceAll(world.main.place, stranger), stranger, SERVER_PLACE);
    }
    world.pass(0.1);
    expect(heard.map((text) => responseOf(text).status)).toEqual([403, 403]);
  });

  test("works after a restart with the same store and secret", async () => {
    const store = new MemoryStore();
    world = await World.start({ store });
    phone = world.phone("alice", PHONE_PLACE);
    register();
    const before = hiddenIn(phone.last);
    const clock = world.clock;
    const again = await World.start({ store, clock });
    const device = again.phone("alice", PHONE_PLACE);
    expect(call(before, again)).toBe(100);
    expect(call(PUBLIC, again)).toBe(100);
    expect(device.requests).toHaveLength(2);
  });

  test("by a device goes to the main registrar, which sends a temporary one back", () => {
    register();
    const uri = hiddenIn(phone.last);
    const bob = world.phone("bob", "203.0.113.9:5062");
    bob.register();
    world.pass(1);
    const text = message(
      `MESSAGE ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP ${bob.place};branch=z9hG4bK-m;rport`,
      "Max-Forwards: 70",
      "From: <sip:bob@sip.test>;tag=bob",
      `To: <${uri}>`,
      "Call-ID: message-1",
      "CSeq: 1 MESSAGE",
      "Content-Length: 0",
    );
    bob.send(text);
    world.pass(0.1);
    const [passed = ""] = world.main.requests;
    expect(passed.split("\r\n")[0]).toBe(`MESSAGE ${uri} SIP/2.0`);
    world.main.send(
      passed.replace(/^Via:/mu, `Via: SIP/2.0/UDP ${world.main.place};branch=z9hG4bK-back\r\nVia:`),
      SERVER_PLACE,
    );
    world.pass(0.1);
    expect(phone.requests[0]?.split("\r\n")[0]).toBe(`MESSAGE sip:alice@${PHONE_PLACE} SIP/2.0`);
  });
});

describe("inside a dialog with a GRUU as remote target", () => {
  test.each(["public", "temporary"])("ACK and BYE reach the device: %s", (kind) => {
    register();
    const target = kind === "public" ? PUBLIC : hiddenIn(phone.last);
    const route = establish(target);
    send("ACK", target, route);
    send("BYE", target, route);
    expect(phone.requests.slice(1).map((text) => text.split("\r\n")[0])).toEqual([
      `ACK sip:alice@${PHONE_PLACE} SIP/2.0`,
      `BYE sip:alice@${PHONE_PLACE} SIP/2.0`,
    ]);
    expect(headerLines(phone.requests[2] ?? "", "Route")).toEqual([]);
  });

  test("a BYE reaches the device where it has moved to", () => {
    register();
    const route = establish(PUBLIC);
    const moved = world.phone("alice", "203.0.113.9:5062");
    register(moved, { callId: phone.callId, cseq: 7 });
    register(phone, { expires: 0 });
    send("BYE", PUBLIC, route);
    expect(moved.requests.map((text) => text.split("\r\n")[0])).toEqual([
      `BYE sip:alice@${moved.place} SIP/2.0`,
    ]);
  });

  test("a BYE is answered with 404 once the temporary GRUU is invalid", () => {
    register();
    const target = hiddenIn(phone.last);
    const route = establish(target);
    send("ACK", target, route);
    register(phone, { callId: "another", cseq: 1 });
    send("BYE", target, route);
    expect(world.main.statuses.at(-1)).toBe(404);
  });

  test("the token of a dialog does not open the way to another address-of-record", () => {
    register();
    const bob = world.phone("bob", "203.0.113.9:5062");
    const contact = `<sip:bob@${bob.place}>;+sip.instance="<urn:uuid:b0b>"`;
    bob.register({ contact, headers: ["Supported: gruu"] });
    world.pass(1);
    const route = establish(PUBLIC);
    send("BYE", gruusIn(bob.last)[0]?.open ?? "", route, "z9hG4bK-1");
    send("BYE", gruusIn(bob.last)[0]?.hidden ?? "", route, "z9hG4bK-2");
    expect(bob.requests).toEqual([]);
  });

  test("a caller with a GRUU as Contact is reached where it has moved to", () => {
    register();
    const invite = buildInvite({ uri: "sip:bob@sip.test" })
      .replace(`UDP ${world.main.place}`, `UDP ${PHONE_PLACE}`)
      .replace("Record-Route: <sip:192.0.2.50;lr>\r\n", "")
      .replace("<sip:bob@203.0.113.9:5060>", `<${PUBLIC}>`)
      .replace("From: <sip:bob@sip.test>;tag=bob", "From: <sip:alice@sip.test>;tag=alice");
    phone.send(invite);
    world.pass(0.1);
    const route = headerLine(world.main.requests[0] ?? "", "Record-Route");
    const moved = world.phone("alice", "203.0.113.9:5062");
    register(moved, { callId: phone.callId, cseq: 7 });
    register(phone, { expires: 0 });
    const bye = inDialog("BYE", {
      from: "<sip:bob@sip.test>;tag=uas",
      to: "<sip:alice@sip.test>;tag=alice",
      uri: PUBLIC,
      route,
      branch: "z9hG4bK-b",
      via: world.main.place,
    });
    world.main.send(bye, SERVER_PLACE);
    world.pass(0.1);
    expect(moved.requests[0]?.split("\r\n")[0]).toBe(`BYE sip:alice@${moved.place} SIP/2.0`);
  });
});

describe("a main registrar that makes GRUUs itself", () => {
  const GIVEN =
    ';pub-gruu="sip:alice@sip.test;gr=kjh29x97us97d";temp-gruu="sip:8ffkas08af7fasklzi9@sip.test;gr"';

  test("is asked for them with +sip.instance, and its GRUUs are given in every answer", async () => {
    world = await World.start({ policy: { upstreamContactParams: ["+sip.instance"] } });
    phone = world.phone("alice", PHONE_PLACE);
    world.main.answering = (text) => [
      world.main.answer(text).replace(";expires=3600", `${GIVEN};expires=3600`),
    ];
    register();
    register();
    expect(world.main.registers).toHaveLength(1);
    expect(headerLine(world.main.registers[0] ?? "", "Contact")).toContain(INSTANCE);
    for (const answer of phone.responses) {
      expect(headerLine(answer, "Contact")).toContain(GIVEN);
      expect(answer).not.toContain("tgruu");
    }
  });
});
