import { beforeEach, describe, expect, test } from "vitest";
import {
  ALICE,
  BOB,
  buildInvite,
  calledPhone,
  type InviteParts,
  inDialog,
  PHONE_PLACE,
} from "../support/call-messages.ts";
import { answerTo, headerLine, headerLines, message, statusOf } from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { SERVER_PLACE, type World } from "../support/world.ts";

let world: World;
let phone: Phone;
/** Contact of the phone as the main registrar knows it. */
let contact: string;

beforeEach(async () => {
  ({ world, phone, contact } = await calledPhone());
});

function invite(parts: Partial<InviteParts> = {}): string {
  return buildInvite({ uri: contact, ...parts });
}

describe("a call from the main registrar by ctid", () => {
  test("reaches the device where it registered from, with its own contact and a Record-Route", () => {
    world.main.send(invite(), SERVER_PLACE);
    world.pass(0.1);
    expect(world.main.statuses).toEqual([100]);
    const [received = ""] = phone.requests;
    const lines = received.split("\r\n");
    const token = /^<sip:([\w.-]+)@192\.0\.2\.1:5060;lr>$/u.exec(
      headerLine(received, "Record-Route"),
    );
    expect(token).not.toBeNull();
    expect(lines).toEqual([
      `INVITE sip:alice@${PHONE_PLACE} SIP/2.0`,
      expect.stringMatching(/^Via: SIP\/2\.0\/UDP 192\.0\.2\.1:5060;branch=z9hG4bK[\w.-]+;rport$/u),
      "Max-Breadth: 30",
      headerLines(received, "Record-Route").map((route) => `Record-Route: ${route}`)[0],
      "Via: SIP/2.0/UDP 192.0.2.50:5060;branch=z9hG4bK-call",
      "Record-Route: <sip:192.0.2.50;lr>",
      "Max-Forwards: 69",
      "From: <sip:bob@sip.test>;tag=bob",
      "To: <sip:alice@sip.test>",
      "Call-ID: call-1",
      "CSeq: 1 INVITE",
      "Contact: <sip:bob@203.0.113.9:5060>",
      "Content-Length: 0",
      "",
      "",
    ]);
  });

  test("passes provisional and final responses back, without midreg's Via", () => {
    phone.onRequest = (text) => {
      phone.send(answerTo(text, 100, "Trying"));
      phone.send(answerTo(text, 180, "Ringing"));
      phone.send(answerTo(text, 200, "OK", { headers: [`Contact: <sip:alice@${PHONE_PLACE}>`] }));
    };
    world.main.send(invite(), SERVER_PLACE);
    world.pass(0.1);
    // The device's own 100 stops here.
    expect(world.main.statuses).toEqual([100, 180, 200]);
    expect(headerLines(world.main.responses[2] ?? "", "Via")).toEqual([
      "SIP/2.0/UDP 192.0.2.50:5060;branch=z9hG4bK-call",
    ]);
  });

  test.each([
    [486, "Busy Here", 486],
    [603, "Decline", 603],
    [302, "Moved Temporarily", 302],
    [503, "Service Unavailable", 500],
  ])(
    "that ends with %i is acknowledged to the device and repeated to the caller until it acknowledges",
    (status, reason, told) => {
      phone.onRequest = (text) => {
        if (text.startsWith("INVITE")) phone.send(answerTo(text, status, reason));
      };
      world.main.send(invite(), SERVER_PLACE);
      world.pass(1.2);
      const ack = phone.requests.find((text) => text.startsWith("ACK")) ?? "";
      const sent = phone.requests[0] ?? "";
      expect(headerLine(ack, "Via")).toBe(headerLine(sent, "Via"));
      expect(headerLine(ack, "To")).toBe("<sip:alice@sip.test>;tag=uas");
      expect(headerLine(ack, "CSeq")).toBe("1 ACK");
      expect(world.main.statuses).toEqual([100, told, told]);
      const failure = world.main.responses[1] ?? "";
      world.main.send(
        message(
          `ACK ${contact} SIP/2.0`,
          `Via: SIP/2.0/UDP ${world.main.place};branch=z9hG4bK-call`,
          "Max-Forwards: 70",
          "From: <sip:bob@sip.test>;tag=bob",
          `To: ${headerLine(failure, "To")}`,
          "Call-ID: call-1",
          "CSeq: 1 ACK",
          "Content-Length: 0",
        ),
        SERVER_PLACE,
      );
      world.pass(40);
      expect(world.main.statuses).toEqual([100, told, told]);
    },
  );

  test("carries ACK, re-INVITE and BYE of the caller to the device, and a BYE of the device back", () => {
    phone.onRequest = (text) => {
      if (text.startsWith("ACK")) return;
      phone.send(answerTo(text, 200, "OK", { headers: [`Contact: <sip:alice@10.0.0.5:5060>`] }));
    };
    world.main.send(invite(), SERVER_PLACE);
    world.pass(0.1);
    const ok = world.main.responses.at(-1) ?? "";
    const [own = "", mains = ""] = headerLines(ok, "Record-Route");
    expect(mains).toBe("<sip:192.0.2.50;lr>");
    const caller = {
      from: BOB,
      to: ALICE,
      uri: "sip:alice@10.0.0.5:5060",
      route: own,
      via: world.main.place,
    };
    world.main.send(inDialog("ACK", { ...caller, branch: "z9hG4bK-ack" }), SERVER_PLACE);
    world.main.send(inDialog("INVITE", { ...caller, branch: "z9hG4bK-re", cseq: 2 }), SERVER_PLACE);
    world.pass(0.1);
    world.main.send(inDialog("BYE", { ...caller, branch: "z9hG4bK-bye", cseq: 3 }), SERVER_PLACE);
    world.pass(0.1);
    // The R-URI is the device's private address; the flow is what leads there.
    expect(phone.requests.map((text) => text.split(" ")[0])).toEqual([
      "INVITE",
      "ACK",
      "INVITE",
      "BYE",
    ]);
    for (const request of phone.requests.slice(1)) {
      expect(request.split("\r\n")[0]).toContain("sip:alice@10.0.0.5:5060");
      expect(headerLines(request, "Route")).toEqual([]);
      expect(headerLines(request, "Record-Route")).toEqual([]);
    }
    expect(world.main.statuses.at(-1)).toBe(200);
    const device = { from: ALICE, to: BOB, uri: "sip:bob@203.0.113.9:5060", via: PHONE_PLACE };
    phone.send(
      inDialog("BYE", { ...device, route: `${own}, ${mains}`, branch: "z9hG4bK-abye", cseq: 4 }),
    );
    world.pass(0.1);
    const bye = world.main.requests.find((text) => text.startsWith("BYE")) ?? "";
    expect(headerLines(bye, "Route")).toEqual(["<sip:192.0.2.50;lr>"]);
    expect(bye.split("\r\n")[0]).toBe("BYE sip:bob@203.0.113.9:5060 SIP/2.0");
  });

  test("follows the device to its new flow when that has registered anew during the call", () => {
    phone.onRequest = (text) => phone.send(answerTo(text, 200, "OK"));
    world.main.send(invite(), SERVER_PLACE);
    world.pass(0.1);
    const own = headerLines(world.main.responses.at(-1) ?? "", "Record-Route")[0] ?? "";
    const moved: string[] = [];
    world.network.listen("198.51.100.7:55555", (text) => moved.push(text));
    phone.register({ from: "198.51.100.7:55555" });
    world.pass(1);
    const bye = {
      from: BOB,
      to: ALICE,
      uri: `sip:alice@${PHONE_PLACE}`,
      route: own,
      via: world.main.place,
    };
    world.main.send(inDialog("BYE", { ...bye, branch: "z9hG4bK-b", cseq: 2 }), SERVER_PLACE);
    world.pass(0.1);
    expect(moved.at(-1)).toMatch(/^BYE /u);
  });

  test("does not believe a Record-Route token in another call, nor one that was made up", () => {
    phone.onRequest = (text) => phone.send(answerTo(text, 200, "OK"));
    world.main.send(invite(), SERVER_PLACE);
    world.pass(0.1);
    const own = headerLines(world.main.responses.at(-1) ?? "", "Record-Route")[0] ?? "";
    const mallory: string[] = [];
    world.network.listen("203.0.113.66:5060", (text) => mallory.push(text));
    const stolen = inDialog("BYE", {
      from: BOB,
      to: ALICE,
      uri: "sip:alice@10.0.0.5",
      route: own,
      via: "203.0.113.66:5060",
      branch: "z9hG4bK-m",
    }).replace("Call-ID: call-1", "Call-ID: call-2");
    world.network.send(stolen, "203.0.113.66:5060", SERVER_PLACE);
    world.network.send(
      stolen.replace(/Route: <sip:d/u, "Route: <sip:dAA"),
      "203.0.113.66:5060",
      SERVER_PLACE,
    );
    world.pass(0.1);
    expect(mallory.map((text) => statusOf(text))).toEqual([403, 403]);
    expect(phone.requests).toHaveLength(1);
  });

  test("passes repeated 200s of the device on, and each ACK back", () => {
    let ok = "";
    phone.onRequest = (text) => {
      if (!text.startsWith("INVITE")) return;
      ok = answerTo(text, 200, "OK");
      phone.send(ok);
    };
    world.main.send(invite(), SERVER_PLACE);
    world.pass(0.1);
    phone.send(ok);
    world.pass(0.1);
    expect(world.main.statuses).toEqual([100, 200, 200]);
    const own = headerLines(world.main.responses.at(-1) ?? "", "Record-Route")[0] ?? "";
    const ack = inDialog("ACK", {
      from: BOB,
      to: ALICE,
      uri: `sip:alice@${PHONE_PLACE}`,
      route: own,
      via: world.main.place,
      branch: "z9hG4bK-ack",
    });
    world.main.send(ack, SERVER_PLACE);
    world.main.send(ack, SERVER_PLACE);
    world.pass(0.1);
    const acks = phone.requests.filter((text) => text.startsWith("ACK"));
    expect(acks).toHaveLength(2);
    expect(acks[0]).toBe(acks[1]);
  });

  test("that is repeated gets the last provisional response again, and rings once", () => {
    phone.onRequest = (text) => phone.send(answerTo(text, 180, "Ringing"));
    world.main.send(invite(), SERVER_PLACE);
    world.pass(0.1);
    world.main.send(invite(), SERVER_PLACE);
    world.pass(0.1);
    expect(world.main.statuses).toEqual([100, 180, 180]);
    expect(phone.requests).toHaveLength(1);
  });
});

