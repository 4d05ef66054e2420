export type TransportErrorCode =
  /** Another socket has that address and port. */
  | "LISTEN_IN_USE"
  /** The address belongs to no interface of this machine. */
  | "LISTEN_NOT_LOCAL"
  /** The process may not bind that port. */
  | "LISTEN_DENIED"
  /** The machine has no IPv4 or no IPv6. */
  | "LISTEN_NO_FAMILY"
  /** Not an IP literal, or not a port. */
  | "LISTEN_BAD_ADDRESS"
  /** A wildcard or link-local listener without an address that others can reach it by. */
  | "LISTEN_NOT_ADVERTISED"
  /** Anything else the system said. */
  | "LISTEN_FAILED"
  /** A certificate, its key or an authority cannot be read or used. */
  | "TLS_BAD_CERTIFICATE"
  /** The routing table has no way to an address. */
  | "NO_ROUTE";

/** Why a listener could not be opened. The message is one line: what, where, what to do. */
export class TransportError extends Error {
  override readonly name = "TransportError";
  readonly code: TransportErrorCode;

  constructor(code: TransportErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The system's code of a failed call ("EMSGSIZE"), or "EUNKNOWN" when it carries none. */
export function systemCode(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "EUNKNOWN";
}
