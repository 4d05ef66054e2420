import { z } from "zod";
import { listenerId, parseAdminAddress, parseDnsServer } from "./address.ts";
import { seconds } from "./duration.ts";
import { choice, leaf, listOf, onOrOff, text, wholeNumber } from "./leaf.ts";
import {
  absorb,
  auth as authSection,
  decisions,
  lookup,
  lookupInRule,
  resync,
  toLookup,
  usrloc as usrlocSection,
} from "./settings-access.ts";
import { providers, toProviders } from "./settings-gateway.ts";
import { nathelper, pingInRule, toPings } from "./settings-ping.ts";
import { checkEdge, policySettings } from "./settings-policy.ts";
import { pushSettings, toPush, toRegistrarPush } from "./settings-push.ts";
import { checkRuleList, inRule, MAX_RULES, ruleMatch, ruleName } from "./settings-rules.ts";
import { secretSettings } from "./settings-secret.ts";
import { checkTransports, connections, listener, tls, toTls } from "./settings-transport.ts";
import { checkUpstreams, toUpstream, upstream, upstreams } from "./settings-upstreams.ts";
import { toWake, wakeSettings } from "./settings-wake.ts";
import {
  hasParam,
  parseAtEscape,
  parseContactIdParam,
  parseContactParamName,
  parseExtraContactParams,
  parseRealmPrefix,
} from "./sip-syntax.ts";

/** RFC 3261 section 25.1 delta-seconds is 32 bits; the sign bit stays free for arithmetic. */
const MAX_SECONDS = 2_147_483_647;

const DAY_SEC = 86_400;

/** Each listener costs a socket with a receive buffer of several MiB. */
const MAX_LISTENERS = 64;

const admin = z
  .strictObject({
    listen: leaf(parseAdminAddress, {
      description: "ADDRESS:PORT of metrics and health over HTTP, loopback only; or off.",
      type: ["string", "boolean"],
    }).prefault("127.0.0.1:8080"),
  })
  .meta({ shorthand: "listen", description: "The admin listener." });

const TAKEN_BY_ID = "must not have the parameter that contact_id_param names";

const midRegistrar = z
  .strictObject({
    mode: choice(
      {
        values: ["mirror", "contact", "aor"],
        aliases: {
          0: "mirror",
          contact_throttling: "contact",
          ct: "contact",
          1: "contact",
          aor_throttling: "aor",
          2: "aor",
        },
      },
      "What is registered upstream: every REGISTER, each contact for itself, or one contact per user.",
    ).prefault("contact"),
    contact_id_insertion: choice(
      {
        values: ["ct-param", "ct-username"],
        aliases: { ct_param: "ct-param", ct_username: "ct-username" },
      },
      "Where the contact identifier goes: into a URI parameter, or in place of the user.",
    ).prefault("ct-param"),
    contact_id_param: leaf(parseContactIdParam, {
      description: "Name of the URI parameter that carries the contact identifier.",
    }).prefault("ctid"),
    at_escape_str: leaf(parseAtEscape, {
      description: 'Stands for "@" in the user part of the contact that AoR throttling registers.',
    }).prefault("%40"),
    outgoing_expires: seconds(1, MAX_SECONDS, "Lifetime asked of the main registrar.").prefault(
      "3600",
    ),
    min_expires: seconds(
      0,
      MAX_SECONDS,
      "Shorter lifetimes are raised to this; 0 for none.",
    ).prefault("10"),
    default_expires: seconds(1, MAX_SECONDS, "Lifetime of a phone that asks for none.").prefault(
      "3600",
    ),
    max_expires: seconds(
      0,
      MAX_SECONDS,
      "Longer lifetimes are lowered to this; 0 for none.",
    ).prefault("3600"),
    expires_max_deviation: seconds(
      0,
      DAY_SEC,
      "Lifetimes granted to phones differ at random by up to this, so that they spread.",
    ).prefault("0"),
    max_username_len: wholeNumber(1, 1024, "Longest user part.").prefault("64"),
    max_domain_len: wholeNumber(1, 255, "Longest domain.").prefault("64"),
    max_aor_len: wholeNumber(1, 2048, "Longest address-of-record.").prefault("256"),
    max_contact_len: wholeNumber(1, 16_384, "Longest contact URI.").prefault("2048"),
    retry_after: seconds(0, DAY_SEC, "Retry-After in errors of midreg's own; 0 for none.").prefault(
      "0",
    ),
    case_sensitive: onOrOff("Whether case matters in the user part.").prefault("true"),
    realm_prefix: leaf(parseRealmPrefix, {
      description: "Beginning of the host that is dropped from addresses-of-record.",
    }).prefault(""),
    extra_contact_params: leaf(parseExtraContactParams, {
      description: "URI parameters added to every contact sent upstream.",
    }).prefault(""),
    upstream_contact_params: listOf(
      leaf(parseContactParamName, {
        description: "Contact parameter of the phone that is passed on to the main registrar.",
      }),
    ).prefault(["q", "methods"]),
    gruu: onOrOff(
      "Whether phones that ask for GRUUs get them; yes unless told otherwise.",
    ).optional(),
    disable_gruu: onOrOff("The opposite of gruu, as OpenSIPS has it.").optional(),
    upstream_margin: seconds(
      0,
      3600,
      "By how much the registration upstream must outlive the phone's.",
    ).prefault("2"),
    ...policySettings,
    ...pushSettings,
  })
  .superRefine(
    ({ contact_id_param: name, extra_contact_params: params }, context) => {
      if (!hasParam(params, name)) return;
      context.addIssue({ code: "custom", message: TAKEN_BY_ID, path: ["extra_contact_params"] });
    },
    { when: ({ issues }) => !issues.some(concernsParams) },
  )
  .superRefine(({ gruu, disable_gruu: isDisabled }, context) => {
    if (gruu === undefined || gruu !== isDisabled) return;
    context.addIssue({
      code: "custom",
      message: "must be the opposite of gruu",
      path: ["disable_gruu"],
    });
  });

