import { type DestinationStream, pino } from "pino";
import type { Settings } from "../config/settings.ts";
import type { Log } from "../ports.ts";

/** A log that can be asked to have everything written. */
export interface Logger extends Log {
  /** Writes out whatever still waits, such as for a full pipe; to be called before the process ends. */
  flush(): void;
}

/** Where lines go: a file descriptor, or something that takes a line with its line end. */
export type LogDestination = number | DestinationStream;

const STDOUT = 1;

/**
 * Logs one JSON object a line: `level` in words, `time` in ISO 8601, the fields, `msg`. An error under the
 * field name `err` is written with its stack.
 *
 * A line is written before the call returns, so none is lost, torn or out of order however the process
 * ends. (Writing in the background was tried: lines changed places when the process flushed and exited.)
 */
export function createLogger(
  level: Settings["logLevel"],
  destination: LogDestination = STDOUT,
): Logger {
  const isDescriptor = typeof destination === "number";
  const file = isDescriptor ? pino.destination({ dest: destination, sync: true }) : undefined;
  const lines = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    isDescriptor ? file : destination,
  );
  return {
    isDebug: level === "debug",
    debug: (fields, text) => lines.debug(fields, text),
    info: (fields, text) => lines.info(fields, text),
    warn: (fields, text) => lines.warn(fields, text),
    error: (fields, text) => lines.error(fields, text),
    flush: () => file?.flushSync(),
  };
}
