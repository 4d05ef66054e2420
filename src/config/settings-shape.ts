import { z } from "zod";
import type { SourceNode, SourceSection, SourceText } from "./source-tree.ts";

/** The names a section may have, in the order of the schema; none when the schema is not a section. */
export function settingNames(schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  const found = schemaAt(schema, path);
  return found instanceof z.ZodObject ? Object.keys(found.shape) : [];
}

/** The paths that one text can set: every leaf, every list, and every section with a shorthand. */
export function settingPaths(
  schema: z.core.$ZodType,
  path: readonly string[] = [],
): (readonly string[])[] {
  const inner = unwrap(schema);
  if (!(inner instanceof z.ZodObject)) return [path];
  const below = Object.keys(inner.shape).flatMap((name) => {
    const next = schemaAt(inner, [name]);
    return next === undefined ? [] : settingPaths(next, [...path, name]);
  });
  return shorthandOf(inner) === undefined ? below : [path, ...below];
}

/**
 * The tree with short forms written out: a text where the schema has a section with a shorthand becomes
 * that section, and a text where it has a list is split at commas, unless its items
 * may have commas themselves.
 */
export function writeOut(root: SourceSection, schema: z.core.$ZodType): SourceSection {
  const written = writeOutNode(root, schema);
  return written.kind === "section" ? written : root;
}

function writeOutNode(node: SourceNode, schema: z.core.$ZodType): SourceNode {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodArray) return writeOutList(node, inner);
  if (!(inner instanceof z.ZodObject)) return node;
  if (node.kind === "text") return writeOutShorthand(node, shorthandOf(inner));
  if (node.kind === "list") return node;
  const entries = [...node.entries].map(([name, entry]) => {
    const next = schemaAt(inner, [name]);
    const written = next === undefined ? entry.node : writeOutNode(entry.node, next);
    return [name, { ...entry, node: written }] as const;
  });
  return { ...node, entries: new Map(entries) };
}

function writeOutShorthand(node: SourceNode, name: string | undefined): SourceNode {
  if (name === undefined) return node;
  const entries = new Map([[name, { origin: node.origin, node }]]);
  return { kind: "section", origin: node.origin, entries, isShorthand: true };
}

function writeOutList(node: SourceNode, list: z.ZodArray): SourceNode {
  if (node.kind === "section") return node;
  const items = node.kind === "list" ? node.items : itemsOf(node, list);
  const written = items.map((item) => writeOutNode(item, list.element));
  return { kind: "list", origin: node.origin, items: written };
}

/** The items of a list written as one text: one of them where they may have commas and blanks inside. */
function itemsOf(node: SourceText, list: z.ZodArray): readonly SourceText[] {
  if (list.meta()?.["isWhole"] === true) return [node];
  const texts = node.text.split(/[\s,]+/u).filter((text) => text !== "");
  return texts.map((text) => ({ ...node, text }));
}

function schemaAt(
  schema: z.core.$ZodType,
  path: readonly PropertyKey[],
): z.core.$ZodType | undefined {
  let found: z.core.$ZodType | undefined = unwrap(schema);
  for (const step of path) {
    if (found instanceof z.ZodArray) found = unwrap(found.element);
    else if (found instanceof z.ZodObject && Object.hasOwn(found.shape, step)) {
      const shape: Readonly<Record<PropertyKey, z.core.$ZodType>> = found.shape;
      const next: z.core.$ZodType | undefined = shape[step];
      found = next === undefined ? undefined : unwrap(next);
    } else return undefined;
  }
  return found;
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const isWrapped = schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional;
  return isWrapped ? unwrap(schema.unwrap()) : schema;
}

function shorthandOf(schema: z.ZodObject): string | undefined {
  const shorthand = schema.meta()?.["shorthand"];
  return typeof shorthand === "string" ? shorthand : undefined;
}
