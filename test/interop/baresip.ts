import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import type { Stage, StageProcess } from "../support/peers/stage.ts";
import { until } from "../support/peers/wait.ts";
import { readNetstrings, writeNetstring } from "./netstring.ts";

export interface BaresipOptions {
  readonly user: string;
  /** Tells the devices of one user apart; the only one needs none. */
  readonly device?: string;
  readonly password: string;
  /** Where it sends everything: midreg or Kamailio. */
  readonly outboundPort: number;
  /** Where it keeps a second flow by UDP, and so does outbound (RFC 5626). */
  readonly secondPort?: number;
  /** UDP when left out. By TLS it checks the certificate of whom it connects to. */
  readonly transport?: "udp" | "tcp" | "tls";
  /** IPv4 when left out. */
  readonly family?: 4 | 6;
  /** The authority by which it checks. */
  readonly caFile?: string;
  readonly sipPort: number;
  readonly controlPort: number;
  /** First of ten ports for audio. */
  readonly rtpPort: number;
  readonly registerEverySec: number;
}

/** What baresip tells on its control socket. */
interface BaresipEvent {
  readonly type: string;
  readonly param?: string;
}

const START_MS = 5000;
const QUIT_MS = 5000;

/** Names its process and its directory. */
function nameOf({ user, device }: BaresipOptions): string {
  return device === undefined ? user : `${user}-${device}`;
}

/** A baresip without a user: driven and watched by its control socket (module ctrl_tcp). */
export class Baresip {
  readonly user: string;
  readonly #process: StageProcess;
  readonly #control: Socket;
  readonly #events: BaresipEvent[] = [];
  readonly #outboundPort: number;
  #traceStart = 0;
  #arrived: Buffer = Buffer.alloc(0);
  #token = 0;

