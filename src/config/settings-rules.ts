/**
 * The schema of rules: what a REGISTER must be like, and what is set for it then.
 */
import { isIP } from "node:net";
import { z } from "zod";
import { compilePattern } from "../pattern/pattern.ts";
import { PatternProblem } from "../pattern/syntax.ts";
import { listenerId, parseListenAddress } from "./address.ts";
import { choice, leaf, onOrOff, Refusal } from "./leaf.ts";

/** Rules are tried one by one for each REGISTER. */
export const MAX_RULES = 100;
/** A rule's lists are searched one by one. */
const MAX_ITEMS = 32;
/** A pattern may take 130 kB once strangers' texts have been held against it. */
const MAX_PATTERNS = 256;

const PATTERN_RULE = "must be a glob such as Yealink*, or a regular expression such as /^T4[68]/i";

/** A setting of mid_registrar as a rule may have it: without a default, since not set means as there. */
export function inRule<T>(
  setting: z.ZodPrefault<z.ZodType<T, string>>,
): z.ZodOptional<z.ZodType<T, string>> {
  return setting.unwrap().optional();
}

/** One value or a list of them; a text is one value, whatever commas and blanks it has. */
const anyOf = <T>(item: z.ZodType<T, string>): z.ZodOptional<z.ZodArray<typeof item>> =>
  z
    .array(item)
    .min(1, "must have at least one item")
    .max(MAX_ITEMS, `must have at most ${MAX_ITEMS} items`)
    .meta({ isWhole: true })
    .optional();

export const pattern = (description: string): z.ZodType<string, string> =>
  leaf(parsePattern, { description });

function parsePattern(text: string): string | Refusal {
  try {
    return compilePattern(text).source;
  } catch (error) {
    if (!(error instanceof PatternProblem)) throw error;
    return new Refusal(PATTERN_RULE, `it ${error.message}`);
  }
}

export function parseSource(text: string): string | Refusal {
  const rule = "must be an IP address or NETWORK/BITS such as 10.0.0.0/8 or 2001:db8::/32";
  const [, address = "", bits = "0"] = /^([^/%]*)(?:\/(\d{1,3}))?$/u.exec(text) ?? [];
  const family = isIP(address);
  if (/^::ffff:.*\./iu.test(address)) return new Refusal(rule, "write the IPv4 address by itself");
  return family !== 0 && Number(bits) <= (family === 4 ? 32 : 128) ? text : new Refusal(rule);
}

function parseListenerId(text: string): string | Refusal {
  const found = parseListenAddress(text);
  return found instanceof Refusal ? found : listenerId(found);
}

function parseName(text: string): string | Refusal {
  const isName = /^[\x20-\x7e]{1,64}$/u.test(text);
  return isName ? text : new Refusal("must be a name of 1 to 64 printable ASCII characters");
}

/** What a REGISTER must be like. */
export const ruleMatch = z.strictObject({
  transport: anyOf(choice({ values: ["udp", "tcp", "tls", "ws", "wss"] }, "Transport it came by.")),
  listener: anyOf(
    leaf(parseListenerId, {
      description: "Listener it came to, as in listen: TRANSPORT:ADDRESS:PORT.",
    }),
  ),
  source: anyOf(
    leaf(parseSource, { description: "Network it came from: ADDRESS or NETWORK/BITS." }),
  ),
  domain: anyOf(pattern("Pattern of the To URI's host.")),
  aor: anyOf(pattern("Pattern of the address-of-record.")),
  user_agent: anyOf(pattern("Pattern of the User-Agent, which is what the device claims to be.")),
  push: onOrOff("Whether a contact has push parameters (RFC 8599).").optional(),
});

/** The name of a rule. */
export const ruleName = leaf(parseName, {
  description: "Name of the rule, for the log and for explain.",
});

/** A list of rules, as far as this file knows them. */
type Rules = ReadonlyArray<{ readonly name: string; readonly match: z.output<typeof ruleMatch> }>;

/** What makes single rules a good list. */
export function checkRuleList(rules: Rules, context: z.RefinementCtx): void {
  const names = rules.map(({ name }) => name);
  for (const [at, name] of names.entries()) {
    if (names.indexOf(name) === at) continue;
    context.addIssue({ code: "custom", message: "must not be given twice", path: [at, "name"] });
  }
  const patterns = rules.flatMap(({ match: { domain, aor, user_agent: agent } }) =>
    [domain, aor, agent].flatMap((list) => list ?? []),
  );
  if (patterns.length <= MAX_PATTERNS) return;
  const message = `must have at most ${MAX_PATTERNS} patterns together`;
  context.addIssue({ code: "custom", message, path: [] });
}
