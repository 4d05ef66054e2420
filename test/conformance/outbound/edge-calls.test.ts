/** Rules 16 to 19 where midreg is the edge of a main registrar that does outbound: what comes along its Path. */
import { describe, expect, test } from "vitest";
import {
  answerTo,
  headerLine,
  headerLines,
  message,
  methodOf,
  statusOf,
} from "../../support/messages.ts";
import { SERVER_PLACE, World } from "../../support/world.ts";
import {
  alongPath,
  contactOf,
  type EdgeScene,
  edgeScene,
  FLOW,
  fromPhone,
  got,
  leaving,
  MAIN_PLACE,
  PHONE_PLACE,
  pathOf,
  registered,
  shown,
} from "./edge-scene.ts";
import { EDGE_PATH, EDGE_VIA, flowContact, INSTANCE } from "./flows.ts";

const OTHER_PLACE = "198.51.100.8:40000";
const FAILED = `SIP/2.0 430 Flow Failed > ${MAIN_PLACE}`;

/** A phone that has registered a flow, by which the main registrar reaches it. */
async function called(
  options: Parameters<typeof edgeScene>[0] = {},
): Promise<EdgeScene & { path: string; uri: string }> {
  const all = await edgeScene(options);
  if (options.hasStreams === true) all.world.transport.connect(PHONE_PLACE);
  registered(all);
  return { ...all, path: pathOf(all), uri: contactOf(all) };
}

/** The last final status that the main registrar has heard. */
function heard({ world }: Pick<EdgeScene, "world">): number {
  return world.main.statuses.findLast((status) => status >= 200) ?? 0;
}

describe("rules 17 and 18: a call along the Path", () => {
  test.each(["mirror", "contact"] as const)(
    "reaches the device over its flow, to the byte, with a token minus ob recorded (%s)",
    async (mode) => {
      const { world, phone, path, uri } = await called({ policy: { mode } });
      world.main.send(alongPath(path, { uri }), SERVER_PLACE);
      world.pass(0.1);
      const callId = headerLine(got(phone, "INVITE")[0] ?? "", "Call-ID");
      expect(
        got(phone, "INVITE").map((text) =>
          shown(text).replace(/branch=z9hG4bK-path-\d+/u, "branch=M"),
        ),
      ).toEqual([
        message(
          `INVITE sip:alice@${PHONE_PLACE} SIP/2.0`,
          `Via: SIP/2.0/UDP ${SERVER_PLACE};branch=B;rport`,
          "Max-Breadth: 30",
          `Record-Route: <sip:{D CTID|${FLOW}}@${SERVER_PLACE};lr>`,
          `Via: SIP/2.0/UDP ${MAIN_PLACE};branch=M`,
          "Record-Route: <sip:192.0.2.50;lr>",
          "Max-Forwards: 69",
          "From: <sip:bob@sip.test>;tag=bob",
          "To: <sip:alice@sip.test>",
          `Call-ID: ${callId}`,
          "CSeq: 1 INVITE",
          "Contact: <sip:bob@203.0.113.9:5060>",
          "Content-Length: 0",
        ),
      ]);
    },
  );

  test.each(["MESSAGE", "OPTIONS", "SUBSCRIBE", "REFER"])(
    "%s goes the same way",
    async (method) => {
      const all = await called();
      expect(leaving(all, alongPath(all.path, { method, uri: all.uri }))).toEqual([
        `${method} sip:alice@${PHONE_PLACE} SIP/2.0 > ${PHONE_PLACE}`,
      ]);
    },
  );

  test("goes over the flow that the token names, and not over the present one of the contact", async () => {
    const all = await called({ hasStreams: true });
    const { world, phone, path, uri } = all;
    const other = world.phone("alice", OTHER_PLACE);
    world.transport.connect(OTHER_PLACE);
    // The same instance and reg-id, from elsewhere: the first connection is open still.
    registered({ world, phone: other }, { contact: flowContact(phone) });
    const moved = pathOf(all);
    expect(leaving(all, alongPath(path, { uri }))).toEqual([
      `INVITE sip:alice@${PHONE_PLACE} SIP/2.0 > ${PHONE_PLACE}`,
    ]);
    expect(leaving(all, alongPath(moved, { uri }))).toEqual([
      `INVITE sip:alice@${PHONE_PLACE} SIP/2.0 > ${OTHER_PLACE}`,
    ]);
  });

  test("goes along the Path that stood before midreg's, where midreg is a later hop", async () => {
    const all = await edgeScene();
    registered(all, { headers: [EDGE_VIA, EDGE_PATH], from: "192.0.2.77:5060" });
    const path = headerLines(all.world.main.registers.at(-1) ?? "", "Path").join(", ");
    const before = all.world.network.sent.length;
    expect(leaving(all, alongPath(path, { uri: contactOf(all) }))).toEqual([
      `INVITE sip:alice@${PHONE_PLACE} SIP/2.0 > 192.0.2.77:5060`,
    ]);
    const sent = all.world.network.sent
      .slice(before)
      .findLast(({ text }) => methodOf(text) === "INVITE");
    expect(headerLines(sent?.text ?? "", "Route")).toEqual([EDGE_PATH.slice("Path: ".length)]);
  });

  test("reaches the device by its GRUU, and by its own contact where the main registrar has that", async () => {
    const all = await edgeScene();
    registered(all, { supported: "outbound, path, gruu" });
    const path = pathOf(all);
    const [, gruu = ""] = /pub-gruu="([^"]+)"/u.exec(all.phone.last) ?? [];
    expect(gruu).toBe(`sip:alice@sip.test;gr=${INSTANCE}`);
    for (const uri of [
      gruu,
      `sip:alice@${PHONE_PLACE}`,
      `sip:alice@${PHONE_PLACE};transport=tcp`,
    ]) {
      const [line = ""] = leaving(all, alongPath(path, { uri }));
      expect(line).toBe(
        `INVITE ${uri === gruu ? `sip:alice@${PHONE_PLACE}` : uri} SIP/2.0 > ${PHONE_PLACE}`,
      );
    }
  });

  test("without the Path goes by the contact, as from any main registrar", async () => {
    const all = await called();
    expect(leaving(all, alongPath("", { uri: all.uri }))).toEqual([
      `INVITE sip:alice@${PHONE_PLACE} SIP/2.0 > ${PHONE_PLACE}`,
    ]);
  });

  test("that was put into the Request-URI by a strict router is undone", async () => {
    const all = await called();
    const text = alongPath(`<${all.uri}>`, { uri: all.path.slice(1, -1) });
    expect(leaving(all, text)).toEqual([
      `INVITE sip:alice@${PHONE_PLACE} SIP/2.0 > ${PHONE_PLACE}`,
    ]);
  });
});

