import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ReceivedPush } from "../../src/devserver/endpoint.ts";
import type { KeyMaterial } from "../../src/devserver/key-material.ts";
import { PushServer } from "../../src/devserver/push-server.ts";
import { RealProcess } from "../support/real-process.ts";
import { afterwards, makeDirectory } from "./left-over.ts";
import { WirePhone } from "./wire-phone.ts";
import { WireRegistrar } from "./wire-registrar.ts";

const TEAM = "MIDREGTEAM";

/** How long a call waits for its device: long enough for a busy machine, so that nothing but a test ends it. */
const WAIT_SEC = 30;

export type PushKind = "apns" | "fcm" | "webpush" | "webhook";

/** A main registrar, push providers, and a midreg that does not run yet; all of it goes when the tests are over. */
export class PushStage {
  readonly registrar: WireRegistrar;
  readonly midreg: RealProcess;
  readonly pushes: ReceivedPush[] = [];
  /** Called for each push that a provider has taken. */
  onPush: (push: ReceivedPush) => void = () => undefined;
  readonly #server: PushServer;

  private constructor(registrar: WireRegistrar, midreg: RealProcess, server: PushServer) {
    this.registrar = registrar;
    this.midreg = midreg;
    this.#server = server;
  }

  static async prepare(): Promise<PushStage> {
    const directory = makeDirectory();
    const taken: { stage?: PushStage } = {};
    const server = new PushServer({
      address: "127.0.0.1",
      port: 0,
      directory: join(directory, "keys"),
      onPush: (push) => taken.stage?.take(push),
    });
    await server.start();
    afterwards(async () => server.stop());
    const config = join(directory, "midreg.yaml");
    const push = `mid_registrar: { pn_enable: true, pn_refresh_timeout: ${WAIT_SEC} }\n`;
    writeFileSync(config, push + server.snippet);
    const registrar = await WireRegistrar.openRegistrar();
    afterwards(async () => registrar.close());
    const upstream = `sip:127.0.0.1:${registrar.port}`;
    const midreg = await RealProcess.prepare({ upstream, args: ["--config", config] });
    afterwards(async () => midreg.dispose());
    const stage = new PushStage(registrar, midreg, server);
    taken.stage = stage;
    return stage;
  }

  private take(push: ReceivedPush): void {
    this.pushes.push(push);
    this.onPush(push);
  }

  get keys(): KeyMaterial["files"] {
    return this.#server.keys.files;
  }

  /** A phone that is registered for push by one of the providers; its token is its user's name in hexadecimal. */
  async openSleeper(user: string, kind: PushKind): Promise<WirePhone> {
    const phone = await WirePhone.openPhone(user, this.midreg.sipPort);
    afterwards(async () => phone.close());
    phone.contactParams = this.#paramsOf(kind, tokenOf(user));
    return phone;
  }

  /** How many pushes have come for a user. */
  pushesFor(user: string): number {
    return this.pushes.filter(({ token }) => token.includes(tokenOf(user))).length;
  }

  #paramsOf(kind: PushKind, token: string): string {
    switch (kind) {
      case "apns":
        return `;pn-provider=apns;pn-param=${TEAM}.org.example.phone.voip;pn-prid=${token}`;
      case "fcm":
        return `;pn-provider=fcm;pn-param=midreg-dev;pn-prid=${token}`;
      case "webpush": {
        const url = encodeURIComponent(`${this.#server.origin}/push/${token}`);
        return `;pn-provider=webpush;pn-prid=${url}`;
      }
      case "webhook":
        return `;pn-provider=webhook;pn-param=app;pn-prid=${token}`;
      default:
        return kind satisfies never;
    }
  }
}

function tokenOf(user: string): string {
  return Buffer.from(user.padEnd(32, "-")).toString("hex");
}

/** Replaces a file by another text until it is put back. */
export function swapFile(file: string, text: string): () => void {
  const before = readFileSync(file, "utf8");
  writeFileSync(file, text);
  return () => writeFileSync(file, before);
}
