import { describe, expect, test } from "vitest";
import type { Mode } from "../../../src/location/binding.ts";
import { contactsOf } from "../../../src/sip/contact.ts";
import { paramValue } from "../../../src/sip/params.ts";
import { headerLine, requestOf } from "../../support/messages.ts";
import type { Phone } from "../../support/phone.ts";
import { World, type WorldOptions } from "../../support/world.ts";
import {
  AOR,
  boundUris,
  EDGE_PATH,
  EDGE_VIA,
  type FlowOptions,
  flowContact,
  INSTANCE,
  listedFlows,
  registerFlow,
  TO,
  toldOf,
} from "./flows.ts";

const MODES: readonly Mode[] = ["mirror", "contact", "aor"];
const FIRST = "198.51.100.7:40000";
const SECOND = "198.51.100.8:40000";

interface Scene {
  readonly world: World;
  readonly phone: Phone;
  readonly other: Phone;
}

async function scene(policy: WorldOptions["policy"] = {}): Promise<Scene> {
  const world = await World.start({ policy });
  return { world, phone: world.phone("alice", FIRST), other: world.phone("alice", SECOND) };
}

/** What becomes of one REGISTER: status, what is told of outbound, and whether its reg-id counts. */
async function fate(options: FlowOptions, policy: WorldOptions["policy"] = {}): Promise<unknown[]> {
  const { world, phone } = await scene(policy);
  const status = registerFlow(world, phone, options);
  const listed = status === 200 ? listedFlows(phone) : [];
  return [status, ...toldOf(phone), ...listed];
}

