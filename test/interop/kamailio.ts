import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import type { CertificatePaths } from "../support/certificates.ts";
import type { Stage, StageProcess } from "../support/peers/stage.ts";
import { until } from "../support/peers/wait.ts";

/** Kamailio's own counters, added up since its start; requests, not retransmissions. */
export interface KamailioCounters {
  readonly registers: number;
  readonly challenged: number;
  readonly accepted: number;
  readonly contacts: number;
  /** INVITEs whose caller has proven who it is. */
  readonly invites: number;
  /** Flows that were answered for with 430. */
  readonly deadFlows: number;
}

/** A contact as Kamailio keeps it. */
export interface KamailioBinding {
  readonly contact: string;
  readonly callId: string;
  readonly cseq: number;
}

/** A flow as it keeps it (RFC 5626). */
interface KamailioFlow {
  readonly path: string;
  readonly regId: number;
}

const FLOW = /Path: (?<path>\S+)\s[^}]*?Reg-Id: (?<regId>\d+)/gu;
const BINDING = /Address: (?<contact>\S+)\s[^}]*?Call-ID: (?<callId>\S+)\s+CSeq: (?<cseq>\d+)/gu;
const TEMPLATE = new URL("./kamailio.cfg", import.meta.url);
const START_MS = 10_000;
const COMMAND_MS = 5000;
const run = promisify(execFile);

/** Where Kamailio listens, and what it shows of itself by TLS. */
export interface KamailioOptions {
  /** For UDP on 127.0.0.1 and TCP on 127.0.0.2. */
  readonly port: number;
  /** For TLS on 127.0.0.2, where it wants a certificate of the authority from everybody. */
  readonly tlsPort: number;
  readonly certificate: CertificatePaths;
  readonly caFile: string;
  /** Tells it from another one on the same stage. */
  readonly name?: string;
  /** Whether it does outbound itself. */
  readonly isOutbound?: boolean;
}

/** Where it is by TCP and TLS. */
const STREAM_ADDRESS = "127.0.0.2";

/** Kamailio as main registrar of sip.test. Passwords are "pw-" and the user. */
export class Kamailio {
  readonly port: number;
  readonly #options: KamailioOptions;
  readonly #control: string;
  readonly #process: StageProcess;

  private constructor(options: KamailioOptions, control: string, running: StageProcess) {
    this.port = options.port;
    this.#options = options;
    this.#control = control;
    this.#process = running;
  }

  static async start(stage: Stage, options: KamailioOptions): Promise<Kamailio> {
    const { port, tlsPort, name = "kamailio", isOutbound = false } = options;
    const control = stage.path(`${name}.sock`);
    const config = readFileSync(TEMPLATE, "utf8")
      .replaceAll("%PORT%", String(port))
      .replaceAll("%TLS_PORT%", String(tlsPort))
      .replaceAll("%TLS_CONFIG%", stage.path(`${name}-tls.cfg`))
      .replaceAll("%CONTROL%", control);
    writeFileSync(stage.path(`${name}.cfg`), config);
    writeFileSync(stage.path(`${name}-tls.cfg`), tlsConfig(options));
    // In the foreground, with 512 MB for transactions: enough to hear a storm without midreg.
    const args = [
      "-DD",
      "-E",
      "-m",
      "512",
      "-f",
      stage.path(`${name}.cfg`),
      ...(isOutbound ? ["-A", "WITH_OUTBOUND"] : []),
      "-w",
      stage.directory,
    ];
    const running = stage.spawn(name, "kamailio", args);
    const started = new Kamailio(options, control, running);
    await until("Kamailio answers", START_MS, async () => {
      if (!running.isRunning) throw new Error(`Kamailio ended: ${await running.exited}`);
      return started.#command("core.uptime").catch(() => undefined);
    });
    return started;
  }

  /** The URI by which it is the main registrar of a midreg. */
  uriFor(transport: "udp" | "tcp" | "tls"): string {
    const { port, tlsPort } = this.#options;
    if (transport === "udp") return `sip:127.0.0.1:${port}`;
    const place = `${STREAM_ADDRESS}:${transport === "tls" ? tlsPort : port}`;
    return `sip:${place};transport=${transport}`;
  }

  async counters(): Promise<KamailioCounters> {
    const text = await this.#command("stats.get_statistics", "script:", "registrar:", "usrloc:");
    const value = (name: string): number =>
      Number(new RegExp(`^${name} = (\\d+)$`, "mu").exec(text)?.[1] ?? Number.NaN);
    return {
      registers: value("script:registers"),
      challenged: value("script:challenged_registers"),
      accepted: value("registrar:accepted_regs"),
      contacts: value("usrloc:location_contacts"),
      invites: value("script:invites"),
      deadFlows: value("script:dead_flows"),
    };
  }

  /** What is bound to a user; nothing when it is unknown. */
  async bindingsOf(user: string): Promise<KamailioBinding[]> {
    const record = await this.#command("ul.lookup", "location", user).catch(() => "");
    return [...record.matchAll(BINDING)].map((match) => ({
      contact: match.groups?.["contact"] ?? "",
      callId: match.groups?.["callId"] ?? "",
      cseq: Number(match.groups?.["cseq"]),
    }));
  }

  /** The flows of a user, as far as they have a Path. */
  async flowsOf(user: string): Promise<KamailioFlow[]> {
    const record = await this.#command("ul.lookup", "location", user).catch(() => "");
    return [...record.matchAll(FLOW)].map((found) => ({
      path: found.groups?.["path"] ?? "",
      regId: Number(found.groups?.["regId"]),
    }));
  }

  async stop(): Promise<number | string> {
    return this.#process.end("SIGTERM", COMMAND_MS);
  }

  async #command(...words: string[]): Promise<string> {
    const { stdout } = await run("kamcmd", ["-s", `unix:${this.#control}`, ...words], {
      timeout: COMMAND_MS,
    });
    return stdout;
  }
}

/** Both as server and as client it proves who it is and wants the same of the other side. */
function tlsConfig({ certificate, caFile }: KamailioOptions): string {
  const lines = [
    "method = TLSv1.2+",
    `certificate = ${certificate.certFile}`,
    `private_key = ${certificate.keyFile}`,
    `ca_list = ${caFile}`,
    "verify_certificate = yes",
    "require_certificate = yes",
  ];
  return ["[server:default]", ...lines, "[client:default]", ...lines, ""].join("\n");
}
