import { createPrivateKey, type KeyObject } from "node:crypto";
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { GatewayError } from "./gateway-error.ts";
import { MAX_KEY_FILE_BYTES } from "./limits.ts";

/** The text of a file with keys. Throws a `GatewayError` that names it. */
export function readKeyFile(file: string): string {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, "r");
    if (fstatSync(descriptor).size <= MAX_KEY_FILE_BYTES) return readFileSync(descriptor, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown reason";
    throw new GatewayError(`${file}: cannot be read (${code})`);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
  throw new GatewayError(`${file}: is too large for a file of keys`);
}

/** The authorities of a file; undefined, the system's, when there is no file. */
export function readCa(file: string | undefined): string | undefined {
  return file === undefined ? undefined : readKeyFile(file);
}

/** A private key on the curve P-256 in PEM, as ES256 wants it (RFC 7518 section 3.4). */
export function readEcKey(file: string): KeyObject {
  const key = parseKey(readKeyFile(file), file);
  const isFitting =
    key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1";
  if (!isFitting) throw new GatewayError(`${file}: must be a private key on the curve P-256`);
  return key;
}

/** A private RSA key in PEM, found in `file`. */
export function parseRsaKey(pem: string, file: string): KeyObject {
  const key = parseKey(pem, file);
  if (key.asymmetricKeyType === "rsa") return key;
  throw new GatewayError(`${file}: must hold a private RSA key`);
}

function parseKey(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    // What OpenSSL says of it is of no help, and may quote it.
    throw new GatewayError(`${file}: holds no private key in PEM that can be read`);
  }
}