describe.each(MODES)("in mode %s", (mode) => {
  test("rule 1: the Vias tell whether midreg is the first hop", async () => {
    expect(await fate({}, { mode })).toEqual([200, "outbound", "1"]);
    expect(await fate({ headers: [EDGE_VIA] }, { mode })).toEqual([439, ""]);
    const inOneLine = EDGE_VIA.replace("Via: ", "Via: SIP/2.0/UDP 192.0.2.78;branch=z9hG4bK-b, ");
    expect(await fate({ headers: [inOneLine] }, { mode })).toEqual([439, ""]);
  });

  test("rule 2: behind a first hop without outbound it is 439 to those who support it, and no reg-id for others", async () => {
    const behind = [EDGE_VIA];
    const plainPath = "Path: <sip:token@192.0.2.77;lr>";
    expect(await fate({ headers: [...behind, plainPath] }, { mode })).toEqual([439, ""]);
    expect(await fate({ headers: behind, supported: "path" }, { mode })).toEqual([200, "", ""]);
    expect(await fate({ headers: [...behind, EDGE_PATH] }, { mode })).toEqual([
      200,
      "outbound",
      "1",
    ]);
    // Another proxy may have added itself later, which must not say "ob".
    const two = `Path: <sip:192.0.2.78;lr>, ${EDGE_PATH.slice("Path: ".length)}`;
    expect(await fate({ headers: [...behind, two] }, { mode })).toEqual([200, "outbound", "1"]);
    // Without a reg-id there is nothing to refuse.
    const contact = "<sip:alice@198.51.100.7:40000>";
    expect(await fate({ headers: behind, contact }, { mode })).toEqual([200, "", ""]);
  });

  test("rule 7: bindings are of a user, an instance and a reg-id, whatever the contact and the Call-ID", async () => {
    const { world, phone, other } = await scene({ mode });
    registerFlow(world, phone);
    registerFlow(world, phone, { regId: 2, callId: "second" });
    expect(listedFlows(phone)).toEqual(["1", "2"]);
    // A UUID is compared without case (RFC 4122 section 3), a reg-id as a number.
    registerFlow(world, other, { instance: INSTANCE.toLowerCase(), regId: "002" });
    expect(boundUris(world)).toEqual([`sip:alice@${FIRST}`, `sip:alice@${SECOND}`]);
  });

  test("rule 8: the contact with its parameters, the Path and the flow are kept", async () => {
    const { world, phone } = await scene({ mode });
    const contact = `${flowContact(phone)};audio`;
    registerFlow(world, phone, { contact, headers: [EDGE_VIA, EDGE_PATH] });
    expect(world.record(AOR)?.bindings).toMatchObject([
      {
        contact: `sip:alice@${FIRST}`,
        params: `;+sip.instance="<${INSTANCE}>";reg-id=1;audio`,
        path: EDGE_PATH.slice("Path: ".length),
        source: `udp:192.0.2.1:5060<${FIRST}`,
      },
    ]);
  });

  test("rule 9: a device that has rebooted takes the place of what it was", async () => {
    const { world, phone, other } = await scene({ mode });
    registerFlow(world, phone);
    const [before] = world.record(AOR)?.bindings ?? [];
    registerFlow(world, other, {
      callId: "after-the-reboot",
      cseq: 1,
      headers: [EDGE_VIA, EDGE_PATH],
    });
    expect(world.record(AOR)?.bindings).toMatchObject([
      {
        ctid: before?.ctid,
        contact: `sip:alice@${SECOND}`,
        callId: "after-the-reboot",
        cseq: 1,
        path: EDGE_PATH.slice("Path: ".length),
        source: `udp:192.0.2.1:5060<${SECOND}`,
      },
    ]);
    // Nothing of it is left over upstream either.
    world.pass(40);
    expect(world.main.contactsFor(TO)).toHaveLength(1);
  });

  test("rule 10: Require: outbound is told those who said Supported, where outbound applies, absorbed or not", async () => {
    const { world, phone } = await scene({ mode });
    registerFlow(world, phone);
    const { length } = world.main.registers;
    registerFlow(world, phone);
    expect(world.main.registers).toHaveLength(mode === "mirror" ? length + 1 : length);
    expect(toldOf(phone)).toEqual(["outbound"]);
    registerFlow(world, phone, { supported: "path" });
    expect([...toldOf(phone), ...listedFlows(phone)]).toEqual(["", "1"]);
    expect(await fate({ contact: `<sip:alice@${FIRST}>` }, { mode })).toEqual([200, "", ""]);
  });

  test("rule 10: the main registrar hears nothing of outbound, which midreg does itself", async () => {
    const { world, phone } = await scene({ mode });
    world.main.extraHeaders = ["Require: outbound", "Flow-Timer: 7"];
    registerFlow(world, phone, {
      supported: "path, outbound,gruu",
      headers: ["Require: outbound"],
    });
    const [sent = ""] = world.main.registers;
    expect([headerLine(sent, "Supported"), headerLine(sent, "Require")]).toEqual([
      "path, gruu",
      "",
    ]);
    expect(toldOf(phone)).toEqual(["outbound"]);
    registerFlow(world, phone, { supported: "", regId: 2 });
    expect(toldOf(phone)).toEqual([""]);
  });

  test("rule 11: flows and contacts without any live in one address-of-record, even under one URI", async () => {
    const { world, phone, other } = await scene({ mode });
    registerFlow(world, phone);
    other.register({ contact: `<sip:alice@${FIRST}>` });
    world.pass(1);
    expect(listedFlows(other)).toEqual(["1", ""]);
    other.register({ contact: `<sip:alice@${FIRST}>` });
    registerFlow(world, phone);
    expect(listedFlows(phone)).toEqual(["1", ""]);
    const places = (world.record(AOR)?.bindings ?? []).map(({ source }) => source);
    expect(places).toEqual([FIRST, SECOND].map((place) => `udp:192.0.2.1:5060<${place}`));
  });

  test("rule 13: Flow-Timer goes together with Require: outbound only", async () => {
    const policy = { mode, flowTimerSec: 120 };
    expect(await fate({}, policy)).toEqual([200, "outbound", "120", "1"]);
    expect(await fate({ supported: "" }, policy)).toEqual([200, "", "1"]);
    const { world, phone } = await scene(policy);
    registerFlow(world, phone);
    registerFlow(world, phone);
    expect(toldOf(phone)).toEqual(["outbound", "120"]);
  });

  test("an instance is its user's: nobody else's binding gives way to it (DESIGN.md section 4)", async () => {
    const { world, phone } = await scene({ mode });
    registerFlow(world, phone);
    const bob = world.phone("bob", SECOND);
    registerFlow(world, bob, { user: "bob" });
    expect(boundUris(world)).toEqual([`sip:alice@${FIRST}`]);
    expect(boundUris(world, "bob@sip.test")).toEqual([`sip:bob@${SECOND}`]);
  });
});

test("rule 3: a reg-id without an instance is ignored, an instance without a reg-id is fine", async () => {
  expect(await fate({ instance: "" })).toEqual([200, "", ""]);
  expect(await fate({ instance: "", regId: 0 })).toEqual([200, "", ""]);
  const contact = `<sip:alice@${FIRST}>;+sip.instance="<${INSTANCE}>"`;
  expect(await fate({ contact })).toEqual([200, "", ""]);
});

test.each<[string, number]>([
  ["1", 200],
  ["2147483647", 200],
  ["0", 400],
  ["2147483648", 400],
  ["99999999999999999999", 400],
  ["x", 400],
  ["-1", 400],
])("rule 4: a reg-id of %s is answered with %i", async (regId, status) => {
  expect((await fate({ regId }))[0]).toBe(status);
});

test("rule 5: one REGISTER registers one flow, and may end others", async () => {
  const { world, phone } = await scene();
  const [one, two] = [1, 2].map((regId) => flowContact(phone, { regId }));
  expect(registerFlow(world, phone, { contact: `${one}, ${two}` })).toBe(400);
  expect(registerFlow(world, phone, { contact: `${one}, <sip:alice@192.0.2.9>` })).toBe(400);
  expect(world.main.registers).toEqual([]);
  registerFlow(world, phone, { contact: `${one}` });
  registerFlow(world, phone, { contact: `${one};expires=0, ${two}` });
  expect([phone.lastStatus, ...listedFlows(phone)]).toEqual([200, "2"]);
});

