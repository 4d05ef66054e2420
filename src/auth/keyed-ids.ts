/**
 * The one source of identifiers: random ones that nobody can guess, and keyed ones that only this
 * install can make. Satisfies the Ids port.
 */
import { randomBytes } from "node:crypto";
import { Hmac } from "./hmac.ts";
import { isSameText } from "./nonce.ts";
import { SALT_BYTES, TextSeal } from "./text-seal.ts";

/** Random bytes are drawn in blocks, since a system call for each would cost more than the rest. */
const POOL_BYTES = 8192;
/** RFC 3261 section 8.1.1.7: what a branch of this standard starts with. */
const MAGIC_COOKIE = "z9hG4bK";
/** A shorter secret could be searched. */
export const MIN_SECRET_BYTES = 16;

export class KeyedIds {
  #keys: Keys;
  /** They open what they have made, and make nothing any more. */
  #older: readonly Keys[];
  #pool = randomBytes(POOL_BYTES);
  #used = 0;

  /** `secret` is the install secret, `older` are those before it; each at least MIN_SECRET_BYTES long. */
  constructor(secret: Buffer, older: readonly Buffer[] = []) {
    this.#keys = keysOf(secret);
    this.#older = older.map(keysOf);
  }

  /** Takes up other secrets while it is in use. */
  use(secret: Buffer, older: readonly Buffer[]): void {
    this.#keys = keysOf(secret);
    this.#older = older.map(keysOf);
  }

  branch(): string {
    return MAGIC_COOKIE + this.#random(12);
  }

  tag(): string {
    return this.#random(9);
  }

  callId(): string {
    return this.#random(18);
  }

  /** The first 64 bits of HMAC-SHA-256(secret, AoR and device), in hexadecimal. */
  ctid(aor: string, device: string): string {
    const digest = this.#keys.ctidHmac.digest(`${aor}\0${device}`);
    return Buffer.from(digest.slice(0, 8), "latin1").toString("hex");
  }

  /** The first 80 bits of a keyed digest, in base64url. */
  mac(text: string): string {
    return macWith(this.#keys, text);
  }

  /** Whether a digest is the one of a text, made with this secret or an older one. */
  isMac(text: string, digest: string): boolean {
    if (isSameText(macWith(this.#keys, text), digest)) return true;
    return this.#older.some((keys) => isSameText(macWith(keys, text), digest));
  }

  /** Encrypts and authenticates a text; undefined when it is too long (text-seal.ts). */
  seal(text: string): string | undefined {
    return this.#keys.textSeal.seal(text, this.#take(SALT_BYTES));
  }

  /** The text in a sealed one; undefined when it was sealed with none of the secrets, or altered since. */
  unseal(sealed: string): string | undefined {
    let text = this.#keys.textSeal.open(sealed);
    for (const { textSeal } of this.#older) text ??= textSeal.open(sealed);
    return text;
  }

  /** 48 random bits as a fraction. */
  fraction(): number {
    return this.#take(6).readUIntBE(0, 6) / 2 ** 48;
  }

  #random(bytes: number): string {
    return this.#take(bytes).toString("base64url");
  }

  #take(bytes: number): Buffer {
    if (this.#used + bytes > POOL_BYTES) {
      this.#pool = randomBytes(POOL_BYTES);
      this.#used = 0;
    }
    this.#used += bytes;
    return this.#pool.subarray(this.#used - bytes, this.#used);
  }
}

/** What is made with one secret. */
interface Keys {
  readonly ctidHmac: Hmac;
  readonly macHmac: Hmac;
  readonly textSeal: TextSeal;
}

/** Keys of their own, so that no token ever equals the start of a contact identifier. */
function keysOf(secret: Buffer): Keys {
  if (secret.length < MIN_SECRET_BYTES) {
    throw new RangeError(`The install secret must have at least ${MIN_SECRET_BYTES} bytes.`);
  }
  const ctidHmac = new Hmac(secret);
  // Labels have no NUL, unlike what contact identifiers are made of.
  const keyFor = (label: string): Buffer => Buffer.from(ctidHmac.digest(label), "latin1");
  return {
    ctidHmac,
    macHmac: new Hmac(keyFor("midreg token key")),
    textSeal: new TextSeal(keyFor("midreg seal key")),
  };
}

function macWith({ macHmac }: Keys, text: string): string {
  return Buffer.from(macHmac.digest(text).slice(0, 10), "latin1").toString("base64url");
}
