/** Rules 30 and 31: what routes mean to REGISTER, and where midreg is to be found. */
import { describe, expect, test } from "vitest";
import { buildInvite, PHONE_PLACE } from "../../support/call-messages.ts";
import { headerLine, headerLines } from "../../support/messages.ts";
import { fromAlice, MAIN_PLACE, ProxyStage } from "./stage.ts";

describe("rule 30: REGISTER and routes", () => {
  test("a preloaded Route to midreg is taken off, one to the main registrar stays", async () => {
    const headers = [`Route: <sip:192.0.2.1;lr>, <sip:${MAIN_PLACE};lr>`];
    const stage = await ProxyStage.open({}, { headers });
    const sent = stage.world.main.registers[0] ?? "";
    expect(headerLines(sent, "Route")).toEqual([`<sip:${MAIN_PLACE};lr>`]);
    expect(stage.phone.lastStatus).toBe(200);
  });

  test("the answer makes no route set: Record-Route is in neither direction", async () => {
    const stage = await ProxyStage.open();
    stage.world.main.extraHeaders = ["Record-Route: <sip:evil.test;lr>"];
    stage.phone.register({ contact: `<sip:alice@198.51.100.7:40001>`, expires: 600 });
    stage.world.pass(0.5);
    expect(stage.phone.lastStatus).toBe(200);
    expect(headerLines(stage.phone.last, "Record-Route")).toEqual([]);
  });

  // "Unless we are the outbound proxy, in which case we prepend ours": midreg does not, since phones that have it as
  // outbound proxy go by that first, as UA1 does in the example of RFC 3608 section 6.4.2. So the header passes as it
  // is, forwarded or absorbed, and leads through midreg to the main registrar.
  test("Service-Route passes as it is, is repeated when absorbed, and may be used", async () => {
    const stage = await ProxyStage.open();
    const service = "<sip:orig@edge.sip.test;lr>, <sip:second.test;lr;x=y>";
    stage.world.main.extraHeaders = [`Service-Route: ${service}`];
    stage.phone.register({
      contact: `<sip:alice@${PHONE_PLACE}>;q=0.5`,
      expires: 600,
      callId: "anew",
    });
    stage.world.pass(0.5);
    const forwarded = stage.world.main.registers.length;
    expect(headerLines(stage.phone.last, "Service-Route")).toEqual([service]);
    stage.phone.register({
      contact: `<sip:alice@${PHONE_PLACE}>;q=0.5`,
      expires: 600,
      callId: "anew",
    });
    stage.world.pass(0.5);
    expect(stage.world.main.registers).toHaveLength(forwarded);
    expect(headerLines(stage.phone.last, "Service-Route")).toEqual([service]);
    const route = `<sip:192.0.2.1;lr>, ${service}`;
    const message = fromAlice("MESSAGE", { uri: "sip:bob@sip.test", route }).replace(
      ";tag=bob",
      "",
    );
    const [sent] = stage.raw(message, PHONE_PLACE);
    expect(sent?.to).toBe(MAIN_PLACE);
    expect(headerLines(sent?.text ?? "", "Route")).toEqual([service]);
  });
});

describe("rule 31: Contact and Record-Route", () => {
  // A cluster is not built yet. What there is: both name the same listener, or its advertised address, which may be the
  // address that a cluster shares; tokens and ctids hold no node, and are good at any that has the same secret.
  test.each([
    ["one listener", [["192.0.2.1", 5060]] as const, "192.0.2.1:5060"],
    ["another port", [["192.0.2.1", 5080]] as const, "192.0.2.1:5080"],
    [
      "an IPv4 listener beside that of the phones",
      [
        ["2001:db8::1", 5060],
        ["192.0.2.1", 5060],
      ] as const,
      "192.0.2.1:5060",
    ],
  ])("name the same place upstream: %s", async (_, listeners, place) => {
    const first = listeners[0][0];
    const phone = first.includes(":") ? "[2001:db8::7]:40000" : PHONE_PLACE;
    const stage = await ProxyStage.open({ listeners }, { from: phone });
    stage.world.network.listen(phone, () => undefined);
    expect(stage.contact).toContain(`@${place};`);
    const sent = stage.raw(buildInvite({ uri: stage.contact }), MAIN_PLACE, place);
    const recorded = headerLines(sent.find(({ to }) => to === phone)?.text ?? "", "Record-Route");
    // The lower one of two is that of the side it came in on.
    expect(recorded.at(-2)).toMatch(
      new RegExp(`^<sip:[^@]+@${place.replaceAll(".", "\\.")};lr`, "u"),
    );
  });

  test("a call finds the phone at another midreg with the same store and secret, and so does its BYE", async () => {
    const stage = await ProxyStage.open();
    const { own } = stage.call();
    const other = await ProxyStage.open({
      after: stage.world,
      store: stage.world.store,
      listeners: [["192.0.2.2", 5060]],
      ownHosts: ["192.0.2.1"],
    });
    const invite = buildInvite({ uri: stage.contact, branch: "z9hG4bK-2" });
    const calls = other.lines(invite, MAIN_PLACE, "192.0.2.2:5060");
    expect(calls).toContain(`INVITE sip:alice@${PHONE_PLACE} SIP/2.0 > ${PHONE_PLACE}`);
    const bye = fromAlice("BYE", { route: own, uri: `sip:bob@${MAIN_PLACE}` });
    const [sent] = other.raw(bye, PHONE_PLACE, "192.0.2.2:5060");
    expect([sent?.to, headerLine(sent?.text ?? "", "Route")]).toEqual([MAIN_PLACE, ""]);
  });
});