/** Whether a complaint leaves the two settings above without a parsed value; others do not matter to them. */
function concernsParams({ code, path = [] }: z.core.$ZodRawIssue): boolean {
  if (path.length === 0) return code !== "unrecognized_keys";
  return path[0] === "contact_id_param" || path[0] === "extra_contact_params";
}

const { shape: registrar } = midRegistrar;

/** What a rule may set, all of it optional. */
const ruleSettings = z.strictObject({
  mode: inRule(registrar.mode),
  outgoing_expires: inRule(registrar.outgoing_expires),
  min_expires: inRule(registrar.min_expires),
  min_expires_mode: inRule(registrar.min_expires_mode),
  default_expires: inRule(registrar.default_expires),
  max_expires: inRule(registrar.max_expires),
  expires_max_deviation: inRule(registrar.expires_max_deviation),
  expires_range: inRule(registrar.expires_range),
  default_expires_range: inRule(registrar.default_expires_range),
  default_q: inRule(registrar.default_q),
  max_contacts: inRule(registrar.max_contacts),
  max_contacts_policy: inRule(registrar.max_contacts_policy),
  matching_mode: inRule(registrar.matching_mode),
  path_mode: inRule(registrar.path_mode),
  outbound_mode: inRule(registrar.outbound_mode),
  regid_mode: inRule(registrar.regid_mode),
  flow_timer: inRule(registrar.flow_timer),
  only_request_contacts: inRule(registrar.only_request_contacts),
  extra_contact_params: inRule(registrar.extra_contact_params),
  attr: inRule(registrar.attr),
  pn_enable: inRule(registrar.pn_enable),
  pn_enable_purr: inRule(registrar.pn_enable_purr),
  pn_pnsreg_interval: inRule(registrar.pn_pnsreg_interval),
  pn_unsupported: inRule(registrar.pn_unsupported),
  ...lookupInRule,
  ...pingInRule,
  absorb: inRule(absorb),
  upstream: leaf((name) => name, {
    description: "Main registrar that REGISTERs go to: main, or a name of upstreams.",
  }).optional(),
});

/** Names of what a rule may set. */
export type RuleSetting = keyof z.output<typeof ruleSettings>;

const rules = z
  .array(
    z.strictObject({
      name: ruleName,
      match: ruleMatch.prefault({}),
      set: ruleSettings.prefault({}),
    }),
  )
  .max(MAX_RULES, `must have at most ${MAX_RULES} items`)
  .superRefine(checkRuleList);

