/**
 * The stream framer.
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_MESSAGE_BYTES } from "../../src/sip/limits.ts";
import { type FramerEvent, StreamFramer } from "../../src/sip/stream-framer.ts";
import { check, SEED, TIMEOUT_MS } from "./fuzz.ts";
import { anything, bytes, place, request } from "./inputs.ts";

const stream = fc
  .array(fc.oneof(request, anything, fc.constantFrom("\r\n", "\r\n\r\n", "\r", "\n")), {
    maxLength: 6,
  })
  .map((parts) => parts.join(""));

/** A stream and the places where it is cut. */
const cutStream = fc.tuple(stream, fc.array(place, { maxLength: 12 })).map(([text, cuts]) => {
  const places = cuts.map((cut) => Math.trunc(cut * text.length)).toSorted((a, b) => a - b);
  return {
    text,
    chunks: [...places, text.length].map((end, index) =>
      text.slice(index === 0 ? 0 : places[index - 1], end),
    ),
  };
});

function framed(chunks: readonly string[]): FramerEvent[] {
  const framer = new StreamFramer();
  return chunks.flatMap((chunk) => framer.push(chunk));
}

test(
  `what comes out does not depend on the cuts (FUZZ_SEED=${SEED})`,
  { timeout: TIMEOUT_MS },
  () =>
    check(cutStream, ({ text, chunks }) => {
      const whole = framed([text]);
      expect(framed(chunks)).toEqual(whole);
      expect(framed(text.split(""))).toEqual(whole);
    }),
);

test(
  `well-formed messages come out as they went in (FUZZ_SEED=${SEED})`,
  { timeout: TIMEOUT_MS },
  () =>
    check(fc.array(request, { maxLength: 5 }), (messages) => {
      expect(framed([messages.join("")])).toEqual(
        messages.map((text) => ({ kind: "message", text })),
      );
    }),
);

test(
  `nothing comes out after the stream is broken (FUZZ_SEED=${SEED})`,
  { timeout: TIMEOUT_MS },
  () =>
    check(fc.tuple(stream, stream), ([text, more]) => {
      const framer = new StreamFramer();
      const events = framer.push(text);
      const brokenAt = events.findIndex(({ kind }) => kind === "broken");
      if (brokenAt === -1) return;
      expect(brokenAt).toBe(events.length - 1);
      expect([framer.push(more), framer.pendingBytes]).toEqual([[], 0]);
    }),
);

test(`what is held stays within the limit (FUZZ_SEED=${SEED})`, { timeout: TIMEOUT_MS }, () =>
  check(
    fc.array(fc.tuple(fc.oneof(anything, bytes), fc.integer({ min: 1, max: 2000 })), {
      maxLength: 12,
    }),
    (chunks) => {
      const framer = new StreamFramer();
      for (const [text, times] of chunks) {
        framer.push(text.repeat(Math.min(times, Math.ceil(100_000 / (text.length + 1)))));
        expect(framer.pendingBytes).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
      }
    },
  ),
);
