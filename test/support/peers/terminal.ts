import { stdout } from "node:process";

/** Plain text for people: lines, one line of progress that stays in place, tables. */
export class Terminal {
  readonly #isTty = stdout.isTTY;
  readonly #hasColour = stdout.isTTY && (process.env["NO_COLOR"] ?? "") === "";
  readonly #statusEveryMs: number;
  #isStatusShown = false;
  #statusAtMs = 0;

  /** Without a terminal, progress becomes a line at most that often. */
  constructor(statusEveryMs: number) {
    this.#statusEveryMs = statusEveryMs;
  }

  line(text = ""): void {
    this.#clearStatus();
    stdout.write(`${text}\n`);
  }

  /** Progress: replaces itself on a terminal, otherwise becomes a line now and then. */
  status(text: string): void {
    if (this.#isTty) {
      this.#clearStatus();
      stdout.write(text.slice(0, stdout.columns - 1));
      this.#isStatusShown = true;
    } else if (performance.now() - this.#statusAtMs >= this.#statusEveryMs) {
      this.#statusAtMs = performance.now();
      stdout.write(`${text}\n`);
    }
  }

  /** Rows of cells; the first column is aligned left, the others right. */
  table(rows: readonly (readonly string[])[]): void {
    const widths = (rows[0] ?? []).map((_, column) =>
      Math.max(...rows.map((row) => row[column]?.length ?? 0)),
    );
    for (const row of rows) {
      const cells = row.map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      );
      this.line(`  ${cells.join("   ").trimEnd()}`);
    }
  }

  bold(text: string): string {
    return this.#paint(1, text);
  }

  dim(text: string): string {
    return this.#paint(2, text);
  }

  good(text: string): string {
    return this.#paint(32, text);
  }

  bad(text: string): string {
    return this.#paint(31, text);
  }

  #paint(code: number, text: string): string {
    return this.#hasColour ? `\u001B[${code}m${text}\u001B[0m` : text;
  }

  #clearStatus(): void {
    if (this.#isStatusShown) stdout.write("\r\u001B[K");
    this.#isStatusShown = false;
  }
}
