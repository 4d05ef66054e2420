const DEVICE_DIGITS = 8;
const CSEQ_DIGITS = 9;
/** CSeqs start here, so that they always have nine digits. */
export const FIRST_CSEQ = 100_000_001;
/** Bytes that stand for the digits to fill in. They occur in no header. */
const DEVICE_MARK = "\u0001".repeat(DEVICE_DIGITS);
const USER_MARK = "\u0003".repeat(DEVICE_DIGITS);
const CSEQ_MARK = "\u0002".repeat(CSEQ_DIGITS);
const COOKIE = "z9hG4bK";
const HEX = Buffer.from("0123456789abcdef");

export interface PhoneSite {
  /** Where the site's phones send from. */
  readonly address: string;
  readonly port: number;
  /** Host part of the addresses-of-record. */
  readonly domain: string;
  /** Distinguishes the Call-IDs of runs. */
  readonly runId: string;
  readonly expiresSec: number;
  /** Devices that follow each other and belong to one address-of-record. */
  readonly devicesPerAor: number;
  /** For devices that are woken: parameters of the contact, which the digits of the device end. */
  readonly pushParams?: string;
}

/** Device and CSeq that a message belongs to. */
export interface RequestKey {
  device: number;
  cseq: number;
}

/** Contact URI of a device at a site. */
export function contactUri({ address, port, pushParams }: PhoneSite, device: string): string {
  const uri = `sip:u${device}@${address}:${port};transport=udp;line=${device}`;
  return pushParams === undefined ? uri : `${uri}${pushParams}${device}`;
}

/** Finds the digits of a user. */
export const USER_PATTERN = `sips?:u([0-9a-f]{${DEVICE_DIGITS}})@`;

/**
 * The REGISTER of all phones of one site, built once: for each request only the digits of device,
 * user and CSeq are written over. About 570 bytes, as desk phones send them.
 */
export class RegisterTemplate {
  readonly site: PhoneSite;
  readonly #bytes: Buffer;
  readonly #deviceOffsets: readonly number[];
  readonly #userOffsets: readonly number[];
  readonly #cseqOffsets: readonly number[];

  constructor(site: PhoneSite) {
    const { address, port, domain, runId, expiresSec } = site;
    const user = `u${USER_MARK}`;
    this.site = site;
    this.#bytes = Buffer.from(
      [
        `REGISTER sip:${domain} SIP/2.0`,
        `Via: SIP/2.0/UDP ${address}:${port};rport;branch=${COOKIE}${DEVICE_MARK}${CSEQ_MARK}`,
        "Max-Forwards: 70",
        `From: "Phone ${DEVICE_MARK}" <sip:${user}@${domain}>;tag=${DEVICE_MARK}`,
        `To: <sip:${user}@${domain}>`,
        `Call-ID: ${DEVICE_MARK}-${runId}@${address}`,
        `CSeq: ${CSEQ_MARK} REGISTER`,
        `Contact: <${contactUri(site, DEVICE_MARK)}>`,
        "User-Agent: Bench Telephones BT-500/7.21.3.44",
        "Supported: path",
        "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REFER, NOTIFY, INFO, MESSAGE, UPDATE",
        `Expires: ${expiresSec}`,
        "Content-Length: 0",
        "",
        "",
      ].join("\r\n"),
      "latin1",
    );
    this.#deviceOffsets = offsetsOf(this.#bytes, DEVICE_MARK);
    this.#userOffsets = offsetsOf(this.#bytes, USER_MARK);
    this.#cseqOffsets = offsetsOf(this.#bytes, CSEQ_MARK);
  }

  /** The message for a device (below 2^32) and a nine-digit CSeq. The buffer is reused by the next call. */
  fill(device: number, cseq: number): Buffer {
    const bytes = this.#bytes;
    writeHex(bytes, this.#deviceOffsets, device);
    writeHex(bytes, this.#userOffsets, Math.trunc(device / this.site.devicesPerAor));
    let number = cseq;
    for (let digit = CSEQ_DIGITS - 1; digit >= 0; digit -= 1) {
      const rest = Math.trunc(number / 10);
      for (const offset of this.#cseqOffsets) bytes[offset + digit] = 48 + number - rest * 10;
      number = rest;
    }
    return bytes;
  }
}

/**
 * Reads device and CSeq out of the first branch of a message, which in an answer is the one of our own
 * Via (RFC 3261 section 17.1.3), into `key`. False when there is none of ours.
 */
export function readKey(message: Buffer, key: RequestKey): boolean {
  const at = message.indexOf(COOKIE, 0, "latin1") + COOKIE.length;
  if (at < COOKIE.length || at + DEVICE_DIGITS + CSEQ_DIGITS > message.length) return false;
  let device = 0;
  for (let i = at; i < at + DEVICE_DIGITS; i += 1) {
    const byte = message[i] ?? 0;
    device = (device << 4) | (byte < 58 ? byte - 48 : byte - 87);
  }
  let cseq = 0;
  const end = at + DEVICE_DIGITS + CSEQ_DIGITS;
  for (let i = at + DEVICE_DIGITS; i < end; i += 1) cseq = cseq * 10 + (message[i] ?? 0) - 48;
  key.device = device >>> 0;
  key.cseq = cseq;
  return true;
}

function writeHex(bytes: Buffer, offsets: readonly number[], value: number): void {
  let number = value;
  for (let digit = DEVICE_DIGITS - 1; digit >= 0; digit -= 1) {
    const byte = HEX[number & 15] ?? 0;
    for (const offset of offsets) bytes[offset + digit] = byte;
    number >>>= 4;
  }
}

function offsetsOf(bytes: Buffer, mark: string): number[] {
  const offsets: number[] = [];
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + 1)) offsets.push(at);
  return offsets;
}
