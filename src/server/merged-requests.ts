import type { RelayBranch } from "../proxy/proxy-input.ts";
import type { SipRequest } from "../sip/message.ts";
import { MAX_MERGED_REQUESTS, MERGE_AGAIN_MS, MERGE_MS } from "./limits.ts";
import type { ServerTransaction, ServerTransactionUser } from "./server-transaction.ts";

/**
 * Final responses that a copy gets as the first one did. Others say nothing without their headers, or are successes,
 * after which the main registrar cancels the copy.
 */
function isToldAlike(status: number): boolean {
  return status >= 400 && status !== 401 && status !== 407;
}

/**
 * A request that goes to devices, and copies of it that the main registrar has sent to the same devices by other ways.
 * The copies wait, and get the answer of the first, so that whoever has called hears why and not that it was a copy.
 */
export class MergedRequest {
  readonly atMs: number;
  readonly #copies: ServerTransaction[] = [];
  #status = 0;
  #phrase = "";
  #endedAtMs = Number.POSITIVE_INFINITY;

  constructor(atMs: number) {
    this.atMs = atMs;
  }

  /** Whether what comes now is a copy. A failure is over soon: later on it is a further attempt to reach the device. */
  isCurrent(nowMs: number): boolean {
    return nowMs - this.atMs <= MERGE_MS && nowMs - this.#endedAtMs <= MERGE_AGAIN_MS;
  }

  /** Has a copy wait for the answer of the first. */
  join(copy: ServerTransaction): void {
    if (this.#status !== 0) return this.#tell(copy);
    this.#copies.push(copy);
    if (copy.method !== "INVITE") return undefined;
    copy.user = new CopyUser(copy);
    return copy.reply(100, "Trying");
  }

  /** The first has got its final response; 408 where it gets none. */
  end(status: number, phrase: string, nowMs: number): void {
    this.#status = status;
    this.#phrase = phrase;
    if (status >= 300) this.#endedAtMs = nowMs;
    for (const copy of this.#copies.splice(0)) this.#tell(copy);
  }

  #tell(copy: ServerTransaction): void {
    if (copy.isAnswered) return undefined;
    // RFC 4320 section 4.2, as for the first.
    if (this.#status === 408 && copy.method !== "INVITE") return copy.abandon();
    return isToldAlike(this.#status)
      ? copy.reply(this.#status, this.#phrase)
      : copy.reply(482, "Request Merged");
  }
}

class CopyUser implements ServerTransactionUser {
  readonly #copy: ServerTransaction;

  constructor(copy: ServerTransaction) {
    this.#copy = copy;
  }

  onCancel(): void {
    if (!this.#copy.isAnswered) this.#copy.reply(487, "Request Terminated");
  }

  onAck(): void {
    // No copy is answered with a 2xx.
  }
}

type Groups = ReadonlyArray<readonly RelayBranch[]>;

/** A request without the branches to devices that it has reached before, and the one that has. */
export interface Unmerged {
  readonly groups: Groups;
  /** Where it is a copy altogether: what it is a copy of. */
  readonly first: MergedRequest | undefined;
  /** To be told how the request ends; undefined where there can be no copies of it. */
  readonly own: MergedRequest | undefined;
}

/**
 * Finds requests that have come to a device before: a main registrar that knows a device under several contacts forks
 * to all of them, and the device must ring once (RFC 5626 section 7).
 */
export class MergedRequests {
  /** By the name of the request and the device, the oldest first. */
  readonly #seen = new Map<string, MergedRequest>();

  /** Takes out what the devices have got already; what is left they have got now. */
  split(request: SipRequest, groups: Groups, nowMs: number): Unmerged {
    let first: MergedRequest | undefined;
    const own = new MergedRequest(nowMs);
    let hasOwn = false;
    const isNew = ({ device }: RelayBranch): boolean => {
      if (device === undefined) return true;
      const found = this.#find(request, device, own);
      first ??= found;
      hasOwn ||= found === undefined;
      return found === undefined;
    };
    const left = groups.map((group) => group.filter(isNew));
    const isCopy = first !== undefined && left.every((group) => group.length === 0);
    return { groups: left, first: isCopy ? first : undefined, own: hasOwn ? own : undefined };
  }

  /** The request that has come to the device first; undefined when it is this one. */
  #find(
    { callId, fromTag, cseq }: SipRequest,
    device: string,
    own: MergedRequest,
  ): MergedRequest | undefined {
    // What makes a request the same is that of RFC 3261 section 8.2.2.2.
    const key = `${callId}\0${fromTag}\0${cseq.number} ${cseq.method}\0${device}`;
    const found = this.#seen.get(key);
    if (found?.isCurrent(own.atMs) === true) return found;
    this.#seen.delete(key);
    this.#seen.set(key, own);
    this.#forget(own.atMs);
    return undefined;
  }

  #forget(nowMs: number): void {
    for (const [key, { atMs }] of this.#seen) {
      if (nowMs - atMs <= MERGE_MS && this.#seen.size <= MAX_MERGED_REQUESTS) return;
      this.#seen.delete(key);
    }
  }
}
