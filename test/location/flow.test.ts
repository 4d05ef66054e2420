import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bracketAddress, parseFlow, serializeFlow } from "../../src/location/flow.ts";

const port = fc.integer({ min: 1, max: 65_535 });
const listener = fc.constantFrom("udp:192.0.2.1:5060", "udp:[::1]:5060", "tls:[2001:db8::1]:5061");
const address = fc.oneof(fc.ipV4(), fc.ipV6());
const connection = fc.constantFrom("", "k3f9a2.1c", "0.0");

describe("a flow", () => {
  test.each([
    ["198.51.100.7", "udp:192.0.2.1:5060<198.51.100.7:40000"],
    ["2001:db8::7", "udp:192.0.2.1:5060<[2001:db8::7]:40000"],
  ])("from %s is one text", (from, text) => {
    expect(serializeFlow("udp:192.0.2.1:5060", from, 40_000)).toBe(text);
  });

  test("on a connection names that connection", () => {
    expect(serializeFlow("tls:192.0.2.1:5061", "198.51.100.7", 40_000, "k3f9a2.1c")).toBe(
      "tls:192.0.2.1:5061<198.51.100.7:40000#k3f9a2.1c",
    );
  });

  test("is the same after it has been written and read, and no two are written alike", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(listener, address, port, connection), { maxLength: 5 }),
        (flows) => {
          const texts = flows.map((flow) => serializeFlow(...flow));
          const read = texts.map((text) => parseFlow(text));
          expect(read).toEqual(
            flows.map(([by, from, at, on]) => ({
              listener: by,
              address: from,
              port: at,
              connection: on,
            })),
          );
          expect(new Set(texts).size).toBe(new Set(flows.map((flow) => flow.join(" "))).size);
        },
      ),
    );
  });

  test.each([
    ["nothing", ""],
    ["no sign between the two sides", "udp:192.0.2.1:5060"],
    ["no listener", "<198.51.100.7:40000"],
    ["no port", "udp:192.0.2.1:5060<198.51.100.7"],
    ["no address", "udp:192.0.2.1:5060<:40000"],
    ["port 0", "udp:192.0.2.1:5060<198.51.100.7:0"],
    ["a port beyond 65535", "udp:192.0.2.1:5060<198.51.100.7:65536"],
    ["a port that is no number", "udp:192.0.2.1:5060<198.51.100.7:sip"],
    ["a port with a fraction", "udp:192.0.2.1:5060<198.51.100.7:5060.5"],
  ])("is not read from a text with %s", (_, text) => {
    expect(parseFlow(text)).toBeUndefined();
  });

  test("never makes reading throw, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(() => parseFlow(text)).not.toThrow();
      }),
    );
  });

  test("keeps one bracket as it is", () => {
    expect(parseFlow("udp:192.0.2.1:5060<[198.51.100.7:40000")?.address).toBe("[198.51.100.7");
    expect(parseFlow("udp:192.0.2.1:5060<198.51.100.7]:40000")?.address).toBe("198.51.100.7]");
  });

  test("has IPv6 literals in brackets, and nothing else", () => {
    expect(bracketAddress("::1")).toBe("[::1]");
    expect(bracketAddress("192.0.2.1")).toBe("192.0.2.1");
  });
});
