import { createHash } from "node:crypto";
import { parseAuthHeader } from "../../src/sip/auth-header.ts";
import { passwordOf } from "../auth/fixtures.ts";
import type { MainRegistrar } from "./main-registrar.ts";
import { answerTo, headerLines, requestOf } from "./messages.ts";

export interface DigestRegistrarOptions {
  readonly realm?: string;
  /** Further parameters of its challenges. */
  readonly params?: string;
  /** How many right answers it calls stale. */
  readonly staleAnswers?: number;
  /** Whether it challenges as a proxy does. */
  readonly isProxy?: boolean;
}

/** Makes a main registrar check digests (MD5), each nonce good for one request. */
export function checkDigests(main: MainRegistrar, options: DigestRegistrarOptions = {}): void {
  const { realm = "sip.test", params = ', qop="auth"', isProxy = false } = options;
  let staleAnswers = options.staleAnswers ?? 0;
  let nonces = 0;
  const challenge = (register: string, stale: string): string[] => {
    nonces += 1;
    const name = isProxy ? "Proxy-Authenticate" : "WWW-Authenticate";
    const line = `${name}: Digest realm="${realm}", nonce="main-${nonces}"${params}${stale}`;
    const [status, reason] = isProxy
      ? ([407, "Proxy Authentication Required"] as const)
      : ([401, "Unauthorized"] as const);
    return [answerTo(register, status, reason, { tag: "main", headers: [line] })];
  };
  main.answering = (register) => {
    const name = isProxy ? "Proxy-Authorization" : "Authorization";
    const given = headerLines(register, name).map((value) => parseAuthHeader(value)?.params);
    const [credentials] = given;
    if (given.length !== 1 || credentials === undefined) return challenge(register, "");
    const isFresh = credentials.get("nonce") === `main-${nonces}`;
    if (!isFresh || !isRight(credentials, register, realm)) return challenge(register, "");
    staleAnswers -= 1;
    return staleAnswers >= 0 ? challenge(register, ", stale=true") : [main.answer(register)];
  };
}

function isRight(params: ReadonlyMap<string, string>, register: string, realm: string): boolean {
  const field = (name: string): string => params.get(name) ?? "";
  const ha1 = md5(`${field("username")}:${realm}:${passwordOf(field("username"))}`);
  const between = params.has("qop")
    ? `${field("nonce")}:${field("nc")}:${field("cnonce")}:auth`
    : field("nonce");
  const { uri } = requestOf(register);
  const expected = md5(`${ha1}:${between}:${md5(`REGISTER:${uri}`)}`);
  return field("uri") === uri && field("response") === expected;
}

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}