describe("rule 16: the token of a Path", () => {
  test("is good after a restart", async () => {
    const all = await called();
    const world = await World.start({
      after: all.world,
      store: all.world.store,
      policy: { outboundMode: "edge" },
    });
    expect(leaving({ world }, alongPath(all.path, { uri: all.uri }))).toEqual([
      `INVITE sip:alice@${PHONE_PLACE} SIP/2.0 > ${PHONE_PLACE}`,
    ]);
  });

  test("is good after a rotation of the install secret, until the old one is forgotten; the next has the new one", async () => {
    const all = await called();
    const { world, path, uri } = all;
    const invite = (route: string): string[] => leaving(all, alongPath(route, { uri }));
    const arrived = [`INVITE sip:alice@${PHONE_PLACE} SIP/2.0 > ${PHONE_PLACE}`];
    world.ids.rotate("the secret that has come after it");
    expect(invite(path)).toEqual(arrived);
    registered(all, { callId: "renewed" });
    const renewed = pathOf(all);
    expect(renewed).not.toBe(path);
    world.ids.rotate("the secret that has come after it", { isForgotten: true });
    expect(invite(path)).toEqual([`SIP/2.0 403 Forbidden > ${MAIN_PLACE}`]);
    expect(invite(renewed)).toEqual(arrived);
  });

  test("stays the same while the flow does", async () => {
    const all = await called();
    registered(all, { callId: "renewed" });
    expect(pathOf(all)).toBe(all.path);
  });
});

