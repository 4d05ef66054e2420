import { describe, expect, test } from "vitest";
import { parseNetwork } from "../../src/location/network.ts";
import { headerLines, message, statusOf } from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { SERVER_PLACE, World, type WorldOptions } from "../support/world.ts";

const ALICE = "alice@sip.test";
const ALICE_URI = "sip:alice@sip.test";
const EDGE = "10.0.0.5:5060";
const DEVICE = "198.51.100.7:40000";
const pathUseReceived = [parseNetwork("10.0.0.0/8")].flatMap((network) => network ?? []);
/** What an edge proxy on midreg's own machine writes, and one elsewhere. */
const OWN_HOP = `<sip:${SERVER_PLACE};lr;received=sip:${DEVICE}>`;
const EDGE_HOP = `<sip:${EDGE};lr;received=sip:${DEVICE}>`;

async function world(
  options: WorldOptions = {},
): Promise<{ world: World; edge: Phone; device: Phone }> {
  const made = await World.start(options);
  return { world: made, edge: made.phone("alice", EDGE), device: made.phone("device", DEVICE) };
}

function call(made: World): void {
  const [contact = ""] = made.main.contactsFor(ALICE_URI);
  made.main.send(
    message(
      `MESSAGE ${contact} SIP/2.0`,
      `Via: SIP/2.0/UDP ${made.main.place};branch=z9hG4bK-m`,
      "From: <sip:bob@sip.test>;tag=b",
      `To: <${ALICE_URI}>`,
      "Call-ID: m",
      "CSeq: 1 MESSAGE",
      "Content-Length: 0",
    ),
    SERVER_PLACE,
  );
  made.pass(0.1);
}

function outgoing(from: string): string {
  return message(
    "MESSAGE sip:bob@sip.test SIP/2.0",
    `Via: SIP/2.0/UDP ${from};branch=z9hG4bK-${from};rport`,
    "From: <sip:alice@sip.test>;tag=a",
    "To: <sip:bob@sip.test>",
    `Call-ID: ${from}`,
    "CSeq: 1 MESSAGE",
    "Content-Length: 0",
  );
}

describe("received in Path (path_use_received) and a first hop that is midreg itself (path_check_local)", () => {
  test("calls follow what a trusted proxy says, once there is no other hop before the device", async () => {
    const { world: made, edge, device } = await world({ policy: { pathUseReceived } });
    edge.register({ headers: [`Path: ${OWN_HOP}`] });
    made.pass(1);
    expect(edge.statuses).toEqual([200]);
    expect(made.record(ALICE)?.bindings[0]?.source).toBe(`udp:${SERVER_PLACE}<${DEVICE}`);
    call(made);
    expect(device.requests).toHaveLength(1);
    expect(headerLines(device.requests[0] ?? "", "Route")).toEqual([]);
    expect(edge.requests).toEqual([]);
  });

  test("a proxy that is not listed is not believed: calls go where the REGISTER came from", async () => {
    const { world: made, edge, device } = await world();
    edge.register({ headers: [`Path: ${OWN_HOP}`] });
    made.pass(1);
    call(made);
    expect([edge.requests.length, device.requests.length]).toEqual([1, 0]);
  });

  test("further hops are the Route, without midreg's own", async () => {
    const { world: made, edge, device } = await world({ policy: { pathUseReceived } });
    edge.register({ headers: [`Path: ${OWN_HOP}, ${EDGE_HOP}`] });
    made.pass(1);
    call(made);
    expect(headerLines(edge.requests[0] ?? "", "Route")).toEqual([EDGE_HOP]);
    expect(device.requests).toEqual([]);
  });

  test("a refresh is proven by proxy and device together: another device behind the proxy is forwarded", async () => {
    const { world: made, edge } = await world({ policy: { pathUseReceived } });
    const register = (received: string): void => {
      edge.register({ headers: [`Path: <sip:${EDGE};lr;received=sip:${received}>`] });
      made.pass(1);
    };
    for (const received of [DEVICE, DEVICE, "198.51.100.9:1"]) register(received);
    expect(edge.statuses).toEqual([200, 200, 200]);
    expect(made.main.registers).toHaveLength(2);
    made.main.isChallenging = true;
    register("203.0.113.66:1");
    expect(statusOf(edge.last)).toBe(401);
    expect(made.record(ALICE)?.bindings[0]?.source).toBe(`udp:${SERVER_PLACE}<198.51.100.9:1`);
  });

  test("devices behind a listed proxy may call, and nobody else that is not registered", async () => {
    const { world: made, edge, device } = await world({ policy: { pathUseReceived } });
    edge.send(outgoing(EDGE));
    device.send(outgoing(DEVICE));
    made.pass(0.1);
    expect(made.main.requests).toHaveLength(1);
    expect([edge.statuses, device.statuses]).toEqual([[], [403]]);
  });

  test("a malformed received is refused before the main registrar hears of it", async () => {
    const { world: made, edge } = await world({ policy: { pathUseReceived } });
    edge.register({ headers: [`Path: <sip:${EDGE};lr;received=nonsense>`] });
    made.pass(0.1);
    expect(edge.statuses).toEqual([400]);
    expect(made.main.registers).toEqual([]);
  });
});

describe("only_request_contacts", () => {
  const FIRST = "<sip:alice@198.51.100.7:40000>;expires=60";
  const SECOND = "<sip:alice@198.51.100.8:40000>;expires=60";

  test.each([
    [false, [FIRST, SECOND]],
    [true, [SECOND]],
  ])(
    "as %s, absorbed and forwarded answers list accordingly",
    async (onlyRequestContacts, listed) => {
      const made = await World.start({ policy: { onlyRequestContacts } });
      const phones = [DEVICE, "198.51.100.8:40000"].map((place) => made.phone("alice", place));
      for (const phone of phones) phone.register();
      made.pass(0.2);
      phones[1]?.register();
      made.pass(0.1);
      expect(made.main.registers).toHaveLength(2);
      for (const answer of phones[1]?.responses ?? []) {
        expect(headerLines(answer, "Contact").join(", ").replaceAll("=59", "=60")).toBe(
          listed.join(", "),
        );
      }
      expect(phones[1]?.responses).toHaveLength(2);
    },
  );

  test("a fetch lists all the same, and a removal lists nothing", async () => {
    const made = await World.start({ policy: { onlyRequestContacts: true } });
    const phones = [DEVICE, "198.51.100.8:40000"].map((place) => made.phone("alice", place));
    for (const phone of phones) phone.register();
    made.pass(0.2);
    phones[0]?.register({ contact: "" });
    made.pass(0.1);
    expect(headerLines(phones[0]?.last ?? "", "Contact")[0]?.split(", ")).toHaveLength(2);
    phones[0]?.register({ expires: 0 });
    made.pass(0.1);
    expect(headerLines(phones[0]?.last ?? "", "Contact")).toEqual([]);
  });
});
