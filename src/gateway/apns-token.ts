import type { KeyObject } from "node:crypto";
import { signToken } from "./json-web-token.ts";
import { type GatewayClock, wallAheadMs, wasSetSince } from "./push-sender.ts";

/** Apple wants tokens to be used for 20 to 60 minutes. */
const LIFETIME_MS = 50 * 60_000;
const SHORTEST_LIFETIME_MS = 20 * 60_000;

/** What a team signs with. */
export interface ApnsKey {
  readonly key: KeyObject;
  readonly keyId: string;
  readonly teamId: string;
}

/** The token that proves to Apple who sends a push, made anew every 50 minutes, and when the clock was set. */
export class ApnsToken {
  readonly #clock: GatewayClock;
  readonly #key: ApnsKey;
  #token = "";
  #madeAtMs = Number.NEGATIVE_INFINITY;
  #madeAheadMs = 0;
  #forcedAtMs = Number.NEGATIVE_INFINITY;

  constructor(key: ApnsKey, clock: GatewayClock) {
    this.#key = key;
    this.#clock = clock;
  }

  get current(): string {
    const isOld = this.#clock.nowMs() - this.#madeAtMs >= LIFETIME_MS;
    if (isOld || wasSetSince(this.#madeAheadMs, this.#clock)) this.#make();
    return this.#token;
  }

  /** Apple calls a token too old. Returns whether there is another one to try, made at most once in 20 minutes. */
  renew(refused: string): boolean {
    if (refused !== this.#token) return true;
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#forcedAtMs < SHORTEST_LIFETIME_MS) return false;
    this.#forcedAtMs = nowMs;
    this.#make();
    return true;
  }

  #make(): void {
    const { key, keyId, teamId } = this.#key;
    const iat = Math.floor(this.#clock.wallMs() / 1000);
    this.#token = signToken(key, { kid: keyId }, { iss: teamId, iat });
    this.#madeAtMs = this.#clock.nowMs();
    this.#madeAheadMs = wallAheadMs(this.#clock);
  }
}
