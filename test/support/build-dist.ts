import { execFileSync } from "node:child_process";

/**
 * Compiles src into dist once before the tests: worker threads and real processes run from there. Types
 * are checked by the gate, not here.
 */
export function setup(): void {
  execFileSync("node_modules/.bin/tsc", ["-p", ".", "--noCheck"], { stdio: "inherit" });
}