function cancelOf(): string {
  return message(
    `CANCEL ${contact} SIP/2.0`,
    `Via: SIP/2.0/UDP ${world.main.place};branch=z9hG4bK-call`,
    "Max-Forwards: 70",
    "From: <sip:bob@sip.test>;tag=bob",
    "To: <sip:alice@sip.test>",
    "Call-ID: call-1",
    "CSeq: 1 CANCEL",
    "Content-Length: 0",
  );
}

describe("a caller that gives up", () => {
  test("has the ringing stopped: 200 to the CANCEL, 487 to the INVITE", () => {
    let call = "";
    phone.onRequest = (text) => {
      if (text.startsWith("INVITE")) {
        call = text;
        phone.send(answerTo(text, 180, "Ringing"));
      } else if (text.startsWith("CANCEL")) {
        phone.send(answerTo(text, 200, "OK"));
        phone.send(answerTo(call, 487, "Request Terminated"));
      }
    };
    world.main.send(invite(), SERVER_PLACE);
    world.pass(1);
    world.main.send(cancelOf(), SERVER_PLACE);
    world.pass(0.1);
    expect(world.main.statuses).toEqual([100, 180, 200, 487]);
    const sent = phone.requests[1] ?? "";
    expect(sent.split("\r\n")[0]).toBe(`CANCEL sip:alice@${PHONE_PLACE} SIP/2.0`);
    expect(headerLine(sent, "Via")).toBe(headerLine(phone.requests[0] ?? "", "Via"));
  });

  test("waits until the device has been heard, since a CANCEL must not overtake its INVITE", () => {
    world.main.send(invite(), SERVER_PLACE);
    world.pass(0.1);
    world.main.send(cancelOf(), SERVER_PLACE);
    world.pass(0.1);
    expect(phone.requests.map((text) => text.split(" ")[0])).toEqual(["INVITE"]);
    phone.send(answerTo(phone.requests[0] ?? "", 180, "Ringing"));
    world.pass(0.1);
    expect(phone.requests.map((text) => text.split(" ")[0])).toContain("CANCEL");
  });

  test("hears a 200 that crosses the CANCEL", () => {
    phone.onRequest = (text) => {
      if (text.startsWith("INVITE")) phone.send(answerTo(text, 180, "Ringing"));
    };
    world.main.send(invite(), SERVER_PLACE);
    world.pass(0.1);
    world.main.send(cancelOf(), SERVER_PLACE);
    phone.send(answerTo(phone.requests[0] ?? "", 200, "OK"));
    world.pass(0.1);
    expect(world.main.statuses).toEqual([100, 180, 200, 200]);
  });

  test("gets 487 in the end even if the device ignores the CANCEL", () => {
    phone.onRequest = (text) => {
      if (text.startsWith("INVITE")) phone.send(answerTo(text, 180, "Ringing"));
    };
    world.main.send(invite(), SERVER_PLACE);
    world.pass(1);
    world.main.send(cancelOf(), SERVER_PLACE);
    world.pass(40);
    expect(world.main.statuses).toContain(487);
  });

  test("gets 481 for a CANCEL that fits no call", () => {
    world.main.send(cancelOf(), SERVER_PLACE);
    world.pass(0.1);
    expect(world.main.statuses).toEqual([481]);
  });
});

