import { expect, test } from "vitest";
import { DateLine } from "../../src/server/date-line.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

test("the Date header is written as RFC 3261 section 20.17 wants it", () => {
  const line = new DateLine(new VirtualClock(Date.UTC(2010, 10, 13, 23, 29, 0, 999)));
  expect(line.read()).toBe("Date: Sat, 13 Nov 2010 23:29:00 GMT\r\n");
});

test("it follows the wall clock, forward and back, by the second", () => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1, 0, 0, 0));
  const line = new DateLine(clock);
  const first = line.read();
  clock.advance(999);
  expect(line.read()).toBe(first);
  clock.advance(1);
  expect(line.read()).toBe("Date: Thu, 01 Jan 2026 00:00:01 GMT\r\n");
  clock.stepWall(-3_600_000);
  expect(line.read()).toBe("Date: Wed, 31 Dec 2025 23:00:01 GMT\r\n");
});

test("it is right before 1970 too, for a machine whose clock was never set", () => {
  const clock = new VirtualClock(0);
  const line = new DateLine(clock);
  clock.stepWall(-1000);
  expect(line.read()).toBe("Date: Wed, 31 Dec 1969 23:59:59 GMT\r\n");
});
