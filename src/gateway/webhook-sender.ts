import { createHmac } from "node:crypto";
import type { PushDevice } from "../location/push-device.ts";
import type { Push } from "../ports.ts";
import { GatewayError } from "./gateway-error.ts";
import { type HttpAnswer, HttpsClient } from "./https-client.ts";
import { readCa, readKeyFile } from "./key-files.ts";
import { MAX_HTTP_REQUESTS } from "./limits.ts";
import {
  type Attempt,
  accepted,
  calledOff,
  type GatewayClock,
  outcomeOf,
  type PushSender,
  unavailable,
} from "./push-sender.ts";
import { type Access, ReloadableAccess } from "./reloadable-access.ts";
import { parseRetryAfter } from "./retry-after.ts";
import { buildWebhookBody } from "./webhook-body.ts";

export interface WebhookOptions {
  /** Value of pn-provider that goes there. */
  readonly name: string;
  readonly url: string;
  readonly secretFile: string;
  /** A parsed JSON value; see webhook-body.ts. */
  readonly template: unknown;
  readonly caFile: string | undefined;
}

interface WebhookKeys extends Access {
  readonly secret: string;
  readonly connections: HttpsClient;
}

/** A secret shorter than this could be found by trying. */
const MIN_SECRET_LENGTH = 16;

/** Sends to an HTTP server of the operator's, which passes the push on. */
export class WebhookSender implements PushSender {
  readonly provider: string;
  readonly maxInFlight = MAX_HTTP_REQUESTS;
  readonly #options: WebhookOptions;
  readonly #clock: GatewayClock;
  readonly #access: ReloadableAccess<WebhookKeys>;

  /** Throws a `GatewayError` when the secret cannot be used. */
  constructor(options: WebhookOptions, clock: GatewayClock) {
    this.provider = options.name;
    this.#options = options;
    this.#clock = clock;
    this.#access = new ReloadableAccess(() => this.#readAccess());
  }

  accepts({ prid }: PushDevice): boolean {
    return prid !== "";
  }

  laneOf(): string {
    return "";
  }

  async attempt(push: Push, signal: AbortSignal): Promise<Attempt> {
    const { secret, connections } = this.#access.current;
    const { url, template } = this.#options;
    const body = buildWebhookBody(template, push, this.#clock);
    const headers = {
      "content-type": "application/json",
      "x-midreg-signature": signWebhook(secret, Math.floor(this.#clock.wallMs() / 1000), body),
    };
    const result = await connections.post({ url, headers, body, signal });
    if (result.kind === "aborted") return calledOff();
    if (result.kind === "lost") return unavailable(result.reason, result.detail);
    return this.#read(result);
  }

  prepare(): () => void {
    return this.#access.prepare();
  }

  stop(): void {
    this.#access.stop();
  }

  #readAccess(): WebhookKeys {
    const { secretFile, caFile } = this.#options;
    const secret = readKeyFile(secretFile).trim();
    if (secret.length < MIN_SECRET_LENGTH) {
      throw new GatewayError(
        `${secretFile}: the secret must have at least ${MIN_SECRET_LENGTH} characters`,
      );
    }
    return { secret, connections: new HttpsClient({ ca: readCa(caFile) }) };
  }

  #read({ status, retryAfter }: HttpAnswer): Attempt {
    if (status >= 200 && status < 300) return accepted();
    const reason = String(status);
    const retryAfterMs = parseRetryAfter(retryAfter, this.#clock.wallMs());
    if (status === 410)
      return ended("dead-token", reason, "the server says that the token is dead");
    if (status === 429) {
      const outcome = outcomeOf("throttled", reason, "the server is asked too often");
      return { outcome, isRetriable: true, retryAfterMs, pauseMs: retryAfterMs, health: "good" };
    }
    if (status >= 500)
      return unavailable(reason, "the server has an error of its own", retryAfterMs);
    const isRedirect = status >= 300 && status < 400;
    const detail = isRedirect ? "the server redirects; set the final url" : refusalOf(status);
    // What is wrong with single tokens, which phones choose, must not keep the server from all others.
    const isOurFault = isRedirect || [401, 403, 405].includes(status);
    return { ...ended("rejected", reason, detail), health: isOurFault ? "bad" : "good" };
  }
}

function refusalOf(status: number): string {
  const isAccess = status === 401 || status === 403;
  return isAccess
    ? "the server does not let midreg in; is secret the same there, and the clock right?"
    : "the server refuses it";
}

function ended(result: "dead-token" | "rejected", reason: string, detail: string): Attempt {
  return { outcome: outcomeOf(result, reason, detail), isRetriable: false, health: "good" };
}

/**
 * What proves a body to be midreg's, and when it was made: HMAC-SHA-256 over the time, a period and the body. The
 * receiver refuses what is old, so that a request that somebody has seen is of no use to them.
 */
function signWebhook(secret: string, atSec: number, body: string): string {
  const digest = createHmac("sha256", secret).update(`${atSec}.${body}`).digest("hex");
  return `t=${atSec},v1=${digest}`;
}
