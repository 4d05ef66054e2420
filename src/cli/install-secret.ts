import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { StartError } from "./start-error.ts";

const FILE = "install.secret";
const SECRET_BYTES = 32;

/**
 * The install secret: the configured one, else the one in the data directory, which is made at the first
 * start and readable by its owner only. Contact identifiers and dialog tokens depend on it. The directory
 * must be there, and no other midreg may be starting in it.
 */
export function readInstallSecret(configured: string | undefined, dataDir: string): Buffer {
  if (configured !== undefined) return Buffer.from(configured, "utf8");
  const path = join(dataDir, FILE);
  let text: string;
  try {
    if (!existsSync(path)) makeSecret(path);
    text = readFileSync(path, "utf8").trim();
  } catch (error) {
    throw unusable(path, error);
  }
  if (/^[0-9a-f]{64}$/u.test(text)) return Buffer.from(text, "hex");
  const advice = "restore it, or remove it and let every phone register anew";
  throw new StartError("SECRET_UNUSABLE", `${path}: the install secret is damaged; ${advice}`);
}

/** Under its own name the secret is complete or not there, whenever the process or the power ends. */
function makeSecret(path: string): void {
  const draft = `${path}.new`;
  const file = openSync(draft, "w", 0o600);
  try {
    writeSync(file, `${randomBytes(SECRET_BYTES).toString("hex")}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
}

function unusable(path: string, error: unknown): StartError {
  const reason = error instanceof Error && "code" in error ? String(error.code) : String(error);
  const advice = "let the user midreg runs as write to the data directory";
  return new StartError("SECRET_UNUSABLE", `${path}: ${reason}; ${advice}`, { cause: error });
}
