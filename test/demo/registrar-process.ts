/**
 * The legacy registrar in a process of its own. Settings come as the first argument, in JSON; every
 * message on the channel is a question for the counters.
 */
import {
  LegacyRegistrar,
  type LegacyRegistrarOptions,
  type RegistrarCounters,
} from "../support/peers/legacy-registrar.ts";

export type RegistrarSettings = Omit<LegacyRegistrarOptions, "onError">;

/** The answer to question number `id`. */
export interface RegistrarAnswer {
  readonly id: number;
  readonly counters: RegistrarCounters;
  /** What its stack complained about. */
  readonly errors: readonly string[];
}

const errors: string[] = [];
const registrar = new LegacyRegistrar({
  ...(JSON.parse(process.argv[2] ?? "{}") as RegistrarSettings),
  onError: (error) => {
    errors.push(error.stack ?? error.message);
  },
});

process.on("message", (id: number) => {
  const answer: RegistrarAnswer = { id, counters: registrar.counters(), errors };
  process.send?.(answer);
});
// Without the demo there is nobody left to register for.
process.once("disconnect", () => process.exit(0));
