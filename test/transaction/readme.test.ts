import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { TIMER_RULES } from "../../src/transaction/timers.ts";
import { renderMermaid } from "../support/mermaid.ts";
import { MACHINES } from "./machines.ts";

const README = "src/transaction/README.md";

function renderTimers(): string {
  const rows = Object.entries(TIMER_RULES).map(
    ([timer, { unreliable, reliable, growth, rule }]) =>
      `| ${timer} | ${unreliable} | ${reliable} | ${growth} | ${rule} |`,
  );
  const head = [
    "| timer | unreliable transport | reliable | repeats | rule |",
    "|---|---|---|---|---|",
  ];
  return [...head, ...rows].join("\n");
}

/** Puts what is drawn between its marker and the next end marker. */
function fill(page: string, marker: string, drawn: string): string {
  const pattern = new RegExp(`(<!-- ${marker} -->\n)[^]*?(<!-- end -->)`, "u");
  expect(page).toMatch(pattern);
  return page.replace(pattern, (_, open: string, close: string) => `${open}\n${drawn}\n\n${close}`);
}

test("the diagrams and timers in the room's README are those of the tables", () => {
  const before = readFileSync(README, "utf8");
  let page = before;
  for (const { name, start, table } of MACHINES) {
    page = fill(page, name, `\`\`\`mermaid\n${renderMermaid(start, table)}\n\`\`\``);
  }
  page = fill(page, "timers", renderTimers());
  if (process.env["MIDREG_UPDATE_DIAGRAMS"] === "1") writeFileSync(README, page);
  expect(readFileSync(README, "utf8")).toBe(page);
});
