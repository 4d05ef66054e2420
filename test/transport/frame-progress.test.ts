import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameProgress } from "../../src/transport/frame-progress.ts";

/** A frame as a client sends it (RFC 6455 section 5.2). */
function frame(payload: number, { fin = true, opcode = 1, isMasked = true } = {}): Buffer {
  const first = (fin ? 0x80 : 0) | opcode;
  const mask = isMasked ? 0x80 : 0;
  const length = Buffer.alloc(8);
  length.writeUInt32BE(payload, 4);
  const sized =
    payload < 126
      ? Buffer.from([first, mask | payload])
      : payload < 65_536
        ? Buffer.concat([Buffer.from([first, mask | 126]), length.subarray(6)])
        : Buffer.concat([Buffer.from([first, mask | 127]), length]);
  // All bits set, so that what is taken for a header by mistake reads as a large frame.
  return Buffer.concat([sized, Buffer.alloc((isMasked ? 4 : 0) + payload, 0xff)]);
}

const CONTINUED = { fin: false, opcode: 2 };
const LAST = { fin: true, opcode: 0 };
const PING = { opcode: 9 };

describe("a WebSocket", () => {
  test.each([
    ["nothing", [], false],
    ["a whole message", [frame(5)], false],
    ["an empty one", [frame(0)], false],
    ["one that is not masked", [frame(5, { isMasked: false })], false],
    ["one of two bytes of length", [frame(300)], false],
    ["one of eight bytes of length", [frame(70_000)], false],
    ["the first frame of several", [frame(5, CONTINUED)], true],
    ["several, and a ping between them", [frame(5, CONTINUED), frame(2, PING)], true],
    [
      "all of them",
      [frame(5, CONTINUED), frame(9, { ...LAST, fin: false }), frame(1, LAST)],
      false,
    ],
    ["a ping alone", [frame(0, PING)], false],
    ["half a ping", [frame(5, PING).subarray(0, 8)], true],
    ["one byte", [frame(5).subarray(0, 1)], true],
    ["half a length", [frame(300).subarray(0, 3)], true],
    ["all but the last byte", [frame(300).subarray(0, -1)], true],
    ["a message and the beginning of another", [frame(5), frame(5).subarray(0, 2)], true],
  ])("on which %s has come is in the middle of something: %#", (_, frames, isPartial) => {
    const progress = new FrameProgress();
    progress.push(Buffer.concat(frames));
    expect(progress.isPartial).toBe(isPartial);
  });

  test("owes nothing more once something has ended, and says when that is", () => {
    const progress = new FrameProgress();
    expect(progress.push(frame(5).subarray(0, 3))).toBe(false);
    expect(progress.push(Buffer.concat([frame(5).subarray(3), frame(5).subarray(0, 1)]))).toBe(
      true,
    );
    expect(progress.push(Buffer.alloc(0))).toBe(false);
    expect(progress.push(Buffer.concat([frame(5).subarray(1), frame(5, CONTINUED)]))).toBe(true);
    expect(progress.push(frame(5, PING))).toBe(false);
    expect(progress.push(frame(5, LAST))).toBe(true);
  });

  test("is in the middle of the same thing however its bytes are cut", () => {
    const anyFrame = fc
      .record({
        payload: fc.oneof(fc.nat(140), fc.constantFrom(65_535, 65_536)),
        fin: fc.boolean(),
        opcode: fc.constantFrom(0, 1, 2, 8, 9, 10),
      })
      .map(({ payload, ...rest }) => frame(payload, rest));
    fc.assert(
      fc.property(
        fc.array(anyFrame, { maxLength: 5 }),
        fc.array(fc.nat(100_000), { maxLength: 8 }),
        fc.nat(100_000),
        (frames, cuts, end) => {
          const bytes = Buffer.concat(frames);
          const all = bytes.subarray(0, bytes.length - (end % (bytes.length + 1)));
          const whole = new FrameProgress();
          const hasEnded = whole.push(all);
          const piecewise = new FrameProgress();
          const at = [0, ...cuts.map((cut) => cut % (all.length + 1)), all.length].toSorted(
            (a, b) => a - b,
          );
          const ended = at.slice(1).map((to, piece) => piecewise.push(all.subarray(at[piece], to)));
          expect(piecewise.isPartial).toBe(whole.isPartial);
          expect(ended.includes(true)).toBe(hasEnded);
        },
      ),
    );
  });
});
