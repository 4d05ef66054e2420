/** A JSON object of somebody else's; an empty one when the text is none. */
export function parseJsonObject(text: string): Readonly<Record<string, unknown>> {
  // Most answers are so, and to find out by an exception costs more than the rest of a push's answer.
  if (text === "") return {};
  try {
    return asObject(JSON.parse(text));
  } catch {
    return {};
  }
}

/** The fields of a parsed value; none when it is no object. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}
