#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { runProgram } from "./cli/program.ts";

const STDIN = 0;

// Whoever reads a list may have read enough of it.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  throw error;
});
process.exitCode = await runProgram({
  argv: process.argv.slice(2),
  env: process.env,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  readInput: () => readFileSync(STDIN, "utf8"),
  onceStopped: (stop) => {
    for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => stop(signal));
  },
  onReload: (reload) => void process.on("SIGHUP", reload),
});
// Everything has been closed in order; what is left, such as a name look-up under way, is not waited for.
process.exit();
