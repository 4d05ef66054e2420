import type { Stage } from "../support/peers/stage.ts";
import type { Terminal } from "../support/peers/terminal.ts";
import { inTurn } from "../support/peers/wait.ts";

/** One thing to show. Throws what is wrong; returns what was seen, in a few words. */
export interface Step {
  readonly name: string;
  readonly limitSec: number;
  /** Names of the processes whose logs explain a failure. */
  readonly logs: readonly string[];
  /** Nothing after it makes sense when it fails. */
  readonly isVital?: boolean;
  run(): Promise<string>;
}

/** Runs steps one after the other and keeps the score. */
export class Suite {
  readonly #stage: Stage;
  readonly #terminal: Terminal;
  #passed = 0;
  #failed = 0;
  #isHopeless = false;

  constructor(stage: Stage, terminal: Terminal) {
    this.#stage = stage;
    this.#terminal = terminal;
  }

  async run(steps: readonly Step[]): Promise<void> {
    await inTurn(steps, async (step) => this.#try(step));
  }

  /** Prints the score; returns whether everything passed. */
  conclude(): boolean {
    if (this.#failed > 0) {
      this.#stage.keep();
      this.#terminal.line(`all logs are kept in ${this.#stage.directory}`);
    }
    this.#terminal.line(`${this.#passed} passed, ${this.#failed} failed`);
    return this.#failed === 0;
  }

  async #try(step: Step): Promise<void> {
    const startMs = performance.now();
    const seconds = (): string => `${((performance.now() - startMs) / 1000).toFixed(1)}s`;
    const ticking = setInterval(() => {
      this.#terminal.status(`... ${seconds()} ${step.name}`);
    }, 1000);
    try {
      if (this.#isHopeless) throw new Error("not tried, an earlier step is needed for it");
      const seen = await within(step.limitSec, step.run());
      this.#passed += 1;
      const detail = seen === "" ? "" : this.#terminal.dim(`: ${seen}`);
      this.#terminal.line(`${this.#terminal.good("ok")} ${seconds()} ${step.name}${detail}`);
    } catch (error) {
      this.#failed += 1;
      const reason = error instanceof Error ? error.message : String(error);
      this.#terminal.line(`${this.#terminal.bad("FAILED")} ${step.name}: ${reason}`);
      if (!this.#isHopeless) this.#showLogs(step.logs);
      this.#isHopeless ||= step.isVital === true;
    } finally {
      clearInterval(ticking);
    }
  }

  #showLogs(names: readonly string[]): void {
    for (const name of names) {
      const one = this.#stage.latest.get(name);
      if (one !== undefined) this.#terminal.line(`--- ${one.logPath}\n${one.tail()}`);
    }
  }
}

async function within(limitSec: number, work: Promise<string>): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`still under way after ${limitSec} s`));
    }, limitSec * 1000);
  });
  return Promise.race([work, late]).finally(() => {
    clearTimeout(timer);
  });
}
