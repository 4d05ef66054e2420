/**
 * Checks of the code itself that no linter makes. Rules are explained in test/README.md.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { cruise } from "dependency-cruiser";
import { expect, test } from "vitest";
import { COUNTERS, GAUGES, TIMINGS } from "../src/metrics/catalogue.ts";

const PURE = /^src\/(sip|location|transaction|auth|pattern|registrar|proxy|push)\//;

const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => ({ path: `src/${path}`, text: readFileSync(`src/${path}`, "utf8") }));

function offenders(pattern: RegExp, files = sources): string[] {
  return files.filter(({ text }) => pattern.test(text)).map(({ path }) => path);
}

test("the dependency rule is really checked: every source file is cruised", async () => {
  const result = await cruise(["src"], { parser: "swc", doNotFollow: "node_modules" });
  const output = result.output as { modules: { source: string }[] };
  const cruised = output.modules.map((module) => module.source);
  expect(cruised).toEqual(expect.arrayContaining(sources.map(({ path }) => path)));
});

test("no module keeps mutable state at top level", () => {
  expect(offenders(/^(export )?let /mu)).toEqual([]);
});

test("pure rooms never read the clock", () => {
  const pure = sources.filter(({ path }) => PURE.test(path));
  expect(offenders(/new Date\(\)/u, pure)).toEqual([]);
});

test("no leftovers", () => {
  expect(offenders(/\b(FIXME|XXX|HACK)\b/u)).toEqual([]);
});

test("migrations are numbered without gaps", () => {
  const numbers = readdirSync("migrations")
    .filter((name) => name.endsWith(".sql"))
    .map((name) => Number(name.slice(0, 4)))
    .toSorted((a, b) => a - b);
  expect(numbers).toEqual(numbers.map((_, index) => index + 1));
});

test("the lockfile knows every platform's binaries, so npm ci works everywhere", () => {
  const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>;
  };
  const wanted = Object.values(lock.packages).flatMap((entry) =>
    Object.keys(entry.optionalDependencies ?? {}),
  );
  const locked = Object.keys(lock.packages);
  expect(wanted.filter((name) => !locked.some((path) => path.endsWith(`/${name}`)))).toEqual([]);
});

test("every room has its line in the code map", () => {
  const map = readFileSync("src/README.md", "utf8");
  const rooms = readdirSync("src", { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(
    rooms.filter(({ name }) => !map.includes(`| \`${name}/\` |`)).map(({ name }) => name),
  ).toEqual([]);
});

test("links in the documentation lead somewhere", () => {
  const pages = [
    "README.md",
    ...["src", "test", "deploy", "migrations"].flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((path) => path.endsWith("README.md"))
        .map((path) => join(folder, path)),
    ),
  ];
  const dead = pages.flatMap((page) =>
    [...readFileSync(page, "utf8").matchAll(/\]\(([^)#]+?)\)/gu)]
      .map(([, link = ""]) => link)
      .filter((link) => !link.includes("://") && !existsSync(join(dirname(page), link)))
      .map((link) => `${page}: ${link}`),
  );
  expect(dead).toEqual([]);
});

test("every metric says what it is, in its name's unit", () => {
  const metrics = Object.entries({ ...COUNTERS, ...GAUGES, ...TIMINGS });
  expect(metrics.filter(([, { help }]) => !/^[A-Z].*\.$/u.test(help))).toEqual([]);
  for (const name of Object.keys(COUNTERS)) expect(name).toMatch(/_total$/u);
  for (const name of Object.keys(TIMINGS)) expect(name).toMatch(/_seconds$/u);
});

test("every flag is in the README", () => {
  const readme = readFileSync("README.md", "utf8");
  const flags = [
    ...readFileSync("src/cli/command-line.ts", "utf8").matchAll(/^ {2}"?([a-z-]+)"?: \[/gmu),
  ];
  expect(flags.length).toBeGreaterThan(5);
  for (const [, flag = ""] of flags) expect(readme).toContain(`--${flag}`);
});
