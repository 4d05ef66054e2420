import type { KeyObject } from "node:crypto";
import { GatewayError } from "./gateway-error.ts";
import { parseJsonObject } from "./json-object.ts";
import { parseRsaKey, readKeyFile } from "./key-files.ts";

/** What Google has issued to push with. */
export interface ServiceAccount {
  readonly clientEmail: string;
  readonly key: KeyObject;
  readonly keyId: string;
  readonly projectId: string;
  readonly tokenUri: string;
}

/** Reads the file as Google's console gives it. Throws a `GatewayError` that names it. */
export function readServiceAccount(file: string): ServiceAccount {
  const content = parseJsonObject(readKeyFile(file));
  const text = (name: string): string => {
    const value = content[name];
    if (typeof value === "string" && value !== "") return value;
    throw new GatewayError(`${file}: is no service account: ${name} is missing`);
  };
  const tokenUri = text("token_uri");
  if (!URL.canParse(tokenUri)) throw new GatewayError(`${file}: token_uri is no URL`);
  return {
    clientEmail: text("client_email"),
    key: parseRsaKey(text("private_key"), file),
    keyId: text("private_key_id"),
    projectId: text("project_id"),
    tokenUri,
  };
}
