import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AorQueue, type AorTask } from "../../src/server/aor-queue.ts";
import { MAX_WAITING, MAX_WAITING_PER_AOR } from "../../src/server/limits.ts";
import { runs } from "../support/effort.ts";

/** A task that notes when it runs and otherwise lets the test decide. */
function task(
  name: string,
  log: string[],
  run: () => void = () => undefined,
): AorTask & { name: string } {
  return {
    name,
    run: () => {
      log.push(name);
      run();
    },
    isSame: (other) => "name" in other && other.name === name,
  };
}

describe("the tasks of an address-of-record", () => {
  test("run one at a time, in order", () => {
    const log: string[] = [];
    const queue = new AorQueue();
    expect(queue.enter("a", task("1", log))).toBe("running");
    expect(queue.enter("a", task("2", log))).toBe("waiting");
    expect(queue.enter("a", task("3", log))).toBe("waiting");
    expect(queue.enter("b", task("4", log))).toBe("running");
    expect(log).toEqual(["1", "4"]);
    queue.leave("a");
    queue.leave("a");
    expect(log).toEqual(["1", "4", "2", "3"]);
    expect(queue.size).toBe(2);
    queue.leave("a");
    queue.leave("b");
    expect(queue.size).toBe(0);
    expect(queue.enter("a", task("5", log))).toBe("running");
  });

  test("may be done before enter returns", () => {
    const log: string[] = [];
    const queue = new AorQueue();
    expect(
      queue.enter(
        "a",
        task("1", log, () => queue.leave("a")),
      ),
    ).toBe("running");
    expect(queue.size).toBe(0);
  });

  test("join one that waits already, but not one that runs", () => {
    const log: string[] = [];
    const queue = new AorQueue();
    queue.enter("a", task("1", log));
    expect(queue.enter("a", task("1", log))).toBe("waiting");
    expect(queue.enter("a", task("1", log))).toBe("joined");
    expect(queue.enter("b", task("1", log))).toBe("running");
    queue.leave("a");
    queue.leave("a");
    expect(log).toEqual(["1", "1", "1"]);
  });

  test(`wait ${MAX_WAITING_PER_AOR} at most`, () => {
    const log: string[] = [];
    const queue = new AorQueue();
    for (let at = 0; at <= MAX_WAITING_PER_AOR; at += 1) queue.enter("a", task(`${at}`, log));
    expect(queue.enter("a", task("more", log))).toBe("full");
    expect(queue.enter("b", task("other", log))).toBe("running");
    queue.leave("a");
    expect(queue.enter("a", task("again", log))).toBe("waiting");
  });

  test(`of all addresses-of-record wait ${MAX_WAITING} at most, and room comes back`, () => {
    const log: string[] = [];
    const queue = new AorQueue();
    const waiting = MAX_WAITING / MAX_WAITING_PER_AOR;
    for (let aor = 0; aor < waiting; aor += 1) {
      for (let at = 0; at <= MAX_WAITING_PER_AOR; at += 1)
        queue.enter(`${aor}`, task(`${at}`, log));
    }
    queue.enter("b", task("runs", log));
    expect(queue.enter("b", task("waits", log))).toBe("full");
    queue.leave("0");
    expect(queue.enter("b", task("waits", log))).toBe("waiting");
    expect(queue.enter("b", task("waits too", log))).toBe("full");
  });
});

describe("a task that throws", () => {
  test("costs itself: the address-of-record is free again", () => {
    const log: string[] = [];
    const queue = new AorQueue();
    const broken = task("broken", log, () => {
      throw new Error("fault");
    });
    expect(() => queue.enter("a", broken)).toThrow("fault");
    expect(queue.size).toBe(0);
    expect(queue.enter("a", task("next", log))).toBe("running");
  });

  test("lets those behind it run", () => {
    const log: string[] = [];
    const queue = new AorQueue();
    queue.enter("a", task("first", log));
    queue.enter(
      "a",
      task("broken", log, () => {
        throw new Error("fault");
      }),
    );
    queue.enter("a", task("behind", log));
    expect(() => queue.leave("a")).toThrow("fault");
    expect(log).toEqual(["first", "broken", "behind"]);
    expect(queue.size).toBe(1);
  });

  test("after it is done does not disturb the one that runs then", () => {
    const log: string[] = [];
    const queue = new AorQueue();
    queue.enter("a", task("first", log));
    queue.enter(
      "a",
      task("broken", log, () => {
        queue.leave("a");
        throw new Error("fault");
      }),
    );
    queue.enter("a", task("behind", log));
    queue.enter("a", task("last", log));
    expect(() => queue.leave("a")).toThrow("fault");
    expect(log).toEqual(["first", "broken", "behind"]);
    queue.leave("a");
    expect(log).toEqual(["first", "broken", "behind", "last"]);
  });
});

test("whatever comes and goes, one runs at a time, in order, and none is lost", () => {
  const step = fc.tuple(
    fc.constantFrom("a", "b"),
    fc.constantFrom("enter", "enter", "leave"),
    fc.boolean(),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const queue = new AorQueue();
      const running = new Map<string, string>();
      const entered = new Map<string, string[]>([
        ["a", []],
        ["b", []],
      ]);
      const ran = new Map<string, string[]>([
        ["a", []],
        ["b", []],
      ]);
      const leave = (aor: string): void => {
        running.delete(aor);
        queue.leave(aor);
      };
      for (const [at, [aor, what, isQuick]] of steps.entries()) {
        if (what === "leave") {
          if (running.has(aor)) leave(aor);
          continue;
        }
        const name = String(at);
        const end = queue.enter(aor, {
          run: () => {
            expect(running.has(aor)).toBe(false);
            running.set(aor, name);
            ran.get(aor)?.push(name);
            if (isQuick) leave(aor);
          },
          isSame: () => false,
        });
        if (end !== "full") entered.get(aor)?.push(name);
        expect(queue.size).toBe(running.size);
      }
      for (const aor of ["a", "b"]) while (running.has(aor)) leave(aor);
      expect(ran).toEqual(entered);
    }),
    runs(200),
  );
});
