import { createCipheriv, createDecipheriv } from "node:crypto";
import { Hmac } from "./hmac.ts";

/** Random bytes that each seal takes. */
export const SALT_BYTES = 16;
const TAG_BYTES = 16;
/**
 * Sealed texts come in sizes of this many bytes, so that their length tells little of what is in them, and so
 * that base64url has no bits to spare: every sealed text has one spelling.
 */
const STEP_BYTES = 96;
const MAX_STEPS = 3;
const STEP_CHARS = (STEP_BYTES / 3) * 4;
const ALPHABET = /^[A-Za-z0-9_-]+$/u;
const CIPHER = "aes-256-gcm";
/** Every key is used once, so all may start here. */
const FIRST_IV = Buffer.alloc(12);

/**
 * Texts that travel through strangers' hands and come back: AES-256-GCM, each under a key of its own that
 * HMAC-SHA-256 derives from a random salt. One key for all could take no more than 2**32 random IVs (NIST SP
 * 800-38D section 8.3), which is a day of a busy registrar.
 */
export class TextSeal {
  readonly #hmac: Hmac;

  constructor(key: Buffer) {
    this.#hmac = new Hmac(key);
  }

  /**
   * A Latin-1 text, sealed, in base64url of 128, 256 or 384 characters; undefined when it has more than 256
   * bytes. It must not hold NUL. `salt` is SALT_BYTES long and never used before.
   */
  seal(text: string, salt: Buffer): string | undefined {
    const steps = Math.ceil((SALT_BYTES + text.length + TAG_BYTES) / STEP_BYTES);
    if (steps > MAX_STEPS) return undefined;
    const plain = Buffer.alloc(steps * STEP_BYTES - SALT_BYTES - TAG_BYTES);
    plain.write(text, "latin1");
    const cipher = createCipheriv(CIPHER, this.#keyOf(salt), FIRST_IV);
    const sealed = [salt, cipher.update(plain), cipher.final(), cipher.getAuthTag()];
    return Buffer.concat(sealed).toString("base64url");
  }

  /** The text; undefined when it was not sealed with this key, or altered since. */
  open(sealed: string): string | undefined {
    const { length } = sealed;
    if (length === 0 || length % STEP_CHARS !== 0 || length > MAX_STEPS * STEP_CHARS)
      return undefined;
    if (!ALPHABET.test(sealed)) return undefined;
    const bytes = Buffer.from(sealed, "base64url");
    const tagAt = bytes.length - TAG_BYTES;
    const key = this.#keyOf(bytes.subarray(0, SALT_BYTES));
    const decipher = createDecipheriv(CIPHER, key, FIRST_IV, { authTagLength: TAG_BYTES });
    decipher.setAuthTag(bytes.subarray(tagAt));
    const plain = decipher.update(bytes.subarray(SALT_BYTES, tagAt));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    const end = plain.indexOf(0);
    return plain.toString("latin1", 0, end === -1 ? plain.length : end);
  }

  #keyOf(salt: Buffer): Buffer {
    return Buffer.from(this.#hmac.digest(salt.toString("latin1")), "latin1");
  }
}
