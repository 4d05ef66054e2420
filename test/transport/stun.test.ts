import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { answerBinding, isStun } from "../../src/transport/stun.ts";

const COOKIE = "2112a442";
/** The transaction id of the test vectors in RFC 5769. */
const ID = "b7e7a701bc34d686fa87dfae";
const REQUEST = Buffer.from(`00010000${COOKIE}${ID}`, "hex");

/** A Binding request with the attributes written in hex. */
function request(attributes: string): Buffer {
  const length = (attributes.length / 2).toString(16).padStart(4, "0");
  return Buffer.from(`0001${length}${COOKIE}${ID}${attributes}`, "hex");
}

function answer(packet: Buffer, address = "192.0.2.1", port = 32_853): string | undefined {
  return answerBinding(packet, address, port)?.toString("hex");
}

describe("Binding requests", () => {
  // The mapped addresses and their masked form are those of RFC 5769 sections 2.2 and 2.3.
  test.each([
    ["192.0.2.1", `0101000c${COOKIE}${ID}002000080001a147e112a643`],
    [
      "2001:db8:1234:5678:11:2233:4455:6677",
      `01010018${COOKIE}${ID}002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9`,
    ],
  ])("from %s are answered with that address", (address, expected) => {
    expect(answer(REQUEST, address)).toBe(expected);
  });

  test.each([
    ["SOFTWARE and FINGERPRINT, which are optional", "80220004746573748028000400000000"],
    ["USERNAME, which has no meaning here", "0006000361626300"],
  ])("are answered with %s", (_what, attributes) => {
    expect(answer(request(attributes))).toBe(answer(REQUEST));
  });

  test("with attributes that must be understood get 420 and their list", () => {
    const reason = Buffer.from("Unknown Attribute", "latin1").toString("hex");
    expect(answer(request("0003000400000000802200000024000400000001"))).toBe(
      `01110024${COOKIE}${ID}0009001500000414${reason}000000000a000400030024`,
    );
  });

  test.each([
    ["a response", Buffer.from(`01010000${COOKIE}${ID}`, "hex")],
    ["an indication", Buffer.from(`00110000${COOKIE}${ID}`, "hex")],
    ["an Allocate request", Buffer.from(`00030000${COOKIE}${ID}`, "hex")],
    ["a request without the cookie (RFC 3489)", Buffer.from(`0001000000000000${ID}`, "hex")],
    ["a header cut off", REQUEST.subarray(0, 19)],
    ["a length beyond the end", Buffer.from(`00010004${COOKIE}${ID}`, "hex")],
    ["octets after the end", Buffer.concat([REQUEST, Buffer.alloc(4)])],
    ["an attribute cut off", request("80220008746573")],
    ["an attribute header cut off", request("8022")],
    ["an attribute without its padding", request("8022000374657374657374")],
    ["nothing", Buffer.alloc(0)],
  ])("%s is not answered", (_what, packet) => {
    expect(answer(packet)).toBeUndefined();
  });
});

test("whatever arrives, an answer is less than three times as long", () => {
  const attributes = fc.array(fc.tuple(fc.nat({ max: 65_535 }), fc.uint8Array({ maxLength: 9 })));
  fc.assert(
    fc.property(attributes, fc.boolean(), (list, isIpv6) => {
      const hex = list.map(([type, value]) => {
        const head = Buffer.alloc(4 + ((value.length + 3) & ~3));
        head.writeUInt16BE(type, 0);
        head.writeUInt16BE(value.length, 2);
        head.set(value, 4);
        return head.toString("hex");
      });
      const packet = request(hex.join(""));
      const reply = answerBinding(packet, isIpv6 ? "2001:db8::1" : "192.0.2.1", 5060);
      expect(reply?.length).toBeLessThan(3 * packet.length);
      expect(reply?.readUInt16BE(2)).toBe((reply?.length ?? 0) - 20);
    }),
  );
});

test("no octets make it fail", () => {
  const octets = fc.uint8Array({ maxLength: 80 });
  fc.assert(
    fc.property(octets, (bytes) => {
      const packet = Buffer.concat([REQUEST.subarray(0, 2), bytes]);
      answerBinding(packet, "192.0.2.1", 5060);
      expect(isStun(Buffer.concat([Buffer.from("REG"), bytes]))).toBe(false);
    }),
  );
});

test.each([
  ["a Binding request", REQUEST, true],
  ["a response", Buffer.from(`01010000${COOKIE}${ID}`, "hex"), true],
  ["a short packet with the cookie", REQUEST.subarray(0, 8), true],
  ["seven octets", REQUEST.subarray(0, 7), false],
  ["a first octet of 2", Buffer.from(`02010000${COOKIE}${ID}`, "hex"), false],
  ["no cookie", Buffer.from(`0001000000000000${ID}`, "hex"), false],
  ["SIP", Buffer.from("OPTIONS sip:x SIP/2.0\r\n\r\n"), false],
])("%s is STUN: %s", (_what, packet, expected) => {
  expect(isStun(packet)).toBe(expected);
});
