/** What the tests of digest authentication share: users, and a phone's arithmetic that is not midreg's. */
import { createHash } from "node:crypto";
import type { Credential } from "../../src/auth/credential-table.ts";
import { CredentialTable } from "../../src/auth/credential-table.ts";
import { computeHa1, DIGEST_ALGORITHMS, type DigestAlgorithm } from "../../src/auth/digest.ts";

export const REALM = "sip.test";

/** The password of every test user. */
export function passwordOf(user: string): string {
  return `pw-${user}`;
}

export function credentialOf(
  username: string,
  algorithm: DigestAlgorithm,
  realm = REALM,
): Credential {
  const ha1 = computeHa1(algorithm, { username, realm, password: passwordOf(username) });
  return { username, realm, algorithm, ha1 };
}

/** A table of users that have all algorithms. */
export function tableOf(users: readonly string[], realm = REALM): CredentialTable {
  const table = new CredentialTable();
  for (const user of users) {
    for (const algorithm of DIGEST_ALGORITHMS) table.add(credentialOf(user, algorithm, realm));
  }
  return table;
}

const HASHES: Readonly<Record<string, string>> = { MD5: "md5", "SHA-256": "sha256" };

export interface PhoneDigest {
  readonly username?: string;
  readonly password?: string;
  readonly nonce?: string;
  readonly algorithm?: string;
  readonly uri?: string;
  readonly nc?: number;
  /** Without qop as before RFC 2617. */
  readonly isPlain?: boolean;
  /** More parameters, or others in the place of the computed ones; undefined leaves one out. */
  readonly params?: Readonly<Record<string, string | undefined>>;
}

/** The Authorization line with which a phone answers a challenge (its parameters). */
export function authorizationFor(
  challenge: ReadonlyMap<string, string>,
  given: PhoneDigest = {},
): string {
  const asked = { algorithm: "MD5", realm: "", nonce: "", ...Object.fromEntries(challenge) };
  const own = { username: "alice", uri: "sip:sip.test", nc: 1, isPlain: false };
  const { username, uri, nc, isPlain, algorithm, nonce, realm, ...rest } = {
    ...asked,
    ...own,
    ...given,
  };
  const digest = digestWith(HASHES[algorithm] ?? "");
  const ha1 = digest(`${username}:${realm}:${rest.password ?? passwordOf(username)}`);
  const count = nc.toString(16).padStart(8, "0");
  const between = isPlain ? nonce : `${nonce}:${count}:c0ffee:auth`;
  const response = digest(`${ha1}:${between}:${digest(`REGISTER:${uri}`)}`);
  return authorizationLine({
    username: `"${username}"`,
    realm: `"${realm}"`,
    nonce: `"${nonce}"`,
    uri: `"${uri}"`,
    response: `"${response}"`,
    algorithm,
    ...(isPlain ? {} : { qop: "auth", nc: count, cnonce: '"c0ffee"' }),
    ...rest.params,
  });
}

function digestWith(name: string): (text: string) => string {
  return (text) => createHash(name).update(text).digest("hex");
}

function authorizationLine(params: Readonly<Record<string, string | undefined>>): string {
  const written = Object.entries(params).filter(([, value]) => value !== undefined);
  return `Authorization: Digest ${written.map(([name, value]) => `${name}=${value}`).join(", ")}`;
}
