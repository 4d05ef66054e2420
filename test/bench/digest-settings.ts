import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeUsers } from "./digest-phones.ts";

/** Writes the credentials of all users, and the settings that name them. Returns the flags. */
export function writeDigestSettings(
  directory: string,
  { devices, realm }: { readonly devices: number; readonly realm: string },
): readonly string[] {
  const users = join(directory, "users");
  const config = join(directory, "midreg.yaml");
  writeFileSync(users, writeUsers(devices, { realm, domain: realm, devicesPerAor: 1 }));
  writeFileSync(
    config,
    `auth: { absorb: digest, credentials_file: ${users}, algorithms: [MD5], nonce_lifetime: 1h }\n`,
  );
  return ["--config", config, "--outgoing-expires", "3600"];
}
