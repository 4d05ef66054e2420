import { CredentialTable } from "../../src/auth/credential-table.ts";
import type { AorRecord } from "../../src/location/binding.ts";
import { parseNetwork } from "../../src/location/network.ts";
import type { LocationStore, Protocol } from "../../src/ports.ts";
import type { LookupPolicy } from "../../src/proxy/lookup-policy.ts";
import type { PingChoice, PingPolicy } from "../../src/registrar/decide-ping.ts";
import type { PushPolicy } from "../../src/registrar/push-policy.ts";
import type { RegisterPolicy } from "../../src/registrar/register-policy.ts";
import type { RuleMatch } from "../../src/registrar/rules.ts";
import type { DecisionLogOptions } from "../../src/server/decision-log.ts";
import type { DigestOptions } from "../../src/server/digest-gate.ts";
import type { PingOptions } from "../../src/server/ping-options.ts";
import type { PushOptions } from "../../src/server/push-options.ts";
import { Server } from "../../src/server/server.ts";
import type { ServerOptions } from "../../src/server/server-modules.ts";
import { parseUri } from "../../src/sip/uri.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { RecordingModules } from "../transport/recording-modules.ts";
import { type FakeGateway, pushPolicyOf } from "./fake-gateway.ts";
import { MainRegistrar } from "./main-registrar.ts";
import { MemoryNetwork, MemoryTransport, memoryListener, withStream } from "./memory-network.ts";
import { Phone } from "./phone.ts";
import { SequentialIds } from "./sequential-ids.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** A policy with OpenSIPS' defaults, margin 2 seconds, proof required; anybody may name a Path, as there. */
export const POLICY: RegisterPolicy = {
  rule: "",
  aor: {
    useDomain: true,
    caseSensitive: true,
    realmPrefix: "",
    maxUsernameLength: 64,
    maxDomainLength: 64,
    maxAorLength: 256,
  },
  mode: "contact",
  atEscapeStr: "%40",
  attr: "",
  absorb: "proven",
  contactIdInsertion: "ct-param",
  contactIdParam: "ctid",
  outgoingExpiresSec: 3600,
  minExpiresSec: 10,
  defaultExpiresSec: 3600,
  maxExpiresSec: 3600,
  minExpiresMode: "raise",
  expiresMaxDeviationSec: 0,
  expiresRangePercent: 0,
  defaultExpiresRangePercent: 0,
  defaultQ: undefined,
  maxContacts: 0,
  maxContactsPolicy: "refuse",
  matchingMode: "contact",
  pathMode: "lazy",
  pathFrom: ["0.0.0.0/0", "::/0"].flatMap((network) => parseNetwork(network) ?? []),
  pathUseReceived: [],
  onlyRequestContacts: false,
  outboundMode: "supported",
  usesRegIdAlways: false,
  flowTimerSec: 0,
  maxContactLength: 2048,
  retryAfterSec: 0,
  cseqDelaySec: 20,
  extraContactParams: "",
  upstreamContactParams: ["q", "methods"],
  gruu: true,
  push: undefined,
  upstreamMarginSec: 2,
  upstream: "",
  upstreamHost: "192.0.2.50:5060",
  maxCallIdLength: 255,
  maxPathLength: 2048,
};

export const LOOKUP: LookupPolicy = {
  fork: "all",
  ringMs: 20_000,
  filtersMethods: false,
  userAgent: undefined,
  maxLatencyMs: 0,
  sortsByLatency: false,
  serveExpiredMs: 0,
  noContactStatus: 404,
};

/** No pings, and otherwise what nathelper has as defaults. */
export const PINGS: PingOptions = {
  policy: {
    intervalMs: 0,
    choice: "auto",
    natedOnly: false,
    overConnections: false,
    thresholdMs: 3000,
    maxLost: 3,
    ignoredStatuses: [],
    massLossPercent: 30,
  },
  method: "OPTIONS",
  from: "",
  removesDead: false,
  rate: 1000,
};

/** SHA-256 and MD5, nonces that last five minutes, the realm of the To URI. */
const DIGEST: DigestOptions = {
  realm: undefined,
  algorithms: ["SHA-256", "MD5"],
  hasQop: true,
  nonceLifetimeMs: 300_000,
  isCaseSensitive: true,
};

