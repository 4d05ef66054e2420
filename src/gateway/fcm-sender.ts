import type { PushDevice } from "../location/push-device.ts";
import type { Push } from "../ports.ts";
import { FcmAccess, refusedAccess } from "./fcm-access.ts";
import { readFcmAnswer } from "./fcm-answer.ts";
import { buildFcmMessage } from "./fcm-message.ts";
import { type HttpResult, HttpsClient } from "./https-client.ts";
import { readCa } from "./key-files.ts";
import { MAX_HTTP_REQUESTS } from "./limits.ts";
import {
  type Attempt,
  calledOff,
  type GatewayClock,
  type PushSender,
  unavailable,
} from "./push-sender.ts";
import { type Access, ReloadableAccess } from "./reloadable-access.ts";
import { readServiceAccount, type ServiceAccount } from "./service-account.ts";

/** A project's access to FCM. */
export interface FcmOptions {
  readonly serviceAccountFile: string;
  /** What apps may give in place of the project's name. */
  readonly projectNumber: string | undefined;
  readonly endpoint: string;
  readonly tokenEndpoint: string | undefined;
  readonly caFile: string | undefined;
}

interface FcmKeys extends Access {
  readonly account: ServiceAccount;
  readonly connections: HttpsClient;
  readonly tokens: FcmAccess;
}

/** Tokens are opaque; today's have some 150 characters of base64url and colons. */
const TOKEN = /^[\w:.~+/=-]{8,1024}$/u;

/** Sends to FCM by its HTTP v1 interface, for one project. */
export class FcmSender implements PushSender {
  readonly provider = "fcm";
  readonly maxInFlight = MAX_HTTP_REQUESTS;
  readonly #options: FcmOptions;
  readonly #clock: GatewayClock;
  readonly #access: ReloadableAccess<FcmKeys>;

  /** Throws a `GatewayError` when the service account cannot be used. */
  constructor(options: FcmOptions, clock: GatewayClock) {
    this.#options = options;
    this.#clock = clock;
    this.#access = new ReloadableAccess(() => this.#readAccess());
  }

  /** RFC 8599 section 11: pn-param is the Project ID. */
  accepts({ param, prid }: PushDevice): boolean {
    const { projectId } = this.#access.current.account;
    const isOurs = param === projectId || param === this.#options.projectNumber;
    return isOurs && TOKEN.test(prid);
  }

  laneOf(): string {
    return "";
  }

  async attempt(push: Push, signal: AbortSignal): Promise<Attempt> {
    const access = this.#access.current;
    const first = await this.#send(access, push, signal);
    if (!isRefused(first)) return this.#read(first);
    // The token may have been taken back, as Google can at any time.
    const second = await this.#send(access, push, signal);
    if (!isRefused(second)) return this.#read(second);
    return refusedAccess("UNAUTHENTICATED", "FCM does not accept the access token it has given");
  }

  prepare(): () => void {
    return this.#access.prepare();
  }

  stop(): void {
    this.#access.stop();
  }

  #readAccess(): FcmKeys {
    const { serviceAccountFile, caFile, tokenEndpoint } = this.#options;
    const account = readServiceAccount(serviceAccountFile);
    const connections = new HttpsClient({ ca: readCa(caFile) });
    const tokens = new FcmAccess({ account, tokenEndpoint }, connections, this.#clock);
    return { account, connections, tokens };
  }

  async #send(access: FcmKeys, push: Push, signal: AbortSignal): Promise<HttpResult | Attempt> {
    const { account, connections, tokens } = access;
    const got = await tokens.get();
    if (got.kind === "failed") return got.attempt;
    if (signal.aborted) return { kind: "aborted" };
    const result = await connections.post({
      url: `${this.#options.endpoint}/v1/projects/${account.projectId}/messages:send`,
      headers: { authorization: `Bearer ${got.token}`, "content-type": "application/json" },
      body: buildFcmMessage(push, this.#clock),
      signal,
    });
    if (isRefused(result)) tokens.discard(got.token);
    return result;
  }

  #read(result: HttpResult | Attempt): Attempt {
    if (!("kind" in result)) return result;
    switch (result.kind) {
      case "aborted":
        return calledOff();
      case "lost":
        return unavailable(result.reason, result.detail);
      case "answer":
        return readFcmAnswer(result, this.#clock.wallMs());
      default:
        return result satisfies never;
    }
  }
}

/** Whether FCM refuses our token. It says 401 too when it is not let in by the service behind it. */
function isRefused(result: HttpResult | Attempt): boolean {
  if (!("kind" in result) || result.kind !== "answer" || result.status !== 401) return false;
  return !result.body.includes("THIRD_PARTY_AUTH_ERROR");
}
