/**
 * The one source of identifiers: random ones that nobody can guess, and keyed ones that only this
 * install can make. Satisfies the Ids port.
 */
import { createHmac, randomBytes } from "node:crypto";

/** Random bytes are drawn in blocks, since a system call for each would cost more than the rest. */
const POOL_BYTES = 8192;
/** RFC 3261 section 8.1.1.7: what a branch of this standard starts with. */
const MAGIC_COOKIE = "z9hG4bK";
/** A shorter secret could be searched. */
export const MIN_SECRET_BYTES = 16;

export class KeyedIds {
  readonly #ctidKey: Buffer;
  readonly #macKey: Buffer;
  #pool = randomBytes(POOL_BYTES);
  #used = 0;

  /** `secret` is the install secret, at least MIN_SECRET_BYTES long. */
  constructor(secret: Buffer) {
    if (secret.length < MIN_SECRET_BYTES) {
      throw new RangeError(`The install secret must have at least ${MIN_SECRET_BYTES} bytes.`);
    }
    this.#ctidKey = secret;
    // A key of its own, so that no token ever equals the start of a contact identifier.
    this.#macKey = createHmac("sha256", secret).update("midreg token key").digest();
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
    const digest = createHmac("sha256", this.#ctidKey)
      .update(`${aor}\0${device}`, "latin1")
      .digest();
    return digest.toString("hex", 0, 8);
  }

  /** The first 80 bits of a keyed digest, in base64url. */
  mac(text: string): string {
    const digest = createHmac("sha256", this.#macKey).update(text, "latin1").digest();
    return digest.toString("base64url", 0, 10);
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