describe("rule 17: what comes from the flow of the token", () => {
  test("goes outward, the Path taken off", async () => {
    const all = await called();
    const { world } = all;
    expect(
      leaving(all, fromPhone("MESSAGE", PHONE_PLACE, [`Route: ${all.path}`]), PHONE_PLACE),
    ).toEqual([`MESSAGE sip:bob@sip.test SIP/2.0 > ${MAIN_PLACE}`]);
    expect(headerLines(world.main.requests.at(-1) ?? "", "Route")).toEqual([]);
  });

  test("records the caller's flow where it begins a dialog (rule 20)", async () => {
    const all = await called();
    const contact = `Contact: <sip:alice@${PHONE_PLACE};ob>`;
    leaving(all, fromPhone("INVITE", PHONE_PLACE, [`Route: ${all.path}`, contact]), PHONE_PLACE);
    expect(
      headerLines(all.world.main.requests.at(-1) ?? "", "Record-Route").map((value) =>
        shown(value),
      ),
    ).toEqual([`<sip:{O CTID|${FLOW}}@${SERVER_PLACE};lr>`]);
  });
});

describe("rule 19: a flow that is gone", () => {
  test("is 430, and the device's next REGISTER goes to the main registrar", async () => {
    const all = await called({ hasStreams: true });
    all.world.transport.disconnect(PHONE_PLACE);
    expect(leaving(all, alongPath(all.path, { uri: all.uri }))).toEqual([FAILED]);
    expect(leaving(all, alongPath(all.path, { uri: all.uri, method: "MESSAGE" }))).toEqual([
      FAILED,
    ]);
    expect(got(all.phone, "INVITE")).toEqual([]);
  });

  test("is not the present one of the contact, which is not tried in its place", async () => {
    const all = await called({ hasStreams: true });
    all.world.transport.disconnect(PHONE_PLACE);
    all.world.transport.connect(PHONE_PLACE);
    registered(all);
    expect(leaving(all, alongPath(all.path, { uri: all.uri }))).toEqual([FAILED]);
    expect(leaving(all, alongPath(pathOf(all), { uri: all.uri }))).toEqual([
      `INVITE sip:alice@${PHONE_PLACE} SIP/2.0 > ${PHONE_PLACE}`,
    ]);
  });

  test("nor is another flow of the device: the main registrar chooses", async () => {
    const all = await called({ hasStreams: true });
    const { world } = all;
    const other = world.phone("alice", OTHER_PLACE);
    world.transport.connect(OTHER_PLACE);
    registered({ world, phone: other }, { contact: flowContact(other, { regId: 2 }) });
    world.transport.disconnect(PHONE_PLACE);
    expect(leaving(all, alongPath(all.path, { uri: all.uri }))).toEqual([FAILED]);
    expect(
      leaving(
        all,
        alongPath(pathOf(all), { uri: world.main.contactsFor("sip:alice@sip.test")[1] ?? "" }),
      ),
    ).toEqual([`INVITE sip:alice@${OTHER_PLACE} SIP/2.0 > ${OTHER_PLACE}`]);
  });

  test("over UDP is one that cannot be sent to; the refresh that comes over it is not absorbed", async () => {
    const all = await called();
    const { world, phone } = all;
    registered(all);
    expect(world.main.registers).toHaveLength(1);
    world.transport.unreachable.add(PHONE_PLACE);
    world.main.send(alongPath(all.path, { uri: all.uri }), SERVER_PLACE);
    world.pass(1);
    expect(heard(all)).toBe(430);
    world.transport.unreachable.clear();
    registered(all);
    expect([phone.lastStatus, world.main.registers.length]).toEqual([200, 2]);
    registered(all);
    expect(world.main.registers).toHaveLength(2);
  });

  test("is one over which an INVITE gets no answer at all", async () => {
    const all = await called();
    all.world.main.send(alongPath(all.path, { uri: all.uri }), SERVER_PLACE);
    all.world.pass(33);
    expect(heard(all)).toBe(430);
  });

  test("is known where the registration has ended here", async () => {
    const all = await called();
    all.world.pass(601);
    expect(leaving(all, alongPath(all.path, { uri: all.uri }))).toEqual([FAILED]);
  });

  test("in a dialog is 430 to the main registrar, on either side of it", async () => {
    for (const isCaller of [true, false]) {
      // oxlint-disable-next-line no-await-in-loop -- one world after the other.
      const all = await called({ hasStreams: true });
      const route = recordedOf(all, isCaller);
      all.world.transport.disconnect(PHONE_PLACE);
      const [from, to] = isCaller ? ["uas", "alice"] : ["bob", "uas"];
      all.world.main.send(inside({ route, from, to, via: MAIN_PLACE, text: all }), SERVER_PLACE);
      all.world.pass(0.1);
      expect(heard(all)).toBe(430);
    }
  });

  test("in a dialog is 480 to whoever else sends, since a caller never sees 430 (rule 26)", async () => {
    const all = await called({ hasStreams: true });
    const route = recordedOf(all, false);
    all.world.transport.disconnect(PHONE_PLACE);
    const stranger = "203.0.113.9:5060";
    const lines = leaving(
      all,
      inside({ route, from: "bob", to: "uas", via: stranger, text: all }),
      stranger,
    );
    expect(lines).toEqual([`SIP/2.0 480 Temporarily Unavailable > ${stranger}`]);
  });
});

