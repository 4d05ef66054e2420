/** What an event does to a machine: the state it goes to, and what is to be done, in that order. */
export interface Transition<State extends string, Action extends string> {
  readonly to: State;
  readonly actions: readonly Action[];
}

/** A state machine as data. An event without an entry changes nothing and asks for nothing. */
export type Table<State extends string, Event extends string, Action extends string> = Readonly<
  Record<State, Readonly<Partial<Record<Event, Transition<State, Action>>>>>
>;

/** Looks up what an event does in a state; undefined means: stay, do nothing. */
export function step<State extends string, Event extends string, Action extends string>(
  table: Table<State, Event, Action>,
  state: State,
  event: Event,
): Transition<State, Action> | undefined {
  return table[state][event];
}

/** Freezes a value and everything in it, so that a table shared by all transactions stays as written. */
export function freezeDeep<Value extends object>(value: Value): Value {
  const parts: unknown[] = Object.values(value);
  for (const part of parts) if (part instanceof Object) freezeDeep(part);
  return Object.freeze(value);
}
