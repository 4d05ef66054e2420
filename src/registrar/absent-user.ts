/** Rules for users without contacts: there is no device that they could be held against, so the address itself has to do. */
import { canonicalAor } from "../location/address-of-record.ts";
import type { SipRequest } from "../sip/message.ts";
import { parseUri } from "../sip/uri.ts";
import type { RegisterPolicy } from "./register-policy.ts";
import { ctidOf } from "./rewrite-register.ts";
import { mismatchOf, type RegisterRule, type RuleFacts, type RuleMatch } from "./rules.ts";
import { aorOfUri } from "./shared-contact.ts";

/**
 * The first rule that matches a user without contacts whom a request is for. One that says what the device must be
 * like, or where it comes from, matches devices only.
 */
export function ruleForAbsent<Rule extends Pick<RegisterRule, "match">>(
  { to }: Pick<SipRequest, "to">,
  target: string,
  policy: RegisterPolicy,
  rules: readonly Rule[],
): Rule | undefined {
  if (rules.every(({ match }) => isAboutDevices(match))) return undefined;
  const facts = factsOf(to.uri, target, policy);
  return rules.find(
    ({ match }) => !isAboutDevices(match) && mismatchOf(match, facts) === undefined,
  );
}

function isAboutDevices({ transport, listener, source, userAgent, push }: RuleMatch): boolean {
  return [transport, listener, source, userAgent, push].some((given) => given !== undefined);
}

function factsOf(to: string, target: string, policy: RegisterPolicy): RuleFacts {
  const aor = sharedAor(target, policy) ?? canonicalAor(to, policy.aor);
  const known = typeof aor === "string" ? aor : "";
  const host = policy.aor.useDomain ? known.slice(known.lastIndexOf("@") + 1) : hostOf(to);
  return { ...NO_DEVICE, aor: known, domain: host };
}

/**
 * The address-of-record of the contact that the devices of a user share; undefined where the target is the contact of a
 * single device, which has gone with it. To says who is called, then.
 */
function sharedAor(target: string, policy: RegisterPolicy): string | undefined {
  const isInUser = policy.contactIdInsertion === "ct-username";
  const aor = aorOfUri(target, policy);
  if (aor === undefined || (!isInUser && ctidOf(target, policy) !== undefined)) return undefined;
  const isShared = policy.aor.useDomain ? aor.includes("@") : !isInUser || policy.mode === "aor";
  return isShared ? aor : undefined;
}

function hostOf(uri: string): string {
  return parseUri(uri)?.host.toLowerCase() ?? "";
}

const NO_DEVICE = {
  origin: { listener: { id: "", protocol: "" }, address: "" },
  userAgent: "",
  groups: [],
  hasPush: false,
} as const;
