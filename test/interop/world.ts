import { deepStrictEqual } from "node:assert";
import { writeFileSync } from "node:fs";
import { Certificates } from "../support/certificates.ts";
import { freePorts } from "../support/peers/free-ports.ts";
import { MidregProcess } from "../support/peers/midreg-process.ts";
import type { Stage } from "../support/peers/stage.ts";
import { Kamailio, type KamailioBinding, type KamailioOptions } from "./kamailio.ts";
import type { Step } from "./suite.ts";

const OUTGOING_EXPIRES_SEC = 7200;

export type StreamTransport = "tcp" | "tls" | "ws" | "wss";

/** Kamailio and midreg, and where phones find them. */
export class World {
  readonly stage: Stage;
  /** Without midreg phones talk to Kamailio themselves: shows which side a failure belongs to. */
  readonly hasMidreg: boolean;
  #kamailio: Kamailio | undefined;
  #options: KamailioOptions | undefined;
  #midreg: MidregProcess | undefined;
  #midregPort = 0;
  #ports: Readonly<Record<StreamTransport, number>> = { tcp: 0, tls: 0, ws: 0, wss: 0 };
  /** Of the authority that everybody here believes. */
  readonly certificates = new Certificates();

  constructor(stage: Stage, hasMidreg: boolean) {
    this.stage = stage;
    this.hasMidreg = hasMidreg;
    process.once("exit", () => this.certificates.remove());
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

  /** Where midreg is by that transport, on 127.0.0.1 and ::1 alike. */
  portOf(transport: "udp" | StreamTransport): number {
    return transport === "udp" ? this.#midregPort : this.#ports[transport];
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
        const [port = 0, tlsPort = 0] = await freePorts(2, "four digits");
        const certificate = this.certificates.issue(["127.0.0.2", "sip.test"]);
        const { caFile } = this.certificates;
        this.#options = { port, tlsPort, certificate, caFile };
        this.#kamailio = await Kamailio.start(this.stage, this.#options);
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

  /** Starts midreg with a listener for every transport and family, in front of Kamailio by one of them. */
  startMidregOver(upstream: "tcp" | "tls"): Step {
    const name = `midreg starts with every transport, in front of Kamailio by ${upstream.toUpperCase()}`;
    return this.#startEverywhere(name, { upstream, settings: async () => "" });
  }

  /** Starts midreg with a listener for every transport, and with settings that are known once the step runs. */
  startMidregWith(settings: () => Promise<string>): Step {
    const name = "midreg starts with push providers, in front of Kamailio by UDP";
    return this.#startEverywhere(name, { upstream: "udp", settings });
  }

  #startEverywhere(
    name: string,
    { upstream, settings }: { upstream: "udp" | "tcp" | "tls"; settings: () => Promise<string> },
  ): Step {
    return {
      name,
      limitSec: 15,
      logs: ["midreg"],
      isVital: true,
      run: async () => {
        const [port = 0, adminPort = 0, tcp = 0, tls = 0, ws = 0, wss = 0] = await freePorts(6);
        this.#ports = { tcp, tls, ws, wss };
        const places = Object.entries({ udp: port, ...this.#ports }).flatMap(([transport, at]) => [
          `${transport}:127.0.0.1:${at}`,
          `${transport}:[::1]:${at}`,
        ]);
        this.#midreg = new MidregProcess(this.stage, {
          port,
          adminPort,
          upstreamPort: 0,
          upstreamUri: this.kamailio.uriFor(upstream),
          moreListeners: places.slice(1),
          configPath: this.#writeSettings(await settings()),
          outgoingExpiresSec: OUTGOING_EXPIRES_SEC,
          name: `by-${upstream}`,
        });
        await this.#midreg.start();
        this.#midregPort = port;
        return places.join(" ");
      },
    };
  }

  /** Starts midreg in front of a main registrar that is found by its name, with a DNS of the test's own. */
  async startMidregAt(upstreamUri: string, dnsServer: string): Promise<void> {
    const [port = 0, adminPort = 0] = await freePorts(2);
    const configPath = this.stage.path("midreg-dns.yaml");
    writeFileSync(configPath, JSON.stringify({ dns: { servers: [dnsServer] } }));
    const name = "by-name";
    const outgoingExpiresSec = OUTGOING_EXPIRES_SEC;
    const options = {
      port,
      adminPort,
      upstreamPort: 0,
      upstreamUri,
      configPath,
      outgoingExpiresSec,
      name,
    };
    this.#midreg = new MidregProcess(this.stage, options);
    await this.#midreg.start();
    this.#midregPort = port;
  }

  /** With certificates, and with more of its file. */
  #writeSettings(more: string): string {
    const path = this.stage.path("midreg.yaml");
    const { certFile, keyFile } = this.certificates.issue(["127.0.0.1", "::1", "midreg.test"]);
    const { caFile } = this.certificates;
    const certificates = [{ cert: certFile, key: keyFile }];
    const tls = { certificates, ca: caFile, client_certificate: "request" };
    // JSON is YAML.
    writeFileSync(path, `tls: ${JSON.stringify(tls)}\n${more}`);
    return path;
  }

  /** Ends Kamailio and starts it again where it was; what it had in memory is gone. */
  async restartKamailio(): Promise<void> {
    if (this.#options === undefined) throw new Error("Kamailio is not running");
    await this.kamailio.stop();
    this.#kamailio = await Kamailio.start(this.stage, this.#options);
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
