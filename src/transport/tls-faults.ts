import type { Log } from "../ports.ts";
import { MAX_TLS_FAULTS, TLS_FAULT_MS } from "./limits.ts";
import { systemCode } from "./transport-error.ts";

/** Whom TLS could not be agreed on with. */
export interface TlsPeer {
  readonly address: string;
  readonly port: number;
  /** The name that its certificate should be for; undefined for its address, or for one who has connected. */
  readonly domain?: string | undefined;
}

/** The network's own troubles: there is nothing about TLS in them. */
const NETWORK = /^E(?!PROTO$)[A-Z]+$/u;

/** What peers call themselves in a certificate is in the reason, so it is not taken at any length. */
const MAX_REASON_LENGTH = 300;

/**
 * Tells the operator why TLS with a peer fails: a certificate that has expired, is for another name, or from nobody who is
 * believed. Each peer and fault once in a while, since a main registrar is tried again and again.
 */
export class TlsFaults {
  readonly #log: Log;
  /** When a fault was told last, by peer and code, the oldest first. */
  readonly #toldAtMs = new Map<string, number>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** A connection that midreg wanted to open, by TLS. */
  outgoing({ address, port, domain }: TlsPeer, error: Error): void {
    const code = systemCode(error);
    if (NETWORK.test(code) || !this.#isNew(`> ${address} ${port} ${code}`)) return;
    const reason = error.message.slice(0, MAX_REASON_LENGTH);
    this.#log.warn({ address, port, domain, code, reason }, "no TLS with a peer");
  }

  /** One who has connected and has to show a certificate. */
  incoming({ address, port }: TlsPeer, listener: string, code: string): void {
    if (!this.#isNew(`< ${address} ${code}`)) return;
    this.#log.warn({ listener, address, port, code }, "certificate of who connects refused");
  }

  #isNew(key: string): boolean {
    const nowMs = performance.now();
    const toldAtMs = this.#toldAtMs.get(key);
    if (toldAtMs !== undefined && nowMs - toldAtMs < TLS_FAULT_MS) return false;
    this.#toldAtMs.delete(key);
    this.#toldAtMs.set(key, nowMs);
    const [oldest] = this.#toldAtMs.keys();
    if (this.#toldAtMs.size > MAX_TLS_FAULTS && oldest !== undefined) this.#toldAtMs.delete(oldest);
    return true;
  }
}
