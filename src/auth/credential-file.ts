import type { Credential } from "./credential-table.ts";
import { DIGEST_LENGTH, parseAlgorithm } from "./digest.ts";

/** A line that is no credential: its number, counted from 1, and the rule it breaks. */
export interface CredentialMistake {
  readonly line: number;
  readonly rule: string;
}

/** Longest user name and realm, in bytes. */
export const MAX_NAME_LENGTH = 256;
/** The realm may hold colons (an address with its port), so the line is read from both ends. */
const LINE = /^([^:]+):(.+):([0-9a-fA-F]+)(?::([A-Za-z0-9-]+))?$/u;
const HEXADECIMAL = /^[0-9a-f]+$/iu;
/** Anything but printable ASCII and the bytes of UTF-8. */
const CONTROL = /[^ -~\x80-\xff]/u;

/** Why a user name or realm cannot be one; undefined when it can. */
function refuseName(name: string): string | undefined {
  if (name === "") return "must not be empty";
  if (name.length > MAX_NAME_LENGTH) return `must not be longer than ${MAX_NAME_LENGTH} bytes`;
  return CONTROL.test(name) ? "must not hold control characters" : undefined;
}

/** Why there cannot be such a user of a realm; undefined when there can. */
export function refuseUser({
  username,
  realm,
}: Pick<Credential, "username" | "realm">): string | undefined {
  const mistake = refuseName(username) ?? refuseName(realm);
  if (mistake !== undefined) return `user and realm ${mistake}`;
  // RFC 7616 section 3.4: the user name ends at the first colon.
  return username.includes(":") ? "the user must not hold a colon" : undefined;
}

/**
 * Reads a file of credentials as htdigest writes it, `user:realm:ha1`, with the algorithm as a fourth
 * field where it is not MD5. Empty lines and those that start with # do not count.
 */
export function parseCredentialFile(text: string): readonly Credential[] | CredentialMistake {
  const credentials: Credential[] = [];
  for (const [at, written] of text.split("\n").entries()) {
    const line = written.trim();
    if (line === "" || line.startsWith("#")) continue;
    const credential = parseLine(line);
    if (typeof credential === "string") return { line: at + 1, rule: credential };
    credentials.push(credential);
  }
  return credentials;
}

function parseLine(line: string): Credential | string {
  const [, username, realm, ha1, name = "MD5"] = LINE.exec(line) ?? [];
  if (username === undefined || realm === undefined || ha1 === undefined) {
    return "must be user:realm:ha1 or user:realm:ha1:algorithm";
  }
  return checkCredential({ username, realm, algorithm: name, ha1 });
}

/** The credential that the texts make, or the rule that one of them breaks. */
export function checkCredential(given: {
  readonly username: string;
  readonly realm: string;
  readonly algorithm: string;
  readonly ha1: string;
}): Credential | string {
  const { username, realm, algorithm: name, ha1 } = given;
  const refused = refuseUser({ username, realm });
  if (refused !== undefined) return refused;
  const algorithm = parseAlgorithm(name);
  if (algorithm === undefined) return "the algorithm must be MD5, SHA-256 or SHA-512-256";
  const length = DIGEST_LENGTH[algorithm];
  if (ha1.length !== length || !HEXADECIMAL.test(ha1))
    return `ha1 of ${algorithm} must have ${length} hexadecimal digits`;
  return { username, realm, algorithm, ha1: ha1.toLowerCase() };
}
