import type { Resolver, Target } from "../ports.ts";
import { type Peer, Upstream, type UpstreamModules, type UpstreamOptions } from "./upstream.ts";

/** One main registrar of several, as the operator has named it. */
export interface NamedUpstreamOptions extends UpstreamOptions {
  /** Stands in rules and in the store; empty for the default one. */
  readonly name: string;
}

/** All main registrars by name. Names that the configuration no longer has lead nowhere. */
export class Upstreams {
  readonly #main: Upstream;
  readonly #byName: ReadonlyMap<string, Upstream>;

  constructor(
    main: UpstreamOptions,
    others: readonly NamedUpstreamOptions[],
    modules: UpstreamModules,
  ) {
    this.#main = new Upstream(main, modules);
    this.#byName = new Map([
      ["", this.#main],
      ...others.map(({ name, ...one }) => [name, new Upstream(one, modules)] as const),
    ]);
  }

  /** The default one. */
  get main(): Upstream {
    return this.#main;
  }

  /** In the order of the configuration, the default one first, by name. */
  get all(): ReadonlyMap<string, Upstream> {
    return this.#byName;
  }

  named(name: string): Upstream | undefined {
    return this.#byName.get(name);
  }

  /** The one of that name; the default one where it is gone. */
  of(name: string): Upstream {
    return this.#byName.get(name) ?? this.#main;
  }

  /** The name of the one that a message comes from; undefined when it comes from none. */
  nameOf(from: Peer): string | undefined {
    for (const [name, upstream] of this.#byName) if (upstream.isPeer(from)) return name;
    return undefined;
  }

  /** Whether bindings of that one may live on because it is silent; not when it is gone for good. */
  isAway(name: string): boolean {
    return this.#byName.get(name)?.isUp === false;
  }

  /** A target has failed, of one of them or of anybody else. */
  onFailed(target: Target): void {
    for (const upstream of this.#byName.values()) upstream.onFailed(target);
  }

  start(): void {
    for (const upstream of this.#byName.values()) upstream.start();
  }

  stop(): void {
    for (const upstream of this.#byName.values()) upstream.stop();
  }
}

/** A resolver with somebody told of what has failed: who waits for a main registrar shall wait for that once only. */
export function tellingResolver(inner: Resolver, tell: (target: Target) => void): Resolver {
  return {
    resolve: (uri, done) => inner.resolve(uri, done),
    markFailed: (target) => {
      inner.markFailed(target);
      tell(target);
    },
  };
}
