/**
 * STUN on a SIP port: RFC 5626 section 8 asks for the Binding usage of RFC 5389 and nothing else, so
 * that phones behind NAT can keep their mapping alive and notice when it changes.
 */
import { ipOctets } from "./ip-literal.ts";

const HEADER_BYTES = 20;
const MAGIC_COOKIE = 0x2112a442;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const BINDING_ERROR = 0x0111;
const ERROR_CODE = 0x0009;
const UNKNOWN_ATTRIBUTES = 0x000a;
const XOR_MAPPED_ADDRESS = 0x0020;
/** From here on a server may ignore what it does not know (RFC 5389 section 15). */
const FIRST_OPTIONAL = 0x8000;
/** USERNAME, MESSAGE-INTEGRITY, REALM, NONCE: known, and of no meaning without authentication. */
const IGNORED = new Set([0x0006, 0x0008, 0x0014, 0x0015]);
const UNKNOWN_ATTRIBUTE_TEXT = Buffer.from("\0\0\u0004\u0014Unknown Attribute", "latin1");

/** Whether a datagram is STUN rather than SIP: first octet 0 or 1 and the cookie (RFC 5626 section 8). */
export function isStun(packet: Buffer): boolean {
  return packet.length >= 8 && packet.readUInt16BE(0) < 0x0200 && hasCookie(packet);
}

function hasCookie(packet: Buffer): boolean {
  return packet.readUInt32BE(4) === MAGIC_COOKIE;
}

/**
 * Answers a Binding request from that source with its XOR-MAPPED-ADDRESS, or with 420 when it holds
 * attributes that must be understood and are not (RFC 5389 section 7.3.1). Undefined for everything
 * else and for lengths that do not fit exactly. An answer is less than three times its request, so
 * that it is no amplifier.
 */
export function answerBinding(request: Buffer, address: string, port: number): Buffer | undefined {
  if (request.length < HEADER_BYTES || request.readUInt16BE(0) !== BINDING_REQUEST)
    return undefined;
  if (!hasCookie(request) || request.readUInt16BE(2) !== request.length - HEADER_BYTES) {
    return undefined;
  }
  const unknown = unknownAttributes(request);
  const octets = ipOctets(address);
  if (unknown === undefined || octets === undefined) return undefined;
  if (unknown.length > 0) return buildUnknownAttributes(request, unknown);
  return buildMessage(BINDING_SUCCESS, request, [
    buildAttribute(XOR_MAPPED_ADDRESS, buildMappedAddress(request, octets, port)),
  ]);
}

/** Types of the attributes the sender insists on and we do not know; undefined when one is cut off. */
function unknownAttributes(request: Buffer): number[] | undefined {
  const unknown: number[] = [];
  let at = HEADER_BYTES;
  while (at < request.length) {
    if (request.length - at < 4) return undefined;
    const type = request.readUInt16BE(at);
    if (type < FIRST_OPTIONAL && !IGNORED.has(type)) unknown.push(type);
    at += 4 + padded(request.readUInt16BE(at + 2));
  }
  return at === request.length ? unknown : undefined;
}

function buildUnknownAttributes(request: Buffer, unknown: readonly number[]): Buffer {
  const types = Buffer.alloc(unknown.length * 2);
  for (const [index, type] of unknown.entries()) types.writeUInt16BE(type, index * 2);
  return buildMessage(BINDING_ERROR, request, [
    buildAttribute(ERROR_CODE, UNKNOWN_ATTRIBUTE_TEXT),
    buildAttribute(UNKNOWN_ATTRIBUTES, types),
  ]);
}

/** RFC 5389 section 15.2: port and address are masked with the cookie and the transaction id. */
function buildMappedAddress(request: Buffer, octets: Buffer, port: number): Buffer {
  const value = Buffer.alloc(4 + octets.length);
  value.writeUInt8(octets.length === 4 ? 1 : 2, 1);
  value.writeUInt16BE(port ^ (MAGIC_COOKIE >>> 16), 2);
  for (const [index, octet] of octets.entries()) {
    value.writeUInt8(octet ^ request.readUInt8(4 + index), 4 + index);
  }
  return value;
}

function buildAttribute(type: number, value: Buffer): Buffer {
  const attribute = Buffer.alloc(4 + padded(value.length));
  attribute.writeUInt16BE(type, 0);
  attribute.writeUInt16BE(value.length, 2);
  value.copy(attribute, 4);
  return attribute;
}

function buildMessage(type: number, request: Buffer, attributes: readonly Buffer[]): Buffer {
  const header = Buffer.from(request.subarray(0, HEADER_BYTES));
  const message = Buffer.concat([header, ...attributes]);
  message.writeUInt16BE(type, 0);
  message.writeUInt16BE(message.length - HEADER_BYTES, 2);
  return message;
}

/** Attributes are aligned on four octets. */
function padded(length: number): number {
  return (length + 3) & ~3;
}
