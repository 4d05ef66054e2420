import { describe, expect, test } from "vitest";
import type { Settings } from "../../src/config/settings.ts";
import { load, withSetting } from "./load.ts";

const MAX = 2_147_483_647;

const registrar = (part: Partial<Settings["registrar"]>): object => ({ registrar: part });
const listeners = (address: string, port: number, advertised?: { host: string; port: number }) => ({
  listeners: [{ protocol: "udp", address, port, advertised }],
});

describe("with nothing but an upstream, every setting has its default", () => {
  test("all of them", () => {
    expect(load({}).settings).toEqual({
      upstream: { uri: "sip:192.0.2.1", trusted: [], timeoutMs: 10_000 },
      upstreams: [],
      listeners: [{ protocol: "udp", address: "0.0.0.0", port: 5060, advertised: undefined }],
      admin: { address: "127.0.0.1", port: 8080 },
      dataDir: "./.midreg",
      logLevel: "info",
      registrar: {
        mode: "contact",
        atEscapeStr: "%40",
        contactIdInsertion: "ct-param",
        contactIdParam: "ctid",
        outgoingExpiresSec: 3600,
        minExpiresSec: 10,
        defaultExpiresSec: 3600,
        maxExpiresSec: 3600,
        defaultQ: undefined,
        expiresMaxDeviationSec: 0,
        maxContacts: 0,
        maxUsernameLength: 64,
        maxDomainLength: 64,
        maxAorLength: 256,
        maxContactLength: 2048,
        retryAfterSec: 0,
        caseSensitive: true,
        useDomain: true,
        realmPrefix: "",
        cseqDelaySec: 20,
        extraContactParams: "",
        upstreamContactParams: ["q", "methods"],
        gruu: true,
        upstreamMarginSec: 2,
        minExpiresMode: "raise",
        expiresRangePercent: 0,
        defaultExpiresRangePercent: 0,
        maxContactsPolicy: "refuse",
        matchingMode: "contact",
        pathMode: "lazy",
        pathUseReceived: [],
        onlyRequestContacts: false,
        attr: "",
        pnEnable: false,
        pnProviders: [],
        pnCtMatchParams: ["pn-provider", "pn-prid", "pn-param"],
        pnPnsregIntervalSec: 130,
        pnEnablePurr: false,
        pnUnsupported: "forward",
        absorb: "proven",
        upstream: "",
      },
      push: {
        triggerMs: 120_000,
        skipMs: 0,
        wakeTimeoutMs: 6000,
        refreshRetryMs: 30_000,
        refreshSpreadMs: 30_000,
        refreshRate: 500,
        afterExpiryMs: 3_600_000,
      },
      lookup: {
        fork: "all",
        ringMs: 20_000,
        filtersMethods: false,
        userAgent: undefined,
        maxLatencyMs: 0,
        sortsByLatency: false,
        serveExpiredMs: 0,
        noContactStatus: 404,
      },
      auth: {
        realm: undefined,
        algorithms: ["SHA-256", "MD5"],
        hasQop: true,
        nonceLifetimeSec: 300,
        credentialsFile: undefined,
      },
      rules: [],
      operation: { decisions: { perAor: 10, maxEntries: 100_000 }, resyncRate: 100 },
      storage: { mode: "sqlite", durability: "commit" },
      secret: undefined,
      dns: { servers: [], cacheTtlSec: 60 },
      tls: {
        certificates: [],
        caFile: undefined,
        clientCertificate: "none",
        minVersion: "TLSv1.2",
        verifiesServers: true,
      },
      connections: { max: 20_000, maxPerSource: 2000, idleMs: 600_000, proxyProtocol: [] },
    } satisfies Settings);
  });

  test("systemd's state directory is the default place for data", () => {
    const env = { STATE_DIRECTORY: "/var/lib/midreg:/var/lib/other" };
    expect(load({ env }).settings.dataDir).toBe("/var/lib/midreg");
    expect(load({ env, yaml: "data: /srv" }).settings.dataDir).toBe("/srv");
  });
});

