/**
 * The one source of identifiers: random ones that nobody can guess, and keyed ones that only this
 * install can make. Satisfies the Ids port.
 */
import { randomBytes } from "node:crypto";
import { Hmac } from "./hmac.ts";
import { SALT_BYTES, TextSeal } from "./text-seal.ts";

/** Random bytes are drawn in blocks, since a system call for each would cost more than the rest. */
const POOL_BYTES = 8192;
/** RFC 3261 section 8.1.1.7: what a branch of this standard starts with. */
const MAGIC_COOKIE = "z9hG4bK";
/** A shorter secret could be searched. */
export const MIN_SECRET_BYTES = 16;

export class KeyedIds {
  readonly #ctidHmac: Hmac;
  readonly #macHmac: Hmac;
  readonly #textSeal: TextSeal;
  #pool = randomBytes(POOL_BYTES);
  #used = 0;

  /** `secret` is the install secret, at least MIN_SECRET_BYTES long. */
  constructor(secret: Buffer) {
    if (secret.length < MIN_SECRET_BYTES) {
      throw new RangeError(`The install secret must have at least ${MIN_SECRET_BYTES} bytes.`);
    }
    this.#ctidHmac = new Hmac(secret);
    // Keys of their own, so that no token ever equals the start of a contact identifier.
    this.#macHmac = new Hmac(this.#deriveKey("midreg token key"));
    this.#textSeal = new TextSeal(this.#deriveKey("midreg seal key"));
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
    const digest = this.#ctidHmac.digest(`${aor}\0${device}`);
    return Buffer.from(digest.slice(0, 8), "latin1").toString("hex");
  }

  /** The first 80 bits of a keyed digest, in base64url. */
  mac(text: string): string {
    const digest = this.#macHmac.digest(text);
    return Buffer.from(digest.slice(0, 10), "latin1").toString("base64url");
  }

  /** Encrypts and authenticates a text; undefined when it is too long (text-seal.ts). */
  seal(text: string): string | undefined {
    return this.#textSeal.seal(text, this.#take(SALT_BYTES));
  }

  /** The text in a sealed one; undefined when it was not sealed with this secret, or altered since. */
  unseal(sealed: string): string | undefined {
    return this.#textSeal.open(sealed);
  }

  /** 48 random bits as a fraction. */
  fraction(): number {
    return this.#take(6).readUIntBE(0, 6) / 2 ** 48;
  }

  /** Labels have no NUL, unlike what contact identifiers are made of. */
  #deriveKey(label: string): Buffer {
    return Buffer.from(this.#ctidHmac.digest(label), "latin1");
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
