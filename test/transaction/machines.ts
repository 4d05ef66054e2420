import { INVITE_CLIENT, INVITE_CLIENT_START } from "../../src/transaction/invite-client.ts";
import { INVITE_SERVER, INVITE_SERVER_START } from "../../src/transaction/invite-server.ts";
import type { Table, Transition } from "../../src/transaction/machine.ts";
import { step } from "../../src/transaction/machine.ts";
import {
  NON_INVITE_CLIENT,
  NON_INVITE_CLIENT_START,
} from "../../src/transaction/non-invite-client.ts";
import {
  NON_INVITE_SERVER,
  NON_INVITE_SERVER_START,
} from "../../src/transaction/non-invite-server.ts";

/** A machine with its vocabulary forgotten, for rules that hold for all four. */
export interface AnyMachine {
  readonly name: string;
  readonly start: Transition<string, string>;
  readonly table: Table<string, string, string>;
}

export const MACHINES: readonly AnyMachine[] = [
  { name: "invite-server", start: INVITE_SERVER_START, table: INVITE_SERVER },
  { name: "invite-client", start: INVITE_CLIENT_START, table: INVITE_CLIENT },
  { name: "non-invite-server", start: NON_INVITE_SERVER_START, table: NON_INVITE_SERVER },
  { name: "non-invite-client", start: NON_INVITE_CLIENT_START, table: NON_INVITE_CLIENT },
];

/** All events a machine has an entry for somewhere. */
export function eventsOf({ table }: AnyMachine): string[] {
  return [...new Set(Object.values(table).flatMap((row) => Object.keys(row)))];
}

/** What an event does, as text: "completed: send-ack", "terminated:", "nothing". */
export function outcome<State extends string, Event extends string, Action extends string>(
  table: Table<State, Event, Action>,
  state: State,
  event: Event,
): string {
  const transition = step(table, state, event);
  if (transition === undefined) return "nothing";
  return `${transition.to}: ${transition.actions.join(", ")}`.trimEnd();
}

/** Turns an expectation by state and event into rows for test.each. */
export function cases<State extends string, Event extends string>(
  expected: Readonly<Record<State, Readonly<Record<Event, string>>>>,
): [State, Event, string][] {
  const states = Object.keys(expected) as State[];
  return states.flatMap((state) => {
    const events = Object.keys(expected[state]) as Event[];
    return events.map((event): [State, Event, string] => [state, event, expected[state][event]]);
  });
}
