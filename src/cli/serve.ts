/**
 * The composition root: builds every adapter from the settings, starts them in order, and takes them
 * down again in the other order.
 */
import { uptime } from "node:os";
import { join } from "node:path";
import { KeyedIds } from "../auth/keyed-ids.ts";
import type { Settings } from "../config/settings.ts";
import type { Readiness } from "../http/admin-routes.ts";
import { AdminServer } from "../http/admin-server.ts";
import { bracketAddress } from "../location/flow.ts";
import { PrometheusMetrics } from "../metrics/prometheus.ts";
import type { Clock, CredentialAdmin, LocationStore, Target } from "../ports.ts";
import { Server } from "../server/server.ts";
import type { ServerOptions } from "../server/server-modules.ts";
import type { Upstreams } from "../server/upstreams.ts";
import { MemoryStore } from "../store/memory-store.ts";
import { openSqliteStore, type SqliteStore } from "../store/sqlite-store.ts";
import { advertiseWildcards, localAddressToward } from "../transport/local-address.ts";
import { NodeDns } from "../transport/node-dns.ts";
import { SipResolver } from "../transport/resolve.ts";
import { SipTransport } from "../transport/sip-transport.ts";
import { readUdpDrops } from "../transport/udp-drops.ts";
import { RunningCredentials } from "./credential-admin.ts";
import { buildDigestOptions, loadCredentials, reloadCredentials } from "./credentials.ts";
import { DATABASE_FILE, MIGRATIONS_DIR, makeDataDirectory } from "./data-directory.ts";
import { buildGateway, reloadGateway } from "./gateway.ts";
import { readInstallSecrets, reloadSecrets } from "./install-secret.ts";
import type { Logger } from "./logger.ts";
import { isWildcard, ownHosts } from "./own-hosts.ts";
import { buildLookup, buildRegisterPolicy, buildRegisterRules } from "./register-policy.ts";
import { removeAdminPlace, writeAdminPlace } from "./running-place.ts";
import { StartError } from "./start-error.ts";
import { resumeOffset, SteadyClock } from "./steady-clock.ts";
import { buildIsBalancer, buildTls } from "./transport-settings.ts";
import { buildIsTrusted } from "./trusted-sources.ts";

const CLOCK_CHECK_MS = 1000;
const OFFSET_KEY = "timeline_offset_ms";
/** How long the start waits for the main registrar's name, which only the advertised address needs. */
const RESOLVE_LIMIT_MS = 3000;

/** A running appliance. */
export interface Appliance {
  /** Drains and releases everything. Resolves to whether all work under way was finished. */
  stop(): Promise<boolean>;
  /** Reads anew what can be read anew while it runs; a mistake in it is logged and changes nothing. */
  reload(): void;
}

