import type { Protocol } from "../ports.ts";
import { bracketHost, ipOctets, isWildcard } from "./ip-literal.ts";
import { systemCode, TransportError, type TransportErrorCode } from "./transport-error.ts";

/** Where to listen, and how others get there. */
export interface ListenOptions {
  /** IP literal without brackets; the wildcards 0.0.0.0 and :: need `advertised`. */
  readonly address: string;
  /** 0 takes a free port, which `id`, `port` and `sentBy` show once the listener is open. */
  readonly port: number;
  /** Where others reach the listener when that is not its bind address. */
  readonly advertised?:
    | {
        readonly host: string /** The bind port when left out. */;
        readonly port?: number | undefined;
      }
    | undefined;
}

const FAILURES: Readonly<Record<string, readonly [TransportErrorCode, string]>> = {
  EADDRINUSE: [
    "LISTEN_IN_USE",
    "the port is in use; stop the other process or choose another port",
  ],
  EADDRNOTAVAIL: ["LISTEN_NOT_LOCAL", "this machine has no such address; listen on one it has"],
  EACCES: ["LISTEN_DENIED", "not permitted; use a port over 1023 or grant CAP_NET_BIND_SERVICE"],
  EPERM: ["LISTEN_DENIED", "not permitted; check the firewall or sandbox of the process"],
  EAFNOSUPPORT: ["LISTEN_NO_FAMILY", "the address family is off; enable it or remove the listener"],
};

/** What the system's refusal to listen means for the operator. */
export function listenFailure(
  protocol: Protocol,
  options: ListenOptions,
  cause: unknown,
): TransportError {
  const system = systemCode(cause);
  const [code, advice] = FAILURES[system] ?? ["LISTEN_FAILED", `the system says ${system}`];
  return new TransportError(code, `cannot listen on ${placeOf(protocol, options)}: ${advice}`, {
    cause,
  });
}

/** Throws a `TransportError` for options that no listener can have. */
export function checkListenOptions(protocol: Protocol, options: ListenOptions): void {
  const { address, port, advertised } = options;
  const place = placeOf(protocol, options);
  if (ipOctets(address) === undefined || !Number.isInteger(port) || port < 0 || port > 65_535) {
    const advice = "give an IP address and a port from 1 to 65535";
    throw new TransportError("LISTEN_BAD_ADDRESS", `cannot listen on ${place}: ${advice}`);
  }
  if (advertised === undefined && (isWildcard(address) || address.includes("%"))) {
    const advice = "others cannot send to that address; advertise one they can";
    throw new TransportError("LISTEN_NOT_ADVERTISED", `cannot listen on ${place}: ${advice}`);
  }
}

function placeOf(protocol: Protocol, { address, port }: ListenOptions): string {
  return `${protocol}:${bracketHost(address)}:${port}`;
}
