import type { Binding } from "../location/binding.ts";
import type { Listener } from "../ports.ts";
import { buildPing, type PingMethod } from "../proxy/build-ping.ts";
import type { NextHop } from "../proxy/proxy-input.ts";
import type { SipResponse } from "../sip/message.ts";
import { Attempt, type AttemptFailure, type AttemptModules, type AttemptUser } from "./attempt.ts";
import { findHops, type HopModules } from "./hops.ts";
import type { PingEntry } from "./ping-table.ts";

export interface PingRunModules extends HopModules, AttemptModules {
  readonly ids: { tag(): string; callId(): string };
  readonly isOwnHost: (host: string, port: number | undefined) => boolean;
  readonly userAgent: string;
}

/** One ping of a device. */
export interface SentPing {
  readonly aor: string;
  readonly binding: Binding;
  readonly entry: PingEntry;
  readonly sentAtMs: number;
}

/** Hears once how a ping has ended. */
export interface PingUser {
  onPingAnswer(ping: SentPing, status: number): void;
  onPingFailure(ping: SentPing, failure: AttemptFailure): void;
}

/** Sends a request that the device should answer, and waits for that (RFC 3261 section 11). */
export class PingRun implements AttemptUser {
  readonly #ping: SentPing;
  readonly #user: PingUser;

  constructor(ping: SentPing, user: PingUser) {
    this.#ping = ping;
    this.#user = user;
  }

  start(
    method: Exclude<PingMethod, "CRLF">,
    { from, thresholdMs }: { readonly from: string; readonly thresholdMs: number },
    modules: PingRunModules,
  ): void {
    const { ids, userAgent, upstreams } = modules;
    const uri = from === "" ? `sip:midreg@${upstreams.main.sentBy}` : from;
    const parts = { method, from: uri, tag: ids.tag(), callId: ids.callId(), userAgent };
    const { text, nextHop } = buildPing(this.#ping.binding, parts, modules);
    findHops(nextHop, modules, ({ targets, listenerFor }) => {
      const plan = {
        text,
        method,
        targets: targets.slice(0, 1),
        listenerFor,
        limitMs: thresholdMs,
      };
      new Attempt(plan, this, modules).start();
    });
  }

  onResponse({ status }: SipResponse): void {
    if (status >= 200) this.#user.onPingAnswer(this.#ping, status);
  }

  onFailure(failure: AttemptFailure): void {
    this.#user.onPingFailure(this.#ping, failure);
  }
}

/** Sends the keep-alive of RFC 5626 section 3.5.1, which keeps the way through a NAT open and asks for nothing. */
export function sendKeepAlive({ source }: Binding, modules: HopModules): void {
  const nextHop: NextHop = { kind: "flow", flow: source };
  findHops(nextHop, modules, ({ targets: [target], listenerFor }) => {
    const listener: Listener | undefined = target === undefined ? undefined : listenerFor(target);
    if (target === undefined || listener === undefined) return;
    modules.transport.send(KEEP_ALIVE, listener, target);
  });
}

/** The double CRLF of a ping. */
const KEEP_ALIVE = "\r\n\r\n";
