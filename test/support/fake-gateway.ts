import type { PushDevice } from "../../src/location/push-device.ts";
import type { Push, PushGateway, PushOutcome } from "../../src/ports.ts";
import type { PushPolicy } from "../../src/registrar/push-policy.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export interface FakeGatewayOptions {
  readonly providers?: readonly string[];
  readonly vapidKey?: string;
}

const ACCEPTED: PushOutcome = {
  result: "accepted",
  reason: "",
  detail: "taken by the provider",
  deadSinceMs: undefined,
};

/** Push providers in memory: takes everything down, and answers as it is told a little later. */
export class FakeGateway implements PushGateway {
  readonly providers: readonly string[];
  readonly sent: Push[] = [];
  /** Called with each push before it is answered, such as to let the device register. */
  onPush: (push: Push) => void = () => undefined;
  /** What the next pushes are answered; what is undefined never is. */
  answer: (push: Push) => Partial<PushOutcome> | undefined = () => ACCEPTED;
  /** How long a provider takes to answer. */
  delayMs = 20;
  /** While it is set pushes wait in a queue, from which they can be called off. */
  isBusy = false;
  readonly calledOff: Push[] = [];
  #queue: (() => void)[] = [];
  readonly #clock: Pick<VirtualClock, "later">;
  readonly #vapidKey: string;

  constructor(
    clock: Pick<VirtualClock, "later">,
    { providers = ["apns", "fcm", "webpush"], vapidKey = "BKey" }: FakeGatewayOptions = {},
  ) {
    this.#clock = clock;
    this.providers = providers;
    this.#vapidKey = vapidKey;
  }

  vapidKey(provider: string): string | undefined {
    return provider === "webpush" ? this.#vapidKey : undefined;
  }

  /** As the providers have it (RFC 8599 sections 10 to 12): Web Push has no pn-param, the others need one. */
  canPush({ provider, param, prid }: PushDevice): boolean {
    return prid !== "" && (provider === "webpush" ? param === "" : param !== "");
  }

  send(push: Push, done: (outcome: PushOutcome) => void): () => void {
    const leave = (): void => {
      this.sent.push(push);
      this.#clock.later(this.delayMs, () => {
        this.onPush(push);
        const answer = this.answer(push);
        if (answer !== undefined) done({ ...ACCEPTED, ...answer });
      });
    };
    if (this.isBusy) this.#queue.push(leave);
    else leave();
    return () => {
      if (!this.#queue.includes(leave)) return;
      this.#queue = this.#queue.filter((other) => other !== leave);
      this.calledOff.push(push);
      done({ ...ACCEPTED, result: "called-off" });
    };
  }

  /** What waits in the queue leaves. */
  goOn(): void {
    this.isBusy = false;
    for (const leave of this.#queue.splice(0)) leave();
  }
}

/** What holds for registrations with that gateway unless it is told otherwise. */
export function pushPolicyOf(gateway: PushGateway, parts: Partial<PushPolicy> = {}): PushPolicy {
  return {
    providers: gateway.providers,
    matchParams: ["pn-provider", "pn-prid", "pn-param"],
    pnsregIntervalSec: 130,
    hasPurr: false,
    unsupported: "forward",
    afterExpiryMs: 3_600_000,
    gateway,
    ...parts,
  };
}