/** The configuration as operators write it: names and levels of the file, every leaf a text. */
export const documentSchema = z.strictObject({
  upstream,
  upstreams,
  listen: z
    .array(listener)
    .min(1, "must name at least one listener")
    .max(MAX_LISTENERS, `must have at most ${MAX_LISTENERS} items`)
    .superRefine((listeners, context) => {
      const places = listeners.map(({ address }) => listenerId(address));
      for (const [at, place] of places.entries()) {
        if (places.indexOf(place) === at || place.endsWith(":0")) continue;
        context.addIssue({
          code: "custom",
          message: "must not be listed twice",
          path: [at, "address"],
        });
      }
    })
    .prefault([{ address: "udp:0.0.0.0:5060" }]),
  admin: admin.prefault({}),
  data: text("Directory of the database.").prefault("./.midreg"),
  log: z
    .strictObject({
      level: choice(
        {
          values: ["debug", "info", "warn", "error", "silent"],
          aliases: { warning: "warn", off: "silent" },
        },
        "Least important lines to write.",
      ).prefault("info"),
    })
    .prefault({}),
  mid_registrar: midRegistrar.prefault({}),
  lookup: lookup.prefault({}),
  nathelper: nathelper.prefault({}),
  rules: rules.prefault([]),
  usrloc: usrlocSection.prefault({}),
  auth: authSection.prefault({}),
  decisions: decisions.prefault({}),
  resync: resync.prefault({}),
  push: z.strictObject({ providers: providers.prefault({}), ...wakeSettings }).prefault({}),
  storage: z
    .strictObject({
      mode: choice(
        { values: ["sqlite", "memory"], unavailable: ["redis", "valkey"] },
        "Where registrations are kept.",
      ).prefault("sqlite"),
      durability: choice(
        { values: ["commit", "fsync", "relaxed"] },
        "What an answer waits for: commit survives a crash of the process, fsync a loss of power.",
      ).prefault("commit"),
    })
    .prefault({}),
  ...secretSettings,
  tls: tls.prefault({}),
  connections: connections.prefault({}),
  dns: z
    .strictObject({
      servers: listOf(
        leaf(parseDnsServer, { description: "DNS server: ADDRESS or ADDRESS:PORT." }),
        16,
      ).prefault([]),
      cache_ttl: seconds(0, DAY_SEC, "Longest time a DNS answer is kept.").prefault("60"),
    })
    .prefault({}),
});

/** What rules and the rest of the configuration have to do with each other. */
function checkRules(given: Document, context: z.RefinementCtx): void {
  const known = given.listen.map(({ address }) => listenerId(address));
  for (const [at, { match, set }] of given.rules.entries()) {
    for (const [item, id] of (match.listener ?? []).entries()) {
      if (known.includes(id)) continue;
      const message = `must be one of ${known.join(", ")}`;
      const path = ["rules", at, "match", "listener", item];
      context.addIssue({ code: "custom", message, path });
    }
    if (hasParam(set.extra_contact_params ?? "", given.mid_registrar.contact_id_param)) {
      const path = ["rules", at, "set", "extra_contact_params"];
      context.addIssue({ code: "custom", message: TAKEN_BY_ID, path });
    }
  }
}

const checkedSchema = documentSchema
  .superRefine(checkRules)
  .superRefine(checkEdge)
  .superRefine(checkTransports)
  .superRefine(checkUpstreams);

/** From what operators write to what the appliance uses. */
export const settingsSchema = checkedSchema.transform((given) => ({
  upstream: toUpstream(given.upstream),
  upstreams: given.upstreams.map(({ name, ...one }) => ({ name, ...toUpstream(one) })),
  listeners: given.listen.map(toListener),
  admin: given.admin.listen,
  dataDir: given.data,
  logLevel: given.log.level,
  lookup: toLookup(given.lookup, {}),
  auth: {
    realm: given.auth.realm,
    algorithms: [...new Set(given.auth.algorithms)],
    hasQop: given.auth.qop === "auth",
    nonceLifetimeSec: given.auth.nonce_lifetime,
    credentialsFile: given.auth.credentials_file,
  },
  registrar: toRegistrar(given, {}),
  push: { ...toPush(given.mid_registrar), ...toWake(given.push) },
  rules: given.rules.map(({ name, match, set }) => ({
    name,
    match: toMatch(match),
    registrar: toRegistrar(given, set),
    lookup: toLookup(given.lookup, set),
    ping: set.ping ?? given.nathelper.ping,
  })),
  operation: {
    decisions: { perAor: given.decisions.per_aor, maxEntries: given.decisions.max },
    resyncRate: given.resync.rate,
    pings: toPings(given.nathelper),
    removesDeadFlows: given.mid_registrar.dead_flow === "remove",
    deadFlowGraceMs: given.mid_registrar.dead_flow_grace * 1000,
  },
  pushProviders: toProviders(given.push.providers),
  storage: given.storage,
  secret: given.secret,
  olderSecrets: given.secret_previous,
  dns: { servers: given.dns.servers, cacheTtlSec: given.dns.cache_ttl },
  tls: toTls(given.tls),
  connections: {
    max: given.connections.max,
    maxPerSource: given.connections.max_per_source,
    idleMs: given.connections.idle_timeout * 1000,
    proxyProtocol: given.connections.proxy_protocol,
  },
}));

