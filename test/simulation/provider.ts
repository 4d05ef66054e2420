/** The push provider of a simulated world, and devices that wake up by it, more or less. */
import type { Push, PushOutcome } from "../../src/ports.ts";
import { FakeGateway } from "../support/fake-gateway.ts";
import type { VirtualClock } from "../support/virtual-clock.ts";
import type { Devices } from "./devices.ts";
import type { Random } from "./random.ts";

const ANSWERS: ReadonlyArray<PushOutcome["result"]> = [
  ...Array.from({ length: 12 }, () => "accepted" as const),
  "unavailable",
  "rejected",
  "dead-token",
];

/** How often a push that the provider has taken wakes nobody. */
const LOST = 0.15;

interface ProviderModules {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly devices: Devices;
  readonly note: (text: string) => void;
}

export class Provider {
  readonly #modules: ProviderModules;
  #gateway: FakeGateway | undefined;
  /** Whether nobody wakes up any more. */
  isDeaf = false;

  constructor(modules: ProviderModules) {
    this.#modules = modules;
  }

  /** For a midreg that starts. The one before hears no more of what it has pushed; the devices do. */
  open(): FakeGateway {
    if (this.#gateway !== undefined) this.#gateway.answer = () => undefined;
    const { clock, random } = this.#modules;
    const gateway = new FakeGateway(clock);
    gateway.answer = () => ({ result: random.pick(ANSWERS) });
    gateway.onPush = (push) => this.#wake(push);
    this.#gateway = gateway;
    return gateway;
  }

  /** From several places perhaps, and under several Call-IDs. */
  #wake({ device: { prid }, purpose }: Push): void {
    const { clock, random, devices, note } = this.#modules;
    const device = devices.all.find(({ uris }) => uris.some((uri) => uri.endsWith(prid)));
    if (device === undefined || this.isDeaf || random.chance(LOST)) return;
    let delayMs = random.pick([20, 800, 5000]);
    for (let left = random.pick([1, 1, 2, 3]); left > 0; left -= 1) {
      clock.later(delayMs, () => note(`${purpose} wakes ${devices.wakeUp(device)}`));
      delayMs += random.pick([1, 100, 1000]);
    }
  }
}
