import type { NameAddr } from "sip";
import sip from "sip";
import digest from "sip/digest.js";
import { LegacyProxy } from "./legacy-proxy.ts";
import { randomToken, type SipRequest, SipStack } from "./sip-stack.ts";

export interface LegacyRegistrarOptions {
  readonly port: number;
  readonly domain: string;
  /** Ask for a digest of the password that `passwordOf` gives; otherwise everybody is believed. */
  readonly requiresDigest: boolean;
  /** How long each REGISTER keeps it busy: it does one at a time. 0 for at once. */
  readonly serviceMs: number;
  readonly isRecordRouting: boolean;
  readonly onError: (error: Error) => void;
}

/** What the registrar has heard since it started. Retransmissions are not counted. */
export interface RegistrarCounters {
  readonly registers: number;
  readonly challenged: number;
  readonly accepted: number;
  /** Answered with any other final status: wrong password, CSeq going backwards, unknown domain. */
  readonly refused: number;
  readonly invites: number;
  /** Contacts that are bound now. */
  readonly contacts: number;
  /** REGISTERs of each user. */
  readonly registersByUser: Readonly<Record<string, number>>;
}

interface Registration {
  readonly uri: string;
  readonly callId: string;
  readonly cseq: number;
  readonly expiresAtMs: number;
}

const DEFAULT_EXPIRES_SEC = 3600;
const MAX_NONCES = 10_000;

/** The password rule that phones and the registrar agree on. */
export function passwordOf(user: string): string {
  return `pw-${user}`;
}

/** A main registrar of the old kind: one REGISTER after the other, nothing to help it. */
export class LegacyRegistrar {
  readonly #options: LegacyRegistrarOptions;
  readonly #stack: SipStack;
  readonly #proxy: LegacyProxy;
  readonly #bindings = new Map<string, Registration[]>();
  readonly #nonces = new Set<string>();
  readonly #registersByUser: Record<string, number> = {};
  #registers = 0;
  #challenged = 0;
  #accepted = 0;
  #refused = 0;
  #busyUntilMs = 0;

