import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Certificates } from "../support/certificates.ts";
import { afterwards, makeDirectory } from "./left-over.ts";
import { MidregRun } from "./midreg-run.ts";
import { StreamPhone, type StreamTransport } from "./stream-phone.ts";
import { WireRegistrar } from "./wire-registrar.ts";

/** A midreg with a listener of every transport, on ports that the system has chosen, in front of a main registrar. */
export class StreamScene {
  readonly registrar: WireRegistrar;
  readonly certificates: Certificates;
  readonly #config: string;
  readonly #data = makeDirectory();
  #run: MidregRun | undefined;
  #ports = new Map<string, number>();
  #admin = "";

  private constructor(registrar: WireRegistrar, certificates: Certificates, config: string) {
    this.registrar = registrar;
    this.certificates = certificates;
    this.#config = config;
  }

  /** Starts it with settings besides those for TLS, as JSON would have them. */
  static async start(settings: Readonly<Record<string, unknown>>): Promise<StreamScene> {
    const certificates = new Certificates();
    afterwards(() => certificates.remove());
    const { certFile, keyFile } = certificates.issue(["127.0.0.1"]);
    const tls = { certificates: [{ cert: certFile, key: keyFile }], ca: certificates.caFile };
    const registrar = await WireRegistrar.openRegistrar();
    afterwards(async () => registrar.close());
    const config = join(makeDirectory(), "midreg.yaml");
    // JSON is YAML.
    writeFileSync(config, JSON.stringify({ tls, ...settings }));
    const scene = new StreamScene(registrar, certificates, config);
    afterwards(async () => scene.#run?.dispose());
    await scene.#start();
    return scene;
  }

  get run(): MidregRun {
    if (this.#run === undefined) throw new Error("midreg does not run");
    return this.#run;
  }

  portOf(transport: "udp" | StreamTransport): number {
    return this.#ports.get(transport) ?? 0;
  }

  phone(user: string, transport: StreamTransport): StreamPhone {
    const { ca } = this.certificates;
    const phone = StreamPhone.open(user, { transport, port: this.portOf(transport), ca });
    afterwards(() => phone.close());
    return phone;
  }

  /** Ends it as a crash does, and starts it again on what it has left. */
  async crash(): Promise<void> {
    await this.run.dispose();
    await this.#start();
  }

  /** Asks the admin listener, for JSON. */
  async ask(path: string): Promise<unknown> {
    const answer = await fetch(new URL(path, this.#admin), {
      signal: AbortSignal.timeout(5000),
    });
    return answer.json();
  }

  /** Users with bindings. */
  async users(): Promise<readonly string[]> {
    const { aors } = (await this.ask("/api/v1/aors")) as { aors: readonly { aor: string }[] };
    return aors.map(({ aor }) => aor.replace("@sip.test", ""));
  }

  async #start(): Promise<void> {
    const listeners = ["udp", "tcp", "tls", "ws", "wss"].flatMap((transport) => [
      "--listen",
      `${transport}:127.0.0.1:0`,
    ]);
    const upstream = `sip:127.0.0.1:${this.registrar.port}`;
    this.#run = new MidregRun([
      "run",
      "--config",
      this.#config,
      "--upstream",
      upstream,
      ...listeners,
      "--admin",
      "127.0.0.1:0",
      "--data",
      this.#data,
    ]);
    const { listeners: open, admin } = await this.#run.logged("ready");
    this.#admin = String(admin);
    this.#ports = new Map(
      (open as readonly { id: string }[]).map(({ id }) => [
        id.slice(0, id.indexOf(":")),
        Number(id.split(":").at(-1)),
      ]),
    );
  }
}