/** What the settings of push have as defaults. */
export const PUSH: PushOptions = {
  triggerMs: 120_000,
  skipMs: 0,
  wakeTimeoutMs: 6000,
  refreshRetryMs: 30_000,
  refreshSpreadMs: 30_000,
  refreshRate: 500,
  afterExpiryMs: 3_600_000,
  waitingStatus: 0,
  callOver: ["apns"],
  tellsCaller: false,
  budget: { perCaller: 60, perDevice: 30, total: 1000 },
};

/** What a server needs besides its policy and its main registrar. */
export const SERVER_OPTIONS = {
  lookup: LOOKUP,
  pings: PINGS,
  digest: DIGEST,
  registerRules: [],
  upstreamTimeoutMs: 10_000,
  isTrustedUpstream: () => false,
  moreUpstreams: [],
  ownHosts: [],
  push: PUSH,
  decisions: { perAor: 10, maxEntries: 1000 },
  resyncRate: 100,
  removesDeadFlows: false,
  deadFlowGraceMs: 300_000,
  userAgent: "midreg/test",
} satisfies Partial<ServerOptions>;

export const SERVER_PLACE = "192.0.2.1:5060";

export interface WorldOptions {
  readonly policy?: Partial<RegisterPolicy>;
  readonly lookup?: Partial<LookupPolicy>;
  readonly ping?: Partial<PingPolicy>;
  readonly pings?: Partial<PingOptions>;
  /** Rules, each with what its policy has of its own. */
  readonly rules?: ReadonlyArray<{
    readonly match: RuleMatch;
    readonly policy: Partial<RegisterPolicy>;
    readonly lookup?: Partial<LookupPolicy>;
    readonly ping?: PingChoice;
  }>;
  readonly store?: LocationStore;
  readonly decisions?: Partial<DecisionLogOptions>;
  readonly removesDeadFlows?: boolean;
  readonly deadFlowGraceMs?: number;
  /** Whether phones can connect by TCP as well (memory-network.ts). */
  readonly hasStreams?: boolean;
  /** Addresses and ports midreg listens on; the first one is what phones use. */
  readonly listeners?: ReadonlyArray<readonly [address: string, port: number, protocol?: Protocol]>;
  /** Names that mean midreg itself. */
  readonly ownHosts?: readonly string[];
  readonly upstreamUri?: string;
  /** Main registrars besides the default one, by name: where they are. */
  readonly moreUpstreams?: Readonly<Record<string, string>>;
  readonly upstreamTargets?: readonly string[];
  readonly clock?: VirtualClock;
  /** The world in which this midreg takes the place of one that was killed; it brings its clock and network. */
  readonly after?: World;
  /** Bind address of the listener that faces the main registrar. */
  readonly localAddress?: string;
  readonly digest?: Partial<DigestOptions>;
  /** Push providers; with them, devices are woken by the settings' defaults. */
  readonly gateway?: FakeGateway;
  readonly pushPolicy?: Partial<PushPolicy>;
  readonly push?: Partial<PushOptions>;
  readonly credentials?: CredentialTable;
}

/** A whole midreg on virtual time and a network in memory, with a main registrar and phones. */
export class World {
  readonly clock: VirtualClock;
  readonly network: MemoryNetwork;
  readonly ids: SequentialIds;
  readonly recording = new RecordingModules();
  readonly transport: MemoryTransport;
  readonly main: MainRegistrar;
  readonly store: LocationStore;
  readonly credentials: CredentialTable;
  readonly server: Server;
  readonly #serverPlace: string;
  readonly failedTargets: string[] = [];