/**
 * Everything an operator can set, checked and complete, deeply frozen. Times carry their unit in the
 * name. `advertised.host` is written as in a SIP URI (IPv6 in brackets); `address` is without brackets.
 * Port 0 means that the system chooses. `upstream.trusted` and `dns.servers` hold `address`,
 * `address:port`, `[v6]:port` and, the former, `network/bits`.
 */
export type Settings = Frozen<z.output<typeof settingsSchema>>;

type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T;

function toListener(given: Document["listen"][number]) {
  const { address, advertised, client_certificate: clientCertificate } = given;
  const { host, port = address.port } = advertised ?? { host: "" };
  return {
    protocol: address.protocol,
    address: address.address,
    port: address.port,
    advertised: advertised === undefined ? undefined : { host, port },
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
  };
}

/** A rule's conditions; those not given are undefined. */
function toMatch({ user_agent: userAgent, ...rest }: Document["rules"][number]["match"]) {
  return { ...rest, userAgent };
}

type Document = z.output<typeof documentSchema>;

/** The settings about registrations, with what a rule sets in the place of the general ones. */
function toRegistrar(
  { mid_registrar, usrloc, auth }: Document,
  { absorb: ownAbsorb, upstream: holder = "main", ...set }: Document["rules"][number]["set"],
) {
  const given: z.output<typeof midRegistrar> = Object.assign({}, mid_registrar, set);
  const minExpiresSec = given.min_expires;
  // OpenSIPS: a maximum below the minimum is raised to it, and the default is moved between the two.
  const maxExpiresSec = given.max_expires === 0 ? 0 : Math.max(given.max_expires, minExpiresSec);
  const highest = maxExpiresSec === 0 ? MAX_SECONDS : maxExpiresSec;
  return {
    mode: given.mode,
    contactIdInsertion: given.contact_id_insertion,
    contactIdParam: given.contact_id_param,
    atEscapeStr: given.at_escape_str,
    outgoingExpiresSec: given.outgoing_expires,
    minExpiresSec,
    defaultExpiresSec: Math.min(Math.max(given.default_expires, minExpiresSec), highest),
    maxExpiresSec,
    defaultQ: given.default_q,
    expiresMaxDeviationSec: given.expires_max_deviation,
    maxContacts: given.max_contacts,
    maxUsernameLength: given.max_username_len,
    maxDomainLength: given.max_domain_len,
    maxAorLength: given.max_aor_len,
    maxContactLength: given.max_contact_len,
    retryAfterSec: given.retry_after,
    caseSensitive: given.case_sensitive,
    realmPrefix: given.realm_prefix,
    extraContactParams: given.extra_contact_params,
    upstreamContactParams: [...new Set(given.upstream_contact_params)],
    gruu: given.gruu ?? given.disable_gruu !== true,
    upstreamMarginSec: given.upstream_margin,
    minExpiresMode: given.min_expires_mode,
    expiresRangePercent: given.expires_range,
    defaultExpiresRangePercent: given.default_expires_range,
    maxContactsPolicy: given.max_contacts_policy,
    matchingMode: given.matching_mode,
    pathMode: given.path_mode,
    pathFrom: given.path_from,
    pathUseReceived: given.path_use_received,
    outboundMode: given.outbound_mode,
    usesRegIdAlways: given.regid_mode,
    flowTimerSec: given.flow_timer,
    onlyRequestContacts: given.only_request_contacts,
    attr: given.attr,
    ...toRegistrarPush(given),
    useDomain: usrloc.use_domain,
    cseqDelaySec: usrloc.cseq_delay,
    absorb: ownAbsorb ?? auth.absorb,
    upstream: holder === "main" ? "" : holder,
  };
}
