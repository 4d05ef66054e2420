import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readInstallSecrets } from "../../src/cli/install-secret.ts";
import { runProgram } from "../../src/cli/program.ts";
import { makeTempDirectory } from "./temp-directory.ts";

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `midreg secret` with these arguments. */
async function secret(...argv: readonly string[]): Promise<Ran> {
  const written = { out: "", err: "" };
  const code = await runProgram({
    argv: ["secret", ...argv],
    env: {},
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text;
    },
    readInput: () => "",
    onceStopped: () => undefined,
    onReload: () => undefined,
  });
  return { code, ...written };
}

/** A data directory with a secret, as a first start leaves it. */
function install(): { readonly dir: string; readonly path: string; readonly first: string } {
  const dir = makeTempDirectory();
  const [present] = readInstallSecrets({ secret: undefined, olderSecrets: [] }, dir);
  return { dir, path: join(dir, "install.secret"), first: present.toString("hex") };
}

function linesOf(path: string): readonly string[] {
  return readFileSync(path, "utf8").trimEnd().split("\n");
}

describe("midreg secret", () => {
  test("rotate puts a new one before those that are there, for its owner only, and shows none", async () => {
    const { dir, path, first } = install();
    chmodSync(path, 0o600);
    const { code, out, err } = await secret("rotate", "--data", dir);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const lines = linesOf(path);
    expect(lines).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/u), first]);
    expect(lines[0]).not.toBe(first);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(out).toContain(`${path} has a new secret, and 1 older one`);
    for (const line of lines) expect(out).not.toContain(line);
  });

  test("rotate keeps three older ones and then asks for them to be forgotten", async () => {
    const { dir, path, first } = install();
    for (let count = 0; count < 3; count += 1) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other.
      expect((await secret("rotate", "--data", dir)).code).toBe(0);
    }
    const full = linesOf(path);
    expect(full.at(-1)).toBe(first);
    expect(await secret("rotate", "--data", dir)).toEqual({
      code: 1,
      out: "",
      err: `midreg: ${path}: 3 older ones already; midreg secret forget drops them\n`,
    });
    expect(linesOf(path)).toEqual(full);
    expect((await secret("forget", "--data", dir)).out).toContain("has lost 3 older ones");
    expect(linesOf(path)).toEqual(full.slice(0, 1));
    expect(await secret("forget", "--data", dir)).toMatchObject({
      code: 1,
      err: `midreg: ${path}: there is no older secret\n`,
    });
  });

  test("finds the data directory as midreg does", async () => {
    const { dir, path } = install();
    const config = join(makeTempDirectory(), "midreg.yaml");
    writeFileSync(config, `data: ${dir}\n`);
    expect((await secret("rotate", "--config", config)).code).toBe(0);
    expect(linesOf(path)).toHaveLength(2);
  });

  test("leaves a secret alone that is configured, and says what to do", async () => {
    const { dir, path, first } = install();
    const config = join(makeTempDirectory(), "midreg.yaml");
    writeFileSync(config, `data: ${dir}\nsecret: configured-by-operator\n`);
    for (const action of ["rotate", "forget"]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other.
      const { code, err } = await secret(action, "--config", config);
      expect(code).toBe(1);
      expect(err).toContain("set a new one there, and name this one first in secret_previous");
      expect(err).not.toContain("configured-by-operator");
    }
    expect(linesOf(path)).toEqual([first]);
  });

  test.each(["rotate", "forget"])("%s makes no secret where there is none", async (action) => {
    const dir = makeTempDirectory();
    expect(await secret(action, "--data", dir)).toMatchObject({
      code: 1,
      err: `midreg: ${dir}/install.secret: no such file; midreg makes it when it starts\n`,
    });
  });

  test("does nothing with a file that is damaged", async () => {
    const { dir, path } = install();
    writeFileSync(path, "half a sec");
    expect(await secret("rotate", "--data", dir)).toMatchObject({
      code: 1,
      err: expect.stringContaining("the install secret is damaged"),
    });
    expect(readFileSync(path, "utf8")).toBe("half a sec");
  });

  test("a faulty configuration is told like any other", async () => {
    const config = join(makeTempDirectory(), "midreg.yaml");
    writeFileSync(config, "secret: short\n");
    expect(await secret("rotate", "--config", config)).toMatchObject({ code: 3, out: "" });
  });
});
