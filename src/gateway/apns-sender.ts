import type { PushDevice } from "../location/push-device.ts";
import type { Push } from "../ports.ts";
import { readApnsAnswer } from "./apns-answer.ts";
import { parseApnsDevice } from "./apns-device.ts";
import { type ApnsMessage, buildApnsMessage } from "./apns-message.ts";
import { ApnsSession, type SessionResult } from "./apns-session.ts";
import { ApnsToken } from "./apns-token.ts";
import { readCa, readEcKey } from "./key-files.ts";
import { MAX_APNS_STREAMS } from "./limits.ts";
import {
  type Attempt,
  calledOff,
  type GatewayClock,
  outcomeOf,
  type PushSender,
  unavailable,
} from "./push-sender.ts";
import { type Access, ReloadableAccess } from "./reloadable-access.ts";

/** A team's access to APNs, by a key of its own. */
export interface ApnsOptions {
  readonly keyFile: string;
  readonly keyId: string;
  readonly teamId: string;
  /** Apps that may be pushed to; all when empty. */
  readonly bundles: readonly string[];
  readonly endpoint: string;
  readonly caFile: string | undefined;
}

/** Key, token and connection belong together: Apple ties a connection to the first key it sees there. */
interface ApnsKeys extends Access {
  readonly token: ApnsToken;
  readonly ca: string | undefined;
  connections: ApnsSession | undefined;
}

/** Sends to APNs, for one team and one of its two environments. */
export class ApnsSender implements PushSender {
  readonly provider: string;
  readonly maxInFlight = MAX_APNS_STREAMS;
  readonly #options: ApnsOptions;
  readonly #clock: GatewayClock;
  readonly #access: ReloadableAccess<ApnsKeys>;

  /** `provider` is apns, or apns.dev for the sandbox. Throws a `GatewayError` when the key cannot be used. */
  constructor(provider: string, options: ApnsOptions, clock: GatewayClock) {
    this.provider = provider;
    this.#options = options;
    this.#clock = clock;
    this.#access = new ReloadableAccess(() => this.#readAccess());
  }

  accepts(device: PushDevice): boolean {
    const { teamId, bundles } = this.#options;
    const found = parseApnsDevice(device);
    if (found === undefined) return false;
    // Without a team the app alone says whose it is, so the operator has to have said it too.
    if (found.teamId === undefined) return bundles.includes(found.bundle);
    const isAny = bundles.length === 0 || bundles.includes(found.bundle);
    return isAny && found.teamId === teamId;
  }

  laneOf(): string {
    return "";
  }

  async attempt(push: Push, signal: AbortSignal): Promise<Attempt> {
    const device = parseApnsDevice(push.device);
    const message = device && buildApnsMessage(push, device, this.#clock);
    if (message === undefined) return cannotBePushed();
    const access = this.#access.current;
    const token = access.token.current;
    const first = await this.#request(access, message, signal);
    // By the next connection, and with the keys of by then.
    if (first.kind === "unsent") {
      return this.#read(await this.#request(this.#access.current, message, signal));
    }
    const isTooOld = first.kind === "answer" && first.answer.reason === "ExpiredProviderToken";
    const isToRepeat = isTooOld && access.token.renew(token);
    return this.#read(isToRepeat ? await this.#request(access, message, signal) : first);
  }

  prepare(): () => void {
    return this.#access.prepare();
  }

  stop(): void {
    this.#access.stop();
  }

  #readAccess(): ApnsKeys {
    const { keyFile, keyId, teamId, caFile } = this.#options;
    const key = readEcKey(keyFile);
    const token = new ApnsToken({ key, keyId, teamId }, this.#clock);
    return { token, ca: readCa(caFile), connections: undefined };
  }

  async #request(
    access: ApnsKeys,
    { headers, body }: ApnsMessage,
    signal: AbortSignal,
  ): Promise<SessionResult> {
    const { endpoint } = this.#options;
    if (access.connections?.isUsable !== true) {
      access.connections = new ApnsSession(endpoint, access.ca, this.#clock);
    }
    const session = access.connections;
    const result = await session.request({
      headers: () => ({ ...headers, authorization: `bearer ${access.token.current}` }),
      body,
      signal,
    });
    const isSpent = result.kind === "answer" && SPENT.has(result.answer.reason);
    if (isSpent) session.retire();
    return result;
  }

  #read(result: SessionResult): Attempt {
    switch (result.kind) {
      case "aborted":
        return calledOff();
      case "lost":
        return {
          ...unavailable(result.reason, result.detail),
          health: result.isFirst ? "bad" : "unknown",
        };
      case "unsent": {
        const detail = "the provider is closing the connection";
        return { ...unavailable("connection-lost", detail), health: "unknown" };
      }
      case "answer":
        return readApnsAnswer(result.answer, this.#clock.wallMs() - this.#clock.nowMs());
      default:
        return result satisfies never;
    }
  }
}

/** After these answers a connection is of no more use. */
const SPENT = new Set([
  "Shutdown",
  "IdleTimeout",
  "TooManyProviderTokenUpdates",
  "InvalidProviderToken",
]);

function cannotBePushed(): Attempt {
  const detail =
    "the device gave a token for calls only, which wakes it for nothing else; its app has to add the other one";
  return {
    outcome: outcomeOf("rejected", "voip-token-only", detail),
    isRetriable: false,
    health: "unknown",
  };
}
