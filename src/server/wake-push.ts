import { parsePush } from "../location/push-device.ts";
import type { Push, PushGateway, PushOutcome, PushResult } from "../ports.ts";
import { isMoreUrgent, type WakePurpose } from "../push/decide-wake.ts";
import { isHopeless } from "../push/push-result.ts";

/** Hears how a push has ended. */
export interface WakePushUser {
  send: PushGateway["send"];
  onPushed(of: WakePush, outcome: PushOutcome): void;
  /** The device may show a call by now that will not reach it. */
  onToldInVain(push: Push): void;
}

/** What of a push is up to the request that causes it. */
export type PushParts = Omit<Push, "device" | "purpose"> & { readonly purpose: WakePurpose };

/** The pushes to one push resource of a device that is being woken: one, and a further one for what is more urgent. */
export class WakePush {
  /** location/push-device.ts. */
  readonly resource: string;
  readonly #user: WakePushUser;
  #last: (Push & { readonly purpose: WakePurpose }) | undefined;
  /** How the last one has ended; undefined while it has not. */
  #result: PushResult | undefined;
  #wasAccepted = false;
  /** Undefined when the last one has ended. */
  #callOff: (() => void) | undefined;
  #isOver = false;
  #isInVain = false;

  constructor(resource: string, user: WakePushUser) {
    this.resource = resource;
    this.#user = user;
  }

  /** What it has been pushed to as; undefined before the first push. */
  get purpose(): WakePurpose | undefined {
    return this.#last?.purpose;
  }

  needs(purpose: WakePurpose): boolean {
    return isMoreUrgent(purpose, this.purpose);
  }

  get isAccepted(): boolean {
    return this.#result === "accepted";
  }

  /** Whether the device will not come for this: what one push was refused for says nothing of one that was taken before. */
  get isHopeless(): boolean {
    if (this.#result === undefined || !isHopeless(this.#result)) return false;
    return this.#result === "dead-token" || !this.#wasAccepted;
  }

  send(parts: PushParts): void {
    const device = parsePush(this.resource);
    if (device === undefined) return;
    const push = { ...parts, device };
    this.#last = push;
    this.#result = undefined;
    this.#callOff = this.#user.send(push, (outcome) => this.#onOutcome(push, outcome));
  }

  /** Nobody waits for the device any more; `isInVain` unless it has come. What has not left yet never does. */
  stop(isInVain: boolean): void {
    this.#isOver = true;
    this.#isInVain = isInVain;
    if (this.#callOff === undefined) this.#tellInVain();
    else this.#callOff();
  }

  #onOutcome(push: Push, outcome: PushOutcome): void {
    // What an earlier push ended with says nothing of a later one, unless it is about the device.
    const isLast = push === this.#last;
    if (isLast || outcome.result === "dead-token") this.#result = outcome.result;
    if (isLast) this.#callOff = undefined;
    if (outcome.result === "accepted") this.#wasAccepted = true;
    this.#user.onPushed(this, outcome);
    if (this.#isOver && isLast) this.#tellInVain();
  }

  /** A provider that has not answered in time may have taken it all the same. */
  #tellInVain(): void {
    const mayBeThere = this.#result === "accepted" || this.#result === "timeout";
    if (!this.#isInVain || !mayBeThere || this.#last?.purpose !== "call") return;
    this.#isInVain = false;
    this.#user.onToldInVain(this.#last);
  }
}
