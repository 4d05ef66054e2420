/**
 * What a REGISTER asks for about push, and what it is told (RFC 8599 section 5.6.1).
 */
import { makePurr } from "../location/purr.ts";
import { serializePush } from "../location/push-device.ts";
import { deviceOf, type PushParams, readPushParams } from "../location/push-params.ts";
import { HEADER } from "../sip/header-name.ts";
import { featureCapsOf } from "../sip/header-values.ts";
import {
  findLine,
  hasHeader,
  lineText,
  type SipRequest,
  type SipResponse,
} from "../sip/message.ts";
import { paramValue, unquote } from "../sip/params.ts";
import type { SipError } from "../sip/sip-error.ts";
import { parseUri, type Uri } from "../sip/uri.ts";
import type { PushParam, PushPolicy } from "./push-policy.ts";

/** A provider that a REGISTER is told of. */
interface Offer {
  /** As the device wrote it, or as the policy has it where it wrote none. */
  readonly name: string;
  readonly provider: string;
  /** The first device that is pushed to by it (push-device.ts); empty when it was only asked about. */
  readonly push: string;
  /** Whether that device says it can wake by itself (sip.pnsreg). */
  readonly wakesItself: boolean;
}

/** What is offered to the contacts of a REGISTER, each provider once; undefined for nothing. */
export type PushOffers = readonly Offer[] | undefined;

/** What of one contact matters to push. */
export interface PushedContact {
  /** How the device is woken (push-device.ts); empty when midreg does not push to it. */
  readonly push: string;
  /** What makes it one with other contacts of the same device; empty when it is only its URI. */
  readonly pushKey: string;
}

/** What holds for all contacts where nobody is pushed to. */
export const NOT_PUSHED: PushedContact = { push: "", pushKey: "" };

/** Reads one REGISTER's contacts. */
export class PushReader {
  readonly #policy: PushPolicy;
  readonly #request: SipRequest;
  readonly #offers = new Map<string, Offer>();
  /** What a proxy on the way from the device pushes by already; undefined until somebody asks. */
  #below: ReadonlySet<string> | undefined;

  constructor(policy: PushPolicy, request: SipRequest) {
    this.#policy = policy;
    this.#request = request;
  }

  get offers(): PushOffers {
    return this.#offers.size === 0 ? undefined : [...this.#offers.values()];
  }

  /** One contact with its header parameters. An error says what to answer. */
  read(uri: Uri, params: string): PushedContact | SipError {
    const asked = readPushParams(uri);
    if (asked === undefined) return NOT_PUSHED;
    if (asked.written === "") return this.#offerAll();
    return asked.prid === "" ? this.#answerQuestion(asked) : this.#readDevice(asked, params);
  }

  /** A contact that goes: nothing is offered to it, it is only recognised. */
  readRemoval(uri: Uri): PushedContact {
    const asked = readPushParams(uri);
    if (asked === undefined || deviceOf(asked) === undefined) return NOT_PUSHED;
    return { push: "", pushKey: pushKeyOf(asked, this.#policy.matchParams) };
  }

  /** RFC 8599 section 5.6.1.2: a provider without a name asks for all; those of a proxy before us go without saying. */
  #offerAll(): PushedContact {
    for (const provider of this.#policy.providers) {
      if (this.#pushedBelow().has(provider)) continue;
      this.#offer({ name: provider, provider, push: "", wakesItself: false });
    }
    return NOT_PUSHED;
  }

  #answerQuestion(asked: PushParams): PushedContact | SipError {
    const { written: name, provider } = asked;
    if (!this.#isKnown(asked)) return this.#refuse();
    if (!this.#pushedBelow().has(provider)) {
      this.#offer({ name, provider, push: "", wakesItself: false });
    }
    return NOT_PUSHED;
  }

  #readDevice(asked: PushParams, params: string): PushedContact | SipError {
    const device = deviceOf(asked);
    const pushKey = device === undefined ? "" : pushKeyOf(asked, this.#policy.matchParams);
    // RFC 8599 section 5.6.1.1: who has a proxy that pushes is not pushed to twice.
    if (this.#pushedBelow().size > 0) return { push: "", pushKey };
    if (device === undefined || !this.#isKnown(asked) || !this.#policy.gateway.canPush(device)) {
      return this.#refuse(pushKey);
    }
    const { written: name, provider } = asked;
    const wakesItself = paramValue(params, "+sip.pnsreg") !== undefined;
    const push = serializePush(device);
    this.#offer({ name, provider, push, wakesItself });
    return { push, pushKey };
  }

  #isKnown({ provider, isMalformed }: PushParams): boolean {
    return !isMalformed && this.#policy.providers.includes(provider);
  }

  /**
   * A 555 is allowed to those only who know that nobody else pushes (section 5.6.1.1), which is the operator. With a
   * proxy before us that pushes by something the request goes on in any case (section 5.6.1.2).
   */
  #refuse(pushKey = ""): PushedContact | SipError {
    if (this.#policy.unsupported === "forward" || this.#pushedBelow().size > 0) {
      return { push: "", pushKey };
    }
    return UNSUPPORTED;
  }

  #offer(offer: Offer): void {
    const known = this.#offers.get(offer.provider);
    if (known === undefined || known.push === "") this.#offers.set(offer.provider, offer);
  }

