/**
 * Calls from a device of this box to devices of this box, by way of the main registrar: one Record-Route for the flow of
 * the caller, and one in each branch for the flow of the device that the branch leads to. Requests inside the dialog then
 * go over these flows (RFC 5626 sections 5.3.1 and 5.3.2).
 */
import { describe, expect, test } from "vitest";
import {
  answerTo,
  headerLine,
  headerLines,
  message,
  methodOf,
  statusOf,
} from "../../support/messages.ts";
import type { Phone } from "../../support/phone.ts";
import { SERVER_PLACE, World } from "../../support/world.ts";
import { flowContact, registerFlow } from "./flows.ts";

const MAIN = "192.0.2.50:5060";
const ANNA = "198.51.100.20:40000";
const BENS = ["198.51.100.31:40000", "198.51.100.32:40000", "198.51.100.33:40000"] as const;

interface Device {
  readonly phone: Phone;
  readonly user: string;
  readonly flow: string;
  readonly ctid: string;
}

interface Way {
  readonly mode: "contact" | "aor";
  readonly protocol: "udp" | "tcp";
}

interface Scene extends Way {
  readonly world: World;
  readonly anna: Device;
  readonly bens: readonly Device[];
}

async function scene(way: Way): Promise<Scene> {
  const world = await World.start({ hasStreams: true, policy: { mode: way.mode } });
  const anna = device(world, "anna", ANNA, way.protocol);
  const bens = BENS.map((place) => device(world, "ben", place, way.protocol));
  return { ...way, world, anna, bens };
}

let instances = 0;

/** Registers a device over a flow of its own. */
function device(world: World, user: string, place: string, protocol: Way["protocol"]): Device {
  instances += 1;
  const phone = world.phone(user, place);
  const flow = protocol === "tcp" ? world.transport.connect(place) : `udp:${SERVER_PLACE}<${place}`;
  const contact = flowContact(phone, { user, instance: `urn:x:${instances}` });
  expect(registerFlow(world, phone, { contact, expires: 600 })).toBe(200);
  const binding = world.record(`${user}@sip.test`)?.bindings.find(({ source }) => source === flow);
  return { phone, user, flow, ctid: binding?.ctid ?? "" };
}

/** A message with what its tokens say in their place: role, contact identifier and flow. */
function shown(text: string): string {
  return text
    .replaceAll(/([do])([\w-]{20,})\.[\w-]{14}@/gu, (_, role: string, body: string) => {
      const read = Buffer.from(body, "base64url").toString("latin1");
      return `{${role} ${read}}@`;
    })
    .replaceAll(/branch=z9hG4bK-midreg-\d+\.[\w-]{14}/gu, "branch=B");
}

/** Record-Route of midreg's for a device, as it is shown. */
function recorded({ ctid, flow }: Device, role: "o" | "d", protocol: Way["protocol"]): string[] {
  const user = `sip:{${role} ${ctid}|${flow}}@${SERVER_PLACE}`;
  if (protocol === "udp") return [`<${user};lr>`];
  const pair = [`<${user};transport=udp;lr;r2=on>`, `<${user};transport=tcp;lr;r2=on>`];
  // The way out is above: for a caller that is the main registrar's side.
  return role === "o" ? pair : pair.toReversed();
}

function inviteOf({ phone, user }: Device, to: string, protocol: Way["protocol"]): string {
  return message(
    `INVITE sip:${to}@sip.test SIP/2.0`,
    `Via: SIP/2.0/${protocol.toUpperCase()} ${phone.place};branch=z9hG4bK-${user}`,
    "Max-Forwards: 70",
    `From: <sip:${user}@sip.test>;tag=${user}`,
    `To: <sip:${to}@sip.test>`,
    "Call-ID: two-devices",
    "CSeq: 1 INVITE",
    `Contact: <sip:${user}@${phone.place};ob>`,
    "Content-Length: 0",
  );
}

let branches = 0;

/** The main registrar passes a request on, to a contact it holds or by the next Route. */
function passOn({ world }: Scene, text: string, target?: string): void {
  branches += 1;
  const via = `Via: SIP/2.0/UDP ${MAIN};branch=z9hG4bK-main-${branches}`;
  const record = target === undefined ? "" : `\r\nRecord-Route: <sip:${MAIN};lr>`;
  const to = target === undefined ? text : text.replace(/ \S+ SIP/u, ` ${target} SIP`);
  world.main.send(to.replace("\r\n", `\r\n${via}${record}\r\n`), SERVER_PLACE);
  world.pass(0.1);
}

