import { z } from "zod";
import { leaf, listOf, onOrOff, Refusal, text } from "./leaf.ts";

/** Each costs a connection and a queue. */
const MAX_PROVIDERS = 16;
const MAX_HOSTS = 64;
const MAX_TEMPLATE_LENGTH = 8192;

/** What a webhook's template may mention in braces; the gateway fills in the same. */
export const TEMPLATE_FIELDS = [
  "provider",
  "param",
  "prid",
  "purpose",
  "topic",
  "call_id",
  "caller_uri",
  "caller_name",
  "ttl",
  "expires_at",
] as const;

const DEFAULT_TEMPLATE =
  '{"provider":"{provider}","param":"{param}","prid":"{prid}","purpose":"{purpose}","topic":"{topic}",' +
  '"call_id":"{call_id}","caller_uri":"{caller_uri}","caller_name":"{caller_name}","ttl":"{ttl}","expires_at":"{expires_at}"}';

/** Where the push services that browsers and phones use have their subscriptions. */
const PUSH_SERVICES = [
  "fcm.googleapis.com",
  "updates.push.services.mozilla.com",
  "web.push.apple.com",
  "*.notify.windows.com",
];

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "[::1]" || /^127(\.\d+){3}$/u.test(host);

/** What is wrong with a URL that midreg shall send to, if anything. */
function refuseUrl(written: string): Refusal | undefined {
  const url = URL.canParse(written) ? new URL(written) : undefined;
  const isWeb = url?.protocol === "https:" || url?.protocol === "http:";
  if (url === undefined || !isWeb)
    return new Refusal("must be a URL such as https://push.example.com");
  if (url.username !== "" || url.password !== "")
    return new Refusal("must not have credentials in it");
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    return new Refusal("must be https, except on loopback");
  }
  return url.hash === "" ? undefined : new Refusal("must not have a fragment");
}

/** Scheme, host and port, given back without a slash at the end. */
function parseEndpoint(written: string): string | Refusal {
  const refusal = refuseUrl(written);
  if (refusal !== undefined) return refusal;
  const { origin, pathname, search } = new URL(written);
  return pathname === "/" && search === ""
    ? origin
    : new Refusal("must be scheme, host and port only, such as https://push.example.com:8443");
}

const parseUrl = (written: string): string | Refusal => refuseUrl(written) ?? written;

const endpoint = (description: string, preset: string): z.ZodPrefault<z.ZodType<string, string>> =>
  leaf(parseEndpoint, { description }).prefault(preset);

const caFile = text(
  "File of the authorities that the provider's certificate is checked against, in PEM; the system's when left out.",
).optional();

function matching(pattern: RegExp, rule: string, description: string): z.ZodType<string, string> {
  return leaf((value) => (pattern.test(value) ? value : new Refusal(rule)), { description });
}

const TEN = /^[A-Z0-9]{10}$/u;

const apns = z.strictObject({
  key: text("File of the signing key of the team (.p8)."),
  key_id: matching(TEN, "must be ten letters and digits", "Identifier of the signing key."),
  team_id: matching(TEN, "must be ten letters and digits", "Team that the key is of."),
  bundles: listOf(
    matching(
      /^[A-Za-z0-9.-]{1,155}$/u,
      "must be a bundle identifier such as com.example.phone",
      "App that may be pushed to; all of the team when none is listed.",
    ),
  ).prefault([]),
  endpoint: endpoint("Where APNs is.", "https://api.push.apple.com"),
  sandbox_endpoint: endpoint(
    "Where APNs is for devices that register with apns.dev.",
    "https://api.sandbox.push.apple.com",
  ),
  ca: caFile,
});

const fcm = z.strictObject({
  service_account: text("File of the service account that Google has issued (JSON)."),
  project_number: matching(
    /^\d{1,20}$/u,
    "must be digits",
    "Number of the project, for apps that give it in place of its name.",
  ).optional(),
  endpoint: endpoint("Where FCM is.", "https://fcm.googleapis.com"),
  token_endpoint: leaf(parseUrl, {
    description: "Where access tokens are had; what the service account says when left out.",
  }).optional(),
  ca: caFile,
});

