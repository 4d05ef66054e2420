/** The manual's tables of settings against the schema. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { settingsJsonSchema } from "../../src/config/settings-json-schema.ts";

const README = readFileSync("README.md", "utf8");

type Node = Readonly<Record<string, unknown>>;

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Paths of all settings, items of lists with "[]" after the list's name. */
function settingsIn(node: unknown, path = ""): readonly string[] {
  if (!isNode(node)) return [];
  const forms = Array.isArray(node["anyOf"]) ? node["anyOf"] : [node];
  const found = forms.flatMap((form: unknown) => {
    if (!isNode(form)) return [];
    if (isNode(form["items"])) return settingsIn(form["items"], `${path}[]`);
    if (!isNode(form["properties"])) return [];
    return Object.entries(form["properties"]).flatMap(([name, value]) =>
      settingsIn(value, path === "" ? name : `${path}.${name}`),
    );
  });
  return found.length > 0 || path === "" ? found : [path.replace(/\[\]$/u, "")];
}

/** Names in the first cells of tables of settings; one without a section is of the one before it. */
function documented(): readonly string[] {
  const tables = [...README.matchAll(/^\| setting \|[^]*?\n(?!\|)/gmu)];
  const lines = tables.flatMap(([table = ""]) => table.split("\n").slice(2));
  return lines.flatMap((line) => namesIn(line.split("|")[1] ?? ""));
}

function namesIn(cell: string): readonly string[] {
  let section = "";
  return [...cell.matchAll(/`([^`]+)`/gu)].map(([, name = ""]) => {
    if (!name.includes(".")) return `${section}${name}`;
    section = name.replace(/[^.]+$/u, "");
    return name;
  });
}

/** A setting, a section of them (`tls.*` too), or the end of a path where the section stands above the table. */
function isKnown(name: string, settings: readonly string[]): boolean {
  const bare = name.replace(/\.\*$/u, "");
  return settings.some(
    (path) =>
      path === bare ||
      path.startsWith(`${bare}.`) ||
      path.startsWith(`${bare}[]`) ||
      path.endsWith(`.${bare}`),
  );
}

test("every setting in the manual's tables is one", () => {
  const settings = settingsIn(settingsJsonSchema());
  const names = documented();
  expect(names.length).toBeGreaterThan(100);
  expect(names.filter((name) => !isKnown(name, settings))).toEqual([]);
  expect(isKnown("mid_registrar.made_up", settings)).toBe(false);
});

test("every setting is told of in the manual", () => {
  // Of each secret there is a twin that names a file, as the manual says.
  const settings = settingsIn(settingsJsonSchema()).filter((path) => !path.endsWith("_file"));
  const missing = settings.filter((path) => {
    const name = path.replace(/^.*\./u, "");
    return !new RegExp(`(?<![a-z_-])${name}(?![a-z_-])`, "u").test(README);
  });
  expect(missing).toEqual([]);
});
