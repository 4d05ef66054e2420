import { describe, expect, test } from "vitest";
import { buildInvite, calledPhone, inDialog } from "../support/call-messages.ts";
import {
  answerTo,
  headerLine,
  headerLines,
  message,
  methodOf,
  statusOf,
} from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { SERVER_PLACE, World, type WorldOptions } from "../support/world.ts";

const SHARED = "sip:alice%40sip.test@192.0.2.1:5060";
const INSTANCE = ';+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"';

async function aorWorld(lookup: WorldOptions["lookup"] = {}): Promise<World> {
  return World.start({ policy: { mode: "aor", outgoingExpiresSec: 600 }, lookup });
}

function register(world: World, place: string, params: string): Phone {
  const phone = world.phone("alice", place);
  phone.register({ contact: `${phone.contact}${params}`, expires: 600 });
  world.pass(1);
  return phone;
}

/** Lets a phone answer INVITEs like that, and CANCELs as it should. */
function answering(phone: Phone, status: number): void {
  phone.onRequest = (text) => {
    if (methodOf(text) === "INVITE") {
      phone.send(answerTo(text, status, "Answer", { tag: phone.place }));
    } else if (methodOf(text) === "CANCEL") {
      phone.send(answerTo(text, 200, "OK"));
      const invite = phone.requests.find((one) => methodOf(one) === "INVITE") ?? "";
      phone.send(answerTo(invite, 487, "Request Terminated", { tag: phone.place }));
    }
  };
}

function methodsAt(phone: Phone): string[] {
  return phone.requests.map((text) => methodOf(text));
}

function heard(world: World): number[] {
  return [...new Set(world.main.statuses)];
}

describe("a call with lookup.fork by-q", () => {
  test("rings the devices of the highest q, then those of the next", async () => {
    const world = await aorWorld({ fork: "by-q", ringMs: 20_000 });
    const home = register(world, "198.51.100.7:40000", ";q=0.5");
    const desk = register(world, "198.51.100.8:40000", ";q=0.9");
    const mobile = register(world, "198.51.100.9:40000", ";q=0.9");
    for (const phone of [home, desk, mobile]) answering(phone, 180);
    world.main.send(buildInvite({ uri: SHARED }), SERVER_PLACE);
    world.pass(19);
    expect([home, desk, mobile].map(methodsAt)).toEqual([[], ["INVITE"], ["INVITE"]]);
    world.pass(2);
    expect([home, desk, mobile].map(methodsAt)).toEqual([
      ["INVITE"],
      ["INVITE", "CANCEL", "ACK"],
      ["INVITE", "CANCEL", "ACK"],
    ]);
    home.send(answerTo(home.requests[0] ?? "", 200, "OK", { tag: "home" }));
    world.pass(1);
    expect(heard(world)).toEqual([100, 180, 200]);
  });

  test("goes on at once when all of a group have refused", async () => {
    const world = await aorWorld({ fork: "by-q", ringMs: 20_000 });
    const home = register(world, "198.51.100.7:40000", ";q=0.5");
    const desk = register(world, "198.51.100.8:40000", ";q=0.9");
    answering(home, 200);
    answering(desk, 486);
    world.main.send(buildInvite({ uri: SHARED }), SERVER_PLACE);
    world.pass(0.1);
    expect(heard(world)).toEqual([100, 200]);
  });
});

describe("a device with two flows (RFC 5626 section 7)", () => {
  test.each([430, 408])("is called over the older one when the newer says %i", async (status) => {
    const world = await aorWorld();
    const older = register(world, "198.51.100.7:40000", INSTANCE);
    const newer = register(world, "198.51.100.7:40001", INSTANCE);
    answering(newer, status);
    answering(older, 200);
    world.main.send(buildInvite({ uri: SHARED }), SERVER_PLACE);
    world.pass(0.1);
    expect([newer, older].map(methodsAt)).toEqual([["INVITE", "ACK"], ["INVITE"]]);
    expect(heard(world)).toEqual([100, 200]);
  });

  test("rings over one of them only, and is away when both are dead: no 430 for the caller", async () => {
    const world = await aorWorld();
    const older = register(world, "198.51.100.7:40000", INSTANCE);
    const newer = register(world, "198.51.100.7:40001", INSTANCE);
    answering(newer, 430);
    world.main.send(buildInvite({ uri: SHARED }), SERVER_PLACE);
    world.pass(0.01);
    expect([newer, older].map(methodsAt)).toEqual([["INVITE", "ACK"], ["INVITE"]]);
    older.send(answerTo(older.requests[0] ?? "", 430, "Flow Failed"));
    world.pass(0.1);
    expect(heard(world)).toEqual([100, 480]);
  });
});

