import { KeyedIds } from "../../src/auth/keyed-ids.ts";
import type { Ids } from "../../src/ports.ts";

const SECRET = Buffer.from("the secret of every test install", "latin1");

/** Identifiers that can be foreseen: random ones count up, keyed ones are the real thing. */
export class SequentialIds implements Ids {
  readonly #keyed = new KeyedIds(SECRET);
  #count = 0;
  /** What fraction() gives, again and again. */
  nextFraction = 0.5;

  /** From here on it has another secret: as text, and whether it still knows the one of every test install. */
  rotate(secret: string, { isForgotten = false } = {}): void {
    this.#keyed.use(Buffer.from(secret, "latin1"), isForgotten ? [] : [SECRET]);
  }

  branch(): string {
    return `z9hG4bK-midreg-${this.#next()}`;
  }

  tag(): string {
    return `tag-${this.#next()}`;
  }

  callId(): string {
    return `upstream-${String(this.#next()).padStart(4, "0")}-call-id`;
  }

  ctid(aor: string, device: string): string {
    return this.#keyed.ctid(aor, device);
  }

  mac(text: string): string {
    return this.#keyed.mac(text);
  }

  isMac(text: string, mac: string): boolean {
    return this.#keyed.isMac(text, mac);
  }

  seal(text: string): string | undefined {
    return this.#keyed.seal(text);
  }

  unseal(sealed: string): string | undefined {
    return this.#keyed.unseal(sealed);
  }

  fraction(): number {
    return this.nextFraction;
  }

  #next(): number {
    this.#count += 1;
    return this.#count;
  }
}
