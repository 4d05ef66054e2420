import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { INVITE_CLIENT, type InviteClientAction } from "../../src/transaction/invite-client.ts";
import { freezeDeep, step } from "../../src/transaction/machine.ts";
import { isTimerAction, TIMER_ORDERS } from "../../src/transaction/timer-action.ts";
import { TIMER_RULES } from "../../src/transaction/timers.ts";
import { type AnyMachine, eventsOf, MACHINES } from "./machines.ts";
import { TransactionRun } from "./transaction-run.ts";

type Input = { readonly event: string } | { readonly waitMs: number };

function timerEvents(events: readonly string[]): string[] {
  return events.filter((event) => Object.hasOwn(TIMER_RULES, event)).toSorted();
}

/** What may happen to a transaction from outside, in any order, and time passing. */
function inputs(machine: AnyMachine): fc.Arbitrary<Input[]> {
  const outside = eventsOf(machine).filter((event) => !Object.hasOwn(TIMER_RULES, event));
  const event = fc.record({ event: fc.constantFrom(...outside) });
  const pause = fc.record({ waitMs: fc.constantFrom(0, 499, 500, 3500, 5000, 32_000) });
  return fc.array(fc.oneof(event, pause), { maxLength: 12 });
}

/** Runs a transaction through inputs and looks at it after each. */
function follow(
  machine: AnyMachine,
  isReliable: boolean,
  list: readonly Input[],
  look: (run: TransactionRun) => void = () => undefined,
): TransactionRun {
  const run = new TransactionRun(machine, isReliable);
  look(run);
  for (const input of list) {
    if ("event" in input) run.take(input.event);
    else run.wait(input.waitMs);
    look(run);
  }
  return run;
}

/** All states that can be reached from a state, itself included. */
function reachable({ table }: AnyMachine, from: string): Set<string> {
  const seen = new Set([from]);
  for (const state of seen) {
    for (const transition of Object.values(table[state] ?? {})) {
      if (transition !== undefined) seen.add(transition.to);
    }
  }
  return seen;
}

function transitions({ start, table }: AnyMachine): { to: string; actions: readonly string[] }[] {
  const rows = Object.values(table).flatMap((row) => Object.values(row));
  return [start, ...rows.filter((transition) => transition !== undefined)];
}

describe.each(MACHINES)("the $name machine", (machine) => {
  test("never leaves the terminated state, whatever happens", () => {
    const all = fc.constantFrom(...MACHINES.flatMap(eventsOf));
    fc.assert(
      fc.property(all, (event) => {
        expect(step(machine.table, "terminated", event)).toBeUndefined();
      }),
    );
  });

  test("reaches every state, and from every state can end", () => {
    expect([...reachable(machine, machine.start.to)].toSorted()).toEqual(
      Object.keys(machine.table).toSorted(),
    );
    for (const state of Object.keys(machine.table)) {
      expect(reachable(machine, state)).toContain("terminated");
    }
  });

  test("goes only where the table has a row", () => {
    for (const { to } of transitions(machine)) expect(machine.table).toHaveProperty(to);
  });

  test("handles each timer it starts in the state it starts it for", () => {
    for (const { to, actions } of transitions(machine)) {
      for (const action of actions.filter((name) => /^(re)?start-/u.test(name))) {
        expect(isTimerAction(action)).toBe(true);
        expect(machine.table[to]).toHaveProperty(action.replace(/^(re)?start-|-at-t2$/gu, ""));
      }
    }
  });

  test("has no entry, ever after, for a timer it has stopped", () => {
    for (const { to, actions } of transitions(machine)) {
      for (const action of actions.filter((name) => name.startsWith("stop-"))) {
        for (const state of reachable(machine, to)) {
          expect(machine.table[state]).not.toHaveProperty(action.slice("stop-".length));
        }
      }
    }
  });

  test("stops timers, starts timers, sends, and tells the transaction user, in that order", () => {
    const order = [/^stop-/u, /^(re)?start-/u, /^(re)?send-/u, /^pass-/u];
    for (const { actions } of transitions(machine)) {
      const ranks = actions.map((action) => order.findIndex((pattern) => pattern.test(action)));
      expect(ranks).not.toContain(-1);
      expect(ranks).toEqual(ranks.toSorted((a, b) => a - b));
    }
  });

  test("runs exactly the timers its state waits for, over an unreliable transport", () => {
    fc.assert(
      fc.property(inputs(machine), (list) => {
        follow(machine, false, list, ({ state, running }) => {
          const awaited = timerEvents(Object.keys(machine.table[state] ?? {}));
          expect([...running.keys()].toSorted()).toEqual(awaited);
        });
      }),
    );
  });

  test("retransmits nothing by itself over a reliable transport", () => {
    fc.assert(
      fc.property(inputs(machine), (list) => {
        const { done } = follow(machine, true, list);
        const resent = done.filter(({ action }) => action.startsWith("resend-"));
        expect(resent.filter(({ event }) => event !== "request")).toEqual([]);
      }),
    );
  });

  test("is over 64 seconds after the last event, unless the transaction user is being waited for", () => {
    fc.assert(
      fc.property(inputs(machine), fc.boolean(), (list, isReliable) => {
        const { state } = follow(machine, isReliable, [...list, { waitMs: 64_000 }]);
        const waitsForUser = machine.name !== "non-invite-client" && state === "proceeding";
        expect(waitsForUser || state === "terminated").toBe(true);
      }),
    );
  });

  test("cannot be changed", () => {
    expect(Object.isFrozen(machine.start.actions)).toBe(true);
    expect(Object.isFrozen(machine.table)).toBe(true);
    for (const row of Object.values(machine.table)) expect(Object.isFrozen(row)).toBe(true);
    for (const { actions } of transitions(machine)) expect(Object.isFrozen(actions)).toBe(true);
  });
});

