import { readFileSync } from "node:fs";

/** A file of settings, whole. Throws what the system says. */
export function readText(path: string): string {
  return readFileSync(path, "utf8");
}
