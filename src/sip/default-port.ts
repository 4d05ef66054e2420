import { type Uri, uriParam } from "./uri.ts";

/** The port of a URI that names none (RFC 3261 section 19.1.2, RFC 7118 section 5.2). */
export function defaultPort(uri: Uri): number {
  const transport = uriParam(uri, "transport")?.toLowerCase() ?? "";
  if (uri.scheme !== "sips") return defaultPortOf(transport);
  return defaultPortOf(transport === "ws" || transport === "wss" ? "wss" : "tls");
}

/** The port of a transport, as it stands in a URI or, in any case of letters, in a Via. */
export function defaultPortOf(transport: string): number {
  switch (transport.toLowerCase()) {
    case "tls":
      return 5061;
    case "ws":
      return 80;
    case "wss":
      return 443;
    default:
      return 5060;
  }
}
