import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { CertificatePaths } from "../support/certificates.ts";
import type { Stage, StageProcess } from "../support/peers/stage.ts";
import { until } from "../support/peers/wait.ts";

export interface LinphoneOptions {
  readonly user: string;
  readonly password: string;
  /** Where it sends everything: midreg or Kamailio. */
  readonly outboundPort: number;
  readonly sipPort: number;
  readonly rtpPort: number;
  /** UDP when left out. */
  readonly transport?: "udp" | "tls";
  /** For TLS: the authority by which it checks midreg, and what it shows when midreg asks for a certificate. */
  readonly tls?: { readonly caFile: string; readonly certificate: CertificatePaths };
  /** Parameters of its Contact URI, with semicolons between them. */
  readonly contactUriParams?: string;
}

const START_MS = 10_000;
const QUIT_MS = 10_000;

/** Linphone's command-line client, driven by its prompt and watched by its own trace of SIP. */
export class Linphone {
  readonly user: string;
  readonly #process: StageProcess;
  readonly #tracePath: string;
  #traceStart = 0;

  private constructor(user: string, running: StageProcess, tracePath: string) {
    this.user = user;
    this.#process = running;
    this.#tracePath = tracePath;
  }

  /** Starts it and waits until it is registered. It answers calls by itself. */
  static async start(stage: Stage, options: LinphoneOptions): Promise<Linphone> {
    const home = stage.path(`linphone-${options.user}`);
    // It makes its database only where this exists.
    mkdirSync(`${home}/.local/share/linphone`, { recursive: true });
    writeFileSync(`${home}/linphonerc`, config(options));
    const trace = `${home}/trace.log`;
    writeFileSync(trace, "");
    const args = ["-c", `${home}/linphonerc`, "-a", "-d", "6", "-l", trace];
    const running = stage.spawnShell(options.user, "linphonec", args, home);
    const started = new Linphone(options.user, running, trace);
    // There is no sound card to be had; files do.
    started.say("soundcard use files");
    await until(`${options.user} is registered`, START_MS, async () => {
      if (!running.isRunning) throw new Error(`${options.user} ended: ${await running.exited}`);
      return started.trace().includes("to [LinphoneRegistrationOk]") ? true : undefined;
    });
    return started;
  }

  /** Types a command at its prompt. */
  say(command: string): void {
    this.#process.child.stdin?.write(`${command}\n`);
  }

  /** Waits for a text in the trace since the last `forget`. */
  async sees(text: string | RegExp, limitMs: number): Promise<string> {
    return until(`${this.user} sees ${String(text)}`, limitMs, () => {
      const fresh = this.trace().slice(this.#traceStart);
      return (typeof text === "string" ? fresh.includes(text) : text.test(fresh))
        ? fresh
        : undefined;
    });
  }

  forget(): void {
    this.#traceStart = this.trace().length;
  }

  trace(): string {
    return readFileSync(this.#tracePath, "latin1").replaceAll("\r", "");
  }

  /** How many requests of that method have come to its own contact. */
  count(method: string): number {
    const request = new RegExp(`^${method} sips?:${this.user}@127\\.0\\.0\\.1.* SIP/2\\.0$`, "gmu");
    return this.trace().match(request)?.length ?? 0;
  }

  /** Ends it as the system of a mobile phone does: it has no time to unregister. */
  async kill(): Promise<void> {
    await this.#process.end("SIGKILL", QUIT_MS);
  }

  /** Unregisters and ends; returns the exit code. */
  async quit(): Promise<number | string> {
    this.say("quit");
    return this.#process.exitWithin(QUIT_MS);
  }
}

function config(options: LinphoneOptions): string {
  const { user, password, outboundPort, sipPort, rtpPort, transport = "udp" } = options;
  const { contactUriParams: params } = options;
  const proxy = `<sip:127.0.0.1:${outboundPort};transport=${transport}`;
  const isUdp = transport === "udp";
  return `[sip]
sip_port=${isUdp ? sipPort : 0}
sip_tcp_port=0
sip_tls_port=${isUdp ? 0 : sipPort}
${tlsConfig(options)}bind_address=127.0.0.1
default_proxy=0
use_ipv6=0
guess_hostname=1
contact=sip:${user}@127.0.0.1
[rtp]
audio_rtp_port=${rtpPort}
[proxy_0]
reg_proxy=${proxy}>
reg_route=${proxy};lr>
reg_identity=sip:${user}@sip.test
reg_expires=600
reg_sendregister=1
publish=0
${params === undefined ? "" : `contact_uri_parameters=${params}\n`}[auth_info_0]
username=${user}
passwd=${password}
realm=sip.test
domain=sip.test
`;
}

/** It does not find an address among the names of a certificate, so the name is not checked. */
function tlsConfig({ tls }: LinphoneOptions): string {
  if (tls === undefined) return "";
  const { certFile, keyFile } = tls.certificate;
  return `root_ca=${tls.caFile}
verify_server_certs=1
verify_server_cn=0
client_cert_chain=${certFile}
client_cert_key=${keyFile}
`;
}
