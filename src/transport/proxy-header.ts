import { MAX_PROXY_HEADER_BYTES } from "./limits.ts";

/** The first bytes of every header of the PROXY protocol, version 2. */
const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const FIXED_BYTES = 16;

/** Who a load balancer says has connected. */
export interface ProxiedSource {
  /** IP literal; undefined for a connection of the balancer's own, a health check for instance. */
  readonly address: string | undefined;
  readonly port: number;
  /** Bytes of the header. */
  readonly size: number;
}

/**
 * Reads a header of the PROXY protocol, version 2 (the specification of HAProxy, section 2.2), from the first bytes of
 * a connection. "more" when it has not come whole, undefined when it is none.
 */
export function readProxyHeader(bytes: Buffer): ProxiedSource | "more" | undefined {
  const seen = Math.min(bytes.length, SIGNATURE.length);
  if (!bytes.subarray(0, seen).equals(SIGNATURE.subarray(0, seen))) return undefined;
  if (bytes.length < FIXED_BYTES) return "more";
  const size = FIXED_BYTES + bytes.readUInt16BE(14);
  const command = bytes.readUInt8(12);
  // Version 2, and either LOCAL or PROXY.
  if ((command !== 0x20 && command !== 0x21) || size > MAX_PROXY_HEADER_BYTES) return undefined;
  if (bytes.length < size) return "more";
  if (command === 0x20) return { address: undefined, port: 0, size };
  return readAddresses(bytes.readUInt8(13), bytes.subarray(FIXED_BYTES, size), size);
}

/** Source address, destination address, source port, destination port. Only streams over IP make sense here. */
function readAddresses(kind: number, block: Buffer, size: number): ProxiedSource | undefined {
  if (kind === 0x11 && block.length >= 12) {
    return { address: block.subarray(0, 4).join("."), port: block.readUInt16BE(8), size };
  }
  if (kind === 0x21 && block.length >= 36) {
    const groups = Array.from({ length: 8 }, (_, at) => block.readUInt16BE(at * 2).toString(16));
    return { address: canonical(groups.join(":")), port: block.readUInt16BE(32), size };
  }
  return undefined;
}

/** The spelling that sockets use, so that one address is one source. */
function canonical(literal: string): string {
  return new URL(`http://[${literal}]/`).hostname.slice(1, -1);
}
