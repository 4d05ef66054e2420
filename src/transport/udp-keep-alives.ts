import { MAX_WATCHED_FLOWS, SILENT_FLOW_MS } from "./limits.ts";

interface Watched {
  withinMs: number;
  heardAtMs: number;
  /** Since when too long nothing has been heard; undefined while it lives. */
  silentSinceMs: number | undefined;
}

/**
 * The flows over UDP whose devices have promised keep-alives (Flow-Timer, RFC 5626 section 5.4), by their names. UDP itself
 * never says that a device is gone: Node gives no ICMP errors to sockets that are open to everybody.
 */
export class UdpKeepAlives {
  readonly #flows = new Map<string, Watched>();

  /** Whether there is anything to be heard for. */
  get isEmpty(): boolean {
    return this.#flows.size === 0;
  }

  expect(flow: string, withinMs: number, nowMs: number): void {
    const known = this.#flows.get(flow);
    if (known === undefined && this.#flows.size >= MAX_WATCHED_FLOWS) return;
    this.#flows.set(flow, { withinMs, heardAtMs: nowMs, silentSinceMs: undefined });
  }

  heard(flow: string, nowMs: number): void {
    const known = this.#flows.get(flow);
    if (known === undefined) return;
    known.heardAtMs = nowMs;
    known.silentSinceMs = undefined;
  }

  isSilent(flow: string): boolean {
    return this.#flows.get(flow)?.silentSinceMs !== undefined;
  }

  /** The flows that have just fallen silent. What nobody lives on any more, or was silent for long, is forgotten. */
  sweep(nowMs: number, isInUse: (flow: string) => boolean): readonly string[] {
    const ended: string[] = [];
    for (const [flow, watched] of this.#flows) {
      if (nowMs - watched.heardAtMs <= watched.withinMs) continue;
      if (watched.silentSinceMs === undefined) {
        if (isInUse(flow)) {
          watched.silentSinceMs = nowMs;
          ended.push(flow);
        } else this.#flows.delete(flow);
      } else if (nowMs - watched.silentSinceMs > SILENT_FLOW_MS || !isInUse(flow)) {
        this.#flows.delete(flow);
      }
    }
    return ended;
  }
}
