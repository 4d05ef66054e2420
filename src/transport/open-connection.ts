import { connect as connectTcp, type Socket } from "node:net";
import { checkServerIdentity, connect as connectTls, type PeerCertificate } from "node:tls";
import type { Target } from "../ports.ts";
import { adoptSocket, type ConnectionModules } from "./adopt-socket.ts";
import type { Connection } from "./connection.ts";
import { isWildcard } from "./ip-literal.ts";
import { CONNECT_MS } from "./limits.ts";
import type { StreamListener } from "./stream-listener.ts";
import type { TlsContexts } from "./tls-contexts.ts";
import type { TlsFaults } from "./tls-faults.ts";

/**
 * Opens a connection from a listener's address to a target. It can be written to at once: what is written waits, and
 * fails with it. Undefined where midreg opens none: to WebSocket clients (RFC 7118 section 5), and by TLS without
 * settings for it.
 */
export function openConnection(
  listener: StreamListener,
  target: Target,
  tls: TlsContexts | undefined,
  modules: ConnectionModules & { readonly faults: TlsFaults },
): Connection | undefined {
  const { address, port, domain } = target;
  const socket = openSocket(listener, target, tls);
  if (socket === undefined) return undefined;
  const limit = setTimeout(() => {
    socket.destroy(new Error("no connection in time"));
  }, CONNECT_MS);
  const isSecure = listener.protocol === "tls";
  socket.once(isSecure ? "secureConnect" : "connect", () => clearTimeout(limit));
  socket.once("close", () => clearTimeout(limit));
  if (isSecure) socket.once("error", (error) => modules.faults.outgoing(target, error));
  return adoptSocket(socket, { listener, address, port, domain, isOutgoing: true }, modules);
}

function openSocket(
  listener: StreamListener,
  { address: host, port, domain }: Target,
  tls: TlsContexts | undefined,
): Socket | undefined {
  // The main registrar may know midreg by its address.
  const from = isWildcard(listener.address) ? {} : { localAddress: listener.address };
  if (listener.protocol === "tcp") return connectTcp({ host, port, ...from });
  if (listener.protocol !== "tls" || tls === undefined) return undefined;
  // RFC 5922 section 7: the certificate has to be for the domain that was asked for, or for the address.
  const name = domain === undefined ? {} : { servername: domain };
  const { verifiesServers: rejectUnauthorized, minVersion } = tls.options;
  return connectTls({
    host,
    port,
    ...from,
    ...name,
    ...tls.client,
    minVersion,
    rejectUnauthorized,
    checkServerIdentity: (asked, certificate) =>
      isSipDomain(certificate, domain) ? undefined : checkServerIdentity(asked, certificate),
  });
}

/**
 * Whether a certificate is for a domain by a SIP URI, which is the first thing that RFC 5922 section 7.1 looks at and TLS
 * by itself does not. DNS names, with wildcards though section 7.2 has none, and addresses are left to that.
 */
function isSipDomain(
  { subjectaltname = "" }: PeerCertificate,
  domain: string | undefined,
): boolean {
  // What has quotes in it has been made to be misread; no URI of a domain has.
  if (domain === undefined || subjectaltname.includes('"')) return false;
  const wanted = `uri:sip:${domain.toLowerCase()}`;
  return subjectaltname.split(", ").some((name) => name.toLowerCase() === wanted);
}
