import { describe, expect, test } from "vitest";
import { parseNetwork } from "../../src/location/network.ts";
import { isTrustedProxy } from "../../src/registrar/path.ts";
import { readRegister } from "../../src/registrar/read-register.ts";
import { requestOf } from "../support/messages.ts";
import { POLICY } from "../support/world.ts";
import { registerText } from "./fixtures.ts";

const pathUseReceived = ["10.0.0.0/8", "2001:db8::/32"].flatMap((text) => parseNetwork(text) ?? []);

function received(path: string, from = "10.1.2.3"): unknown {
  const request = requestOf(registerText({ headers: [`Path: ${path}`] }));
  const ask = readRegister(request, { ...POLICY, pathUseReceived }, from);
  return "status" in ask ? `${ask.status} ${ask.reason}` : ask.received;
}

const hop = (params: string): string => `<sip:edge.test;lr${params}>`;
const given = (value: string): string => hop(`;received=${value}`);

describe("where a trusted proxy has heard the device (path_use_received)", () => {
  test.each([
    ["an address and port", given("sip:198.51.100.7:40000"), "198.51.100.7:40000"],
    ["an escaped URI", given("sip%3A198.51.100.7%3a40000"), "198.51.100.7:40000"],
    [
      "an escaped transport",
      given("sip:198.51.100.7:40000%3Btransport%3DUDP"),
      "198.51.100.7:40000",
    ],
    ["no port", given("sip:198.51.100.7"), "198.51.100.7:5060"],
    ["an IPv6 address", given("sip:%5B2001:db8::7%5D:40000"), "[2001:db8::7]:40000"],
    ["a user", given("sip:a%40198.51.100.7:40000"), "198.51.100.7:40000"],
    ["a connection of the proxy's", given("sip:198.51.100.7:1%3Btransport%3Dtcp"), ""],
    ["a secured connection of the proxy's", given("sips:198.51.100.7:1"), ""],
    [
      "the first hop of two",
      `${given("sip:198.51.100.7:1")}, ${given("sip:9.9.9.9:9")}`,
      "198.51.100.7:1",
    ],
    ["the second hop, which it is not taken from", `${hop("")}, ${given("sip:9.9.9.9:9")}`, ""],
    [
      "the second hop of a double value",
      `${hop(";r2=on")}, ${given("sip:9.9.9.9:9")}`,
      "9.9.9.9:9",
    ],
    ["a double value by itself", hop(";r2=on;received=sip:9.9.9.9:9"), "9.9.9.9:9"],
    ["nothing", hop(""), ""],
    ["a name", given("sip:phone.test:5060"), "400 Malformed received of Path"],
    ["no value", hop(";received"), "400 Malformed received of Path"],
    ["no URI", given("198.51.100.7"), "400 Malformed received of Path"],
    ["another scheme", given("tel:+49301234"), "400 Malformed received of Path"],
    ["a port beyond all ports", given("sip:198.51.100.7:65536"), "400 Malformed received of Path"],
    ["an address that is none", given("sip:198.51.100.256:1"), "400 Malformed received of Path"],
    [
      "something behind the URI",
      given("sip:198.51.100.7%0d%0aX:1"),
      "400 Malformed received of Path",
    ],
  ])("is read from %s", (_, path, expected) => {
    expect(received(path)).toBe(expected);
  });

  test.each([
    ["10.255.0.1", "198.51.100.7:1"],
    ["2001:db8::5", "198.51.100.7:1"],
    ["::ffff:10.0.0.1", "198.51.100.7:1"],
    ["11.0.0.1", ""],
    ["2001:db9::5", ""],
    ["", ""],
  ])("counts from %j as %j, and what others write is not even read", (from, expected) => {
    expect(received(given("sip:198.51.100.7:1"), from)).toBe(expected);
    const isRead = expected !== "";
    expect(received(given("nonsense"), from)).toBe(isRead ? "400 Malformed received of Path" : "");
  });

  test("is believed by nobody when no network is listed", () => {
    expect(isTrustedProxy("10.0.0.1", POLICY)).toBe(false);
    expect(isTrustedProxy("10.0.0.1", { pathUseReceived })).toBe(true);
  });
});

describe("who may name a Path", () => {
  const [listed] = [parseNetwork("10.0.0.0/8")].map((network) => network ?? []);
  const OWN = "192.0.2.1";
  const isOwnHost = (host: string, port: number | undefined): boolean =>
    host === OWN && (port ?? 5060) === 5060;

  function verdict(path: string, from: string): string {
    const request = requestOf(registerText({ headers: [`Path: ${path}`] }));
    const policy = { ...POLICY, pathFrom: [listed ?? []].flat() };
    const ask = readRegister(request, policy, from, isOwnHost);
    return "status" in ask ? `${ask.status} ${ask.reason}` : "taken";
  }

  const FROM = "198.51.100.7";

  test.each([
    ["its sender", "<sip:198.51.100.7;lr>"],
    [
      "its sender at another port and by another transport",
      "<sip:198.51.100.7:5080;transport=tcp;lr>",
    ],
    ["its sender, and others behind it", "<sip:t@198.51.100.7;lr;ob>, <sip:203.0.113.1;lr>"],
    ["midreg itself, and then its sender", `<sip:${OWN};lr>, <sip:198.51.100.7;lr>`],
    ["midreg itself alone", `<sip:${OWN};lr>`],
    ["its sender as an IPv6 address", "<sip:[2001:db8::7];lr>", "2001:db8:0:0:0:0:0:7"],
    ["its sender as a mapped address", "<sip:[::ffff:198.51.100.7];lr>"],
  ])("is everybody where it leads to %s", (_, path, from = FROM) => {
    expect(verdict(path, from)).toBe("taken");
  });

  test.each([
    ["another address", "<sip:203.0.113.1;lr>"],
    ["a name", "<sip:edge.test;lr>"],
    ["a name that begins like its sender", "<sip:198.51.100.7.evil.test;lr>"],
    ["its sender as user", "<sip:198.51.100.7@203.0.113.1;lr>"],
    ["its sender with the maddr of another", "<sip:198.51.100.7;maddr=203.0.113.1;lr>"],
    ["another behind midreg itself", `<sip:${OWN};lr>, <sip:203.0.113.1;lr>`],
    ["another behind midreg twice", `<sip:${OWN};lr>, <sip:${OWN}:5060;lr>, <sip:203.0.113.1;lr>`],
    ["midreg's machine at another port", `<sip:${OWN}:22;lr>`],
    ["another scheme, behind midreg", `<sip:${OWN};lr>, <http://198.51.100.7/>`],
    ["an address of the other family", "<sip:[2001:db8::7];lr>"],
  ])("is nobody else where it leads to %s", (_, path) => {
    expect(verdict(path, FROM)).toBe("403 Path leads elsewhere");
    expect(verdict(path, "11.0.0.1")).toBe("403 Path leads elsewhere");
    expect(verdict(path, "10.255.0.1")).toBe("taken");
  });

  test("is who is believed about where devices are, too", () => {
    const request = requestOf(registerText({ headers: ["Path: <sip:edge.test;lr>"] }));
    const policy = { ...POLICY, pathFrom: [], pathUseReceived };
    expect(readRegister(request, policy, "10.0.0.1")).toMatchObject({ path: "<sip:edge.test;lr>" });
    expect(readRegister(request, policy, "11.0.0.1")).toMatchObject({ status: 403 });
  });
});
