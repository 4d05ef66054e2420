/**
 * The fields of a JSON object, none but those that are known; otherwise a sentence that says what is wrong. A
 * field that was mistyped must not silently mean something else.
 */
export function fieldsOf(
  document: unknown,
  known: readonly string[],
): Readonly<Record<string, unknown>> | string {
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    return "The body must be a JSON object.";
  }
  const unknown = Object.keys(document).find((name) => !known.includes(name));
  if (unknown !== undefined) return `There is a field too many; known are ${known.join(", ")}.`;
  return { ...document };
}

/** A whole number in a range, both ends included; undefined for anything else. */
export function numberIn(value: unknown, min: number, max: number): number | undefined {
  const isFitting = typeof value === "number" && Number.isInteger(value);
  return isFitting && value >= min && value <= max ? value : undefined;
}
