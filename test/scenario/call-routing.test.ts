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
import { SERVER_PLACE, World } from "../support/world.ts";

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

describe("who is served", () => {
  test.each([
    ["an unknown ctid", () => contact.replace(/ctid=\w+/u, "ctid=0123456789abcdef"), 404],
    ["no ctid at all", () => "sip:alice@192.0.2.1:5060", 404],
    ["another host", () => "sip:alice@203.0.113.1", 404],
    ["a scheme nobody routes", () => "urn:service:sos", 416],
  ])("the main registrar with %s hears so", (_, uri, status) => {
    world.main.send(invite({ uri: uri() }), SERVER_PLACE);
    world.pass(0.1);
    expect(world.main.statuses).toEqual([status]);
    expect(phone.requests).toEqual([]);
  });

  test("the main registrar hears 404 once the binding has expired, swept or not", () => {
    world.pass(59.5);
    world.main.send(invite(), SERVER_PLACE);
    world.pass(0.1);
    expect(world.main.statuses.at(-1)).toBe(404);
  });

  test("a stranger who knows the ctid gets 403", () => {
    const heard: string[] = [];
    world.network.listen("203.0.113.66:5060", (text) => heard.push(text));
    const text = invite().replace(world.main.place, "203.0.113.66:5060");
    world.network.send(text, "203.0.113.66:5060", SERVER_PLACE);
    world.pass(0.1);
    expect(heard.map((answer) => statusOf(answer))).toEqual([403]);
    expect(phone.requests).toEqual([]);
  });

  test("a stranger who goes on asking is not answered for ever", () => {
    const heard: string[] = [];
    world.network.listen("203.0.113.66:5060", (text) => heard.push(text));
    for (let count = 0; count < 500; count += 1) {
      const text = invite({ branch: `z9hG4bK-${count}` }).replace(
        world.main.place,
        "203.0.113.66:5060",
      );
      world.network.send(text, "203.0.113.66:5060", SERVER_PLACE);
    }
    world.pass(1);
    expect(heard.length).toBeGreaterThan(20);
    expect(heard.length).toBeLessThan(80);
  });

  test("anybody may ping midreg itself with OPTIONS", () => {
    const heard: string[] = [];
    world.network.listen("203.0.113.66:5060", (text) => heard.push(text));
    const text = invite({ uri: "sip:192.0.2.1:5060" })
      .replace(world.main.place, "203.0.113.66:5060")
      .replaceAll("INVITE", "OPTIONS");
    world.network.send(text, "203.0.113.66:5060", SERVER_PLACE);
    world.pass(0.1);
    expect(heard.map((answer) => statusOf(answer))).toEqual([200]);
    expect(headerLine(heard[0] ?? "", "Allow")).toContain("INVITE");
  });

  test.each([
    ["Max-Forwards: 0", 483],
    ["Proxy-Require: made-up", 420],
  ])("a request with %s ends here", (line, status) => {
    const text = line.startsWith("Max")
      ? invite().replace("Max-Forwards: 70", line)
      : invite({ headers: [line] });
    world.main.send(text, SERVER_PLACE);
    world.pass(0.1);
    expect(world.main.statuses).toEqual([status]);
    expect(headerLine(world.main.responses[0] ?? "", "Unsupported")).toBe(
      status === 420 ? "made-up" : "",
    );
  });
});

function callFrom(uri = "sip:bob@sip.test", headers: readonly string[] = []): string {
  return message(
    `INVITE ${uri} SIP/2.0`,
    `Via: SIP/2.0/UDP ${PHONE_PLACE};branch=z9hG4bK-out;rport`,
    "Max-Forwards: 70",
    "From: <sip:alice@sip.test>;tag=alice",
    "To: <sip:bob@sip.test>",
    "Call-ID: call-2",
    "CSeq: 1 INVITE",
    `Contact: <sip:alice@${PHONE_PLACE}>`,
    ...headers,
    "Content-Length: 0",
  );
}

