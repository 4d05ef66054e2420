import { mismatchOf, type RegisterFacts, type RegisterRule, type RuleMatch } from "./rules.ts";

/** How a rule stands to a REGISTER. */
export interface RuleVerdict {
  readonly name: string;
  readonly isMatched: boolean;
  /** What keeps it from matching, in words; empty when nothing does. */
  readonly reason: string;
}

/** How each rule stands to a REGISTER, in order; only the first that matches counts. */
export function explainRules(
  rules: readonly RegisterRule[],
  facts: RegisterFacts,
): readonly RuleVerdict[] {
  return rules.map(({ match, policy }) => {
    const reason = reasonOf(match, facts);
    return { name: policy.rule, isMatched: reason === "", reason };
  });
}

function reasonOf(match: RuleMatch, facts: RegisterFacts): string {
  const field = mismatchOf(match, facts);
  const { listener, address } = facts.origin;
  switch (field) {
    case undefined:
      return "";
    case "transport":
      return `transport ${listener.protocol} is not ${either(match.transport)}`;
    case "listener":
      return `listener ${listener.id} is not ${either(match.listener)}`;
    case "source":
      return `source ${address} is not in ${either(match.source?.map(({ source }) => source))}`;
    case "domain":
      return `domain ${quote(facts.domain)} is not like ${sources(match.domain)}`;
    case "aor":
      return `aor ${quote(facts.aor)} is not like ${sources(match.aor)}`;
    case "user_agent":
      return `user_agent ${quote(facts.userAgent)} is not like ${sources(match.userAgent)}`;
    case "push":
      return facts.hasPush ? "a contact has push parameters" : "no contact has push parameters";
    default:
      return field satisfies never;
  }
}

function sources(patterns: RuleMatch["aor"]): string {
  return either(patterns?.map(({ source }) => source));
}

function either(words: readonly string[] = []): string {
  return words.join(" or ");
}

function quote(text: string): string {
  return JSON.stringify(text);
}
