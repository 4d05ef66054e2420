import { createPublicKey, type KeyObject } from "node:crypto";
import { isIP } from "node:net";
import type { PushDevice } from "../location/push-device.ts";
import type { Push, PushPurpose } from "../ports.ts";
import { type HttpAnswer, HttpsClient } from "./https-client.ts";
import { signToken } from "./json-web-token.ts";
import { readCa, readEcKey } from "./key-files.ts";
import { MAX_HTTP_REQUESTS, MAX_LANES } from "./limits.ts";
import { isPublicAddress, lookupPublic } from "./public-address.ts";
import {
  type Attempt,
  accepted,
  calledOff,
  type GatewayClock,
  outcomeOf,
  type PushSender,
  ttlSec,
  unavailable,
  wallAheadMs,
  wasSetSince,
} from "./push-sender.ts";
import { type Access, ReloadableAccess } from "./reloadable-access.ts";
import { parseRetryAfter } from "./retry-after.ts";
import { parseSubscription, type Subscription } from "./subscription.ts";

export interface WebPushOptions {
  readonly keyFile: string;
  /** Whom a push service can reach about midreg: a mailto: or https: URI. */
  readonly subject: string;
  /** Where subscriptions may be: HOST, *.DOMAIN or *. */
  readonly hosts: readonly string[];
  readonly allowsPrivate: boolean;
  readonly caFile: string | undefined;
}

interface VapidKeys extends Access {
  readonly key: KeyObject;
  /** An uncompressed point in base64url (RFC 8292 section 3.2). */
  readonly publicKey: string;
  readonly connections: HttpsClient;
  /** Tokens by origin. */
  readonly tokens: Map<string, VapidToken>;
}

interface VapidToken {
  readonly token: string;
  readonly usedUntilMs: number;
  readonly madeAheadMs: number;
}

/** RFC 8292 section 2: no token may hold for more than 24 hours; ours hold for twelve, and are used for half of it. */
const TOKEN_SEC = 12 * 3600;
const TOKEN_USED_MS = (TOKEN_SEC / 2) * 1000;

const URGENCY: Readonly<Record<PushPurpose, string>> = {
  call: "high",
  message: "high",
  request: "high",
  "call-over": "high",
  test: "high",
  refresh: "normal",
};

/** Sends to push services by RFC 8030, without a payload as RFC 8599 section 12 has it, identified by RFC 8292. */
export class WebPushSender implements PushSender {
  readonly provider = "webpush";
  readonly maxInFlight = MAX_HTTP_REQUESTS;
  readonly #options: WebPushOptions;
  readonly #clock: GatewayClock;
  readonly #access: ReloadableAccess<VapidKeys>;

  /** Throws a `GatewayError` when the key cannot be used. */
  constructor(options: WebPushOptions, clock: GatewayClock) {
    this.#options = options;
    this.#clock = clock;
    this.#access = new ReloadableAccess(() => this.#readAccess());
  }

  /** What subscriptions have to be made with. */
  get publicKey(): string {
    return this.#access.current.publicKey;
  }

  accepts(device: PushDevice): boolean {
    return device.param === "" && this.#subscriptionOf(device) !== undefined;
  }

  /** One for each push service, so that one that fails does not hold up the others. */
  laneOf(device: PushDevice): string {
    return this.#subscriptionOf(device)?.origin ?? "";
  }

  async attempt(push: Push, signal: AbortSignal): Promise<Attempt> {
    const subscription = this.#subscriptionOf(push.device);
    if (subscription === undefined) {
      return ended("rejected", "bad-subscription", "the subscription may not be pushed to");
    }
    const access = this.#access.current;
    const token = this.#tokenFor(subscription.origin, access);
    const headers = {
      authorization: `vapid t=${token}, k=${access.publicKey}`,
      ttl: String(ttlSec(push, this.#clock)),
      urgency: URGENCY[push.purpose],
      // RFC 8030 section 5.4: a message that waits is replaced by a later one of the same topic.
      ...(push.topic === "" ? {} : { topic: push.topic.slice(0, MAX_TOPIC) }),
    };
    const { url } = subscription;
    const result = await access.connections.post({ url, headers, body: "", signal });
    if (result.kind === "aborted") return calledOff();
    if (result.kind === "lost") {
      const isOurs = result.reason === "address-refused";
      if (isOurs) return ended("rejected", result.reason, result.detail);
      return unavailable(result.reason, result.detail);
    }
    return this.#read(result);
  }

  prepare(): () => void {
    return this.#access.prepare();
  }

  stop(): void {
    this.#access.stop();
  }

  #readAccess(): VapidKeys {
    const { keyFile, caFile, allowsPrivate } = this.#options;
    const key = readEcKey(keyFile);
    const point = createPublicKey(key)
      .export({ type: "spki", format: "der" })
      .subarray(-POINT_BYTES);
    const lookup = allowsPrivate ? {} : { lookup: lookupPublic };
    const connections = new HttpsClient({ ca: readCa(caFile), ...lookup });
    return { key, publicKey: point.toString("base64url"), connections, tokens: new Map() };
  }

  #subscriptionOf({ prid }: PushDevice): Subscription | undefined {
    const { hosts, allowsPrivate } = this.#options;
    const found = parseSubscription(prid, hosts);
    if (found === undefined || allowsPrivate) return found;
    // Node looks up names only, so a literal has to be looked at here.
    const host = new URL(found.url).hostname.replace(/^\[(.*)\]$/u, "$1");
    return isIP(host) !== 0 && !isPublicAddress(host) ? undefined : found;
  }

  #tokenFor(origin: string, { tokens, key }: VapidKeys): string {
    const nowMs = this.#clock.nowMs();
    const known = tokens.get(origin);
    const isGood =
      known !== undefined &&
      nowMs < known.usedUntilMs &&
      !wasSetSince(known.madeAheadMs, this.#clock);
    if (isGood) return known.token;
    const exp = Math.floor(this.#clock.wallMs() / 1000) + TOKEN_SEC;
    const claims = { aud: origin, exp, sub: this.#options.subject };
    const token = signToken(key, { typ: "JWT" }, claims);
    const [oldest] = tokens.keys();
    if (oldest !== undefined && tokens.size >= MAX_LANES) tokens.delete(oldest);
    const madeAheadMs = wallAheadMs(this.#clock);
    tokens.set(origin, { token, usedUntilMs: nowMs + TOKEN_USED_MS, madeAheadMs });
    return token;
  }

  #read({ status, retryAfter }: HttpAnswer): Attempt {
    if (status >= 200 && status < 300) return accepted();
    const reason = String(status);
    const retryAfterMs = parseRetryAfter(retryAfter, this.#clock.wallMs());
    // RFC 8030 section 7.3: 404 when the subscription has expired, 410 where the service says so.
    if (status === 404 || status === 410)
      return ended("dead-token", reason, "the subscription has ended");
    if (status === 429) {
      const outcome = outcomeOf("throttled", reason, "the push service is asked too often");
      return { outcome, isRetriable: true, retryAfterMs, health: "good" };
    }
    if (status >= 500) return unavailable(reason, "the push service has an error", retryAfterMs);
    const isKey = status === 401 || status === 403;
    const detail = isKey
      ? "the subscription was made with another VAPID key, or the clock is wrong"
      : "the push service refuses the push";
    return ended("rejected", reason, detail);
  }
}

const MAX_TOPIC = 32;
const POINT_BYTES = 65;

function ended(result: "dead-token" | "rejected", reason: string, detail: string): Attempt {
  const outcome = outcomeOf(result, reason, detail);
  return { outcome, isRetriable: false, health: "good" };
}