  private constructor(options: BaresipOptions, running: StageProcess, control: Socket) {
    this.user = options.user;
    this.#outboundPort = options.outboundPort;
    this.#process = running;
    this.#control = control;
    control.on("data", (chunk: Buffer) => {
      const { texts, rest } = readNetstrings(Buffer.concat([this.#arrived, chunk]));
      this.#arrived = rest;
      for (const text of texts) this.#take(text);
    });
    // A baresip that goes away is noticed by what is awaited of it.
    control.on("error", () => undefined);
  }

  /** Starts it and waits until it is registered. */
  static async start(stage: Stage, options: BaresipOptions): Promise<Baresip> {
    const name = nameOf(options);
    const directory = stage.path(`baresip-${name}`);
    mkdirSync(directory);
    writeFileSync(`${directory}/config`, config(options, directory));
    writeFileSync(`${directory}/accounts`, account(options));
    writeFileSync(`${directory}/contacts`, "");
    const running = stage.spawn(name, "baresip", [
      "-f",
      directory,
      "-s",
      options.family === 6 ? "-6" : "-4",
    ]);
    const control = await until(`${options.user} opens its control port`, START_MS, async () => {
      if (!running.isRunning) throw new Error(`${options.user} ended: ${await running.exited}`);
      return open(options.controlPort);
    });
    const started = new Baresip(options, running, control);
    // Registration may be over before the control socket is there to tell of it.
    await until(`${options.user} is registered`, START_MS, async () =>
      (await started.#ask("reginfo")).includes("OK") ? true : undefined,
    );
    return started;
  }

  dial(user: string): void {
    this.#send("dial", `sip:${user}@sip.test`);
  }

  /** Takes the call that is ringing. */
  accept(): void {
    this.#send("accept");
  }

  /** Ends a call: hangs up, rejects or cancels, whatever fits its state. */
  hangUp(): void {
    this.#send("hangup");
  }

  /** Puts its call on hold, or takes it back: each is a re-INVITE. */
  hold(isHeld: boolean): void {
    this.#send(isHeld ? "hold" : "resume");
  }

  /** Waits for an event that came after the last `forget`; returns its parameter. */
  async event(type: string, limitMs: number): Promise<string> {
    return until(`${this.user} says ${type}`, limitMs, () => {
      const found = this.#events.find((event) => event.type === type);
      return found === undefined ? undefined : (found.param ?? "");
    });
  }

  /** Waits for a final response to one of its requests since the last `forget`, by its SIP trace. */
  async response(method: string, status: number, limitMs: number): Promise<void> {
    const received = new RegExp(
      `^(?:UDP|TCP|TLS) \\S+:${this.#outboundPort} -> \\S+\\nSIP/2\\.0 ${status} (?:.+\\n)*?CSeq: \\d+ ${method}$`,
      "mu",
    );
    await until(`${this.user} gets ${status} for its ${method}`, limitMs, () =>
      received.test(this.#trace().slice(this.#traceStart)) ? true : undefined,
    );
  }

  /** Waits for a text in its SIP trace since the last `forget`, and returns what matched. */
  async sees(pattern: RegExp, limitMs: number): Promise<string> {
    return until(
      `${this.user} sees ${String(pattern)}`,
      limitMs,
      () => pattern.exec(this.#trace().slice(this.#traceStart))?.[0],
    );
  }

  /** How often its SIP trace has something since the last `forget`. */
  count(pattern: RegExp): number {
    return this.#trace().slice(this.#traceStart).match(pattern)?.length ?? 0;
  }

  /** Lets `event`, `response` and `sees` see only what is yet to come. */
  forget(): void {
    this.#events.length = 0;
    this.#traceStart = this.#trace().length;
  }

  /** Unregisters and ends; returns the exit code. */
  async quit(): Promise<number | string> {
    this.#send("quit");
    return this.#process.exitWithin(QUIT_MS);
  }

  #send(command: string, params?: string): void {
    this.#token += 1;
    const message = { command, params, token: String(this.#token) };
    this.#control.write(writeNetstring(JSON.stringify(message)));
  }

  async #ask(command: string): Promise<string> {
    this.#send(command);
    const token = `answer ${this.#token}`;
    return this.event(token, START_MS);
  }

  #trace(): string {
    return readFileSync(this.#process.logPath, "latin1").replaceAll("\r", "");
  }

  #take(text: string): void {
    const message: unknown = JSON.parse(text);
    if (isEvent(message)) this.#events.push(message);
    else if (isAnswer(message))
      this.#events.push({ type: `answer ${message.token}`, param: message.data });
  }
}

function isEvent(message: unknown): message is BaresipEvent {
  return typeof message === "object" && message !== null && "event" in message && "type" in message;
}

function isAnswer(message: unknown): message is { token: string; data: string } {
  return typeof message === "object" && message !== null && "token" in message && "data" in message;
}

async function open(port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      resolve(socket);
    });
    socket.once("error", () => {
      resolve(undefined);
    });
  });
}

function account(options: BaresipOptions): string {
  const { user, password, outboundPort, registerEverySec, transport = "udp" } = options;
  const place = `${options.family === 6 ? "[::1]" : "127.0.0.1"}:${outboundPort}`;
  const second =
    options.secondPort === undefined
      ? ""
      : `;outbound2="sip:127.0.0.1:${options.secondPort};transport=udp";sipnat=outbound`;
  return (
    `<sip:${user}@sip.test;transport=${transport}>;auth_user=${user};auth_pass=${password}` +
    `;outbound="sip:${place};transport=${transport}"${second};regint=${registerEverySec};answermode=manual\n`
  );
}

// aubridge and ausine stand in for a sound card; ausine wants two channels.
function config(options: BaresipOptions, directory: string): string {
  const [address, place] = options.family === 6 ? ["::1", "[::1]"] : ["127.0.0.1", "127.0.0.1"];
  return `poll_method epoll
sip_listen ${place}:${options.sipPort}
${options.caFile === undefined ? "" : `sip_cafile ${options.caFile}\n`}net_interface ${address}
audio_player aubridge,nil
audio_source ausine,440
audio_alert aubridge,nil
ausrc_srate 48000
auplay_srate 48000
ausrc_channels 2
auplay_channels 2
rtp_ports ${options.rtpPort}-${options.rtpPort + 9}
module_path /usr/lib/baresip/modules
module g711.so
module ausine.so
module aubridge.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:${options.controlPort}
snd_path ${directory}
`;
}
