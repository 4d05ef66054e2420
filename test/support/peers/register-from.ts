import { createHash } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";

export interface Registration {
  readonly user: string;
  readonly domain: string;
  /** Without it a challenge is a failure. */
  readonly password?: string;
  /** Port on 127.0.0.1 to register from, and to be called at. */
  readonly port: number;
  readonly targetPort: number;
  readonly expiresSec: number;
  /** How long an answer may take; 3 seconds when left out. */
  readonly answerMs?: number;
}

const ANSWER_MS = 3000;

/**
 * Registers a device from a UDP port and lets the port go, so that another program can be called there.
 * Resolves to the 200; rejects on anything else.
 */
export async function registerFrom(registration: Registration): Promise<string> {
  const socket = createSocket("udp4");
  socket.bind(registration.port, "127.0.0.1");
  await once(socket, "listening");
  try {
    const first = await ask(socket, registration, 1, "");
    if (first.startsWith("SIP/2.0 200 ")) return first;
    const credentials = answerChallenge(first, registration);
    const second = await ask(socket, registration, 2, credentials);
    if (second.startsWith("SIP/2.0 200 ")) return second;
    throw new Error(`${registration.user} was refused: ${second.split("\r\n", 1)[0]}`);
  } finally {
    socket.close();
  }
}

async function ask(
  socket: Socket,
  { user, domain, port, targetPort, expiresSec, answerMs = ANSWER_MS }: Registration,
  cseq: number,
  credentials: string,
): Promise<string> {
  const aor = `sip:${user}@${domain}`;
  const text = [
    `REGISTER sip:${domain} SIP/2.0`,
    `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bK-${user}-${port}-${cseq};rport`,
    "Max-Forwards: 70",
    `From: <${aor}>;tag=from-${port}`,
    `To: <${aor}>`,
    `Call-ID: registration-of-${user}-${port}`,
    `CSeq: ${cseq} REGISTER`,
    `Contact: <sip:${user}@127.0.0.1:${port}>`,
    `Expires: ${expiresSec}`,
    ...(credentials === "" ? [] : [`Authorization: ${credentials}`]),
    "Content-Length: 0",
    "\r\n",
  ].join("\r\n");
  socket.send(text, targetPort, "127.0.0.1");
  const signal = AbortSignal.timeout(answerMs);
  const [answer] = (await once(socket, "message", { signal })) as [Buffer];
  const given = answer.toString("latin1");
  if (!given.startsWith("SIP/2.0 1")) return given;
  const [final] = (await once(socket, "message", { signal })) as [Buffer];
  return final.toString("latin1");
}

/** MD5 without qop (RFC 2617 section 3.2.2.1): all that the password rules of the suites ask for. */
function answerChallenge(response: string, { user, domain, password }: Registration): string {
  const challenge = /^WWW-Authenticate: Digest (.*)$/imu.exec(response)?.[1];
  if (challenge === undefined || password === undefined) {
    throw new Error(`${user} was refused: ${response.split("\r\n", 1)[0]}`);
  }
  const value = (name: string): string =>
    new RegExp(`\\b${name}="([^"]*)"`, "iu").exec(challenge)?.[1] ?? "";
  const [realm, nonce, uri] = [value("realm"), value("nonce"), `sip:${domain}`];
  const a1 = md5(`${user}:${realm}:${password}`);
  const digest = md5(`${a1}:${nonce}:${md5(`REGISTER:${uri}`)}`);
  return `Digest username="${user}", realm="${realm}", nonce="${nonce}", uri="${uri}", response="${digest}", algorithm=MD5`;
}

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}
