import type { Table, Transition } from "../../src/transaction/machine.ts";

/** Draws a state machine: each arrow says the event and, behind a slash, the actions. */
export function renderMermaid<State extends string, Event extends string, Action extends string>(
  start: Transition<State, Action>,
  table: Table<State, Event, Action>,
): string {
  const lines = ["stateDiagram-v2", arrow("[*]", "start", start)];
  for (const [state, row] of Object.entries<object>(table)) {
    const entries = Object.entries<Transition<State, Action>>({ ...row });
    for (const [event, transition] of entries) lines.push(arrow(state, event, transition));
    if (entries.length === 0) lines.push(`  ${state} --> [*]`);
  }
  return lines.join("\n");
}

function arrow(from: string, event: string, { to, actions }: Transition<string, string>): string {
  const done = actions.length === 0 ? "" : ` / ${actions.join(", ")}`;
  return `  ${from} --> ${to}: ${event}${done}`;
}
