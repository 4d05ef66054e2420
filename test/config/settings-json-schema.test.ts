import { expect, test } from "vitest";
import { settingsJsonSchema } from "../../src/config/settings-json-schema.ts";

test("the JSON schema names every setting, knows short forms, and refuses others", () => {
  const schema = settingsJsonSchema();
  expect(schema).toMatchObject({
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    required: ["upstream"],
    additionalProperties: false,
    properties: {
      upstream: {
        anyOf: [
          { type: "string" },
          { type: "object", required: ["uri"], additionalProperties: false },
        ],
      },
      listen: {
        anyOf: [
          { type: "string" },
          { type: "array", items: { anyOf: [{ type: "string" }, { type: "object" }] } },
        ],
      },
      mid_registrar: {
        additionalProperties: false,
        properties: {
          mode: {
            enum: expect.arrayContaining(["contact", "1", "contact_throttling", "ct", 1, "aor", 2]),
            default: "contact",
          },
          outgoing_expires: {
            type: ["integer", "string"],
            description: "Lifetime asked of the main registrar.",
          },
        },
      },
    },
  });
});

test("every setting in it has a description", () => {
  const bare: string[] = [];
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== "object" || node === null) return;
    const record = node as Record<string, unknown>;
    const isLeaf = "type" in record && record["type"] !== "object" && record["type"] !== "array";
    if (isLeaf && !("description" in record) && !path.endsWith("anyOf.0")) bare.push(path);
    for (const [key, value] of Object.entries(record)) visit(value, `${path}.${key}`);
  };
  visit(settingsJsonSchema(), "");
  expect(bare).toEqual([]);
});
