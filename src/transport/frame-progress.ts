/** Longest header of a frame: two bytes, eight of length, four of mask (RFC 6455 section 5.2). */
const MAX_HEADER_BYTES = 14;
const FIN = 0x80;
const OPCODE = 0x0f;
/** Opcodes from here on are of control frames, which may come between the frames of a message (section 5.4). */
const FIRST_CONTROL = 0x8;
const MASKED = 0x80;
const LENGTH = 0x7f;

/** Whether a WebSocket has begun something and not ended it: follows its bytes from frame to frame (RFC 6455 section 5.2). */
export class FrameProgress {
  readonly #header = Buffer.alloc(MAX_HEADER_BYTES);
  /** How much of a header has come. */
  #headerBytes = 0;
  /** What is left to come of the payload behind it. */
  #payloadBytes = 0;
  /** Whether frames of a message have come, and not the one with FIN. */
  #isInMessage = false;

  /** Whether a frame or a message has begun and not ended. */
  get isPartial(): boolean {
    return this.#headerBytes > 0 || this.#isInMessage;
  }

  /** Takes the next bytes; returns whether something has ended in them, after which nothing is owed. */
  push(bytes: Buffer): boolean {
    let hasEnded = false;
    let at = 0;
    while (at < bytes.length) {
      at = this.#isHeaderWhole() ? this.#takePayload(bytes, at) : this.#takeHeader(bytes, at);
      if (!this.#isHeaderWhole() || this.#payloadBytes > 0) continue;
      this.#endFrame();
      hasEnded ||= !this.#isInMessage;
    }
    return hasEnded;
  }

  #isHeaderWhole(): boolean {
    return this.#headerBytes >= 2 && this.#headerBytes === this.#headerNeeds();
  }

  /** Of the two bytes that have come. */
  #headerNeeds(): number {
    const second = this.#header.readUInt8(1);
    return 2 + lengthBytes(second & LENGTH) + ((second & MASKED) === 0 ? 0 : 4);
  }

  #takeHeader(bytes: Buffer, at: number): number {
    this.#header.writeUInt8(bytes.readUInt8(at), this.#headerBytes);
    this.#headerBytes += 1;
    if (this.#isHeaderWhole()) this.#payloadBytes = this.#readLength();
    return at + 1;
  }

  #readLength(): number {
    const short = this.#header.readUInt8(1) & LENGTH;
    if (short === 126) return this.#header.readUInt16BE(2);
    // More than a message may have, which ws refuses, so it does not matter that this is not exact beyond 2^53.
    return short === 127
      ? this.#header.readUInt32BE(2) * 2 ** 32 + this.#header.readUInt32BE(6)
      : short;
  }

  #takePayload(bytes: Buffer, at: number): number {
    const taken = Math.min(this.#payloadBytes, bytes.length - at);
    this.#payloadBytes -= taken;
    return at + taken;
  }

  #endFrame(): void {
    const first = this.#header.readUInt8(0);
    this.#headerBytes = 0;
    if ((first & OPCODE) < FIRST_CONTROL) this.#isInMessage = (first & FIN) === 0;
  }
}

function lengthBytes(short: number): number {
  if (short === 126) return 2;
  return short === 127 ? 8 : 0;
}