/** Starts the appliance. Rejects with an error of one line when something is in the way. */
export async function serve(
  settings: Settings,
  { version, log }: { readonly version: string; readonly log: Logger },
): Promise<Appliance> {
  const startedMs = performance.now();
  const metrics = new PrometheusMetrics({ version });
  const opened: Array<() => Promise<unknown>> = [];
  try {
    // The store first: its lock keeps a second midreg from making a secret of its own meanwhile.
    const { store, meta } = await openStore(settings, { log, metrics });
    opened.push(async () => store.close());
    const credentials = loadCredentials(settings, log);
    const ids = buildIds(settings);
    const clock = startClock(store, meta, log);
    opened.push(async () => clock.stop());
    const outside = { clock: clock.clock, metrics, log };
    const gateway = buildGateway(settings, { ...outside, fraction: () => ids.fraction() });
    opened.push(async () => gateway?.stop());
    const resolver = buildResolver(settings, { clock: clock.clock, ids, log });
    const targets = await upstreamTargets(settings, resolver);
    const listeners = await advertiseWildcards(settings.listeners, targets[0], log);
    const transport = buildTransport(settings, listeners, { log, metrics });
    const server = new Server(
      {
        registerPolicy: buildRegisterPolicy(settings, gateway),
        lookup: buildLookup(settings.lookup),
        digest: buildDigestOptions(settings),
        registerRules: buildRegisterRules(settings, gateway),
        ...(await upstreamOptions(settings, targets)),
        ownHosts: ownHosts(settings),
        userAgent: `midreg/${version}`,
        push: settings.push,
        ...settings.operation,
      },
      { clock: clock.clock, ids, store, credentials, transport, resolver, gateway, metrics, log },
    );
    // Health is there before the listeners and after them, so that a drain can be seen.
    const adminParts = { server, store, metrics, log, clock: clock.clock };
    const reloadUsers = (): string | undefined => reloadCredentials(credentials, settings, log);
    const changing = { table: credentials, store: meta, reload: reloadUsers };
    const admin = await startAdmin(settings, {
      ...adminParts,
      credentials: new RunningCredentials(changing),
    });
    opened.push(async () => admin.stop());
    if (meta !== undefined) writeAdminPlace(settings.dataDir, admin.place);
    await server.start();
    opened.push(async () => server.drain());
    watchDrops(metrics, transport);
    logReady(settings, { version, log, transport, place: admin.place, store, startedMs });
    const reload = (): void => {
      reloadUsers();
      reloadSecrets(ids, settings, log);
      reloadCertificates(transport, log);
      reloadGateway(gateway, log);
    };
    return { stop: async () => closeAll(opened), reload };
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

function buildIds(settings: Settings): KeyedIds {
  const [secret, ...older] = readInstallSecrets(settings, settings.dataDir);
  return new KeyedIds(secret, older);
}

/** The transports of the settings, with wildcard addresses as others are told them. */
function buildTransport(
  settings: Settings,
  listeners: Settings["listeners"],
  outside: Outside,
): SipTransport {
  return new SipTransport(
    { listeners, limits: settings.connections, isBalancer: buildIsBalancer(settings) },
    { ...outside, tls: buildTls(settings, outside.metrics) },
  );
}

/** What cannot be read again stays as it was; midreg goes on in any case. */
function reloadCertificates(transport: SipTransport, log: Logger): void {
  try {
    transport.reload();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.error({ reason }, "certificates not read again, the old ones stay in use");
  }
}

interface Ready {
  readonly version: string;
  readonly log: Logger;
  readonly transport: SipTransport;
  readonly store: LocationStore;
  /** Where the admin listener is. */
  readonly place: string;
  readonly startedMs: number;
}

function logReady({ upstream, upstreams, registrar }: Settings, ready: Ready): void {
  const { version, log, transport, store, place, startedMs } = ready;
  log.info(
    {
      version,
      listeners: transport.listeners.map(({ id, sentBy }) => ({ id, advertised: sentBy })),
      upstream: upstream.uri,
      upstreams: upstreams.map(({ name, uri }) => ({ name, uri })),
      mode: registrar.mode,
      absorb: registrar.absorb,
      admin: place,
      bindings: store.status().bindings,
      tookMs: Math.round(performance.now() - startedMs),
    },
    "ready",
  );
}

interface Outside {
  readonly log: Logger;
  readonly metrics: PrometheusMetrics;
}

/** What outlives the process besides the location data; the memory store has nothing of it. */
type Meta = Pick<SqliteStore, "readMeta" | "writeMeta" | "writeCredentials"> | undefined;

async function openStore(
  { storage, dataDir, secret }: Settings,
  outside: Outside,
): Promise<{ readonly store: LocationStore; readonly meta: Meta }> {
  if (storage.mode !== "memory" || secret === undefined) makeDataDirectory(dataDir);
  if (storage.mode === "memory") return { store: new MemoryStore(), meta: undefined };
  const store = await openSqliteStore(
    {
      path: join(dataDir, DATABASE_FILE),
      durability: storage.durability,
      migrationsDir: MIGRATIONS_DIR,
      worker: new URL("../store/sqlite-worker.js", import.meta.url),
    },
    outside,
  );
  removeAdminPlace(dataDir);
  return { store, meta: store };
}

/** Starts the steady timeline where the process before this one left it, and watches the wall clock. */
function startClock(store: LocationStore, meta: Meta, log: Logger): RunningClock {
  const isEmpty = store.status().bindings === 0 && store.status().deRegistrations === 0;
  // With nothing stored there is nothing to stay in step with, and the timeline may start afresh.
  const storedMs = isEmpty ? 0 : Number(meta?.readMeta(OFFSET_KEY) ?? 0);
  const offsetMs = resumeOffset(storedMs, { lastMs: lastMoment(store), wallMs: Date.now() });
  if (offsetMs !== storedMs) {
    const setBackMs = Math.round(storedMs - offsetMs);
    log.warn({ setBackMs }, "wall clock was set back while midreg was down; lifetimes go on");
  }
  const clock = new SteadyClock(offsetMs, {
    wallMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    uptimeMs: () => uptime() * 1000,
  });
  const keep = (): void => {
    const ended = { committed: () => undefined, failed: () => undefined };
    meta?.writeMeta(OFFSET_KEY, String(Math.round(clock.offsetMs)), ended);
  };
  keep();
  const timer = setInterval(() => {
    const steppedMs = clock.check();
    if (steppedMs === 0) return;
    log.warn({ steppedMs: Math.round(steppedMs) }, "wall clock was set; lifetimes are unaffected");
    keep();
  }, CLOCK_CHECK_MS);
  const stop = (): void => {
    clearInterval(timer);
    clock.stop();
  };
  return { clock, stop };
}

/** The last moment the stored bindings know of. */
function lastMoment(store: LocationStore): number {
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const { bindings } of store.records()) {
    for (const { updatedAtMs } of bindings) lastMs = Math.max(lastMs, updatedAtMs);
  }
  return lastMs;
}

interface RunningClock {
  readonly clock: Clock;
  stop(): void;
}

function buildResolver(
  { listeners, dns }: Settings,
  { clock, ids, log }: { readonly clock: Clock; readonly ids: KeyedIds; readonly log: Logger },
): SipResolver {
  const families = new Set(listeners.map(({ address }) => (address.includes(":") ? 6 : 4)));
  return new SipResolver(
    {
      families: [...families],
      protocols: [...new Set(listeners.map(({ protocol }) => protocol))],
      nowMs: () => clock.nowMs(),
      fraction: () => ids.fraction(),
      ttlMs: dns.cacheTtlSec * 1000,
    },
    { dns: new NodeDns(dns.servers.length === 0 ? {} : { servers: dns.servers }), log },
  );
}

/** The main registrar's first address; undefined when it cannot be had soon. */
async function firstTarget(uri: string, resolver: SipResolver): Promise<Target | undefined> {
  return new Promise((resolve) => {
    const limit = setTimeout(() => resolve(undefined), RESOLVE_LIMIT_MS);
    resolver.resolve(uri, ([target]) => {
      clearTimeout(limit);
      resolve(target);
    });
  });
}

/**
 * A REGISTER that is forwarded to midreg itself would go round until Max-Forwards runs out.
 *
 * @throws StartError when the target is one of midreg's own listeners.
 */
function refuseLoop(name: string, target: Target | undefined, settings: Settings): void {
  if (target === undefined) return;
  const own = ownHosts(settings);
  const host = bracketAddress(target.address);
  const listener = settings.listeners.find(
    ({ protocol, address, port }) =>
      protocol === target.protocol &&
      port === target.port &&
      (address === target.address || (isWildcard(address) && own.includes(host))),
  );
  if (listener === undefined) return;
  const place = `${host}:${target.port}`;
  throw new StartError(
    "UPSTREAM_IS_MIDREG",
    `${name}: ${place} is a listener of midreg itself; name the main registrar instead`,
  );
}

/**
 * The first address of each main registrar, the default one first.
 *
 * @throws StartError when one of them is midreg itself.
 */
async function upstreamTargets(
  settings: Settings,
  resolver: SipResolver,
): Promise<readonly (Target | undefined)[]> {
  const all = [settings.upstream, ...settings.upstreams];
  const targets = await Promise.all(all.map(({ uri }) => firstTarget(uri, resolver)));
  for (const [at, target] of targets.entries()) {
    const other = settings.upstreams[at - 1];
    refuseLoop(other === undefined ? "upstream" : `upstreams.${other.name}`, target, settings);
  }
  return targets;
}

/** What the server is told about the main registrars. */
async function upstreamOptions(
  { upstream, upstreams }: Settings,
  [toward, ...others]: readonly (Target | undefined)[],
): Promise<UpstreamServerOptions> {
  const moreUpstreams = upstreams.map(async ({ name, uri, timeoutMs, trusted }, at) => ({
    name,
    uri,
    timeoutMs,
    isTrusted: buildIsTrusted(trusted),
    localAddress: await localAddress(others[at]),
  }));
  return {
    upstreamUri: upstream.uri,
    upstreamTimeoutMs: upstream.timeoutMs,
    isTrustedUpstream: buildIsTrusted(upstream.trusted),
    upstreamLocalAddress: await localAddress(toward),
    moreUpstreams: await Promise.all(moreUpstreams),
  };
}

type UpstreamServerOptions = Pick<
  ServerOptions,
  | "upstreamUri"
  | "upstreamTimeoutMs"
  | "isTrustedUpstream"
  | "upstreamLocalAddress"
  | "moreUpstreams"
>;

/** Where the way to the main registrar starts; undefined when there is none yet. */
async function localAddress(toward: Target | undefined): Promise<string | undefined> {
  if (toward === undefined) return undefined;
  return localAddressToward(toward).catch(() => undefined);
}

interface AdminParts extends Outside {
  readonly clock: Clock;
  readonly server: Server;
  readonly store: LocationStore;
  readonly credentials: CredentialAdmin;
}

async function startAdmin(
  { admin }: Settings,
  { server, store, metrics, log, clock, credentials }: AdminParts,
): Promise<{ readonly place: string; stop(): Promise<void> }> {
  if (admin === undefined) return { place: "off", stop: async () => undefined };
  const listener = new AdminServer(admin, {
    renderMetrics: async () => metrics.render(),
    metricsContentType: metrics.contentType,
    readiness: () => readinessOf(server, store),
    location: { store, operations: server.admin, clock },
    credentials,
    log,
  });
  const { address, port } = await listener.start();
  return {
    place: `http://${bracketAddress(address)}:${port}`,
    stop: async () => listener.stop(),
  };
}

function readinessOf(server: Server, store: LocationStore): Readiness {
  const { isWritable, problem } = store.status();
  const { isUp, isResolved } = server.upstreams.main;
  const isServing = !server.isDraining;
  return {
    isReady: isServing && isWritable && isResolved,
    checks: {
      listeners: { isOk: isServing, detail: isServing ? "" : "draining" },
      store: { isOk: isWritable, detail: problem },
      upstream_name: { isOk: isResolved, detail: isResolved ? "" : "name not resolved" },
      upstream: {
        isOk: isUp,
        isInformational: true,
        detail: isUp ? "" : "the main registrar does not answer",
      },
      ...moreChecks(server.upstreams),
    },
  };
}

/** Main registrars besides the default one: without them midreg can serve all others. */
function moreChecks(upstreams: Upstreams): Readiness["checks"] {
  const checks: Record<string, Readiness["checks"][string]> = {};
  for (const [name, { isUp, isResolved }] of upstreams.all) {
    if (name === "") continue;
    const silent = isResolved ? "the main registrar does not answer" : "name not resolved";
    checks[`upstream:${name}`] = {
      isOk: isUp,
      isInformational: true,
      detail: isUp ? "" : silent,
    };
  }
  return checks;
}

function watchDrops(metrics: PrometheusMetrics, transport: SipTransport): void {
  const help = "Datagrams the kernel dropped because the receive buffer was full.";
  metrics.registerCounterReader("udp_drops_total", help, ["listener"], () =>
    [...readUdpDrops(transport.listeners.filter(({ protocol }) => protocol === "udp"))].map(
      ([listener, value]) => ({
        labels: { listener },
        value,
      }),
    ),
  );
}

/** Closes in the opposite order. True when the server had nothing left to do. */
async function closeAll(opened: ReadonlyArray<() => Promise<unknown>>): Promise<boolean> {
  let isClean = true;
  for (const close of opened.toReversed()) {
    // One after the other: the store may close only when nothing can be saved any more.
    // oxlint-disable-next-line no-await-in-loop
    if ((await close()) === false) isClean = false;
  }
  return isClean;
}
