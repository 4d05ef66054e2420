import { z } from "zod";
import { suggest } from "./suggest.ts";

/** Why a text cannot be the value of a setting: the rule it breaks, and perhaps what was meant. */
export class Refusal {
  readonly rule: string;
  readonly hint: string | undefined;

  /** `rule` is a sentence without subject ("must be ...") that does not show the text; `hint` may. */
  constructor(rule: string, hint?: string) {
    this.rule = rule;
    this.hint = hint;
  }
}

/** What editors show about a setting, and which JSON types they accept for it. */
export interface About {
  readonly description: string;
  readonly type?: "string" | readonly string[];
  readonly enum?: readonly (string | number)[];
}

/** A setting that is one text, parsed by `parse` after its outer blanks are gone. */
export function leaf<T>(parse: (text: string) => T | Refusal, about: About): z.ZodType<T, string> {
  return z
    .string()
    .transform((text, context): T => {
      const value = parse(text.trim());
      if (!(value instanceof Refusal)) return value;
      const { rule: message, hint } = value;
      context.addIssue({ code: "custom", message, params: { hint } });
      return z.NEVER;
    })
    .meta({ ...about });
}

/** A whole number in a range, both ends included. */
export function wholeNumber(
  min: number,
  max: number,
  description: string,
): z.ZodType<number, string> {
  const rule = `must be a whole number from ${min} to ${max}`;
  const parse = (text: string): number | Refusal => {
    const value = /^\d{1,15}$/u.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? value : new Refusal(rule);
  };
  return leaf(parse, { description, type: ["integer", "string"] });
}

const SWITCH_POSITIONS: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  1: true,
  false: false,
  no: false,
  off: false,
  0: false,
};

/** Yes or no, in any of YAML's spellings or OpenSIPS' 1 and 0. */
export function onOrOff(description: string): z.ZodType<boolean, string> {
  const positions = new Map(Object.entries(SWITCH_POSITIONS));
  const parse = (text: string): boolean | Refusal =>
    positions.get(text.toLowerCase()) ?? new Refusal("must be true or false");
  return leaf(parse, { description, type: ["boolean", "integer", "string"] });
}

/** What a setting with a closed set of values accepts. */
export interface Choices<T extends string> {
  /** The values, in the order in which messages list them. */
  readonly values: readonly T[];
  /** Other spellings of the values. */
  readonly aliases?: Readonly<Record<string, T>>;
  /** Values that exist elsewhere and are not built yet, so that the message can say so. */
  readonly unavailable?: readonly string[];
}

/** One of a closed set of words; case does not count. */
export function choice<T extends string>(
  choices: Choices<T>,
  description: string,
): z.ZodType<T, string> {
  const { values, aliases = {}, unavailable = [] } = choices;
  const spellings = new Map<string, T>([
    ...values.map((value): [string, T] => [value, value]),
    ...Object.entries<T>(aliases),
  ]);
  const rule = values.length === 1 ? `must be ${values[0]}` : `must be one of ${values.join(", ")}`;
  const parse = (text: string): T | Refusal => {
    const word = text.toLowerCase();
    const value = spellings.get(word);
    if (value !== undefined) return value;
    if (unavailable.includes(word)) {
      return new Refusal(rule, `${word} is not available in this version`);
    }
    const meant = suggest(word, spellings.keys());
    return new Refusal(rule, meant === undefined ? undefined : `did you mean "${meant}"?`);
  };
  const words = [...spellings.keys()];
  const numbers = words.filter((word) => /^\d+$/u.test(word)).map(Number);
  return leaf(parse, {
    description,
    type: numbers.length > 0 ? ["string", "integer"] : "string",
    enum: [...words, ...numbers],
  });
}

/** Any text but an empty one. */
export const text = (description: string): z.ZodType<string, string> =>
  leaf((value) => (value === "" ? new Refusal("must not be empty") : value), { description });

/** Lists are searched one by one. */
const MAX_LIST_LENGTH = 256;

/** A list of settings of one kind. */
export const listOf = <T>(
  item: z.ZodType<T, string>,
  max = MAX_LIST_LENGTH,
): z.ZodArray<typeof item> => z.array(item).max(max, `must have at most ${max} items`);
