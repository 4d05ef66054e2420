/** Contacts with push parameters in every spelling that may be read as one, for properties. */
import * as fc from "fast-check";
import { BED, DESK } from "../support/sleepers.ts";

/** What stands in every value of one phone, and in none of another. */
export const SECRETS = { [BED]: "5ec4e7a", [DESK]: "b33f5ec4e7" } as const;
export type Place = typeof BED | typeof DESK;
export const PLACES: readonly Place[] = [BED, DESK];

const NAMES = [
  "pn-prid",
  "pn-param",
  "pn-tok",
  "pn-type",
  "app-id",
  "pn-msg-str",
  "pn-silent",
  "pn-x",
];

/** Each character as it is, in the other case, or escaped. */
function spelt(text: string, ways: readonly number[], hasCase: boolean): string {
  return Array.from(text)
    .map((char, at) => {
      const way = ways[at % ways.length];
      if (way === 1) return `%${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
      return way === 2 && hasCase ? char.toUpperCase() : char;
    })
    .join("");
}

const ways = fc.array(fc.constantFrom(0, 0, 0, 1, 2), { minLength: 1, maxLength: 7 });

/** A parameter of the URI; SECRET stands for what is secret. */
const uriParam = fc
  .tuple(fc.constantFrom(...NAMES), ways, ways)
  .map(([name, nameWays, valueWays]) => {
    return (secret: string): string =>
      `;${spelt(name, nameWays, true)}=${spelt(`${secret}00fc13`, valueWays, false)}`;
  });

/** A parameter of the header, which may be quoted, and blank where it likes. */
const headerParam = fc
  .tuple(fc.constantFrom(...NAMES), ways, fc.constantFrom("=", " = ", "=\t"), fc.boolean())
  .map(([name, nameWays, equals, isQuoted]) => {
    const written = spelt(
      name,
      nameWays.map((way) => (way === 1 ? 0 : way)),
      true,
    );
    return (secret: string): string =>
      `;${written}${equals}${isQuoted ? `"a;b ${secret}"` : `${secret}00`}`;
  });

/** What a device that can be woken says, in its own spelling. */
const wakable = fc
  .tuple(ways, ways, ways, fc.constantFrom("pn", "legacy"))
  .map(([first, second, third, kind]) => (secret: string): string => {
    const param = (name: string, value: string): string =>
      `;${spelt(name, first, true)}=${spelt(value, second, false)}`;
    const topic = `TEAM123456.${secret}.voip`;
    const token = spelt(`${secret}00fc13`, third, false);
    if (kind === "legacy") {
      return `${param("pn-type", "apple")}${param("app-id", topic)};pn-tok=${token}`;
    }
    return `${param("pn-provider", "apns")}${param("pn-param", topic)};PN-prid=${token}`;
  });

export interface Written {
  /** The name of the header, and a line break in its value perhaps. */
  readonly name: string;
  readonly fold: string;
  readonly display: string;
  readonly uriParams: (secret: string) => string;
  readonly headerParams: (secret: string) => string;
}

const joined = (parts: ReadonlyArray<(secret: string) => string>) => (secret: string) =>
  parts.map((part) => part(secret)).join("");

export const written: fc.Arbitrary<Written> = fc.record({
  name: fc.constantFrom("Contact", "m", "CONTACT"),
  fold: fc.constantFrom("", "", "\r\n "),
  display: fc.constantFrom("", '"pn-prid=x" ', "alice "),
  uriParams: fc
    .tuple(
      fc.constantFrom("", ";x=1", ";transport=udp"),
      fc.array(uriParam, { maxLength: 3 }),
      fc.option(wakable, { freq: 5 }),
    )
    .map(([first, more, wake]) =>
      joined([() => first, ...(wake === null ? [] : [wake]), ...more, () => ";y"]),
    ),
  headerParams: fc.array(headerParam, { maxLength: 2 }).map(joined),
});
