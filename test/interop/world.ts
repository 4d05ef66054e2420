import { deepStrictEqual } from "node:assert";
import { freePorts } from "../support/peers/free-ports.ts";
import { MidregProcess } from "../support/peers/midreg-process.ts";
import type { Stage } from "../support/peers/stage.ts";
import { Kamailio, type KamailioBinding } from "./kamailio.ts";
import type { Step } from "./suite.ts";

const OUTGOING_EXPIRES_SEC = 7200;

/** Kamailio and midreg, and where phones find them. */
export class World {
  readonly stage: Stage;
  /** Without midreg phones talk to Kamailio themselves: shows which side a failure belongs to. */
  readonly hasMidreg: boolean;
  #kamailio: Kamailio | undefined;
  #midreg: MidregProcess | undefined;
  #midregPort = 0;

  constructor(stage: Stage, hasMidreg: boolean) {
    this.stage = stage;
    this.hasMidreg = hasMidreg;
  }

  get kamailio(): Kamailio {
    if (this.#kamailio === undefined) throw new Error("Kamailio is not running");
    return this.#kamailio;
  }

  get midreg(): MidregProcess {
    if (this.#midreg === undefined) throw new Error("midreg is not running");
    return this.#midreg;
  }

  /** Where a phone behind midreg sends everything. */
  get outboundPort(): number {
    return this.hasMidreg ? this.#midregPort : this.kamailio.port;
  }

  /** "through midreg", for names of steps. */
  get way(): string {
    return this.hasMidreg ? "through midreg" : "directly";
  }

  /** The one contact that Kamailio has for a user. */
  async onlyBinding(user: string): Promise<KamailioBinding> {
    const [binding, ...others] = await this.kamailio.bindingsOf(user);
    if (binding === undefined) throw new Error(`Kamailio has no contact for ${user}`);
    deepStrictEqual(others, []);
    return binding;
  }

  startSteps(): Step[] {
    const kamailio: Step = {
      name: "Kamailio starts as main registrar",
      limitSec: 15,
      logs: ["kamailio"],
      isVital: true,
      run: async () => {
        const [port = 0] = await freePorts(1, "four digits");
        this.#kamailio = await Kamailio.start(this.stage, port);
        return `127.0.0.1:${port}`;
      },
    };
    return this.hasMidreg ? [kamailio, this.startMidreg("contact")] : [kamailio];
  }

  /** Starts midreg in a mode. */
  startMidreg(mode: "mirror" | "contact" | "aor"): Step {
    return {
      name: `midreg starts in front of it (mode ${mode})`,
      limitSec: 15,
      logs: ["midreg"],
      isVital: true,
      run: async () => {
        const [port = 0, adminPort = 0] = await freePorts(2, "four digits");
        const upstreamPort = this.kamailio.port;
        const outgoingExpiresSec = OUTGOING_EXPIRES_SEC;
        const options = { port, adminPort, upstreamPort, outgoingExpiresSec, mode };
        this.#midreg = new MidregProcess(this.stage, options);
        await this.#midreg.start();
        this.#midregPort = port;
        return `127.0.0.1:${port}`;
      },
    };
  }

  stopSteps(): Step[] {
    const midreg: Step = {
      name: "midreg drains on SIGTERM and exits 0",
      limitSec: 15,
      logs: ["midreg"],
      run: async () => {
        deepStrictEqual(await this.midreg.stop(), 0);
        return "";
      },
    };
    return this.hasMidreg ? [midreg] : [];
  }
}
