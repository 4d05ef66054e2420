/** Rule 15, and what of the main registrar's answers a device is told, where midreg is the edge of one that does outbound. */
import { describe, expect, test } from "vitest";
import { headerLine, headerLines, message, statusOf } from "../../support/messages.ts";
import { SERVER_PLACE, World } from "../../support/world.ts";
import { edgeScene, FLOW, PHONE_PLACE, pathOf, registered, shown } from "./edge-scene.ts";
import { AOR, EDGE_PATH, EDGE_VIA, flowContact, INSTANCE, TO, toldOf } from "./flows.ts";

const OWN = `<sip:{p CTID|${FLOW}}@${SERVER_PLACE};lr;ob>`;
const DOWNSTREAM = EDGE_PATH.slice("Path: ".length);

describe.each(["mirror", "contact"] as const)("rule 15, in mode %s", (mode) => {
  test("a first hop adds its Path with a token of the flow and ob, and names the flow to the main registrar", async () => {
    const all = await edgeScene({ policy: { mode, upstreamContactParams: [] } });
    const register = registered(all);
    expect(all.phone.lastStatus).toBe(200);
    expect(shown(headerLines(register, "Path").join("|"))).toBe(OWN);
    expect(headerLines(register, "Supported")).toEqual(["outbound, path"]);
    expect(shown(headerLine(register, "Contact"))).toMatch(
      new RegExp(
        `^<sip:alice@${SERVER_PLACE};ctid=CTID>;\\+sip\\.instance="<${INSTANCE}>";reg-id=1;expires=\\d+$`,
        "u",
      ),
    );
  });

  test("two flows have a token each", async () => {
    const all = await edgeScene({ policy: { mode } });
    registered(all);
    const first = pathOf(all);
    registered(all, { regId: 2, callId: "second" });
    expect(shown(pathOf(all))).toBe(OWN);
    expect(pathOf(all)).not.toBe(first);
  });

  test("a later hop adds its own without ob, before those that came", async () => {
    const all = await edgeScene({ policy: { mode } });
    const register = registered(all, { headers: [EDGE_VIA, EDGE_PATH] });
    expect(shown(headerLines(register, "Path").join(", "))).toBe(
      `${OWN.replace(";ob", "")}, ${DOWNSTREAM}`,
    );
    expect(headerLine(register, "Contact")).toContain(";reg-id=1");
  });

  test("behind a first hop without outbound it is 439, as everywhere", async () => {
    const all = await edgeScene({ policy: { mode } });
    registered(all, { headers: [EDGE_VIA] });
    expect([all.phone.lastStatus, all.world.main.registers]).toEqual([439, []]);
  });

  test("path is made sure of in Supported, and outbound left to the device", async () => {
    const all = await edgeScene({ policy: { mode } });
    expect(headerLines(registered(all, { supported: "" }), "Supported")).toEqual(["path"]);
    const gruu = registered(all, { supported: "gruu, outbound", callId: "again" });
    expect(headerLines(gruu, "Supported")).toEqual(["path", "gruu, outbound"]);
  });

  test("what ends all flows goes along a Path as well", async () => {
    const all = await edgeScene({ policy: { mode } });
    registered(all);
    const register = registered(all, { contact: "*", expires: 0 });
    expect(headerLine(register, "Contact")).toBe("*");
    expect(shown(headerLine(register, "Path"))).toBe(OWN.replace("CTID", ""));
    const later = registered(all, { contact: "*", expires: 0, headers: [EDGE_VIA] });
    expect(headerLines(later, "Path")).toEqual([]);
  });

  test.each([
    ["no reg-id", `<sip:alice@${PHONE_PLACE}>;+sip.instance="<${INSTANCE}>"`],
    ["no instance", `<sip:alice@${PHONE_PLACE}>;reg-id=1`],
    ["neither", `<sip:alice@${PHONE_PLACE}>`],
  ])("a contact with %s is registered without a Path", async (_, contact) => {
    const all = await edgeScene({ policy: { mode } });
    const register = registered(all, { contact });
    expect(all.phone.lastStatus).toBe(200);
    expect(headerLines(register, "Path")).toEqual([]);
    expect(headerLine(register, "Contact")).not.toContain("instance");
  });

  test("the end of a flow names it and its Path", async () => {
    const all = await edgeScene({ policy: { mode } });
    registered(all);
    const register = registered(all, { expires: 0 });
    expect(shown(headerLine(register, "Path"))).toBe(OWN);
    expect(headerLine(register, "Contact")).toMatch(/;reg-id=1;expires=0$/u);
    expect(all.world.main.contactsFor(TO)).toEqual([]);
  });

  test.each([
    ["what the device requires", { headers: ["Require: outbound"] }, ["outbound"]],
    ["nothing of its own", {}, []],
  ])("the main registrar is asked %s", async (_, options, required) => {
    const all = await edgeScene({ policy: { mode } });
    expect(headerLines(registered(all, options), "Require")).toEqual(required);
  });

  test("the Path leads back by the transport by which the main registrar is reached", async () => {
    const extraContactParams = ";transport=tcp";
    const all = await edgeScene({ policy: { mode, extraContactParams } });
    registered(all);
    expect(shown(pathOf(all))).toBe(OWN.replace(";lr", ";transport=tcp;lr"));
  });
});

