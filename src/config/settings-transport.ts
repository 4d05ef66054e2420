/** The sections about where midreg listens, connections and their certificates. */
import { z } from "zod";
import {
  type ListenAddress,
  parseAdvertised,
  parseListenAddress,
  parsePeerNetwork,
} from "./address.ts";
import { seconds } from "./duration.ts";
import { choice, leaf, listOf, onOrOff, text, wholeNumber } from "./leaf.ts";

const DAY_SEC = 86_400;
/** Each is read and parsed at start and at each reload. */
const MAX_CERTIFICATES = 64;

export const listener = z
  .strictObject({
    address: leaf(parseListenAddress, {
      description:
        "Where to listen: TRANSPORT:ADDRESS:PORT with udp, tcp, tls, ws or wss; IPv6 in brackets.",
    }),
    advertised: leaf(parseAdvertised, {
      description: "HOST or HOST:PORT that others reach this listener by, when behind NAT.",
    }).optional(),
    client_certificate: choice(
      { values: ["none", "request", "require"] },
      "The same as tls.client_certificate, for those who connect here.",
    ).optional(),
  })
  .meta({ shorthand: "address", description: "A socket for SIP." });

const certificate = z.strictObject({
  cert: text("File of the certificate in PEM, with the ones between it and its authority."),
  key: text("File of its key in PEM."),
});

export const tls = z.strictObject({
  certificates: z
    .array(certificate)
    .max(MAX_CERTIFICATES, `must have at most ${MAX_CERTIFICATES} items`)
    .prefault([]),
  ca: text("File of the authorities that certificates of others are checked against.").optional(),
  client_certificate: choice(
    { values: ["none", "request", "require"] },
    "Whether those who connect are asked for a certificate, and refused without a good one.",
  ).prefault("none"),
  min_version: choice(
    {
      values: ["TLSv1.2", "TLSv1.3"],
      aliases: { "tlsv1.2": "TLSv1.2", "1.2": "TLSv1.2", "tlsv1.3": "TLSv1.3", "1.3": "TLSv1.3" },
    },
    "Oldest version of TLS that is spoken.",
  ).prefault("TLSv1.2"),
  verify_servers: onOrOff(
    "Whether those midreg connects to have to prove their name (RFC 5922); off for tests only.",
  ).prefault("true"),
});

interface TlsSettings {
  readonly certificates: ReadonlyArray<{ readonly certFile: string; readonly keyFile: string }>;
  readonly caFile: string | undefined;
  readonly clientCertificate: "none" | "request" | "require";
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly verifiesServers: boolean;
}

/** The section as the transport takes it. */
export function toTls(given: z.output<typeof tls>): TlsSettings {
  return {
    certificates: given.certificates.map(({ cert, key }) => ({ certFile: cert, keyFile: key })),
    caFile: given.ca,
    clientCertificate: given.client_certificate,
    minVersion: given.min_version,
    verifiesServers: given.verify_servers,
  };
}

export const connections = z.strictObject({
  max: wholeNumber(10, 1_000_000, "Connections in all.").prefault("20000"),
  max_per_source: wholeNumber(1, 1_000_000, "Connections from one address.").prefault("2000"),
  idle_timeout: seconds(
    30,
    DAY_SEC,
    "How long a connection may be silent that no registered device lives on.",
  ).prefault("10m"),
  proxy_protocol: listOf(
    leaf(parsePeerNetwork, {
      description:
        "Load balancers that say by the PROXY protocol (version 2) who connects: ADDRESS, NETWORK/BITS.",
    }),
    64,
  ).prefault([]),
});

interface Given {
  readonly listen: ReadonlyArray<{
    readonly address: ListenAddress;
    readonly client_certificate?: unknown;
  }>;
  readonly upstream: { readonly uri: string };
  readonly upstreams: ReadonlyArray<{ readonly uri: string }>;
  readonly tls: { readonly certificates: readonly unknown[] };
}

/** What listeners, certificates and the main registrar's transport have to do with each other. */
export function checkTransports(given: Given, context: z.RefinementCtx): void {
  const protocols = given.listen.map(({ address }) => address.protocol);
  for (const [at, protocol] of protocols.entries()) {
    if ((protocol !== "tls" && protocol !== "wss") || given.tls.certificates.length > 0) continue;
    const message = "needs a certificate: set tls.certificates, a list of cert and key";
    context.addIssue({ code: "custom", message, path: ["listen", at] });
  }
  for (const [at, { address, client_certificate: asked }] of given.listen.entries()) {
    if (asked === undefined || address.protocol === "tls" || address.protocol === "wss") continue;
    const message = "is for listeners of tls and wss, which have certificates";
    context.addIssue({ code: "custom", message, path: ["listen", at, "client_certificate"] });
  }
  if (protocols.length === 0) return;
  const more = given.upstreams.map(({ uri }, at) => ({ uri, path: ["upstreams", at, "uri"] }));
  for (const { uri, path } of [{ uri: given.upstream.uri, path: ["upstream", "uri"] }, ...more]) {
    const wanted = transportOf(uri);
    if (protocols.some((protocol) => protocol === wanted)) continue;
    // The main registrar sends its calls to midreg the same way, so there has to be a place for them.
    const message = `needs a listener of its transport: add ${wanted}:ADDRESS:PORT to listen`;
    context.addIssue({ code: "custom", message, path });
  }
}

/** The transport that a URI asks for: udp unless it says otherwise. */
export function transportOf(uri: string): string {
  if (/^sips:/iu.test(uri)) return "tls";
  return /;transport=([^;]*)/iu.exec(uri)?.[1]?.toLowerCase() ?? "udp";
}