  constructor(options: LegacyRegistrarOptions) {
    this.#options = options;
    this.#stack = new SipStack({
      port: options.port,
      hostname: "registrar.test",
      onRequest: (request) => {
        this.#receive(request);
      },
      onError: options.onError,
    });
    this.#proxy = new LegacyProxy(this.#stack, options, (user) => this.#bound(user)[0]?.uri);
  }

  counters(): RegistrarCounters {
    return {
      registers: this.#registers,
      challenged: this.#challenged,
      accepted: this.#accepted,
      refused: this.#refused,
      invites: this.#proxy.invites,
      contacts: [...this.#bindings.keys()].reduce((sum, user) => sum + this.#bound(user).length, 0),
      registersByUser: { ...this.#registersByUser },
    };
  }

  close(): void {
    this.#stack.close();
  }

  #receive(request: SipRequest): void {
    if (request.method !== "REGISTER") {
      this.#proxy.receive(request);
      return;
    }
    const { serviceMs } = this.#options;
    const nowMs = performance.now();
    this.#busyUntilMs = Math.max(nowMs, this.#busyUntilMs) + serviceMs;
    if (serviceMs === 0) this.#register(request);
    else setTimeout(() => this.#register(request), this.#busyUntilMs - nowMs);
  }

  #register(request: SipRequest): void {
    const to = sip.parseUri(request.headers.to.uri);
    const user = to?.user ?? "";
    this.#registers += 1;
    this.#registersByUser[user] = (this.#registersByUser[user] ?? 0) + 1;
    if (to?.host !== this.#options.domain || user === "") this.#refuse(request, 404, "Not Found");
    else if (this.#options.requiresDigest && !this.#isProven(request, user))
      this.#challenge(request);
    else this.#bind(request, user);
  }

  #bind(request: SipRequest, user: string): void {
    const bindings = this.#bound(user);
    const contacts = request.headers.contact ?? [];
    const isStar = contacts[0]?.uri === "*";
    if (contacts.some((contact) => isStale(contact, request, bindings))) {
      this.#refuse(request, 500, "CSeq Goes Backwards");
      return;
    }
    const wanted = isStar ? [] : contacts.map((contact) => toRegistration(contact, request));
    const kept = bindings.filter(
      ({ uri }) => !isStar && !wanted.some((other) => other.uri === uri),
    );
    const nowMs = performance.now();
    // The newest comes first: it is the one that calls go to.
    const now = [...wanted, ...kept].filter(({ expiresAtMs }) => expiresAtMs > nowMs);
    this.#bindings.set(user, now);
    this.#accepted += 1;
    this.#stack.respond(request, 200, "OK", {
      headers: { to: tagged(request.headers.to), contact: now.map((one) => toContact(one, nowMs)) },
    });
  }

  #bound(user: string): Registration[] {
    const nowMs = performance.now();
    return (this.#bindings.get(user) ?? []).filter(({ expiresAtMs }) => expiresAtMs > nowMs);
  }

  #isProven(request: SipRequest, user: string): boolean {
    const given = request.headers.authorization?.[0];
    const nonce = unquote(given?.["nonce"]);
    if (given === undefined || !this.#nonces.has(nonce)) return false;
    const realm = this.#options.domain;
    const expected = digest.calculateDigest({
      ha1: digest.calculateUserRealmPasswordHash(user, realm, passwordOf(user)),
      method: request.method,
      uri: unquote(given["uri"]),
      nonce,
      nc: given["nc"],
      cnonce: unquote(given["cnonce"]),
      qop: unquote(given["qop"]),
    });
    return unquote(given["response"]) === expected;
  }

  #challenge(request: SipRequest): void {
    const nonce = randomToken();
    this.#nonces.add(nonce);
    const [oldest] = this.#nonces;
    if (this.#nonces.size > MAX_NONCES && oldest !== undefined) this.#nonces.delete(oldest);
    this.#challenged += 1;
    const challenge = {
      scheme: "Digest",
      realm: `"${this.#options.domain}"`,
      nonce: `"${nonce}"`,
      algorithm: "MD5",
      qop: '"auth"',
    };
    this.#stack.respond(request, 401, "Unauthorized", {
      headers: { to: tagged(request.headers.to), "www-authenticate": [challenge] },
    });
  }

  #refuse(request: SipRequest, status: number, reason: string): void {
    this.#refused += 1;
    const headers = { to: tagged(request.headers.to) };
    this.#stack.respond(request, status, reason, { headers });
  }
}

// RFC 3261 section 10.3 step 7: under one Call-ID the CSeq of a contact only grows.
function isStale(
  contact: NameAddr,
  request: SipRequest,
  bindings: readonly Registration[],
): boolean {
  const { "call-id": callId, cseq } = request.headers;
  return bindings.some(
    (known) => known.uri === contact.uri && known.callId === callId && known.cseq >= cseq.seq,
  );
}

function toRegistration(contact: NameAddr, request: SipRequest): Registration {
  const expiresSec = Number(
    contact.params["expires"] ?? request.headers.expires ?? DEFAULT_EXPIRES_SEC,
  );
  return {
    uri: contact.uri,
    callId: request.headers["call-id"],
    cseq: request.headers.cseq.seq,
    expiresAtMs: performance.now() + expiresSec * 1000,
  };
}

function toContact(registration: Registration, nowMs: number): NameAddr {
  const leftSec = Math.ceil((registration.expiresAtMs - nowMs) / 1000);
  return { uri: registration.uri, params: { expires: String(leftSec) } };
}

function tagged(to: NameAddr): NameAddr {
  return { ...to, params: { ...to.params, tag: randomToken() } };
}

function unquote(text: string | undefined): string {
  return (text ?? "").replace(/^"(.*)"$/u, "$1");
}
