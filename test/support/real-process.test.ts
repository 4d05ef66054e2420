import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Metrics, RealProcess } from "./real-process.ts";

const SCRIPTS = mkdtempSync(join(tmpdir(), "midreg-scripts-"));

afterAll(() => {
  rmSync(SCRIPTS, { recursive: true });
});

function writeScript(name: string, lines: readonly string[]): string {
  const path = join(SCRIPTS, name);
  writeFileSync(path, lines.join("\n"));
  return path;
}

const UPSTREAM = "sip:127.0.0.1:5070";
const SERVER = writeScript("server.mjs", [
  'import { createServer } from "node:http";',
  "const admin = process.argv[process.argv.indexOf('--admin') + 1].split(':');",
  "createServer((request, answer) => answer.end(process.argv.slice(2).join(' ')))",
  "  .listen(Number(admin[1]), admin[0]);",
  "process.on('SIGTERM', () => process.exit(3));",
]);

test("the process is started with its flags, stopped, and started again in the same place", async () => {
  const midreg = await RealProcess.prepare({ upstream: UPSTREAM, entry: SERVER, args: ["--x"] });
  await midreg.start();
  const { pid } = midreg;
  const listen = `--listen udp:127.0.0.1:${midreg.sipPort} --admin 127.0.0.1:${midreg.adminPort}`;
  const flags = `--upstream ${UPSTREAM} ${listen} --data ${midreg.dataDir} --x`;
  expect(await (await midreg.get("/")).text()).toBe(flags);
  expect(await midreg.stop()).toEqual({ code: 3, signal: null });
  expect(midreg.isRunning).toBe(false);
  await midreg.start();
  expect(midreg.pid).not.toBe(pid);
  expect(await (await midreg.get("/")).text()).toBe(flags);
  expect(await midreg.kill()).toEqual({ code: null, signal: "SIGKILL" });
  await midreg.dispose();
  expect(existsSync(midreg.dataDir)).toBe(false);
});

test("a process that ends before it is ready says why", async () => {
  const entry = writeScript("broken.mjs", ["console.error('port in use'); process.exit(2);"]);
  const midreg = await RealProcess.prepare({ upstream: UPSTREAM, entry });
  await expect(midreg.start()).rejects.toThrow("port in use");
  await midreg.dispose();
});

test("a process that is never ready is given up", async () => {
  const entry = writeScript("mute.mjs", ["setInterval(() => undefined, 1000);"]);
  const midreg = await RealProcess.prepare({ upstream: UPSTREAM, entry });
  await expect(midreg.start(200)).rejects.toThrow("midreg ready: not within 200 ms");
  await midreg.dispose();
  expect(midreg.isRunning).toBe(false);
});

test("metrics are added up over the series with the labels asked for", () => {
  const metrics = new Metrics(
    [
      "# HELP midreg_registers_total REGISTERs",
      "# TYPE midreg_registers_total counter",
      'midreg_registers_total{result="absorbed",reason="proven"} 7',
      'midreg_registers_total{result="absorbed",reason="open"} 1.5e1',
      'midreg_registers_total{result="forwarded",reason="new"} 3',
      "midreg_usrloc_contacts 42",
      "",
    ].join("\n"),
  );
  expect(metrics.sum("midreg_registers_total")).toBe(25);
  expect(metrics.sum("midreg_registers_total", { result: "absorbed" })).toBe(22);
  expect(metrics.sum("midreg_registers_total", { reason: "new", result: "forwarded" })).toBe(3);
  expect(metrics.sum("midreg_usrloc_contacts")).toBe(42);
  expect(metrics.sum("midreg_registers")).toBe(0);
});
