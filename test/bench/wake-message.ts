/** The messages of the phase of wakes, but for the REGISTERs of its devices. */
import { USER_PATTERN } from "./register-template.ts";

const TOKEN_HEAD = "0".repeat(56);
const USER = new RegExp(USER_PATTERN, "u");
/** Headers that an answer repeats (RFC 3261 section 8.2.6.2), but for To, which gets a tag. */
const REPEATED = /^(?:Via|v|From|f|Call-ID|i|CSeq)\s*:/iu;

/** Parameters of the contact of devices that APNs wakes; the digits of the device end the token. */
export function pushParamsOf(teamId: string): string {
  return `;pn-provider=apns;pn-param=${teamId}.org.example.bench.voip;pn-prid=${TOKEN_HEAD}`;
}

/** The device that a push token belongs to; undefined when it is none of ours. */
export function deviceOfToken(token: string): number | undefined {
  const digits = token.slice(TOKEN_HEAD.length);
  const isOurs = token.startsWith(TOKEN_HEAD) && /^[\da-f]{8}$/u.test(digits);
  return isOurs ? Number.parseInt(digits, 16) : undefined;
}

/** The device that a request is for: the first user that is named, in the Request-URI or in From. */
export function deviceOfRequest(request: string): number | undefined {
  const digits = USER.exec(request)?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

/** The URI in the Contact of a REGISTER. */
export function contactOf(register: string): string | undefined {
  return /^(?:Contact|m)\s*:[^<\r\n]*<([^>\r\n]+)>/imu.exec(register)?.[1];
}

export interface Called {
  /** Where the main registrar has the device. */
  readonly uri: string;
  /** Where the caller is. */
  readonly port: number;
  /** What the branch is told apart by: digits of the device and of the call. */
  readonly key: string;
  readonly runId: string;
}

/** A call from the main registrar's side. It offers nothing: its answer is no. */
export function inviteFor(called: Called): string {
  return [...headOf(called, "INVITE"), `To: <${called.uri}>`, "Content-Length: 0", "", ""].join(
    "\r\n",
  );
}

/** The ACK of a call that was refused, in the transaction of its INVITE (RFC 3261 section 17.1.1.3). */
export function ackFor(called: Called, answer: string): string {
  const to = /^(?:To|t)\s*:.*$/imu.exec(answer)?.[0] ?? `To: <${called.uri}>`;
  return [...headOf(called, "ACK"), to, "Content-Length: 0", "", ""].join("\r\n");
}

function headOf({ uri, port, key, runId }: Called, method: string): string[] {
  return [
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bK${key}`,
    "Max-Forwards: 70",
    `From: <sip:caller@127.0.0.1:${port}>;tag=${key}`,
    `Call-ID: ${key}-wake-${runId}`,
    `CSeq: 1 ${method}`,
    ...(method === "INVITE" ? [`Contact: <sip:caller@127.0.0.1:${port}>`] : []),
  ];
}

/** The 486 of a device: a final answer ends the call with the fewest messages. */
export function refuseCall(invite: string): string {
  const lines = invite.split("\r\n").flatMap((line) => {
    if (/^(?:To|t)\s*:/iu.test(line)) return [`${line};tag=device`];
    return REPEATED.test(line) ? [line] : [];
  });
  return ["SIP/2.0 486 Busy Here", ...lines, "Content-Length: 0", "", ""].join("\r\n");
}
