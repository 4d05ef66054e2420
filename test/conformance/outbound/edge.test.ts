import { describe, expect, test } from "vitest";
import { buildInvite } from "../../support/call-messages.ts";
import { headerLine, methodOf, statusOf } from "../../support/messages.ts";
import type { Phone } from "../../support/phone.ts";
import { SERVER_PLACE, World } from "../../support/world.ts";
import { registerFlow, TO } from "./flows.ts";

const FLOW = "198.51.100.7:40000";

/** A device that was called over its flow, and the Record-Route that its dialog has got. */
async function scene(): Promise<{ world: World; phone: Phone; recorded: string }> {
  const world = await World.start({ hasStreams: true });
  const phone = world.phone("alice", FLOW);
  world.transport.connect(FLOW);
  registerFlow(world, phone);
  const [uri = ""] = world.main.contactsFor(TO);
  world.main.send(buildInvite({ uri, branch: "z9hG4bK-edge-invite" }), SERVER_PLACE);
  world.pass(1);
  const invite = phone.requests.find((text) => methodOf(text) === "INVITE") ?? "";
  return { world, phone, recorded: headerLine(invite, "Record-Route").replace(/^[^<]*/u, "") };
}

/** Sends a request inside the dialog by a route, and says which methods the device got of it. */
function sendInDialog(world: World, phone: Phone, route: string): string[] {
  const from = phone.requests.length;
  const info = buildInvite({ uri: `sip:alice@${FLOW}`, branch: "z9hG4bK-edge-info" })
    .replaceAll("INVITE", "INFO")
    .replace(/^(To:[^\r]*)/mu, `$1;tag=dev\r\nRoute: ${route}`);
  world.main.send(info, SERVER_PLACE);
  world.pass(1);
  return phone.requests.slice(from).map((text) => methodOf(text));
}

describe("rules 16 and 18: the token of a dialog", () => {
  test("is recorded without ob, and leads requests to the device over its flow", async () => {
    const { world, phone, recorded } = await scene();
    expect(recorded).toMatch(/^<sip:d[\w-]+\.[\w-]+@[^>]*;lr[^>]*>$/u);
    expect(recorded).not.toMatch(/;ob\b/u);
    expect(sendInDialog(world, phone, recorded)).toEqual(["INFO"]);
    expect(headerLine(phone.requests.at(-1) ?? "", "Route")).toBe("");
  });
});

describe("rule 19: no way to the device is opened by a token", () => {
  const forgeries: readonly (readonly [string, (route: string) => string])[] = [
    [
      "whose digest was altered",
      (route) => route.replace(/\.(.)/u, (_, one: string) => (one === "A" ? ".B" : ".A")),
    ],
    ["whose flow was altered", (route) => route.replace(/<sip:d(..)/u, "<sip:dAA")],
    ["that was the other side's", (route) => route.replace("<sip:d", "<sip:o")],
  ];

  test.each(forgeries)("%s: 403 (section 5.3.1)", async (_, forge) => {
    const { world, phone, recorded } = await scene();
    expect(sendInDialog(world, phone, forge(recorded))).toEqual([]);
    expect(statusOf(world.main.responses.at(-1) ?? "")).toBe(403);
  });

  test("that stands beside a good one, in either order", async () => {
    const { world, phone, recorded } = await scene();
    const forged = recorded.replace("<sip:d", "<sip:dAAAA");
    for (const route of [`${forged}, ${recorded}`, `${recorded}, ${forged}`]) {
      expect(sendInDialog(world, phone, route)).toEqual([]);
      expect(statusOf(world.main.responses.at(-1) ?? "")).toBe(403);
    }
  });

  test("that the device itself has altered, for requests outward", async () => {
    const { world, phone, recorded } = await scene();
    const text = buildInvite({ uri: "sip:bob@sip.test", branch: "z9hG4bK-edge-out" })
      .replaceAll("INVITE", "INFO")
      .replace(
        /^(To:[^\r]*)/mu,
        `$1;tag=bob\r\nRoute: ${recorded.replace("<sip:d", "<sip:dAAAA")}`,
      );
    phone.send(text);
    world.pass(1);
    expect(statusOf(phone.responses.at(-1) ?? "")).toBe(403);
    expect(world.main.requests).toEqual([]);
  });

  // Toward the caller it is never 430 (section 7), and there is no proxy behind midreg that could try another flow.
  test("whose flow is gone: 480", async () => {
    const { world, phone, recorded } = await scene();
    world.transport.disconnect(FLOW, "peer");
    expect(sendInDialog(world, phone, recorded)).toEqual([]);
    expect(statusOf(world.main.responses.at(-1) ?? "")).toBe(480);
  });
});