describe("a call from a registered device", () => {
  test("goes to the main registrar with the Request-URI as it is", () => {
    phone.send(callFrom());
    world.pass(0.1);
    expect(phone.statuses.slice(1)).toEqual([100]);
    const [sent = ""] = world.main.requests;
    expect(sent.split("\r\n")[0]).toBe("INVITE sip:bob@sip.test SIP/2.0");
    expect(headerLines(sent, "Via")[1]).toBe(
      `SIP/2.0/UDP ${PHONE_PLACE};branch=z9hG4bK-out;rport=40000;received=198.51.100.7`,
    );
    expect(headerLine(sent, "Record-Route")).toMatch(/^<sip:o[\w.-]+@192\.0\.2\.1:5060;lr>$/u);
  });

  test("to midreg's own address is a call to the main registrar's domain", () => {
    phone.send(callFrom("sip:bob@192.0.2.1:5060", ["Route: <sip:192.0.2.1:5060;lr>"]));
    world.pass(0.1);
    const [sent = ""] = world.main.requests;
    expect(sent.split("\r\n")[0]).toBe("INVITE sip:bob@192.0.2.50:5060 SIP/2.0");
    expect(headerLines(sent, "Route")).toEqual([]);
  });

  test("has its dialog routed both ways", () => {
    phone.send(callFrom());
    world.pass(0.1);
    const sent = world.main.requests[0] ?? "";
    world.main.send(
      answerTo(sent, 200, "OK", { headers: ["Contact: <sip:bob@192.0.2.50:5060>"] }),
      SERVER_PLACE,
    );
    world.pass(0.1);
    const own = headerLine(phone.last, "Record-Route");
    const mine = {
      from: "<sip:alice@sip.test>;tag=alice",
      to: "<sip:bob@sip.test>;tag=uas",
      via: PHONE_PLACE,
    };
    const ack = inDialog("ACK", {
      ...mine,
      uri: "sip:bob@192.0.2.50:5060",
      route: own,
      branch: "z9hG4bK-a",
    });
    phone.send(ack.replace("call-1", "call-2"));
    world.pass(0.1);
    expect(world.main.requests.at(-1)).toMatch(/^ACK sip:bob@192\.0\.2\.50:5060 /u);
    const theirs = { from: mine.to, to: mine.from, via: world.main.place };
    const bye = inDialog("BYE", {
      ...theirs,
      uri: "sip:alice@10.0.0.5",
      route: own,
      branch: "z9hG4bK-b",
    });
    world.main.send(bye.replace("call-1", "call-2"), SERVER_PLACE);
    world.pass(0.1);
    expect(phone.requests.at(-1)).toMatch(/^BYE sip:alice@10\.0\.0\.5 /u);
  });

  test("hears a 503 when the main registrar cannot be reached", () => {
    world.transport.unreachable.add(world.main.place);
    phone.send(callFrom());
    world.pass(0.1);
    expect(phone.statuses.slice(1)).toEqual([100, 503]);
  });
});

describe("a device behind an edge proxy", () => {
  test("is reached by its Path, from the listener it registered at", async () => {
    const edge = world.phone("carol", "198.51.100.20:5060");
    edge.register({
      headers: ["Path: <sip:tok@198.51.100.20:5060;lr>", "Supported: path"],
      contact: "<sip:carol@10.9.9.9>",
    });
    world.pass(1);
    expect(headerLine(edge.last, "Path")).toBe("<sip:tok@198.51.100.20:5060;lr>");
    const carol = world.main.contactsFor("sip:carol@sip.test")[0] ?? "";
    world.main.send(invite({ uri: carol }), SERVER_PLACE);
    world.pass(0.1);
    const [sent = ""] = edge.requests;
    expect(sent.split("\r\n")[0]).toBe("INVITE sip:carol@10.9.9.9 SIP/2.0");
    expect(headerLines(sent, "Route")).toEqual(["<sip:tok@198.51.100.20:5060;lr>"]);
    await Promise.resolve();
  });
});

describe("two listeners", () => {
  test("are both recorded, the outgoing one above, and both taken off again", async () => {
    const two = await World.start({
      listeners: [
        ["198.51.100.1", 5060],
        ["192.0.2.1", 5060],
      ],
      localAddress: "192.0.2.1",
    });
    const device = two.phone("alice", PHONE_PLACE);
    device.register();
    two.pass(1);
    device.onRequest = (text) => {
      if (text.startsWith("INVITE")) device.send(answerTo(text, 200, "OK"));
    };
    const target = two.main.contactsFor("sip:alice@sip.test")[0] ?? "";
    const upstreamPlace = /@([\d.]+:\d+)/u.exec(target)?.[1] ?? "";
    two.main.send(invite({ uri: target }), upstreamPlace);
    two.pass(0.1);
    const routes = headerLines(two.main.responses.at(-1) ?? "", "Record-Route");
    expect(upstreamPlace).toBe("192.0.2.1:5060");
    expect(routes.map((route) => /@([\d.:]+);lr/u.exec(route)?.[1])).toEqual([
      "198.51.100.1:5060",
      "192.0.2.1:5060",
      undefined,
    ]);
    const own = routes.slice(0, -1).toReversed().join(", ");
    const bye = inDialog("BYE", {
      from: BOB,
      to: ALICE,
      uri: `sip:alice@${PHONE_PLACE}`,
      route: own,
      via: two.main.place,
      branch: "z9hG4bK-b",
    });
    two.main.send(bye, upstreamPlace);
    two.pass(0.1);
    expect(device.requests.at(-1)).toMatch(/^BYE /u);
    expect(headerLines(device.requests.at(-1) ?? "", "Route")).toEqual([]);
  });
});