test("rule 6: no instance and no reg-id with a *", async () => {
  const { world, phone } = await scene();
  registerFlow(world, phone);
  for (const contact of ["*;reg-id=1", `*;+sip.instance="<${INSTANCE}>"`]) {
    expect(registerFlow(world, phone, { contact, expires: 0 })).toBe(400);
  }
  expect(boundUris(world)).toHaveLength(1);
  expect(registerFlow(world, phone, { contact: "*", expires: 0 })).toBe(200);
  expect(toldOf(phone)).toEqual([""]);
  expect(boundUris(world)).toEqual([]);
});

describe("rule 10: with outbound_mode", () => {
  test("off, who requires outbound is refused with 420, and nobody else", async () => {
    const { world, phone } = await scene({ outboundMode: "off" });
    expect(registerFlow(world, phone, { headers: ["Require: outbound"] })).toBe(420);
    expect(headerLine(phone.last, "Unsupported")).toBe("outbound");
    expect(registerFlow(world, phone)).toBe(200);
    expect(toldOf(phone)).toEqual([""]);
    // Bindings go by the URI then.
    registerFlow(world, phone, { regId: 2 });
    expect(listedFlows(phone)).toEqual(["2"]);
  });

  test("required, who does not support it is refused with 421, and without a flow with 403", async () => {
    const policy = { outboundMode: "required" } as const;
    const { world, phone } = await scene(policy);
    const contact = `<sip:alice@${FIRST}>`;
    expect(registerFlow(world, phone, { contact, supported: "path" })).toBe(421);
    expect(headerLine(phone.last, "Require")).toBe("outbound");
    expect(registerFlow(world, phone, { contact })).toBe(403);
    expect(registerFlow(world, phone, { headers: [EDGE_VIA], supported: "" })).toBe(421);
    expect(registerFlow(world, phone)).toBe(200);
    // What asks or ends is let in.
    expect(registerFlow(world, phone, { contact: "" })).toBe(200);
    expect(registerFlow(world, phone, { contact: "*", expires: 0, supported: "" })).toBe(200);
  });
});

test("regid_mode counts reg-ids behind any first hop and without outbound, and says nothing of it", async () => {
  const headers = [EDGE_VIA];
  const lenient = { usesRegIdAlways: true };
  expect(await fate({ headers }, lenient)).toEqual([200, "", "1"]);
  const { world, phone } = await scene({ ...lenient, outboundMode: "off" });
  registerFlow(world, phone);
  registerFlow(world, phone, { regId: 2 });
  expect(listedFlows(phone)).toEqual(["1", "2"]);
});

test("rule 12: a new flow has to be proven anew, the known one is absorbed", async () => {
  const { world, phone } = await scene();
  registerFlow(world, phone);
  const { length } = world.main.registers;
  registerFlow(world, phone);
  expect(world.main.registers).toHaveLength(length);
  phone.register({ contact: flowContact(phone), headers: ["Supported: outbound"], from: SECOND });
  world.pass(1);
  expect(world.main.registers).toHaveLength(length + 1);
});

test("two flows are two contacts upstream in contact throttling, and one in AoR throttling", async () => {
  for (const [mode, count] of [
    ["contact", 2],
    ["aor", 1],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop
    const { world, phone } = await scene({ mode });
    registerFlow(world, phone);
    registerFlow(world, phone, { regId: 2, callId: "second" });
    expect(world.main.contactsFor(TO)).toHaveLength(count);
    registerFlow(world, phone, { regId: 2, callId: "second", expires: 0 });
    world.pass(5);
    expect(world.main.contactsFor(TO)).toHaveLength(1);
    expect(listedFlows(phone)).toEqual(["1"]);
  }
});

test("instance and reg-id reach the main registrar where upstream_contact_params names them, if they count", async () => {
  const upstreamContactParams = ["+sip.instance", "reg-id"];
  const sent = async (options: FlowOptions): Promise<(string | undefined)[]> => {
    const { world, phone } = await scene({ mode: "mirror", upstreamContactParams });
    registerFlow(world, phone, options);
    const contacts = contactsOf(requestOf(world.main.registers[0] ?? ""));
    const params = contacts === "*" || contacts === undefined ? "" : (contacts[0]?.params ?? "");
    return upstreamContactParams.map((name) => paramValue(params, name));
  };
  expect(await sent({})).toEqual([`"<${INSTANCE}>"`, "1"]);
  expect(await sent({ headers: [EDGE_VIA], supported: "" })).toEqual([
    `"<${INSTANCE}>"`,
    undefined,
  ]);
});

test("a removal may name a flow by its URI alone", async () => {
  const { world, phone } = await scene();
  registerFlow(world, phone);
  phone.register({ contact: `<sip:alice@${FIRST}>`, expires: 0 });
  world.pass(1);
  expect([phone.lastStatus, boundUris(world)]).toEqual([200, []]);
});
