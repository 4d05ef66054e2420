/**
 * Rules: the first one that matches a REGISTER says under which policy it is decided.
 */
import { canonicalAor } from "../location/address-of-record.ts";
import {
  type AddressGroups,
  addressGroups,
  isInNetwork,
  type Network,
} from "../location/network.ts";
import type { Pattern } from "../pattern/pattern.ts";
import { contactsOf } from "../sip/contact.ts";
import { HEADER } from "../sip/header-name.ts";
import { headerValues, type SipRequest } from "../sip/message.ts";
import { parseUri, uriParam } from "../sip/uri.ts";
import { userAgentOf } from "./read-register.ts";
import type { RegisterPolicy } from "./register-policy.ts";

/**
 * What a REGISTER must be like. All that is given has to match, and of a list any; what is undefined is not
 * looked at.
 */
export interface RuleMatch {
  readonly transport?: readonly string[] | undefined;
  /** Identifiers of listeners. */
  readonly listener?: readonly string[] | undefined;
  readonly source?: readonly Network[] | undefined;
  /** Host of the To URI, lower case. */
  readonly domain?: readonly Pattern[] | undefined;
  /** The address-of-record as bindings are kept under. */
  readonly aor?: readonly Pattern[] | undefined;
  readonly userAgent?: readonly Pattern[] | undefined;
  /** Whether a contact has push parameters (RFC 8599: pn-provider). */
  readonly push?: boolean | undefined;
}

export interface RegisterRule {
  readonly match: RuleMatch;
  /** Everything that holds for a REGISTER of this rule; it has the name of the rule. */
  readonly policy: RegisterPolicy;
}

/** Where a REGISTER came in; the address is an IP literal without brackets. */
export interface RegisterOrigin {
  readonly listener: { readonly id: string; readonly protocol: string };
  readonly address: string;
}

/** What rules look at. */
export interface RuleFacts {
  readonly origin: RegisterOrigin;
  /** Empty when there is none. */
  readonly aor: string;
  /** Host of the To URI, lower case. */
  readonly domain: string;
  readonly userAgent: string;
  /** The address in `origin`. */
  readonly groups: AddressGroups;
  /** Whether the device can be woken. */
  readonly hasPush: boolean;
}

/** The facts of a REGISTER. Each is worked out when the first rule asks for it. */
export class RegisterFacts implements RuleFacts {
  readonly request: SipRequest;
  readonly origin: RegisterOrigin;
  readonly #policy: RegisterPolicy;
  #aor: string | undefined;
  #domain: string | undefined;
  #userAgent: string | undefined;
  #groups: AddressGroups | undefined;
  #hasPush: boolean | undefined;

  constructor(request: SipRequest, origin: RegisterOrigin, policy: RegisterPolicy) {
    this.request = request;
    this.origin = origin;
    this.#policy = policy;
  }

  /** Empty when the To URI has none; such a REGISTER is refused under any policy. */
  get aor(): string {
    if (this.#aor === undefined) {
      const aor = canonicalAor(this.request.to.uri, this.#policy.aor);
      this.#aor = typeof aor === "string" ? aor : "";
    }
    return this.#aor;
  }

  get domain(): string {
    this.#domain ??= parseUri(this.request.to.uri)?.host.toLowerCase() ?? "";
    return this.#domain;
  }

  /** At most 255 bytes of it. */
  get userAgent(): string {
    this.#userAgent ??= userAgentOf(this.request);
    return this.#userAgent;
  }

  get groups(): AddressGroups {
    this.#groups ??= addressGroups(this.origin.address) ?? [];
    return this.#groups;
  }

  get hasPush(): boolean {
    this.#hasPush ??= hasPushParams(this.request);
    return this.#hasPush;
  }
}

/** RFC 8599 section 4.1.1: a device that can be woken says so in the URI of its contact. */
function hasPushParams(request: SipRequest): boolean {
  // Most requests have none, and this is cheaper than to take their contacts apart.
  const isLikely = headerValues(request, HEADER.contact).some((value) =>
    /pn-provider/iu.test(value),
  );
  const contacts = isLikely ? contactsOf(request) : undefined;
  if (contacts === undefined || contacts === "*") return false;
  return contacts.some(({ uri }) => {
    const parsed = parseUri(uri);
    return parsed !== undefined && uriParam(parsed, "pn-provider") !== undefined;
  });
}

/** The policy for a REGISTER: that of the first rule that matches, else the one without rules. */
export function policyFor(
  request: SipRequest,
  origin: RegisterOrigin,
  rules: readonly RegisterRule[],
  base: RegisterPolicy,
): RegisterPolicy {
  if (rules.length === 0) return base;
  return firstMatch(new RegisterFacts(request, origin, base), rules)?.policy ?? base;
}

/** The first rule that matches. */
export function firstMatch<Rule extends Pick<RegisterRule, "match">>(
  facts: RuleFacts,
  rules: readonly Rule[],
): Rule | undefined {
  for (const rule of rules) if (mismatchOf(rule.match, facts) === undefined) return rule;
  return undefined;
}

/** Names of what rules match on, as operators write them. */
export type MatchField =
  | "transport"
  | "listener"
  | "source"
  | "push"
  | "domain"
  | "aor"
  | "user_agent";

/** The first thing that keeps a rule from matching, cheap ones first; undefined when it matches. */
export function mismatchOf(match: RuleMatch, facts: RuleFacts): MatchField | undefined {
  return mismatchOfOrigin(match, facts) ?? mismatchOfRequest(match, facts);
}

function mismatchOfOrigin(match: RuleMatch, facts: RuleFacts): MatchField | undefined {
  const { transport, listener, source } = match;
  const { id, protocol } = facts.origin.listener;
  if (transport?.includes(protocol) === false) return "transport";
  if (listener?.includes(id) === false) return "listener";
  return source !== undefined && !isInAny(facts.groups, source) ? "source" : undefined;
}

function mismatchOfRequest(match: RuleMatch, facts: RuleFacts): MatchField | undefined {
  const { domain, aor, userAgent, push } = match;
  if (domain !== undefined && !isLikeAny(facts.domain, domain)) return "domain";
  if (aor !== undefined && !isLikeAny(facts.aor, aor)) return "aor";
  if (userAgent !== undefined && !isLikeAny(facts.userAgent, userAgent)) return "user_agent";
  return push !== undefined && push !== facts.hasPush ? "push" : undefined;
}

function isInAny(groups: AddressGroups, networks: readonly Network[]): boolean {
  for (const network of networks) if (isInNetwork(groups, network)) return true;
  return false;
}

function isLikeAny(text: string, patterns: readonly Pattern[]): boolean {
  for (const pattern of patterns) if (pattern.matches(text)) return true;
  return false;
}