/** A device of one user calls the other user: what the main registrar gets, and what every device does. */
function call(all: Scene, from: Device, to: string): string {
  const { world, protocol } = all;
  from.phone.send(inviteOf(from, to, protocol));
  world.pass(0.1);
  const up = world.main.requests.at(-1) ?? "";
  for (const uri of world.main.contactsFor(`sip:${to}@sip.test`)) passOn(all, up, uri);
  return up;
}

/** What devices have accepted travels back through the main registrar, which has forked. */
function passBack({ world }: Scene): void {
  for (const response of world.main.responses.splice(0)) {
    // What was for the main registrar itself has a Via of its alone.
    const rest = response.replace(/^Via: SIP\/2\.0\/UDP 192\.0\.2\.50:5060[^\r]*\r\n/mu, "");
    if (statusOf(rest) < 300 && rest.includes("\r\nVia: ")) world.main.send(rest, SERVER_PLACE);
  }
  world.pass(0.1);
}

const WAYS: readonly Way[] = [
  { mode: "aor", protocol: "udp" },
  { mode: "aor", protocol: "tcp" },
  { mode: "contact", protocol: "udp" },
  { mode: "contact", protocol: "tcp" },
];

describe("rule 20: a call of one device of this box to others of it", () => {
  test.each(WAYS)(
    "leaves it with the caller's flow recorded, to the byte: $mode $protocol",
    async (way) => {
      const all = await scene(way);
      const [ben] = all.bens;
      for (const [from, to] of [
        [all.anna, "ben"],
        [ben, "anna"],
      ] as const) {
        if (from === undefined) throw new Error("Nobody");
        const [via, ...rest] = inviteOf(from, to, way.protocol).split("\r\n").slice(1);
        expect(shown(call(all, from, to))).toBe(
          [
            `INVITE sip:${to}@sip.test SIP/2.0`,
            `Via: SIP/2.0/UDP ${SERVER_PLACE};branch=B;rport`,
            "Max-Breadth: 60",
            ...recorded(from, "o", way.protocol).map((value) => `Record-Route: ${value}`),
            via,
            ...rest,
          ]
            .join("\r\n")
            .replace("Max-Forwards: 70", "Max-Forwards: 69"),
        );
      }
    },
  );

  test.each(WAYS)(
    "reaches each of three devices with its own flow above that, to the byte: $mode $protocol",
    async (way) => {
      const all = await scene(way);
      const up = call(all, all.anna, "ben");
      const [, ...upLines] = shown(up).split("\r\n");
      for (const ben of all.bens) {
        const invites = ben.phone.requests.filter((text) => methodOf(text) === "INVITE");
        expect(invites).toHaveLength(1);
        const got = shown(invites[0] ?? "").replace(/branch=z9hG4bK-main-\d+/u, "branch=M");
        expect(got).toBe(
          [
            `INVITE sip:ben@${ben.phone.place} SIP/2.0`,
            `Via: SIP/2.0/${way.protocol.toUpperCase()} ${SERVER_PLACE};branch=B;rport`,
            `Max-Breadth: ${way.mode === "aor" ? 15 : 30}`,
            ...recorded(ben, "d", way.protocol).map((value) => `Record-Route: ${value}`),
            `Via: SIP/2.0/UDP ${MAIN};branch=M`,
            `Record-Route: <sip:${MAIN};lr>`,
            ...upLines.filter((line) => !line.startsWith("Max-Breadth")),
          ]
            .join("\r\n")
            .replace("Max-Forwards: 69", "Max-Forwards: 68"),
        );
      }
    },
  );
});

interface Dialog {
  readonly all: Scene;
  readonly caller: Device;
  readonly callee: Device;
  /** Record-Route of the 200, as both ends have it. */
  readonly recorded: readonly string[];
}

/** The second of three devices takes the call, the others decline. */
async function dialog(way: Way): Promise<Dialog> {
  const all = await scene(way);
  const { world, anna, bens } = all;
  const [, callee] = bens;
  if (callee === undefined) throw new Error("Nobody");
  for (const { phone } of bens) {
    phone.onRequest = (text) => {
      if (methodOf(text) !== "INVITE") return;
      const headers = [`Contact: <sip:ben@${phone.place};ob>`];
      if (phone === callee.phone) phone.send(answerTo(text, 200, "OK", { tag: "ben", headers }));
      else phone.send(answerTo(text, 486, "Busy Here"));
    };
  }
  call(all, anna, "ben");
  passBack(all);
  for (const { phone } of bens) phone.onRequest = undefined;
  const ok = anna.phone.responses.find(
    (text) => text.startsWith("SIP/2.0 200") && text.includes("1 INVITE"),
  );
  const given = headerLines(ok ?? "", "Record-Route");
  const inside = callee.phone.requests.find((text) => methodOf(text) === "INVITE") ?? "";
  expect(given).toEqual(headerLines(inside, "Record-Route"));
  expect(headerLine(ok ?? "", "Contact")).toBe(`<sip:ben@${callee.phone.place};ob>`);
  world.pass(1);
  return { all, caller: anna, callee, recorded: given };
}

