import { writeFileSync } from "node:fs";
import { PushServer } from "../../src/devserver/push-server.ts";
import type { IncomingCall } from "../support/peers/call.ts";
import { Phone, type PhoneOptions } from "../support/peers/phone.ts";
import type { Stage } from "../support/peers/stage.ts";

const TOKEN = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0";
const TOPIC = "org.example.phone.voip";
const CONFIG_FILE = "midreg.yaml";

/** How the app woke up; moments are of performance.now(). */
export interface Waking {
  readonly pushedAtMs: number;
  readonly registeredAtMs: number;
  readonly rangAtMs: number;
  readonly call: IncomingCall;
}

/** The phone before it sleeps and after it was woken: the network has given it another port. */
export interface SleeperPhones {
  readonly before: PhoneOptions;
  readonly after: PhoneOptions;
}

/**
 * A phone whose app has gone to sleep: its socket is closed, and nothing but a push of the push service wakes it. The push
 * service is on loopback, and speaks APNs.
 */
export class Sleeper {
  readonly #pushes: PushServer;
  readonly #phones: SleeperPhones;
  readonly #configPath: string;
  #wake: () => void = () => undefined;
  #pushCount = 0;
  #phone: Phone | undefined;

  constructor(stage: Stage, phones: SleeperPhones) {
    this.#phones = phones;
    this.#configPath = stage.path(CONFIG_FILE);
    this.#pushes = new PushServer({
      address: "127.0.0.1",
      port: 0,
      directory: stage.path("push"),
      onPush: ({ token }) => {
        if (token === TOKEN) this.#wake();
        this.#pushCount += 1;
      },
    });
  }

  /** Starts the push service, and writes the file that tells midreg of it. */
  async open(): Promise<string> {
    await this.#pushes.start();
    const settings = `mid_registrar:\n  pn_enable: true\n${this.#pushes.snippet}`;
    writeFileSync(this.#configPath, settings);
    return this.#configPath;
  }

  get pushCount(): number {
    return this.#pushCount;
  }

  /** The app registers, and is then put to sleep. Returns the status of the registration. */
  async fallAsleep(): Promise<number> {
    const phone = this.#start(this.#phones.before);
    const { status } = await phone.register();
    phone.close();
    this.#phone = undefined;
    return status;
  }

  /** Resolves when a push has woken the app, it has registered from another port, and rings. */
  async waking(): Promise<Waking> {
    return new Promise((resolve, reject) => {
      this.#wake = () => {
        this.#wake = () => undefined;
        this.#answerPush().then(resolve, reject);
      };
    });
  }

  async close(): Promise<void> {
    this.#phone?.close();
    await this.#pushes.stop();
  }

  async #answerPush(): Promise<Waking> {
    const pushedAtMs = performance.now();
    const phone = this.#start(this.#phones.after);
    const ringing = phone.nextCall();
    const { status } = await phone.register();
    if (status !== 200) throw new Error(`the woken phone was answered ${status}`);
    const registeredAtMs = performance.now();
    const call = await ringing;
    return { pushedAtMs, registeredAtMs, rangAtMs: performance.now(), call };
  }

  #start(options: PhoneOptions): Phone {
    const { teamId } = this.#pushes.keys.apns;
    const contactParams = `;pn-provider=apns;pn-param=${teamId}.${TOPIC};pn-prid=${TOKEN}`;
    const phone = new Phone({ ...options, contactParams });
    this.#phone = phone;
    return phone;
  }
}
