/**
 * Paths that would have midreg send somebody's calls to somebody else. The main registrar accepts whoever has a
 * password, so one of its users could make midreg's address attack, scan or flood what lets it in (RFC 3327 section 6.1).
 */
import { beforeEach, describe, expect, test } from "vitest";
import { parseNetwork } from "../../../src/location/network.ts";
import { buildInvite, PHONE_PLACE } from "../../support/call-messages.ts";
import { headerLines, methodOf, statusOf } from "../../support/messages.ts";
import { SERVER_PLACE } from "../../support/world.ts";
import { MAIN_PLACE, ProxyStage, STRANGER_PLACE } from "../proxy-rules/stage.ts";

const VICTIM = "203.0.113.99:5060";
const POLICY = { policy: { pathFrom: [] } };

let stage: ProxyStage;

beforeEach(async () => {
  stage = await ProxyStage.open(POLICY);
});

/** Who is sent the call that the main registrar makes to alice. */
function called(): string[] {
  return stage
    .requests(buildInvite({ uri: stage.contact }), MAIN_PLACE)
    .filter(({ text }) => methodOf(text) === "INVITE")
    .map(({ to }) => to);
}

describe("a phone that names a Path", () => {
  test.each([
    ["a victim", `<sip:${VICTIM};lr>`],
    ["a victim by name", "<sip:victim.test;lr>"],
    ["a victim by maddr", `<sip:${PHONE_PLACE};maddr=203.0.113.99;lr>`],
    ["a victim behind midreg", `<sip:${SERVER_PLACE};lr>, <sip:${VICTIM};lr>`],
    ["the admin listener", "<sip:127.0.0.1:8080;transport=tcp;lr>"],
    ["the main registrar", `<sip:${MAIN_PLACE};lr>`],
    ["another phone", "<sip:198.51.100.8:40000;lr>"],
    ["the cloud's metadata", "<sip:169.254.169.254:80;transport=tcp;lr>"],
  ])(
    "to %s is refused before the main registrar hears of it, and its calls go where they went",
    (_, path) => {
      const registers = stage.world.main.registers.length;
      stage.phone.register({ headers: [`Path: ${path}`, "Supported: path"] });
      stage.world.pass(1);
      expect(statusOf(stage.phone.last)).toBe(403);
      expect(stage.world.main.registers).toHaveLength(registers);
      expect(stage.world.record("alice@sip.test")?.bindings).toMatchObject([{ path: "" }]);
      expect(called()).toEqual([PHONE_PLACE]);
    },
  );

  test("to itself is called there, and what stands behind that is its own affair", () => {
    const path = `<sip:${PHONE_PLACE};lr>, <sip:${VICTIM};lr>`;
    stage.phone.register({ headers: [`Path: ${path}`] });
    stage.world.pass(1);
    expect(statusOf(stage.phone.last)).toBe(200);
    const [invite] = stage.requests(buildInvite({ uri: stage.contact }), MAIN_PLACE);
    expect([invite?.to, headerLines(invite?.text ?? "", "Route")]).toEqual([PHONE_PLACE, [path]]);
  });

  test("cannot use what another one has been let in with", () => {
    const edge = stage.world.phone("alice", "198.51.100.20:5060");
    edge.register({ headers: [`Path: <sip:${edge.place};lr>`] });
    stage.world.pass(1);
    expect(statusOf(edge.last)).toBe(200);
    stage.phone.register({ headers: [`Path: <sip:${edge.place};lr>`] });
    stage.world.pass(1);
    expect(statusOf(stage.phone.last)).toBe(403);
  });

  test("is counted, and told in the log with its address, but not without end", () => {
    for (let sent = 0; sent < 200; sent += 1) {
      stage.phone.register({ headers: [`Path: <sip:${VICTIM};lr>`] });
    }
    stage.world.pass(1);
    const labels = { result: "rejected", reason: "foreign-path" };
    expect(stage.world.recording.metrics.counter("registers_total", labels).n).toBe(200);
    const lines = stage.world.recording.lines.filter(({ level }) => level === "warn");
    expect(lines).toHaveLength(50);
    expect(lines[0]?.fields).toEqual({
      address: "198.51.100.7",
      port: 40_000,
      left_out: 0,
      setting: "mid_registrar.path_from",
    });
  });

  test("is a stranger's, too, when it has no registration at all", () => {
    const stranger = stage.world.phone("mallory", STRANGER_PLACE);
    stranger.register({ headers: [`Path: <sip:${VICTIM};lr>`] });
    stage.world.pass(1);
    expect(statusOf(stranger.last)).toBe(403);
    expect(stage.world.record("mallory@sip.test")).toBeUndefined();
  });
});

describe("a proxy that is listed", () => {
  const listed = [parseNetwork("198.51.100.20")].flatMap((network) => network ?? []);

  test.each(["pathFrom", "pathUseReceived"] as const)(
    "in %s names the address on which it wants to be reached",
    async (setting) => {
      stage = await ProxyStage.open(
        { policy: { pathFrom: [], [setting]: listed } },
        { headers: ["Path: <sip:192.0.2.99:5080;lr>"], from: "198.51.100.20:5060" },
      );
      expect(called()).toEqual(["192.0.2.99:5080"]);
    },
  );
});
