import type { RegistrarCounters } from "../support/peers/legacy-registrar.ts";
import type { Stage, StageProcess } from "../support/peers/stage.ts";
import { until } from "../support/peers/wait.ts";
import type { RegistrarAnswer, RegistrarSettings } from "./registrar-process.ts";

const ANSWER_WITHIN_MS = 5000;

/** The legacy registrar, seen from the demo's side of the channel. */
export class RegistrarChild {
  readonly #process: StageProcess;
  #lastId = 0;
  #answer: RegistrarAnswer | undefined;

  constructor(stage: Stage, settings: RegistrarSettings) {
    const module = new URL("./registrar-process.ts", import.meta.url);
    this.#process = stage.fork("registrar", module, [JSON.stringify(settings)]);
    this.#process.child.on("message", (answer: RegistrarAnswer) => {
      this.#answer = answer;
    });
  }

  /** What it has heard up to now. Answers to the first question only when its socket is open. */
  async counters(): Promise<RegistrarCounters> {
    this.#lastId += 1;
    const id = this.#lastId;
    if (!this.#process.isRunning) throw new Error("the registrar has ended");
    this.#process.child.send(id);
    return until("an answer of the registrar", ANSWER_WITHIN_MS, () =>
      this.#answer !== undefined && this.#answer.id >= id ? this.#answer.counters : undefined,
    );
  }

  /** Exceptions in its stack. */
  get errors(): readonly string[] {
    return this.#answer?.errors ?? [];
  }
}
