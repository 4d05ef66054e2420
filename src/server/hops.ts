import { type Flow, parseFlow } from "../location/flow.ts";
import type { Listener, Resolver, Target, Transport } from "../ports.ts";
import type { NextHop } from "../proxy/proxy-input.ts";
import type { Upstreams } from "./upstreams.ts";

/** What finding the way takes. */
export interface HopModules {
  readonly transport: Transport;
  readonly upstreams: Upstreams;
  readonly resolver: Resolver;
}

/** Targets, best first, and the listener to send from to each. */
export interface Hops {
  readonly targets: readonly Target[];
  readonly listenerFor: (target: Target) => Listener | undefined;
  /** Whether they are where a device was heard, and by no other transport. */
  readonly isFlow: boolean;
}

/** Finds the targets of a next hop; calls back at once where no name has to be looked up. */
export function findHops(nextHop: NextHop, modules: HopModules, done: (hops: Hops) => void): void {
  const { transport, upstreams, resolver } = modules;
  if (nextHop.kind === "upstream") {
    const upstream = upstreams.of(nextHop.upstream);
    done({
      targets: upstream.targets,
      listenerFor: (target) => upstream.listenerFor(target),
      isFlow: false,
    });
    return;
  }
  const flow = nextHop.flow === undefined ? undefined : listenerOfFlow(transport, nextHop.flow);
  const listenerFor = (target: Target): Listener | undefined => {
    const family = target.address.includes(":") ? 6 : 4;
    const isFit = flow?.family === family && flow.protocol === target.protocol;
    return isFit ? flow : upstreams.main.listenerFor(target);
  };
  if (nextHop.kind === "flow") {
    const parsed = parseFlow(nextHop.flow);
    const targets = parsed === undefined || flow === undefined ? [] : [targetOf(parsed, flow)];
    done({ targets, listenerFor, isFlow: true });
    return;
  }
  resolver.resolve(nextHop.uri, (targets) => done({ targets, listenerFor, isFlow: false }));
}

function targetOf({ address, port, connection }: Flow, { protocol }: Listener): Target {
  return connection === "" ? { protocol, address, port } : { protocol, address, port, connection };
}

/** The listener a flow belongs to, or one of the same family when that one is gone. */
function listenerOfFlow(transport: Transport, flow: string): Listener | undefined {
  const parsed = parseFlow(flow);
  if (parsed === undefined) return undefined;
  const family = parsed.address.includes(":") ? 6 : 4;
  return (
    transport.listeners.find(({ id }) => id === parsed.listener) ??
    transport.listeners.find(
      (listener) => listener.family === family && listener.protocol === protocolOf(parsed.listener),
    )
  );
}

/** The transport that a listener's identifier begins with. */
function protocolOf(listenerId: string): string {
  return listenerId.slice(0, listenerId.indexOf(":"));
}