let cseq = 1;

/** Sends a request inside the dialog from one end, by way of the main registrar; gives what the other end gets. */
function ask(
  { all, caller, callee, recorded: set }: Dialog,
  method: string,
  isFromCaller: boolean,
): string[] {
  const { world, protocol } = all;
  const [from, to] = isFromCaller ? [caller, callee] : [callee, caller];
  cseq += 1;
  const text = message(
    `${method} sip:${to.user}@${to.phone.place};ob SIP/2.0`,
    `Via: SIP/2.0/${protocol.toUpperCase()} ${from.phone.place};branch=z9hG4bK-in-${cseq}`,
    ...(isFromCaller ? set.toReversed() : set).map((route) => `Route: ${route}`),
    "Max-Forwards: 70",
    `From: <sip:${from.user}@sip.test>;tag=${from.user}`,
    `To: <sip:${to.user}@sip.test>;tag=${to.user}`,
    "Call-ID: two-devices",
    `CSeq: ${cseq} ${method}`,
    `Contact: <sip:${from.user}@${from.phone.place};ob>`,
    "Content-Length: 0",
  );
  const before = world.network.sent.length;
  from.phone.send(text);
  world.pass(0.1);
  const up = world.main.requests.at(-1) ?? "";
  expect(headerLine(up, "CSeq")).toBe(`${cseq} ${method}`);
  expect(headerLines(up, "Route")[0]).toBe(`<sip:${MAIN};lr>`);
  passOn(all, up.replace(`Route: <sip:${MAIN};lr>\r\n`, ""));
  return world.network.sent
    .slice(before)
    .filter(
      (sent) => sent.from === SERVER_PLACE && sent.to !== MAIN && methodOf(sent.text) === method,
    )
    .map((sent) => `${sent.to} ${headerLines(sent.text, "Route").join()}`);
}

describe("rules 18 and 20: requests inside a dialog between two devices of this box", () => {
  test.each(WAYS)(
    "go over the flow of the other end, from either side: $mode $protocol",
    async (way) => {
      const made = await dialog(way);
      for (const method of ["INVITE", "UPDATE", "BYE"]) {
        expect(ask(made, method, true)).toEqual([`${made.callee.phone.place} `]);
        expect(ask(made, method, false)).toEqual([`${made.caller.phone.place} `]);
      }
    },
  );

  test.each(WAYS)("follow either end to its new flow: $mode $protocol", async (way) => {
    const made = await dialog(way);
    const { world } = made.all;
    for (const { phone, user } of [made.caller, made.callee]) {
      const contact = headerLine(
        world.network.sent.find(
          ({ from, text }) => from === phone.place && methodOf(text) === "REGISTER",
        )?.text ?? "",
        "Contact",
      );
      const moved = phone.place.replace(":40000", ":41000");
      if (way.protocol === "tcp") world.transport.connect(moved);
      phone.register({
        contact,
        from: moved,
        expires: 600,
        headers: ["Supported: outbound, path"],
      });
      world.pass(1);
      expect(
        world.record(`${user}@sip.test`)?.bindings.some(({ source }) => source.includes(moved)),
      ).toBe(true);
    }
    const [caller = "", callee = ""] = [made.caller, made.callee].map(({ phone }) =>
      phone.place.replace(":40000", ":41000"),
    );
    expect(ask(made, "INVITE", true)).toEqual([`${callee} `]);
    expect(ask(made, "BYE", false)).toEqual([`${caller} `]);
  });

  test("are not given to the other flow of a device, however fresh that is", async () => {
    const made = await dialog({ mode: "contact", protocol: "tcp" });
    const { world } = made.all;
    const { phone } = made.callee;
    const sent = world.network.sent.find(
      ({ from, text }) => from === phone.place && methodOf(text) === "REGISTER",
    );
    const contact = headerLine(sent?.text ?? "", "Contact").replace("reg-id=1", "reg-id=2");
    const second = phone.place.replace(":40000", ":42000");
    world.transport.connect(second);
    phone.register({
      contact,
      from: second,
      callId: "second-flow",
      expires: 600,
      headers: ["Supported: outbound, path"],
    });
    world.pass(1);
    expect(world.record("ben@sip.test")?.bindings).toHaveLength(4);
    expect(ask(made, "INVITE", true)).toEqual([`${phone.place} `]);
  });
});