  #pushedBelow(): ReadonlySet<string> {
    this.#below ??= providersIn(this.#request);
    return this.#below;
  }
}

const UNSUPPORTED: SipError = {
  status: 555,
  reason: "Push Notification Service Not Supported",
};

/** The providers that the Feature-Caps of a request name, in lower case (RFC 8599 section 8.2). */
function providersIn(request: SipRequest): ReadonlySet<string> {
  if (!hasHeader(request, HEADER.featureCaps)) return NONE;
  const caps = featureCapsOf(request) ?? [];
  return new Set(
    caps.flatMap((one) => {
      const value = one.get("+sip.pns");
      return value === undefined ? [] : [unquote(value).toLowerCase()];
    }),
  );
}

const NONE: ReadonlySet<string> = new Set();

/** The values of the parameters by which devices are told apart, which compare exactly. */
function pushKeyOf(asked: PushParams, params: readonly PushParam[]): string {
  return params.map((name) => asked[FIELD[name]]).join(" ");
}

const FIELD = { "pn-provider": "provider", "pn-param": "param", "pn-prid": "prid" } as const;

/** The same for a contact that is bound already; empty when it has no push resource. */
export function pushKeyOfUri(uriText: string, params: readonly PushParam[]): string {
  const uri = parseUri(uriText);
  const asked = uri === undefined ? undefined : readPushParams(uri);
  return asked === undefined || deviceOf(asked) === undefined ? "" : pushKeyOf(asked, params);
}

/** The lines that tell the main registrar, and proxies on the way, that midreg pushes (section 5.6.1.1). */
export function offerLines(offers: PushOffers): readonly string[] {
  return (offers ?? []).map(({ name }) => `Feature-Caps: *;+sip.pns="${name}"`);
}

/** What the answer to the device is made with. */
export interface AnswerCapsInput {
  readonly offers: PushOffers;
  readonly policy: PushPolicy | undefined;
  /** What the request is about: contacts as they were asked for, and the identifiers of their bindings. */
  readonly contacts: ReadonlyArray<{
    readonly asked: PushedContact;
    readonly ctid: string | undefined;
  }>;
  readonly keys: { seal(text: string): string | undefined };
}

/** The Feature-Caps lines of a 2xx, each ended by CRLF (RFC 6809 section 6.2: the asterisk is not optional). */
export function answerCaps({ offers, policy, contacts, keys }: AnswerCapsInput): string {
  if (offers === undefined || policy === undefined) return "";
  let lines = "";
  for (const { name, provider, push, wakesItself } of offers) {
    const vapid = policy.gateway.vapidKey(provider);
    const ctid =
      policy.hasPurr && push !== ""
        ? contacts.find(({ asked }) => asked.push === push)?.ctid
        : undefined;
    const purr = ctid === undefined ? undefined : makePurr(ctid, keys);
    lines +=
      `Feature-Caps: *;+sip.pns="${name}"` +
      (vapid === undefined ? "" : `;+sip.vapid="${vapid}"`) +
      (wakesItself ? `;+sip.pnsreg="${policy.pnsregIntervalSec}"` : "") +
      (purr === undefined ? "" : `;+sip.pnspurr="${purr}"`) +
      "\r\n";
  }
  return lines;
}

/**
 * The Feature-Caps lines of the main registrar's answer that go on beside midreg's own: what is said of push there
 * is about midreg, whose contact it is.
 */
export function foreignCaps(response: SipResponse): string {
  let lines = "";
  let line = findLine(response, HEADER.featureCaps);
  for (; line !== -1; line = findLine(response, HEADER.featureCaps, line + 1)) {
    const text = lineText(response, line);
    if (!/\+sip\.pns/iu.test(text)) lines += `${text}\r\n`;
  }
  return lines;
}
