import { z } from "zod";
import { documentSchema } from "./settings.ts";

type Json = Readonly<Record<string, unknown>>;

/** The configuration file as a JSON schema (draft 2020-12), for editors and for `midreg` itself. */
export function settingsJsonSchema(): Json {
  return toRecord(openUp(z.toJSONSchema(documentSchema, { io: "input" })));
}

/** Adds the short forms that the loader takes: one text for a section, commas for a list. */
function openUp(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(openUp);
  if (typeof node !== "object" || node === null) return node;
  const { shorthand, isWhole: _, default: byDefault, ...rest } = toRecord(node);
  const open = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, openUp(value)]));
  const defaults = byDefault === undefined ? {} : { default: byDefault };
  if (open["type"] === "array") return { ...defaults, anyOf: [{ type: "string" }, open] };
  if (typeof shorthand !== "string") return { ...open, ...defaults };
  const { description, ...section } = open;
  const short = toRecord(section["properties"])[shorthand];
  return { description, ...defaults, anyOf: [short, section] };
}

function toRecord(value: unknown): Json {
  return typeof value === "object" ? { ...value } : {};
}