  constructor(options: WorldOptions = {}) {
    const around = options.after ?? surroundings(options.clock ?? new VirtualClock());
    this.clock = around.clock;
    this.network = around.network;
    this.ids = around.ids;
    this.main = around.main;
    const places = options.listeners ?? [["192.0.2.1", 5060] as const];
    const datagrams = places.map((place) => memoryListener(...place));
    const listeners = options.hasStreams === true ? datagrams.flatMap(withStream) : datagrams;
    this.#serverPlace = listeners[0]?.sentBy ?? SERVER_PLACE;
    this.transport = new MemoryTransport(this.network, listeners);
    this.store = options.store ?? new MemoryStore();
    this.credentials = options.credentials ?? new CredentialTable();
    this.server = new Server(serverOptions(options, this.main.place), {
      clock: this.clock,
      ids: this.ids,
      store: this.store,
      credentials: this.credentials,
      transport: this.transport,
      gateway: options.gateway,
      resolver: {
        resolve: (uri, done) => done(targetsOf(uri, options.upstreamTargets)),
        markFailed: ({ address, port }) => this.failedTargets.push(`${address}:${port}`),
      },
      metrics: this.recording.metrics,
      log: this.recording.log,
    });
  }

  static async start(options: WorldOptions = {}): Promise<World> {
    const world = new World(options);
    await world.server.start();
    world.clock.advance(100);
    return world;
  }

  phone(user: string, place: string): Phone {
    return new Phone(this.network, { user, place, server: this.#serverPlace });
  }

  /** What midreg keeps of an address-of-record. */
  record(aor: string): AorRecord | undefined {
    return this.store.lookup(aor);
  }

  /** Lets seconds pass. */
  pass(seconds: number): void {
    this.clock.advance(seconds * 1000);
  }
}

function serverOptions(options: WorldOptions, mainPlace: string): ServerOptions {
  const { gateway } = options;
  const { afterExpiryMs } = { ...PUSH, ...options.push };
  const push =
    gateway === undefined
      ? undefined
      : pushPolicyOf(gateway, { afterExpiryMs, ...options.pushPolicy });
  return {
    ...SERVER_OPTIONS,
    registerPolicy: { ...POLICY, push, ...options.policy },
    lookup: { ...LOOKUP, ...options.lookup },
    pings: { ...PINGS, ...options.pings, policy: { ...PINGS.policy, ...options.ping } },
    digest: { ...DIGEST, ...options.digest },
    registerRules: (options.rules ?? []).map(({ match, policy, lookup, ping }) => ({
      match,
      ping: ping ?? options.ping?.choice ?? "auto",
      lookup: { ...LOOKUP, ...options.lookup, ...lookup },
      policy: { ...POLICY, push, ...options.policy, ...policy },
    })),
    upstreamUri: options.upstreamUri ?? `sip:${mainPlace}`,
    upstreamLocalAddress: options.localAddress,
    ownHosts: options.ownHosts ?? [],
    moreUpstreams: Object.entries(options.moreUpstreams ?? {}).map(([name, place]) => ({
      name,
      uri: `sip:${place}`,
      timeoutMs: SERVER_OPTIONS.upstreamTimeoutMs,
      isTrusted: () => false,
      localAddress: options.localAddress,
    })),
    push: { ...PUSH, ...options.push },
    decisions: { ...SERVER_OPTIONS.decisions, ...options.decisions },
    removesDeadFlows: options.removesDeadFlows ?? false,
    deadFlowGraceMs: options.deadFlowGraceMs ?? SERVER_OPTIONS.deadFlowGraceMs,
  };
}

/** What outlives a midreg. */
function surroundings(clock: VirtualClock): Pick<World, "clock" | "network" | "ids" | "main"> {
  const network = new MemoryNetwork(clock);
  return { clock, network, ids: new SequentialIds(), main: new MainRegistrar(network) };
}

function targetsOf(
  uri: string,
  override: readonly string[] | undefined,
): { protocol: "udp"; address: string; port: number }[] {
  const places = override ?? [];
  if (places.length > 0 && uri.includes("registrar.test")) {
    return places.map((place) => {
      const cut = place.lastIndexOf(":");
      return { protocol: "udp", address: place.slice(0, cut), port: Number(place.slice(cut + 1)) };
    });
  }
  const parsed = parseUri(uri);
  if (parsed === undefined || !/^[\d.]+$|^\[/u.test(parsed.host)) return [];
  const address = parsed.host.replace(/^\[(.*)\]$/u, "$1");
  return [{ protocol: "udp", address, port: parsed.port ?? 5060 }];
}
