import sip, { type RouteEntry } from "sip";
import type { SipRequest, SipResponse, SipStack } from "./sip-stack.ts";

export interface LegacyProxyOptions {
  readonly domain: string;
  readonly isRecordRouting: boolean;
}

/** An INVITE that has no final answer yet. */
interface PendingInvite {
  /** As it was sent on. */
  readonly request: SipRequest;
  hasProvisional: boolean;
  isCancelled: boolean;
}

/** The proxy half of the legacy registrar: one target, no forking, no fail-over. */
export class LegacyProxy {
  readonly #stack: SipStack;
  readonly #options: LegacyProxyOptions;
  readonly #lookup: (user: string) => string | undefined;
  readonly #pending = new Map<string, PendingInvite>();
  #invites = 0;

  /** `lookup` gives the contact URI that calls of a user go to. */
  constructor(
    stack: SipStack,
    options: LegacyProxyOptions,
    lookup: (user: string) => string | undefined,
  ) {
    this.#stack = stack;
    this.#options = options;
    this.#lookup = lookup;
  }

  /** INVITEs received. */
  get invites(): number {
    return this.#invites;
  }

  receive(request: SipRequest): void {
    if (request.method === "CANCEL") {
      this.#cancel(request);
      return;
    }
    const copy = sip.copyMessage(request, true);
    this.#popOwnRoute(copy);
    const target = this.#targetOf(copy);
    if (request.method === "ACK") this.#forwardAck(copy, target);
    else if (target === undefined) this.#stack.respond(request, 404, "Not Found");
    else if (Number(request.headers["max-forwards"] ?? 70) <= 0)
      this.#stack.respond(request, 483, "Too Many Hops");
    else this.#forward(request, { ...copy, uri: target });
  }

  #forward(request: SipRequest, copy: SipRequest): void {
    copy.headers["max-forwards"] = Number(request.headers["max-forwards"] ?? 70) - 1;
    const isInvite = request.method === "INVITE";
    const pending = { request: copy, hasProvisional: false, isCancelled: false };
    if (isInvite) {
      this.#invites += 1;
      this.#pending.set(keyOf(request), pending);
      this.#stack.respond(request, 100, "Trying");
      if (this.#options.isRecordRouting)
        copy.headers["record-route"] = [this.#ownRoute(), ...(copy.headers["record-route"] ?? [])];
    }
    this.#stack.request(copy, (response) => {
      this.#relay(response, pending);
      if (response.status >= 200) this.#pending.delete(keyOf(request));
    });
  }

  #relay(response: SipResponse, pending: PendingInvite): void {
    if (!pending.hasProvisional && response.status < 200) {
      pending.hasProvisional = true;
      if (pending.isCancelled) this.#stack.cancel(pending.request);
    }
    response.headers.via.shift();
    if (response.status !== 100) this.#stack.forward(response);
  }

  #cancel(request: SipRequest): void {
    const pending = this.#pending.get(keyOf(request));
    this.#stack.respond(
      request,
      pending === undefined ? 481 : 200,
      pending === undefined ? "" : "OK",
    );
    if (pending === undefined || pending.isCancelled) return;
    pending.isCancelled = true;
    // RFC 3261 section 9.1: not before the first provisional response.
    if (pending.hasProvisional) this.#stack.cancel(pending.request);
  }

  #forwardAck(copy: SipRequest, target: string | undefined): void {
    if (target === undefined) return;
    copy.headers.via.unshift({ params: { branch: sip.generateBranch() } });
    this.#stack.acknowledge({ ...copy, uri: target });
  }

  /** The Request-URI to send on with; undefined for a user of ours who is not registered. */
  #targetOf(request: SipRequest): string | undefined {
    const uri = sip.parseUri(request.uri);
    if (uri?.host !== this.#options.domain) return sip.stringifyUri(request.uri);
    return this.#lookup(uri.user ?? "");
  }

  #popOwnRoute(request: SipRequest): void {
    const first = request.headers.route?.[0];
    const uri = first === undefined ? undefined : sip.parseUri(first.uri);
    if (uri?.host === this.#stack.address && uri.port === this.#stack.port)
      request.headers.route?.shift();
  }

  #ownRoute(): RouteEntry {
    return { uri: `sip:${this.#stack.address}:${this.#stack.port};lr`, params: {} };
  }
}

// A CANCEL has the Call-ID, CSeq number and branch of its INVITE (RFC 3261 section 9.1).
function keyOf(request: SipRequest): string {
  const { "call-id": callId, cseq, via } = request.headers;
  return `${callId} ${cseq.seq} ${via[0]?.params["branch"] ?? ""}`;
}
