import { hash } from "node:crypto";

export interface DigestRealm {
  readonly realm: string;
  /** Host part of the Request-URI, which is the digest-uri too. */
  readonly domain: string;
  readonly devicesPerAor: number;
}

const CNONCE = "0a4f113b";
const HEADERS_END = Buffer.from("\r\n\r\n");

/** The user name of a device: its address-of-record's. */
function userOf(device: number, { devicesPerAor }: DigestRealm): string {
  return `u${Math.trunc(device / devicesPerAor)
    .toString(16)
    .padStart(8, "0")}`;
}

function ha1Of(user: string, realm: string): string {
  return md5(`${user}:${realm}:pw-${user}`);
}

/** The credentials of all users of so many devices, a line each as htdigest writes it. */
export function writeUsers(devices: number, digest: DigestRealm): string {
  const lines: string[] = [];
  for (let device = 0; device < devices; device += digest.devicesPerAor) {
    const user = userOf(device, digest);
    lines.push(`${user}:${digest.realm}:${ha1Of(user, digest.realm)}\n`);
  }
  return lines.join("");
}

/**
 * What phones do about digest authentication (RFC 7616, MD5 and qop=auth): each keeps the nonce it was given
 * last and counts its use up, without being asked again.
 */
export class DigestPhones {
  readonly #digest: DigestRealm;
  readonly #ha2: string;
  readonly #nonces: string[] = [];
  readonly #ha1s: string[] = [];
  readonly #counts: Uint32Array;

  constructor(devices: number, digest: DigestRealm) {
    this.#digest = digest;
    this.#ha2 = md5(`REGISTER:sip:${digest.domain}`);
    this.#counts = new Uint32Array(devices);
  }

  /** Takes the nonce of a 401 with MD5; false when there is none. */
  learn(device: number, challenge: Buffer): boolean {
    const nonce = /^WWW-Authenticate: Digest (?=.*algorithm=MD5\b).*?nonce="([^"]+)"/imu.exec(
      challenge.toString("latin1"),
    )?.[1];
    if (nonce === undefined) return false;
    const { realm } = this.#digest;
    this.#ha1s[device] ??= ha1Of(userOf(device, this.#digest), realm);
    this.#nonces[device] = nonce;
    this.#counts[device] = 0;
    return true;
  }

  /** A new request: the nonce is used once more. */
  count(device: number): void {
    this.#counts[device] = (this.#counts[device] ?? 0) + 1;
  }

  /** The message with credentials; as it is while the device has no nonce. */
  sign(device: number, message: Buffer): Buffer {
    const nonce = this.#nonces[device];
    if (nonce === undefined) return message;
    const { realm, domain } = this.#digest;
    const nc = (this.#counts[device] ?? 0).toString(16).padStart(8, "0");
    const response = md5(`${this.#ha1s[device]}:${nonce}:${nc}:${CNONCE}:auth:${this.#ha2}`);
    const line =
      `\r\nAuthorization: Digest username="${userOf(device, this.#digest)}", realm="${realm}", ` +
      `nonce="${nonce}", uri="sip:${domain}", response="${response}", algorithm=MD5, ` +
      `cnonce="${CNONCE}", qop=auth, nc=${nc}`;
    const end = message.indexOf(HEADERS_END);
    return Buffer.concat([message.subarray(0, end), Buffer.from(line), message.subarray(end)]);
  }
}

function md5(text: string): string {
  return hash("md5", text, "hex");
}
