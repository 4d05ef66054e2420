import { expect, test, vi } from "vitest";
import { headerLine } from "../support/messages.ts";
import { RealProcess } from "../support/real-process.ts";
import { waitUntil } from "../support/wait-until.ts";
import { afterwards, makeDirectory } from "./left-over.ts";
import { MidregRun } from "./midreg-run.ts";
import { WirePhone } from "./wire-phone.ts";
import { WireRegistrar } from "./wire-registrar.ts";

// Some seconds is what most take; the machine may be busy with other things.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

/** Runs a command of midreg to its end. */
async function command(...args: readonly string[]): Promise<MidregRun & { code: number | null }> {
  const run = new MidregRun(args);
  afterwards(async () => run.dispose());
  const { code } = await run.ended();
  return Object.assign(run, { code });
}

test("an operator looks at, makes anew and removes what a real process holds", async () => {
  const registrar = await WireRegistrar.openRegistrar();
  afterwards(async () => registrar.close());
  const upstream = ["--upstream", `sip:127.0.0.1:${registrar.port}`];
  const ports = ["--listen", "udp:127.0.0.1:0", "--admin", "127.0.0.1:0"];
  const run = new MidregRun([...upstream, ...ports, "--data", makeDirectory()]);
  afterwards(async () => run.dispose());
  const ready = await run.logged("ready");
  const [{ id }] = ready["listeners"] as [{ id: string }];
  const admin = ["--admin", String(ready["admin"]).replace("http://", "")];
  const phone = await WirePhone.openPhone("alice", Number(id.split(":").at(-1)));
  afterwards(async () => phone.close());
  await phone.register();
  await phone.register();

  const [aor = ""] = /^alice@\S+/mu.exec((await command("aor", "list", ...admin)).stdout) ?? [];
  expect(aor).not.toBe("");
  const { stdout, code } = await command("aor", "show", aor, ...admin);
  expect(code).toBe(0);
  expect(stdout).toMatch(/ absorb +refresh /u);
  expect(stdout).toMatch(/ forward +new-aor +accepted /u);

  const before = registrar.registers.length;
  expect(await command("resync", ...admin)).toMatchObject({
    code: 0,
    stdout: "resync finished: 1 of 1 contacts, 0 skipped; 1 accepted\n",
  });
  expect(registrar.registers).toHaveLength(before + 1);

  expect(await command("aor", "rm", aor, ...admin)).toMatchObject({ code: 0 });
  expect(await command("aor", "rm", aor, ...admin)).toMatchObject({ code: 4 });
  expect((await command("aor", "list", "--json", ...admin)).stdout).toBe("");
});

test("a resync that a kill -9 has interrupted goes on when midreg is started again", async () => {
  const registrar = await WireRegistrar.openRegistrar();
  afterwards(async () => registrar.close());
  const upstream = `sip:127.0.0.1:${registrar.port}`;
  const midreg = await RealProcess.prepare({ upstream });
  afterwards(async () => midreg.dispose());
  await midreg.start();
  for (const user of ["alice", "bob", "carol", "dave", "erin", "frank"]) {
    // oxlint-disable no-await-in-loop -- One phone after the other.
    const phone = await WirePhone.openPhone(user, midreg.sipPort);
    afterwards(async () => phone.close());
    await phone.register();
    // oxlint-enable no-await-in-loop
  }
  const before = registrar.registers.length;
  const admin = ["--admin", `127.0.0.1:${midreg.adminPort}`];
  const run = new MidregRun(["resync", "--rate", "2", ...admin]);
  afterwards(async () => run.dispose());
  const sent = (): number => registrar.registers.length - before;
  await waitUntil("two made anew", () => sent() >= 2, { timeoutMs: 30_000, everyMs: 10 });
  await midreg.kill();
  await midreg.start();
  const status = async (): Promise<unknown> => (await midreg.get("/api/v1/resync")).json();
  expect(await status()).toMatchObject({ resumed: true, rate: 2, total: 6 });
  const finished = async (): Promise<boolean> =>
    ((await status()) as { state: string }).state === "finished";
  await waitUntil("the rest made anew", finished, { timeoutMs: 30_000, everyMs: 50 });
  // What was on its way to the disk when it was killed is made anew once more.
  expect(sent()).toBeGreaterThanOrEqual(6);
  expect(sent()).toBeLessThanOrEqual(8);
  const anew = registrar.registers.slice(before).map((text) => headerLine(text, "To"));
  expect(new Set(anew).size).toBe(6);
});
