import type { Ids, Tally, Transport } from "../ports.ts";
import type { TimerQueue } from "./timer-queue.ts";

/** What transactions need of the world. */
export interface TransactionModules {
  readonly transport: Transport;
  readonly timers: TimerQueue;
  readonly ids: Ids;
  readonly retransmitsIn: Tally;
  readonly retransmitsOut: Tally;
  forgetServer(key: string): void;
  /** A server transaction holds so many bytes more (or less) than before. */
  holdServer(bytes: number): void;
  forgetClient(key: string): void;
}