let dialogs = 0;

/** midreg's Record-Route in a dialog of the phone's, which has called or was called. */
function recordedOf(all: EdgeScene & { path: string; uri: string }, isCaller: boolean): string {
  const { world, phone, path, uri } = all;
  if (isCaller)
    phone.send(fromPhone("INVITE", PHONE_PLACE, [`Contact: <sip:alice@${PHONE_PLACE};ob>`]));
  else world.main.send(alongPath(path, { uri }), SERVER_PLACE);
  world.pass(0.1);
  const invite =
    (isCaller ? world.main.requests : phone.requests).findLast(
      (text) => methodOf(text) === "INVITE",
    ) ?? "";
  const own = headerLines(invite, "Record-Route").filter((value) =>
    /^<sip:[DO][\w-]{20,}\./u.test(value),
  );
  return isCaller ? own.join(", ") : own.toReversed().join(", ");
}

interface Inside {
  readonly route: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly via: string;
  readonly text: EdgeScene;
}

/** A request inside the last dialog. */
function inside({ route, from, to, via, text: { world, phone } }: Inside): string {
  dialogs += 1;
  const invite =
    [...world.main.requests, ...phone.requests].find((text) => methodOf(text) === "INVITE") ?? "";
  return message(
    `INFO sip:alice@${PHONE_PLACE} SIP/2.0`,
    `Via: SIP/2.0/UDP ${via};branch=z9hG4bK-inside-${dialogs}`,
    `Route: ${route}`,
    "Max-Forwards: 70",
    `From: <sip:x@sip.test>;tag=${from}`,
    `To: <sip:alice@sip.test>;tag=${to}`,
    `Call-ID: ${headerLine(invite, "Call-ID")}`,
    "CSeq: 7 INFO",
    "Content-Length: 0",
  );
}

describe("what the device answers", () => {
  test.each([
    [486, 486],
    [408, 408],
    [430, 430],
    [503, 500],
    [200, 200],
  ])("%i is %i to the main registrar, which knows of the other flows", async (answered, told) => {
    const all = await called();
    all.phone.onRequest = (text) => {
      if (methodOf(text) === "INVITE") all.phone.send(answerTo(text, answered, "Answer"));
    };
    all.world.main.send(alongPath(all.path, { uri: all.uri }), SERVER_PLACE);
    all.world.pass(1);
    expect(heard(all)).toBe(told);
    registered(all);
    expect(all.world.main.registers).toHaveLength(answered === 430 ? 2 : 1);
  });

  test("requests inside the dialog go over the flow, from either side", async () => {
    const all = await called({ hasStreams: true });
    const route = recordedOf(all, false);
    const { phone } = all;
    const text = inside({ route, from: "bob", to: "uas", via: MAIN_PLACE, text: all });
    expect(leaving(all, text)).toEqual([`INFO sip:alice@${PHONE_PLACE} SIP/2.0 > ${PHONE_PLACE}`]);
    const back = text
      .replace("INFO sip:alice@198.51.100.7:40000", "BYE sip:bob@203.0.113.9:5060")
      .replace("CSeq: 7 INFO", "CSeq: 8 BYE")
      .replace("tag=bob", "tag=x")
      .replace("tag=uas", "tag=bob")
      .replace("tag=x", "tag=uas")
      .replace(
        /Route: .*\r\n/u,
        `Route: ${route.split(", ").toReversed().join(", ")}, <sip:192.0.2.50;lr>\r\n`,
      )
      .replace("z9hG4bK-inside", "z9hG4bK-back");
    expect(leaving(all, back, phone.place)).toEqual([
      `BYE sip:bob@203.0.113.9:5060 SIP/2.0 > ${MAIN_PLACE}`,
    ]);
    expect(statusOf(phone.last)).toBe(200);
  });
});
