import type { Clock } from "../ports.ts";

/** The Date header of answers (RFC 3261 section 20.17), written anew once a second. */
export class DateLine {
  readonly #clock: Clock;
  #sec = Number.NaN;
  #line = "";

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The header line with its CRLF. */
  readonly read = (): string => {
    const wallMs = this.#clock.wallMs();
    const sec = Math.floor(wallMs / 1000);
    if (sec !== this.#sec) {
      this.#sec = sec;
      // The format of toUTCString is the one of RFC 1123 that SIP wants, and always says GMT.
      this.#line = `Date: ${new Date(wallMs).toUTCString()}\r\n`;
    }
    return this.#line;
  };
}