const HOST_PATTERN = /^(\*|(\*\.)?([a-z0-9_-]+\.)*[a-z0-9_-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/u;

const webpush = z.strictObject({
  key: text("File of the private key that VAPID tokens are signed with: P-256, PEM."),
  subject: matching(
    /^(mailto:[^\s@]+@[^\s@]+|https:\/\/\S+)$/u,
    "must be a mailto: or https: URI",
    "Whom the push service can reach about midreg (RFC 8292 section 2.1).",
  ),
  hosts: listOf(
    leaf(
      (value) =>
        HOST_PATTERN.test(value.toLowerCase())
          ? value.toLowerCase()
          : new Refusal("must be HOST, *.DOMAIN or *, with :PORT where it is not 443"),
      { description: "Push service that subscriptions may be at: HOST, *.DOMAIN, or * for all." },
    ),
    MAX_HOSTS,
  ).prefault(PUSH_SERVICES),
  allow_private: onOrOff(
    "Whether subscriptions may be at private and loopback addresses; for tests and closed networks.",
  ).prefault("false"),
  ca: caFile,
});

function parseTemplate(written: string): unknown {
  if (written.length > MAX_TEMPLATE_LENGTH) {
    return new Refusal(`must have at most ${MAX_TEMPLATE_LENGTH} characters`);
  }
  const known: readonly string[] = TEMPLATE_FIELDS;
  const unknownField = [...written.matchAll(/\{([a-z_]+)\}/gu)].find(
    ([, name = ""]) => !known.includes(name),
  );
  if (unknownField !== undefined) {
    return new Refusal(`must not mention {${unknownField[1]}}; there is ${known.join(", ")}`);
  }
  try {
    const parsed: unknown = JSON.parse(written);
    return parsed;
  } catch {
    return new Refusal("must be JSON, with {prid} and the like inside of its texts");
  }
}

const TAKEN = ["apns", "apns.dev", "fcm", "webpush"];

const http = z.strictObject({
  name: leaf(
    (value) => {
      if (!/^[a-z0-9][a-z0-9._-]{0,31}$/u.test(value)) {
        return new Refusal("must be 1 to 32 lower-case letters, digits, -, _ and .");
      }
      return TAKEN.includes(value)
        ? new Refusal("must not be the name of a built-in provider")
        : value;
    },
    { description: "Value of pn-provider that goes there." },
  ),
  url: leaf(parseUrl, { description: "Where each push is sent, with POST." }),
  secret: text("File of the secret that requests are signed with (HMAC-SHA-256)."),
  template: leaf(parseTemplate, {
    description: "Body as JSON; {prid}, {purpose} and the like in its texts are filled in.",
  }).prefault(DEFAULT_TEMPLATE),
  ca: caFile,
});

const providerList = <T extends z.ZodType>(item: T): z.ZodPrefault<z.ZodArray<T>> =>
  z.array(item).max(MAX_PROVIDERS, `must have at most ${MAX_PROVIDERS} items`).prefault([]);

/** Who wakes devices. */
export const providers = z
  .strictObject({
    apns: providerList(apns),
    fcm: providerList(fcm),
    webpush: webpush.optional(),
    http: providerList(http),
  })
  .superRefine(({ apns: teams, http: hooks }, context) => {
    const complain = (path: PropertyKey[]): void =>
      context.addIssue({ code: "custom", message: "must not be given twice", path });
    const ids = teams.map(({ team_id: id }) => id);
    const names = hooks.map(({ name }) => name);
    for (const [at, id] of ids.entries()) {
      if (ids.indexOf(id) !== at) complain(["apns", at, "team_id"]);
    }
    for (const [at, name] of names.entries()) {
      if (names.indexOf(name) !== at) complain(["http", at, "name"]);
    }
  });

interface ProviderSettings {
  readonly apns: ReadonlyArray<{
    readonly keyFile: string;
    readonly keyId: string;
    readonly teamId: string;
    readonly bundles: readonly string[];
    readonly endpoint: string;
    readonly sandboxEndpoint: string;
    readonly caFile: string | undefined;
  }>;
  readonly fcm: ReadonlyArray<{
    readonly serviceAccountFile: string;
    readonly projectNumber: string | undefined;
    readonly endpoint: string;
    readonly tokenEndpoint: string | undefined;
    readonly caFile: string | undefined;
  }>;
  readonly webpush:
    | {
        readonly keyFile: string;
        readonly subject: string;
        readonly hosts: readonly string[];
        readonly allowsPrivate: boolean;
        readonly caFile: string | undefined;
      }
    | undefined;
  readonly http: ReadonlyArray<{
    readonly name: string;
    readonly url: string;
    readonly secretFile: string;
    readonly template: unknown;
    readonly caFile: string | undefined;
  }>;
}

/** The providers as the gateway takes them. */
export function toProviders(given: z.output<typeof providers>): ProviderSettings {
  const { webpush: web } = given;
  return {
    apns: given.apns.map((one) => ({
      keyFile: one.key,
      keyId: one.key_id,
      teamId: one.team_id,
      bundles: one.bundles,
      endpoint: one.endpoint,
      sandboxEndpoint: one.sandbox_endpoint,
      caFile: one.ca,
    })),
    fcm: given.fcm.map((one) => ({
      serviceAccountFile: one.service_account,
      projectNumber: one.project_number,
      endpoint: one.endpoint,
      tokenEndpoint: one.token_endpoint,
      caFile: one.ca,
    })),
    webpush:
      web === undefined
        ? undefined
        : {
            keyFile: web.key,
            subject: web.subject,
            hosts: web.hosts,
            allowsPrivate: web.allow_private,
            caFile: web.ca,
          },
    http: given.http.map((one) => ({
      name: one.name,
      url: one.url,
      secretFile: one.secret,
      template: one.template,
      caFile: one.ca,
    })),
  };
}