describe("the push parameters of a device", () => {
  const CONTACT = "<sip:alice@198.51.100.7:40000;pn-provider=apns;pn-param=T.b;pn-prid=SECRET>";

  test("stay here in the calls it places, and come back to it in what it is sent", async () => {
    const { world, phone } = await calledPhone();
    phone.register({ contact: CONTACT });
    world.pass(1);
    phone.send(
      message(
        "INVITE sip:bob@sip.test SIP/2.0",
        `Via: SIP/2.0/UDP ${phone.place};branch=z9hG4bK-out;rport`,
        "Max-Forwards: 70",
        "From: <sip:alice@sip.test>;tag=alice",
        "To: <sip:bob@sip.test>",
        "Call-ID: call-1",
        "CSeq: 1 INVITE",
        `Contact: ${CONTACT};+sip.ice`,
        "Content-Length: 0",
      ),
    );
    world.pass(0.1);
    const invite = world.main.requests[0] ?? "";
    expect(headerLine(invite, "Contact")).toBe("<sip:alice@198.51.100.7:40000>;+sip.ice");
    world.main.send(
      inDialog("BYE", {
        from: "<sip:bob@sip.test>;tag=bob",
        to: "<sip:alice@sip.test>;tag=alice",
        uri: "sip:alice@198.51.100.7:40000",
        route: headerLine(invite, "Record-Route"),
        branch: "z9hG4bK-bye",
        via: "192.0.2.50:5060",
      }),
      SERVER_PLACE,
    );
    world.pass(0.1);
    expect(phone.requests.at(-1)?.split("\r\n")[0]).toBe(`BYE ${CONTACT.slice(1, -1)} SIP/2.0`);
  });

  test("stay here in the answers it gives", async () => {
    const { world, phone, contact } = await calledPhone();
    phone.onRequest = (text) =>
      phone.send(answerTo(text, 200, "OK", { headers: [`Contact: ${CONTACT}`] }));
    world.main.send(buildInvite({ uri: contact }), SERVER_PLACE);
    world.pass(0.1);
    const answer = world.main.responses.find((text) => statusOf(text) === 200) ?? "";
    expect(headerLine(answer, "Contact")).toBe("<sip:alice@198.51.100.7:40000>");
    expect(world.main.responses.join("")).not.toContain("SECRET");
  });
});

describe("a request that comes around again (RFC 5393 section 4.2)", () => {
  test("is refused with 482, and a spiral to another target passes", async () => {
    const { world, phone, contact } = await calledPhone();
    world.main.send(buildInvite({ uri: contact }), SERVER_PLACE);
    world.pass(0.1);
    const vias = headerLines(phone.requests[0] ?? "", "Via");
    const around = (branch: string, uri: string): string =>
      buildInvite({ uri, branch }).replace(
        "Record-Route:",
        `${vias.map((via) => `Via: ${via}\r\n`).join("")}Record-Route:`,
      );
    world.main.send(around("z9hG4bK-again", contact), SERVER_PLACE);
    world.pass(0.1);
    expect(statusOf(world.main.responses.at(-1) ?? "")).toBe(482);
    world.main.send(around("z9hG4bK-spiral", `${contact};x=1`), SERVER_PLACE);
    world.pass(0.1);
    expect(methodsAt(phone)).toEqual(["INVITE", "INVITE"]);
  });
});

test("a response with the branch but not the sent-by of midreg is dropped (RFC 3261 section 18.1.2)", async () => {
  const { world, phone, contact } = await calledPhone();
  phone.onRequest = (text) => {
    phone.send(
      answerTo(text, 486, "Busy").replace("192.0.2.1:5060;branch", "192.0.2.9:5060;branch"),
    );
    // Without the default port it is midreg's still.
    phone.send(answerTo(text, 200, "OK").replace("192.0.2.1:5060;branch", "192.0.2.1;branch"));
  };
  world.main.send(buildInvite({ uri: contact }), SERVER_PLACE);
  world.pass(0.1);
  expect(heard(world)).toEqual([100, 200]);
});

test("a user without contacts is 480 with lookup.no_contact_status 480", async () => {
  const world = await aorWorld({ noContactStatus: 480 });
  world.main.send(buildInvite({ uri: SHARED }), SERVER_PLACE);
  world.pass(0.1);
  expect(heard(world)).toEqual([480]);
});

test("a phone may ping with OPTIONS that go no further, and hears from midreg (section 16.3 step 3)", async () => {
  const { world, phone } = await calledPhone();
  phone.send(
    message(
      "OPTIONS sip:bob@sip.test SIP/2.0",
      `Via: SIP/2.0/UDP ${phone.place};branch=z9hG4bK-ping;rport`,
      "Max-Forwards: 0",
      "From: <sip:alice@sip.test>;tag=alice",
      "To: <sip:bob@sip.test>",
      "Call-ID: ping",
      "CSeq: 1 OPTIONS",
      "Content-Length: 0",
    ),
  );
  world.pass(0.1);
  expect(phone.lastStatus).toBe(200);
  expect(world.main.requests).toEqual([]);
});

test.each([
  ["tel:+4930123456", "tel:+4930123456"],
  ["sip:bob@sip.test", "sip:bob@sip.test"],
])(
  "an unknown method of a phone to %s is passed on and recorded (rows 8 and 11)",
  async (uri, sent) => {
    const { world, phone } = await calledPhone();
    phone.send(
      message(
        `DANCE ${uri} SIP/2.0`,
        `Via: SIP/2.0/UDP ${phone.place};branch=z9hG4bK-dance;rport`,
        "Max-Forwards: 70",
        "From: <sip:alice@sip.test>;tag=alice",
        "To: <sip:bob@sip.test>",
        "Call-ID: dance",
        "CSeq: 1 DANCE",
        "Content-Length: 0",
      ),
    );
    world.pass(0.1);
    const [received = ""] = world.main.requests;
    expect(received.split("\r\n")[0]).toBe(`DANCE ${sent} SIP/2.0`);
    expect(headerLines(received, "Record-Route")).toHaveLength(1);
    expect(headerLine(received, "Max-Breadth")).toBe("60");
  },
);