test("rule 15: the whole REGISTER in mirror mode, to the byte", async () => {
  const all = await edgeScene({ policy: { mode: "mirror" } });
  const register = registered(all, { branch: "z9hG4bK-1" });
  expect(shown(register)).toBe(
    message(
      "REGISTER sip:sip.test SIP/2.0",
      `Via: SIP/2.0/UDP ${SERVER_PLACE};branch=B;rport`,
      `Path: ${OWN}`,
      `Via: SIP/2.0/UDP ${PHONE_PLACE};branch=z9hG4bK-1;rport=40000;received=198.51.100.7`,
      "Max-Forwards: 69",
      "From: <sip:alice@sip.test>;tag=from-alice",
      `To: <${TO}>`,
      `Call-ID: ${all.phone.callId}`,
      "CSeq: 1 REGISTER",
      `Contact: <sip:alice@${SERVER_PLACE};ctid=CTID>;+sip.instance="<${INSTANCE}>";reg-id=1;expires=600`,
      "Expires: 600",
      "User-Agent: test phone",
      "Supported: outbound, path",
      "Content-Length: 0",
    ),
  );
});

describe("what the main registrar says of outbound", () => {
  test("the device is told in forwarded and in absorbed answers, with the Path that says ob", async () => {
    const all = await edgeScene();
    for (const _ of [1, 2, 3]) {
      registered(all);
      expect(toldOf(all.phone)).toEqual(["outbound", "120"]);
      expect(headerLines(all.phone.last, "Path")).toEqual([pathOf(all)]);
      expect(headerLine(all.phone.last, "Contact")).toContain(";reg-id=1;expires=600");
    }
    expect(all.world.main.registers).toHaveLength(1);
  });

  test("nothing, and so is the device", async () => {
    const all = await edgeScene();
    all.world.main.extraHeaders = [];
    for (const _ of [1, 2]) {
      registered(all);
      expect(toldOf(all.phone)).toEqual([""]);
    }
    expect(all.world.main.registers).toHaveLength(1);
    expect(all.world.transport.keepAlives.size).toBe(0);
  });

  test("does not reach a device that does not support outbound, nor one that asks for its contacts", async () => {
    const all = await edgeScene();
    registered(all);
    registered(all, { supported: "path" });
    expect(toldOf(all.phone)).toEqual([""]);
    registered(all, { contact: "" });
    expect(toldOf(all.phone)).toEqual([""]);
    expect(all.world.main.registers).toHaveLength(1);
  });

  test("with a Flow-Timer of its own midreg is the last proxy, and sets it (section 5.4)", async () => {
    const all = await edgeScene({ policy: { flowTimerSec: 30 } });
    for (const _ of [1, 2]) {
      registered(all);
      expect(toldOf(all.phone)).toEqual(["outbound", "30"]);
      // 40 seconds of grace.
      expect([...all.world.transport.keepAlives]).toEqual([[FLOW, 70_000]]);
    }
  });

  test("the Flow-Timer of the main registrar is watched where the flow ends", async () => {
    const all = await edgeScene();
    registered(all);
    expect([...all.world.transport.keepAlives]).toEqual([[FLOW, 160_000]]);
    const behind = await edgeScene({ policy: { flowTimerSec: 30 } });
    registered(behind, { headers: [EDGE_VIA, EDGE_PATH] });
    expect(toldOf(behind.phone)).toEqual(["outbound", "120"]);
    expect(behind.world.transport.keepAlives.size).toBe(0);
  });

  test("outbound required by the device: the main registrar is asked once, and refreshes are absorbed", async () => {
    const all = await edgeScene();
    for (const _ of [1, 2]) {
      registered(all, { headers: ["Require: outbound"] });
      expect([all.phone.lastStatus, ...toldOf(all.phone)]).toEqual([200, "outbound", "120"]);
    }
    expect(all.world.main.registers).toHaveLength(1);
  });

  test("its 439 and 420 go to the device as they are", async () => {
    const all = await edgeScene();
    for (const [status, phrase] of [
      [439, "First Hop Lacks Outbound Support"],
      [420, "Bad Extension"],
    ] as const) {
      all.world.main.answering = (text) => [
        all.world.main.answer(text).replace(/^SIP\/2\.0 200 OK/u, `SIP/2.0 ${status} ${phrase}`),
      ];
      registered(all);
      expect(statusOf(all.phone.last)).toBe(status);
    }
  });

  test("after a change back to supported midreg says it itself, once", async () => {
    const all = await edgeScene();
    registered(all);
    const world = await World.start({ after: all.world, store: all.world.store });
    registered({ world, phone: all.phone });
    expect(headerLines(all.phone.last, "Require")).toEqual(["outbound"]);
    expect(headerLines(all.phone.last, "Flow-Timer")).toEqual([]);
    expect(world.main.registers).toHaveLength(1);
  });
});