describe("a device that does not answer", () => {
  test("makes an INVITE end with 480 after 32 seconds: it is away", () => {
    world.main.send(invite(), SERVER_PLACE);
    world.pass(31);
    expect(world.main.statuses).toEqual([100]);
    // Timer A: 0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 seconds.
    expect(phone.requests).toHaveLength(6);
    world.pass(2);
    expect(world.main.statuses[1]).toBe(480);
  });

  test("and rings for ever is cancelled when Timer C fires", () => {
    phone.onRequest = (text) => {
      if (text.startsWith("INVITE")) phone.send(answerTo(text, 180, "Ringing"));
    };
    world.main.send(invite(), SERVER_PLACE);
    world.pass(180);
    expect(phone.requests.map((text) => text.split(" ")[0])).toEqual(["INVITE"]);
    world.pass(10);
    expect(phone.requests.map((text) => text.split(" ")[0])).toContain("CANCEL");
  });

  test("makes any other request end without an answer of midreg's, as RFC 4320 wants", () => {
    const text = invite().replace("INVITE sip", "MESSAGE sip").replace("1 INVITE", "1 MESSAGE");
    world.main.send(text, SERVER_PLACE);
    world.pass(60);
    expect(world.main.statuses.filter((status) => status >= 200)).toEqual([]);
  });

  test("because nothing can be sent there makes the caller hear 480 at once", () => {
    world.transport.unreachable.add(PHONE_PLACE);
    world.main.send(invite(), SERVER_PLACE);
    world.pass(0.1);
    expect(world.main.statuses).toEqual([100, 480]);
  });
});
