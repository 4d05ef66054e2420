import { MAX_WAITING, MAX_WAITING_BYTES, MAX_WAITING_PER_AOR } from "./limits.ts";
import { SlotMap } from "./slot-map.ts";

/** Something that wants an address-of-record for itself. It must call `leave` when it is done. */
export interface AorTask {
  /** Bytes it holds on to while it waits; few when absent. */
  readonly bytes?: number;
  /** Called at once or when those before it have left. */
  run(): void;
  /** Whether another task does the same thing, so that one of them is enough. */
  isSame(other: AorTask): boolean;
}

/**
 * One at a time per address-of-record: REGISTERs, expiries and de-registrations of one AoR are decided
 * in order, and at most one of them is under way. A queue exists only while there is something in it.
 */
export class AorQueue {
  /** The task that has the address-of-record, and those that want it next. */
  readonly #running = new SlotMap<AorTask>();
  readonly #waiting = new Map<string, AorTask[]>();
  #waitingCount = 0;
  #waitingBytes = 0;

  /**
   * Runs the task now or later. "joined" means that the same task waits already; "full" that there is
   * no room. In both cases the task will not run.
   */
  enter(aor: string, task: AorTask): "running" | "waiting" | "joined" | "full" {
    if (!this.#running.has(aor)) {
      this.#run(aor, task);
      return "running";
    }
    const waiting = this.#waiting.get(aor) ?? [];
    if (waiting.some((other) => other.isSame(task))) return "joined";
    if (waiting.length >= MAX_WAITING_PER_AOR || !this.#hasRoom(task)) return "full";
    this.#waitingCount += 1;
    this.#waitingBytes += task.bytes ?? 0;
    waiting.push(task);
    this.#waiting.set(aor, waiting);
    return "waiting";
  }

  /** The task that runs is done: the next one of the address-of-record starts. */
  leave(aor: string): void {
    this.#running.delete(aor);
    const waiting = this.#waiting.get(aor);
    const next = waiting?.shift();
    if (next === undefined) return;
    this.#waitingCount -= 1;
    this.#waitingBytes -= next.bytes ?? 0;
    if (waiting?.length === 0) this.#waiting.delete(aor);
    this.#run(aor, next);
  }

  #hasRoom({ bytes = 0 }: AorTask): boolean {
    return this.#waitingCount < MAX_WAITING && this.#waitingBytes + bytes <= MAX_WAITING_BYTES;
  }

  /** A fault costs the task that has it; the address-of-record goes on to the next one. */
  #run(aor: string, task: AorTask): void {
    this.#running.set(aor, task);
    try {
      task.run();
    } catch (error) {
      if (this.#running.get(aor) === task) this.leave(aor);
      throw error;
    }
  }

  /** Addresses-of-record with something under way. */
  get size(): number {
    return this.#running.size;
  }
}