describe("values that are accepted", () => {
  test.each<[setting: string, yaml: string, expected: object]>([
    ["upstream", "sip:10.0.0.2:5060", { upstream: { uri: "sip:10.0.0.2:5060" } }],
    [
      "upstream",
      "'SIP:[2001:db8::1]:5070;transport=udp'",
      { upstream: { uri: "SIP:[2001:db8::1]:5070;transport=udp" } },
    ],
    [
      "upstream",
      "{uri: sip:pbx.example.com;lr, timeout: 500ms}",
      { upstream: { uri: "sip:pbx.example.com;lr", timeoutMs: 500 } },
    ],
    ["upstream", "{uri: sip:a.b, timeout: 5}", { upstream: { timeoutMs: 5000 } }],
    ["upstream", "{uri: sip:a.b, trusted: 10.0.0.1}", { upstream: { trusted: ["10.0.0.1"] } }],
    [
      "upstream",
      "{uri: sip:a.b, trusted: [10.0.0.0/8, '192.0.2.1:5070', '2001:db8::/32', '2001:db8::1', '[::1]:5070', '[::1]']}",
      {
        upstream: {
          trusted: [
            "10.0.0.0/8",
            "192.0.2.1:5070",
            "2001:db8::/32",
            "2001:db8::1",
            "[::1]:5070",
            "[::1]",
          ],
        },
      },
    ],
    ["listen", "[udp:192.0.2.1:5070]", listeners("192.0.2.1", 5070)],
    ["listen", "'udp:[::1]:0'", listeners("::1", 0)],
    ["listen", "UDP:0.0.0.0", listeners("0.0.0.0", 5060)],
    ["listen", "udp:[fe80::1%eth0]:5060", listeners("fe80::1%eth0", 5060)],
    [
      "listen",
      "[{address: udp:10.0.0.1:5062, advertised: sip.example.com}]",
      listeners("10.0.0.1", 5062, { host: "sip.example.com", port: 5062 }),
    ],
    [
      "listen",
      "[{address: udp:10.0.0.1:5062, advertised: '[2001:db8::1]:5080'}]",
      listeners("10.0.0.1", 5062, { host: "[2001:db8::1]", port: 5080 }),
    ],
    [
      "listen",
      "udp:10.0.0.1:5060, udp:10.0.0.1:5061",
      {
        listeners: [
          { address: "10.0.0.1", port: 5060 },
          { address: "10.0.0.1", port: 5061 },
        ],
      },
    ],
    ["listen", "[udp:127.0.0.1:0, udp:127.0.0.1:0]", { listeners: [{ port: 0 }, { port: 0 }] }],
    ["admin", "127.8.8.8:1", { admin: { address: "127.8.8.8", port: 1 } }],
    ["admin", "'[::1]:9000'", { admin: { address: "::1", port: 9000 } }],
    ["admin", "localhost:0", { admin: { address: "127.0.0.1", port: 0 } }],
    ["admin", "{listen: 127.0.0.1:9090}", { admin: { address: "127.0.0.1", port: 9090 } }],
    ["admin", "off", { admin: undefined }],
    ["admin", "false", { admin: undefined }],
    ["admin", "{listen: off}", { admin: undefined }],
    ["data", "/var/lib/midreg", { dataDir: "/var/lib/midreg" }],
    ["log.level", "DEBUG", { logLevel: "debug" }],
    ["log.level", "warning", { logLevel: "warn" }],
    ["log.level", "off", { logLevel: "silent" }],
    ["lookup.no_branches", "yes", { lookup: expect.objectContaining({ fork: "best" }) }],
    ["lookup.fork", "by-q", { lookup: expect.objectContaining({ fork: "by-q" }) }],
    ["lookup.fork", "best", { lookup: expect.objectContaining({ fork: "best" }) }],
    ["lookup.group_ring_time", "45", { lookup: expect.objectContaining({ ringMs: 45_000 }) }],
    [
      "lookup.no_contact_status",
      "480",
      { lookup: expect.objectContaining({ noContactStatus: 480 }) },
    ],
    ["lookup.ua_filtering", "/^T4/i", { lookup: expect.objectContaining({ userAgent: "/^T4/i" }) }],
    [
      "lookup.max_ping_latency",
      "300ms",
      { lookup: expect.objectContaining({ maxLatencyMs: 300 }) },
    ],
    ["lookup.sort_by_latency", "on", { lookup: expect.objectContaining({ sortsByLatency: true }) }],
    [
      "lookup.method_filtering",
      "on",
      { lookup: expect.objectContaining({ filtersMethods: true }) },
    ],
    [
      "lookup.use_expired_contacts",
      "1h",
      { lookup: expect.objectContaining({ serveExpiredMs: 3_600_000 }) },
    ],
    ["mid_registrar.mode", "contact", registrar({ mode: "contact" })],
    ["mid_registrar.mode", "contact_throttling", registrar({ mode: "contact" })],
    ["mid_registrar.mode", "ct", registrar({ mode: "contact" })],
    ["mid_registrar.mode", "1", registrar({ mode: "contact" })],
    ["mid_registrar.mode", "0", registrar({ mode: "mirror" })],
    ["mid_registrar.mode", "aor_throttling", registrar({ mode: "aor" })],
    ["mid_registrar.at_escape_str", "___", registrar({ atEscapeStr: "___" })],
    [
      "mid_registrar.contact_id_insertion",
      "ct_username",
      registrar({ contactIdInsertion: "ct-username" }),
    ],
    [
      "mid_registrar.contact_id_insertion",
      "ct-param",
      registrar({ contactIdInsertion: "ct-param" }),
    ],
    ["mid_registrar.contact_id_param", "x%41-id", registrar({ contactIdParam: "x%41-id" })],
    ["mid_registrar.outgoing_expires", "1", registrar({ outgoingExpiresSec: 1 })],
    ["mid_registrar.outgoing_expires", "2h", registrar({ outgoingExpiresSec: 7200 })],
    ["mid_registrar.outgoing_expires", "1.5d", registrar({ outgoingExpiresSec: 129_600 })],
    ["mid_registrar.outgoing_expires", String(MAX), registrar({ outgoingExpiresSec: MAX })],
    ["mid_registrar.min_expires", "0", registrar({ minExpiresSec: 0 })],
    ["mid_registrar.min_expires", "90s", registrar({ minExpiresSec: 90 })],
    ["mid_registrar.default_expires", "15m", registrar({ defaultExpiresSec: 900 })],
    ["mid_registrar.max_expires", "0", registrar({ maxExpiresSec: 0 })],
    ["mid_registrar.max_expires", "10m", registrar({ maxExpiresSec: 600, defaultExpiresSec: 600 })],
    ["mid_registrar.max_expires", "5", registrar({ maxExpiresSec: 10, defaultExpiresSec: 10 })],
    [
      "mid_registrar",
      "{min_expires: 5000, max_expires: 0}",
      registrar({ minExpiresSec: 5000, defaultExpiresSec: 5000 }),
    ],
    ["mid_registrar.min_expires_mode", "1", registrar({ minExpiresMode: "reject" })],
    ["mid_registrar.min_expires_mode", "Raise", registrar({ minExpiresMode: "raise" })],
    ["mid_registrar.expires_range", "30", registrar({ expiresRangePercent: 30 })],
    ["mid_registrar.default_expires_range", "100", registrar({ defaultExpiresRangePercent: 100 })],
    [
      "mid_registrar.max_contacts_policy",
      "evict-oldest",
      registrar({ maxContactsPolicy: "evict-oldest" }),
    ],
    ["mid_registrar.path_mode", "2", registrar({ pathMode: "strict" })],
    ["mid_registrar.matching_mode", "1", registrar({ matchingMode: "contact-call-id" })],
    ["mid_registrar.matching_mode", "Instance", registrar({ matchingMode: "instance" })],
    [
      "mid_registrar.matching_mode",
      "param:Rinstance",
      registrar({ matchingMode: "param:rinstance" }),
    ],
    [
      "mid_registrar.path_use_received",
      "[10.0.0.0/8, '2001:db8::1']",
      registrar({ pathUseReceived: ["10.0.0.0/8", "2001:db8::1"] }),
    ],
    ["mid_registrar.only_request_contacts", "1", registrar({ onlyRequestContacts: true })],
    ["mid_registrar.attr", "'site=berlin; floor 3'", registrar({ attr: "site=berlin; floor 3" })],
    ["mid_registrar.pn_enable", "1", registrar({ pnEnable: true })],
    [
      "mid_registrar.pn_providers",
      "[APNs, apns.dev, apns, fcm, webpush, acme]",
      registrar({ pnProviders: ["apns", "apns.dev", "fcm", "webpush", "acme"] }),
    ],
    ["mid_registrar.pn_providers", "'apns, fcm'", registrar({ pnProviders: ["apns", "fcm"] })],
    [
      "mid_registrar.pn_ct_match_params",
      "'pn-provider, PN-PRID'",
      registrar({ pnCtMatchParams: ["pn-provider", "pn-prid"] }),
    ],
    ["mid_registrar.pn_pnsreg_interval", "5m", registrar({ pnPnsregIntervalSec: 300 })],
    ["mid_registrar.pn_enable_purr", "yes", registrar({ pnEnablePurr: true })],
    ["mid_registrar.pn_unsupported", "reject", registrar({ pnUnsupported: "reject" })],
    ["mid_registrar.pn_trigger_interval", "3m", { push: { triggerMs: 180_000 } }],
    ["mid_registrar.pn_skip_pn_interval", "10", { push: { skipMs: 10_000 } }],
    ["mid_registrar.pn_refresh_timeout", "20", { push: { wakeTimeoutMs: 20_000 } }],
    ["mid_registrar.pn_refresh_retry", "1m", { push: { refreshRetryMs: 60_000 } }],
    ["mid_registrar.pn_refresh_spread", "0", { push: { refreshSpreadMs: 0 } }],
    ["mid_registrar.pn_refresh_rate", "1", { push: { refreshRate: 1 } }],
    ["mid_registrar.pn_after_expiry", "0", { push: { afterExpiryMs: 0 } }],
    ["mid_registrar.default_q", "0.5", registrar({ defaultQ: 0.5 })],
    ["mid_registrar.default_q", "1.000", registrar({ defaultQ: 1 })],
    ["mid_registrar.default_q", "-1", registrar({ defaultQ: undefined })],
    ["mid_registrar.expires_max_deviation", "30", registrar({ expiresMaxDeviationSec: 30 })],
    ["mid_registrar.max_contacts", "10", registrar({ maxContacts: 10 })],
    ["mid_registrar.max_username_len", "1", registrar({ maxUsernameLength: 1 })],
    ["mid_registrar.max_domain_len", "255", registrar({ maxDomainLength: 255 })],
    ["mid_registrar.max_aor_len", "2048", registrar({ maxAorLength: 2048 })],
    ["mid_registrar.max_contact_len", "255", registrar({ maxContactLength: 255 })],
    ["mid_registrar.retry_after", "1m", registrar({ retryAfterSec: 60 })],
    ["mid_registrar.case_sensitive", "0", registrar({ caseSensitive: false })],
    ["mid_registrar.case_sensitive", "Yes", registrar({ caseSensitive: true })],
    ["mid_registrar.realm_prefix", "sip.", registrar({ realmPrefix: "sip." })],
    [
      "mid_registrar.extra_contact_params",
      "transport=udp",
      registrar({ extraContactParams: ";transport=udp" }),
    ],
    ["mid_registrar.extra_contact_params", ";a=1;b", registrar({ extraContactParams: ";a=1;b" })],
    [
      "mid_registrar.upstream_contact_params",
      "[+sip.instance, Q, q]",
      registrar({ upstreamContactParams: ["+sip.instance", "q"] }),
    ],
    ["mid_registrar.upstream_contact_params", "[]", registrar({ upstreamContactParams: [] })],
    ["mid_registrar.gruu", "false", registrar({ gruu: false })],
    ["mid_registrar.disable_gruu", "1", registrar({ gruu: false })],
    ["mid_registrar.disable_gruu", "0", registrar({ gruu: true })],
    ["mid_registrar", "{gruu: no, disable_gruu: yes}", registrar({ gruu: false })],
    ["mid_registrar.upstream_margin", "0", registrar({ upstreamMarginSec: 0 })],
    ["usrloc.use_domain", "false", registrar({ useDomain: false })],
    ["usrloc.cseq_delay", "0", registrar({ cseqDelaySec: 0 })],
    ["auth.absorb", "open", registrar({ absorb: "open" })],
    ["auth.absorb", "Digest", registrar({ absorb: "digest" })],
    ["auth.realm", "'the \"realm\"'", { auth: { realm: 'the "realm"' } }],
    ["auth.algorithms", "md5", { auth: { algorithms: ["MD5"] } }],
    [
      "auth.algorithms",
      "[SHA-512-256, sha-256, SHA-256]",
      { auth: { algorithms: ["SHA-512-256", "SHA-256"] } },
    ],
    ["auth.qop", "none", { auth: { hasQop: false } }],
    ["auth.nonce_lifetime", "1h", { auth: { nonceLifetimeSec: 3600 } }],
    [
      "auth.credentials_file",
      "/etc/midreg/users",
      { auth: { credentialsFile: "/etc/midreg/users" } },
    ],
    ["storage.mode", "memory", { storage: { mode: "memory", durability: "commit" } }],
    ["storage.durability", "fsync", { storage: { mode: "sqlite", durability: "fsync" } }],
    ["storage.durability", "relaxed", { storage: { mode: "sqlite", durability: "relaxed" } }],
    ["secret", "0123456789012345", { secret: "0123456789012345" }],
    [
      "dns.servers",
      "[10.0.0.53, '10.0.0.54:5353', '::1', '[::1]:53']",
      { dns: { servers: ["10.0.0.53", "10.0.0.54:5353", "::1", "[::1]:53"] } },
    ],
    ["dns.cache_ttl", "5m", { dns: { cacheTtlSec: 300 } }],
    ["mid_registrar", "", registrar({ outgoingExpiresSec: 3600 })],
    ["mid_registrar.outgoing_expires", "~", registrar({ outgoingExpiresSec: 3600 })],
  ])("%s: %s", (setting, yaml, expected) => {
    expect(load(withSetting(setting, yaml)).settings).toMatchObject(expected);
  });
});

test("settings cannot be changed, at any depth", () => {
  const { settings } = load({ yaml: "upstream: {uri: sip:h, trusted: [10.0.0.1]}" });
  const isFrozen = (value: unknown): boolean =>
    typeof value !== "object" ||
    value === null ||
    (Object.isFrozen(value) && Object.values(value).every(isFrozen));
  expect(isFrozen(settings)).toBe(true);
});
