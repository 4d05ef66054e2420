import type { CredentialTable } from "../auth/credential-table.ts";
import { bracketAddress } from "../location/flow.ts";
import type {
  Clock,
  Ids,
  Listener,
  LocationStore,
  Log,
  Metrics,
  PushGateway,
  Resolver,
  Transport,
} from "../ports.ts";
import type { LookupPolicy } from "../proxy/lookup-policy.ts";
import type { PingChoice } from "../registrar/decide-ping.ts";
import type { RegisterPolicy } from "../registrar/register-policy.ts";
import type { RegisterRule } from "../registrar/rules.ts";
import { parseIpv6 } from "../sip/host.ts";
import type { DecisionLogOptions } from "./decision-log.ts";
import type { DigestOptions } from "./digest-gate.ts";
import type { PingOptions } from "./ping-options.ts";
import type { PushOptions } from "./push-options.ts";
import type { NamedUpstreamOptions } from "./upstreams.ts";

/** A main registrar that rules choose by name. */
type NamedUpstream = Omit<NamedUpstreamOptions, "userAgent">;

/** The adapters the server is built on. */
export interface ServerModules {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly store: LocationStore;
  /** What is known of passwords; may be empty. */
  readonly credentials: CredentialTable;
  readonly transport: Transport;
  /** The push providers; undefined when none is configured. */
  readonly gateway: PushGateway | undefined;
  readonly resolver: Resolver;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** A rule, and what holds for the devices that it matches once they are registered. */
export interface CallRule extends RegisterRule {
  readonly lookup: LookupPolicy;
  /** Whether they are pinged. */
  readonly ping: PingChoice;
}

/** What the operator has decided. */
export interface ServerOptions {
  /** Holds for every REGISTER that no rule matches, and for all else. */
  readonly registerPolicy: RegisterPolicy;
  readonly lookup: LookupPolicy;
  readonly pings: PingOptions;
  /** How REGISTERs are challenged; needed where registerPolicy.absorb is "digest", and ignored elsewhere. */
  readonly digest: DigestOptions;
  /** The first one that matches a REGISTER gives its policy. */
  readonly registerRules: readonly CallRule[];
  readonly upstreamUri: string;
  readonly upstreamTimeoutMs: number;
  readonly isTrustedUpstream: (address: string, port: number) => boolean;
  /** The address of this machine that the way to the main registrar starts from, if it is known. */
  readonly upstreamLocalAddress: string | undefined;
  /** Main registrars besides the default one, which rules choose by name. */
  readonly moreUpstreams: readonly NamedUpstream[];
  /** Host names and addresses besides the listeners' that mean midreg itself, lower case. */
  readonly ownHosts: readonly string[];
  readonly push: PushOptions;
  /** How many decisions are remembered; see decision-log.ts. */
  readonly decisions: DecisionLogOptions;
  /** REGISTERs a second of a resync that is not told otherwise. */
  readonly resyncRate: number;
  /** Whether bindings are removed when their flow has ended, here and upstream, instead of kept (dead_flow). */
  readonly removesDeadFlows: boolean;
  /** How long devices have after a restart to come back, before their flows of before count as ended. */
  readonly deadFlowGraceMs: number;
  /** Product and version, for the User-Agent of midreg's own requests. */
  readonly userAgent: string;
}

/** Tells midreg's own host and port from others, in Request-URIs and Routes. */
export function buildIsOwnHost(
  listeners: readonly Listener[],
  ownHosts: readonly string[],
): (host: string, port: number | undefined) => boolean {
  let own: ReadonlySet<string> | undefined;
  return (host, port) => {
    // Collected at the first question, since a listener on port 0 learns its port when it opens.
    own ??= collectOwnPlaces(listeners, ownHosts);
    return own.has(placeOf(host, port ?? 5060));
  };
}

/** IPv6 addresses can be written in many ways (RFC 5954 section 4.2), and names end in a dot or not. */
function placeOf(host: string, port: number): string {
  const groups = host.startsWith("[") ? parseIpv6(host.slice(1, -1)) : undefined;
  if (groups !== undefined) return `[${groups.join(":")}]:${port}`;
  const name = host.endsWith(".") ? host.slice(0, -1) : host;
  return `${name.toLowerCase()}:${port}`;
}

function collectOwnPlaces(
  listeners: readonly Listener[],
  ownHosts: readonly string[],
): ReadonlySet<string> {
  const own = new Set<string>();
  for (const { address, port, sentBy } of listeners) {
    for (const name of [bracketAddress(address), ...ownHosts]) {
      own.add(placeOf(name, port));
    }
    const colon = sentBy.lastIndexOf(":");
    own.add(placeOf(sentBy.slice(0, colon), Number(sentBy.slice(colon + 1))));
  }
  return own;
}
