import { parseAuthHeader } from "../../src/sip/auth-header.ts";
import { authorizationFor, type PhoneDigest } from "../auth/fixtures.ts";
import { headerLines } from "./messages.ts";
import type { Phone, RegisterOptions } from "./phone.ts";
import type { World } from "./world.ts";

/** The challenges of a 401, topmost first; empty for other answers. */
export function challengesOf(response: string): ReadonlyMap<string, string>[] {
  return headerLines(response, "WWW-Authenticate").flatMap(
    (value) => parseAuthHeader(value)?.params ?? [],
  );
}

/** A phone that knows its password, answers challenges, and goes on using the nonce it was given. */
export class DigestPhone {
  readonly phone: Phone;
  readonly #world: World;
  #challenge: ReadonlyMap<string, string> | undefined;
  #count = 0;

  constructor(world: World, user: string, place: string) {
    this.#world = world;
    this.phone = world.phone(user, place);
  }

  get statuses(): number[] {
    return this.phone.statuses;
  }

  /** The header with which it answers the challenge it has; each counts. */
  authorization(digest: PhoneDigest = {}): string {
    if (this.#challenge === undefined) throw new Error("never challenged");
    this.#count = digest.nc ?? this.#count + 1;
    return authorizationFor(this.#challenge, {
      username: this.phone.user,
      ...digest,
      nc: this.#count,
    });
  }

  /** Sends one REGISTER with the credentials it can make, and waits a second. Returns its text. */
  send(options: RegisterOptions = {}, digest: PhoneDigest = {}): string {
    const credentials = this.#challenge === undefined ? [] : [this.authorization(digest)];
    const headers = [...credentials, ...(options.headers ?? [])];
    const text = this.phone.register({ ...options, headers });
    this.#world.pass(1);
    return text;
  }

  /** Takes up the challenge of the last answer. False when there is none. */
  challenged(): boolean {
    const [top] = challengesOf(this.phone.last);
    if (top === undefined) return false;
    this.#challenge = top;
    this.#count = 0;
    return true;
  }

  /** Registers as a phone does: once, and once more when it is challenged. */
  register(options: RegisterOptions = {}, digest: PhoneDigest = {}): void {
    this.send(options, digest);
    if (this.challenged()) this.send(options, digest);
  }
}
