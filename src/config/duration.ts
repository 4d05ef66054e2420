import type { z } from "zod";
import { leaf, Refusal } from "./leaf.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Milliseconds of `1500ms`, `90s`, `15m`, `2h`, `1d`, `1w`, or bare seconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const parts = /^(\d{1,12}(?:\.\d{1,3})?)\s?(ms|s|m|h|d|w)?$/u.exec(text);
  if (parts === null) return undefined;
  return Number(parts[1]) * (UNIT_MS[parts[2] ?? "s"] ?? Number.NaN);
}

/** A time in whole seconds within a range, both ends included. */
export function seconds(min: number, max: number, description: string): z.ZodType<number, string> {
  const rule = `must be whole seconds from ${min} to ${max}, or a time such as 90s, 15m, 2h or 1d`;
  const parse = (text: string): number | Refusal => {
    const value = (parseDuration(text) ?? Number.NaN) / 1000;
    return Number.isInteger(value) && value >= min && value <= max ? value : new Refusal(rule);
  };
  return leaf(parse, { description, type: ["integer", "string"] });
}

/** A time in milliseconds within a range of milliseconds, both ends included. */
export function milliseconds(
  minMs: number,
  maxMs: number,
  description: string,
): z.ZodType<number, string> {
  const rule = `must be from ${minMs / 1000} to ${maxMs / 1000} seconds, such as 10, 5s or 500ms`;
  const parse = (text: string): number | Refusal => {
    const value = Math.round(parseDuration(text) ?? Number.NaN);
    return value >= minMs && value <= maxMs ? value : new Refusal(rule);
  };
  return leaf(parse, { description, type: ["number", "string"] });
}
