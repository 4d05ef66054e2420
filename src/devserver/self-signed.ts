import { createPublicKey, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIPv4 } from "node:net";

const DAY_MS = 86_400_000;

const OID = {
  commonName: "550403",
  ecdsaWithSha256: "2a8648ce3d040302",
  basicConstraints: "551d13",
  subjectAltName: "551d11",
} as const;

/** A certificate in PEM for localhost and the loopback addresses, signed by its own key (P-256), for a year (RFC 5280). */
export function makeSelfSigned(key: KeyObject, nowMs: number): string {
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const name = sequence(
    tlv(0x31, sequence(oid(OID.commonName), tlv(0x0c, Buffer.from("midreg push-server")))),
  );
  const publicKey = createPublicKey(key).export({ type: "spki", format: "der" });
  const toBeSigned = sequence(
    tlv(0xa0, integer(Buffer.from([2]))),
    integer(randomBytes(16)),
    algorithm,
    name,
    sequence(time(nowMs - DAY_MS), time(nowMs + 365 * DAY_MS)),
    name,
    publicKey,
    tlv(0xa3, sequence(isAuthority(), alternativeNames())),
  );
  const signature = sign("sha256", toBeSigned, key);
  const certificate = sequence(
    toBeSigned,
    algorithm,
    tlv(0x03, Buffer.concat([Buffer.from([0]), signature])),
  );
  const lines = certificate.toString("base64").match(/.{1,64}/gu) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function isAuthority(): Buffer {
  const yes = tlv(0x01, Buffer.from([0xff]));
  return sequence(oid(OID.basicConstraints), yes, tlv(0x04, sequence(yes)));
}

function alternativeNames(): Buffer {
  const addresses = ["127.0.0.1", "::1"].map((address) => tlv(0x87, addressBytes(address)));
  const names = sequence(tlv(0x82, Buffer.from("localhost")), ...addresses);
  return sequence(oid(OID.subjectAltName), tlv(0x04, names));
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split(".").map(Number));
  // Only ::1 is asked for.
  return Buffer.from([...Array.from({ length: 15 }, () => 0), 1]);
}

function tlv(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const bytes =
    length < 0x80
      ? [length]
      : length < 0x100
        ? [0x81, length]
        : [0x82, Math.floor(length / 0x100), length % 0x100];
  return Buffer.concat([Buffer.from([tag, ...bytes]), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

function oid(hex: string): Buffer {
  return tlv(0x06, Buffer.from(hex, "hex"));
}

/** A zero before it keeps it positive. */
function integer(bytes: Buffer): Buffer {
  const isNegative = (bytes[0] ?? 0) >= 0x80;
  return tlv(0x02, isNegative ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

/** UTCTime, which holds until 2049. */
function time(atMs: number): Buffer {
  const text = new Date(atMs).toISOString().replaceAll(/[-:T]|\.\d+/gu, "");
  return tlv(0x17, Buffer.from(text.slice(2)));
}
