/**
 * The one source of identifiers: random ones that nobody can guess, and keyed ones that only this
 * install can make. Satisfies the Ids port.
 */
import { hash, randomBytes } from "node:crypto";

/** Random bytes are drawn in blocks, since a system call for each would cost more than the rest. */
const POOL_BYTES = 8192;
/** RFC 3261 section 8.1.1.7: what a branch of this standard starts with. */
const MAGIC_COOKIE = "z9hG4bK";
/** A shorter secret could be searched. */
export const MIN_SECRET_BYTES = 16;

export class KeyedIds {
  readonly #ctidHmac: Hmac;
  readonly #macHmac: Hmac;
  #pool = randomBytes(POOL_BYTES);
  #used = 0;

  /** `secret` is the install secret, at least MIN_SECRET_BYTES long. */
  constructor(secret: Buffer) {
    if (secret.length < MIN_SECRET_BYTES) {
      throw new RangeError(`The install secret must have at least ${MIN_SECRET_BYTES} bytes.`);
    }
    this.#ctidHmac = new Hmac(secret);
    // A key of its own, so that no token ever equals the start of a contact identifier.
    this.#macHmac = new Hmac(Buffer.from(this.#ctidHmac.digest("midreg token key"), "latin1"));
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

/** Octets that SHA-256 takes in one go. */
const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
/** What most texts need; longer ones make it grow. */
const FIRST_TEXT_BYTES = 512;

/**
 * HMAC-SHA-256 (RFC 2104) by one-shot hashes: Node's own Hmac makes four objects for each use, one of them
 * outside the heap, and takes nearly twice as long.
 */
class Hmac {
  #inner = Buffer.alloc(BLOCK_BYTES + FIRST_TEXT_BYTES);
  readonly #outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES);

  constructor(secret: Buffer) {
    const key = secret.length > BLOCK_BYTES ? hash("sha256", secret, "buffer") : secret;
    for (let index = 0; index < BLOCK_BYTES; index += 1) {
      this.#inner[index] = (key[index] ?? 0) ^ 0x36;
      this.#outer[index] = (key[index] ?? 0) ^ 0x5c;
    }
  }

  /** Of a Latin-1 text, as one. */
  digest(text: string): string {
    const bytes = BLOCK_BYTES + text.length;
    if (bytes > this.#inner.length) {
      const grown = Buffer.alloc(bytes);
      this.#inner.copy(grown, 0, 0, BLOCK_BYTES);
      this.#inner = grown;
    }
    this.#inner.write(text, BLOCK_BYTES, "latin1");
    const inner = hash("sha256", this.#inner.subarray(0, bytes), "binary");
    this.#outer.write(inner, BLOCK_BYTES, "latin1");
    return hash("sha256", this.#outer, "binary");
  }
}
