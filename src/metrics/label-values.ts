/** Methods of RFC 3261, 3262, 3311, 3428, 3515, 3903, 6086 and 6665. */
const METHODS = new Set([
  "ACK",
  "BYE",
  "CANCEL",
  "INFO",
  "INVITE",
  "MESSAGE",
  "NOTIFY",
  "OPTIONS",
  "PRACK",
  "PUBLISH",
  "REFER",
  "REGISTER",
  "SUBSCRIBE",
  "UPDATE",
]);

/** IANA's registry of SIP response codes. */
const CODES = new Set(
  (
    "100 180 181 182 183 199 200 202 204 300 301 302 305 380 400 401 402 403 404 405 406 407 408 410 412 413 " +
    "414 415 416 417 420 421 422 423 424 425 428 429 430 433 436 437 438 439 440 469 470 480 481 482 483 484 " +
    "485 486 487 488 489 491 493 494 500 501 502 503 504 505 513 555 580 600 603 604 606 607 608"
  ).split(" "),
);

/** What stands for values that are not counted one by one. */
export const OTHER = "other";

/**
 * The value a label is counted under. Methods and status codes come from the network: unknown ones are put
 * together, so that a peer cannot make series.
 */
export function labelValue(name: string, value: string): string {
  if (name === "method") return METHODS.has(value) ? value : OTHER;
  if (name !== "code" || CODES.has(value)) return value;
  return /^[1-6]\d\d$/u.test(value) ? `${value.charAt(0)}xx` : OTHER;
}