describe("a flow that has changed", () => {
  test.each(["proven", "open"] as const)(
    "is told to the main registrar, whatever else may be absorbed (%s)",
    async (absorb) => {
      const all = await edgeScene({ policy: { absorb } });
      registered(all);
      registered(all);
      expect(all.world.main.registers).toHaveLength(1);
      registered(all, { from: "198.51.100.7:41000", contact: flowContact(all.phone) });
      expect(all.world.main.registers).toHaveLength(2);
      expect(shown(pathOf(all))).toBe(OWN.replace(":40000", ":41000"));
    },
  );
});

test("a registration that midreg makes anew has the Path and names the flow, where the main registrar has taken it", async () => {
  const all = await edgeScene();
  registered(all);
  const path = pathOf(all);
  all.world.main.forget();
  all.world.server.admin.startResync({ aor: undefined, upstream: undefined, rate: undefined });
  all.world.pass(1);
  const anew = all.world.main.registers.at(-1) ?? "";
  expect(all.world.main.registers).toHaveLength(2);
  expect(headerLines(anew, "Path")).toEqual([path]);
  expect(headerLines(anew, "Supported")).toEqual(["path, outbound"]);
  expect(headerLine(anew, "Contact")).toMatch(
    new RegExp(`;\\+sip\\.instance="<${INSTANCE}>";reg-id=1;expires=3600$`, "u"),
  );
  expect(all.world.record(AOR)?.bindings).toHaveLength(1);
});
