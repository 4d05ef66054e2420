import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { WebSocket } from "ws";
import { until } from "../support/peers/wait.ts";

export interface JsSipOptions {
  readonly user: string;
  readonly protocol: "ws" | "wss";
  readonly port: number;
  /** The authority by which it checks midreg. */
  readonly caFile: string;
}

/** What is used of JsSIP. Its own types want those of a browser. */
interface Ua {
  start(): void;
  stop(): void;
  register(): void;
  call(target: string, options: object): Session;
  on(event: string, hear: (told: never) => void): void;
}

interface Session {
  answer(options: object): void;
  terminate(options?: object): void;
  on(event: string, hear: (told: never) => void): void;
}

interface JsSip {
  readonly UA: new (configuration: object) => Ua;
}

const SDP = [
  "v=0",
  "o=- 1 1 IN IP4 127.0.0.1",
  "s=-",
  "c=IN IP4 127.0.0.1",
  "t=0 0",
  // The port of nobody: it is heard by no one, and says nothing.
  "m=audio 9 RTP/AVP 0 8",
  "a=sendrecv",
  "",
].join("\r\n");

/** The media of a browser, for signalling alone: it offers and accepts one audio stream, and carries none. */
class SilentPeerConnection {
  readonly iceGatheringState = "complete";
  readonly iceConnectionState = "connected";
  readonly signalingState = "stable";
  readonly localDescription = { type: "offer", sdp: SDP };

  addEventListener(): void {}
  removeEventListener(): void {}
  addTrack(): void {}
  close(): void {}

  getSenders(): object[] {
    return [];
  }

  async createOffer(): Promise<object> {
    return { type: "offer", sdp: SDP };
  }

  async createAnswer(): Promise<object> {
    return { type: "answer", sdp: SDP };
  }

  async setLocalDescription(): Promise<void> {}
  async setRemoteDescription(): Promise<void> {}
}

/** JsSIP, the SIP stack of browsers, with the WebSocket of Node and without media. */
export class JsSipPhone {
  readonly #user: string;
  readonly #ua: Ua;
  readonly #events: string[] = [];
  #session: Session | undefined;
  /** As it came with the last 200; empty without one. */
  publicGruu = "";

  constructor({ user, protocol, port, caFile }: JsSipOptions) {
    this.#user = user;
    const jssip = loadJsSip();
    const socket = new SocketOf(`${protocol}://127.0.0.1:${port}`, readFileSync(caFile));
    this.#ua = new jssip.UA({
      sockets: [socket],
      uri: `sip:${user}@sip.test`,
      password: `pw-${user}`,
      register: false,
      session_timers: false,
    });
    this.#ua.on("connected", () => this.#events.push("connected"));
    this.#ua.on("unregistered", () => this.#events.push("unregistered"));
    this.#ua.on("registrationFailed", (told: { cause: string }) =>
      this.#events.push(`registrationFailed ${told.cause}`),
    );
    this.#ua.on("registered", ({ response }: { response: Answer }) => {
      this.publicGruu = /;pub-gruu="([^"]*)"/u.exec(response.getHeader("contact") ?? "")?.[1] ?? "";
      this.#events.push("registered");
    });
    this.#ua.on("newRTCSession", (told: { originator: string; session: Session }) => {
      this.#session = told.session;
      for (const event of ["confirmed", "ended", "failed"])
        told.session.on(event, () => this.#events.push(event));
      this.#events.push(told.originator === "remote" ? "incoming" : "outgoing");
    });
    this.#ua.start();
  }

  /** Registers and waits for the answer. */
  async register(limitMs: number): Promise<void> {
    await this.event("connected", limitMs);
    this.refresh();
    await this.event("registered", limitMs);
  }

  /** Registers again. It tells nobody of the answer. */
  refresh(): void {
    this.#ua.register();
  }

  dial(user: string): void {
    this.#ua.call(`sip:${user}@sip.test`, { mediaStream: NO_MEDIA });
  }

  answer(): void {
    this.#session?.answer({ mediaStream: NO_MEDIA });
  }

  /** Hangs up or rejects, whatever fits. */
  hangUp(): void {
    this.#session?.terminate();
  }

  /** Waits for an event since the last `forget`. */
  async event(name: string, limitMs: number): Promise<void> {
    await until(
      `${this.#user} says ${name}`,
      limitMs,
      () => this.#events.includes(name) || undefined,
    );
  }

  forget(): void {
    const isConnected = this.#events.includes("connected");
    this.#events.length = 0;
    if (isConnected) this.#events.push("connected");
  }

  /** Unregisters and ends. */
  async quit(limitMs: number): Promise<void> {
    this.#ua.stop();
    await this.event("unregistered", limitMs);
  }
}

interface Answer {
  getHeader(name: string): string | undefined;
}

const NO_MEDIA = { getTracks: () => [], getAudioTracks: () => [], getVideoTracks: () => [] };

/** JsSIP asks for what a browser has as globals. */
function loadJsSip(): JsSip {
  const browser = { RTCPeerConnection: SilentPeerConnection, RTCSessionDescription: Object };
  Object.assign(globalThis, browser, { window: globalThis });
  const require = createRequire(import.meta.url);
  return require("jssip") as JsSip;
}

/** The socket that JsSIP wants, as its documentation describes it, around a WebSocket of Node. */
class SocketOf {
  readonly url: string;
  readonly sip_uri = "sip:midreg.test;transport=ws";
  readonly via_transport = "WS";
  readonly #ca: Buffer;
  #socket: WebSocket | undefined;
  onconnect: () => void = () => undefined;
  ondisconnect: (error: boolean, code: number, reason: string) => void = () => undefined;
  ondata: (text: string) => void = () => undefined;

  constructor(url: string, ca: Buffer) {
    this.url = url;
    this.#ca = ca;
  }

  isConnected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  isConnecting(): boolean {
    return this.#socket?.readyState === WebSocket.CONNECTING;
  }

  connect(): void {
    if (this.isConnected() || this.isConnecting()) return;
    const socket = new WebSocket(this.url, "sip", { ca: this.#ca });
    this.#socket = socket;
    socket.on("open", () => this.onconnect());
    socket.on("close", (code, reason) => this.ondisconnect(code !== 1000, code, String(reason)));
    socket.on("message", (data: Buffer) => this.ondata(data.toString("utf8")));
    socket.on("error", () => undefined);
  }

  disconnect(): void {
    this.#socket?.close();
  }

  send(text: string): boolean {
    if (!this.isConnected()) return false;
    this.#socket?.send(text);
    return true;
  }
}