function machineNamed(name: string): AnyMachine {
  const machine = MACHINES.find((one) => one.name === name);
  if (machine === undefined) throw new Error(`no machine ${name}`);
  return machine;
}

/** A transaction to which anything has happened. */
function anyRun(name: string): fc.Arbitrary<TransactionRun> {
  const machine = machineNamed(name);
  return fc
    .tuple(inputs(machine), fc.boolean())
    .map(([list, isReliable]) => follow(machine, isReliable, list));
}

/** How often an action was done because of one of some events. */
function countOf(run: TransactionRun, action: string, events: readonly string[]): number {
  return run.done.filter((entry) => entry.action === action && events.includes(entry.event)).length;
}

describe("whatever happens", () => {
  test("an INVITE client acknowledges once for each failure it takes, and nothing else", () => {
    fc.assert(
      fc.property(anyRun("invite-client"), (run) => {
        const acked = run.done.filter(({ action }) => action === "send-ack");
        const taken = run.taken.filter((event) => event === "failure");
        expect(acked.map(({ event }) => event)).toEqual(taken);
      }),
    );
  });

  test("an INVITE client that has passed a success acknowledges and passes no failure", () => {
    fc.assert(
      fc.property(anyRun("invite-client"), (run) => {
        const success = run.done.findIndex(({ event }) => event === "success");
        const after = success < 0 ? [] : run.done.slice(success);
        expect(after.filter(({ event }) => event === "failure")).toEqual([]);
      }),
    );
  });

  test.each(["invite-client", "non-invite-client"])(
    "the user of an %s hears of one failure, final, time-out or transport error at most",
    (name) => {
      fc.assert(
        fc.property(anyRun(name), (run) => {
          const finals = countOf(run, "pass-response", ["failure", "final"]);
          const timeouts = run.timesOf("pass-timeout").length;
          expect(finals).toBeLessThanOrEqual(1);
          expect(timeouts + finals).toBeLessThanOrEqual(1);
          expect(run.timesOf("pass-transport-error").length).toBeLessThanOrEqual(1);
        }),
      );
    },
  );

  test.each(["invite-server", "non-invite-server"])(
    "an %s passes its request on once and sends one failure or final at most",
    (name) => {
      fc.assert(
        fc.property(anyRun(name), (run) => {
          expect(run.timesOf("pass-request")).toEqual([0]);
          expect(countOf(run, "send-response", ["failure", "final"])).toBeLessThanOrEqual(1);
          expect(run.timesOf("send-100").length).toBeLessThanOrEqual(1);
        }),
      );
    },
  );
});

test("only states in which the transaction user acts wait without a timer", () => {
  const timerless = MACHINES.flatMap(({ name, table }) =>
    Object.entries(table)
      .filter(([, row]) => timerEvents(Object.keys(row)).length === 0)
      .map(([state]) => `${name} ${state}`),
  );
  expect(timerless.filter((state) => !state.endsWith(" terminated"))).toEqual([
    "invite-server proceeding",
    "invite-client proceeding",
    "non-invite-server proceeding",
  ]);
});

test("every timer action belongs to a machine, and every timer of a machine has an action", () => {
  const used = MACHINES.flatMap(transitions).flatMap(({ actions }) => actions);
  expect([...new Set(used.filter(isTimerAction))].toSorted()).toEqual(
    Object.keys(TIMER_ORDERS).toSorted(),
  );
  expect(used.filter((name) => name.includes("timer") && !isTimerAction(name))).toEqual([]);
});

test.each(Object.entries(TIMER_ORDERS))("%s is spelt as its order says", (action, order) => {
  expect(action.startsWith(`${order.verb.replace("-at-t2", "")}-${order.timer}`)).toBe(true);
  expect(action.endsWith("-at-t2")).toBe(order.verb === "restart-at-t2");
});

/** Compiles only as long as the compiler, too, tells timer actions from the rest. */
function toTransactionUser(action: InviteClientAction): boolean {
  if (isTimerAction(action)) return false;
  switch (action) {
    case "pass-response":
    case "pass-timeout":
    case "pass-transport-error":
      return true;
    case "send-ack":
    case "send-request":
    case "resend-request":
      return false;
    default:
      return action satisfies never;
  }
}

test("an action that is not about a timer is told apart", () => {
  expect(["send-ack", "pass-timeout", "send-100", "toString"].filter(isTimerAction)).toEqual([]);
  expect(INVITE_CLIENT.calling.failure?.actions.filter(toTransactionUser)).toEqual([
    "pass-response",
  ]);
});

test("freezing reaches everything inside a value and returns that value", () => {
  const inner = { list: [{ a: 1 }], none: null };
  const outer = { inner };
  expect(freezeDeep(outer)).toBe(outer);
  expect([outer, inner, inner.list, inner.list[0]].every((part) => Object.isFrozen(part))).toBe(
    true,
  );
});
