import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { messageNames, readMessage } from "../conformance/corpus.ts";
import { statusOf } from "../support/messages.ts";
import { waitUntil } from "../support/wait-until.ts";
import { ANSWERED, DROPPED, mutate, otherRequest, register } from "./hostile-corpus.ts";
import { HostileScene } from "./hostile-scene.ts";
import { afterwards, makeDirectory } from "./left-over.ts";
import { MidregRun } from "./midreg-run.ts";
import { SEED, seeded } from "./seeded.ts";
import { WirePeer } from "./wire-peer.ts";
import { WirePhone } from "./wire-phone.ts";
import { WireRegistrar } from "./wire-registrar.ts";

// Five seconds is what the longest take; the machine may be busy with other things.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

/** What the good phone may have to wait for its 200, whatever else is going on. */
const LATE_MS = 3000;
/** Requests under way hold 128 MiB at most, three times over; the rest is what V8 has not given back yet. */
const MAX_GROWTH_BYTES = 640 * 2 ** 20;
/** Errors that one address gets at once, and in a second. */
const ERROR_BURST = 50;
const ERRORS_PER_SECOND = 20;
const SOON = { timeoutMs: 30_000, everyMs: 20 };

let scene: HostileScene;
let startedBytes = 0;

beforeAll(async () => {
  scene = await HostileScene.open(2);
  startedBytes = await scene.residentBytes();
});

/** Numbers of a flood, so that every datagram is new. */
function* numbers(count: number, from: number): Generator<number> {
  for (let at = from; at < from + count; at += 1) yield at;
}

async function expectUnharmed(): Promise<void> {
  const { midreg } = scene;
  expect(await scene.call()).toEqual({ answer: 200, bye: 200, heard: ["INVITE", "ACK", "BYE"] });
  expect(midreg.isRunning).toBe(true);
  expect((await midreg.get("/livez")).status).toBe(200);
  expect(await scene.counted("sip_dropped_total", { reason: "internal-error" })).toBe(0);
  expect(midreg.output).not.toContain('"level":"error"');
  expect(scene.slowestMs).toBeLessThan(LATE_MS);
}

afterEach(expectUnharmed);

describe("what is no SIP request at all is counted and gets no answer", () => {
  test.each(DROPPED)("$count times $name", async ({ counter, reason, count, build }) => {
    const before = await scene.counted(counter, { reason });
    const heard = scene.stranger.responses.length + scene.stranger.requests.length;
    await scene.flood(scene.stranger.socket, [...numbers(count, 0)].map(build));
    expect((await scene.counted(counter, { reason })) - before).toBe(count);
    expect(scene.stranger.responses.length + scene.stranger.requests.length).toBe(heard);
  });
});

describe("what is wrong with one request costs that request only", () => {
  const rows = Object.entries(ANSWERED).flatMap(([status, requests]) =>
    Object.entries(requests).map(([name, text]) => ({ name, text, status: Number(status) })),
  );
  test.each(rows)("$name: $status", async ({ text, status }) => {
    const peer = await WirePeer.open();
    const answer = await peer.request(text, scene.midreg.sipPort);
    await peer.close();
    expect(statusOf(answer)).toBe(status);
  });
});

/** Who sends: each has the message taken differently. */
const SENDERS = ["stranger", "bad", "registrar"] as const;

describe("torture messages", () => {
  const torture = ["rfc3261", "rfc4475", "rfc5118"].flatMap((folder) =>
    messageNames(folder).map((name) => readMessage(folder, name)),
  );

  test.each(SENDERS)("of RFC 4475 and 5118 as they are, from the %s", async (sender) => {
    await scene.flood(scene[sender].socket, torture);
    expect(scene.slowestMs).toBeLessThan(LATE_MS);
  });

  test.each(SENDERS)(
    `with up to eight things wrong, from the %s (SEED=${SEED})`,
    async (sender) => {
      const random = seeded(SEED);
      const seeds = [...torture, ...liveMessages()];
      const mutants = Array.from({ length: 2500 }, (_, at) =>
        mutate(seeds[at % seeds.length] ?? "", random),
      );
      await scene.flood(scene[sender].socket, mutants);
      expect(scene.slowestMs).toBeLessThan(LATE_MS);
    },
  );
});

test(`answers of the main registrar with something wrong are survived too (SEED=${SEED})`, async () => {
  const { registrar, stranger } = scene;
  const random = seeded(SEED);
  const usual = registrar.answering;
  registrar.answering = async (request) => mutate((await usual(request)) ?? "", random);
  const texts = [...numbers(600, 50_000)].map((at) => register(at));
  await scene.flood(stranger.socket, texts);
  const isOver = async (): Promise<boolean> => (await scene.counted("registers_in_flight")) === 0;
  await waitUntil("all have ended", isOver, SOON);
  registrar.answering = usual;
  expect(await scene.counted("sip_parse_errors_total", { reason: "bad-response" })).toBeGreaterThan(
    0,
  );
});

/** Messages that would get far if nothing were wrong with them. */
function liveMessages(): string[] {
  const { registrar, good, bad } = scene;
  const toGood = registrar.contactOf(good.address);
  const methods = ["INVITE", "MESSAGE", "OPTIONS", "SUBSCRIBE", "BYE", "CANCEL", "ACK"];
  return [
    bad.buildRegister(),
    bad.buildRegister({ expiresSec: 0 }),
    bad.buildRegister({ headers: ["Path: <sip:127.0.0.1:9;lr>", "Supported: path"] }),
    ...methods.flatMap((method) => [otherRequest(method, 1, toGood), otherRequest(method, 2)]),
    ...[...new Set(registrar.responses)].slice(-10),
    ...[...new Set(bad.responses)].slice(-10),
  ];
}

describe("floods", () => {
  test("of malformed requests get few answers, and all are counted", async () => {
    const { stranger } = scene;
    const count = 2000;
    const before = await scene.counted("sip_parse_errors_total", { reason: "bad-request" });
    const heard = stranger.responses.length;
    const startedAtMs = performance.now();
    const texts = [...numbers(count, 0)].map((at) => register(at, { length: "-1" }));
    await scene.flood(stranger.socket, texts);
    const tookSec = (performance.now() - startedAtMs) / 1000;
    const after = await scene.counted("sip_parse_errors_total", { reason: "bad-request" });
    expect(after - before).toBe(count);
    const most = ERROR_BURST + 1 + Math.ceil(tookSec * ERRORS_PER_SECOND);
    expect(stranger.responses.length - heard).toBeLessThanOrEqual(most);
  });

  test("of INVITEs from somebody unknown get few answers and reach nobody", async () => {
    const unknown = await WirePeer.open();
    const startedAtMs = performance.now();
    const texts = [...numbers(2000, 5_000_000)].map((at) => otherRequest("INVITE", at));
    await scene.flood(unknown.socket, texts);
    const tookSec = (performance.now() - startedAtMs) / 1000;
    await unknown.close();
    const relayed = [...scene.registrar.requests, ...scene.good.requests];
    expect(relayed.filter((text) => text.includes("Call-ID: other-5000"))).toEqual([]);
    const most = ERROR_BURST + 1 + Math.ceil(tookSec * ERRORS_PER_SECOND);
    expect(unknown.responses.length).toBeLessThanOrEqual(most);
    expect(unknown.responses.filter((text) => statusOf(text) !== 403)).toEqual([]);
  });

  test("do not keep the main registrar from hearing at once that nobody is there", async () => {
    const { registrar, midreg } = scene;
    const received = await scene.counted("sip_requests_total", {
      method: "MESSAGE",
      direction: "in",
    });
    const uris = [...numbers(150, 0)].map(
      (at) => `sip:x@127.0.0.1:${midreg.sipPort};ctid=unknown${at}`,
    );
    const answers = await Promise.all(
      uris.map(async (uri) => registrar.ask("MESSAGE", uri, midreg.sipPort)),
    );
    expect(new Set(answers.map((text) => statusOf(text)))).toEqual(new Set([404]));
    const labels = { method: "MESSAGE", direction: "in" };
    // An answer that is held back brings each request three times and more.
    expect((await scene.counted("sip_requests_total", labels)) - received).toBeLessThan(2 * 150);
  });

  test("of 10,000 REGISTERs to a main registrar that is silent end in 10,000 errors", async () => {
    const { registrar, stranger } = scene;
    registrar.isDeafTo = (text) => text.includes("sip:hostile");
    const errors = async (): Promise<number> =>
      (await scene.counted("registers_total", { result: "error", reason: "timeout" })) +
      (await scene.counted("registers_total", { result: "rejected", reason: "overload" }));
    const before = await errors();
    const texts = [...numbers(10_000, 100_000)].map((at) => register(at));
    await scene.flood(stranger.socket, texts);
    await waitUntil("all have ended", async () => (await errors()) - before === 10_000, SOON);
    expect(await scene.counted("registers_in_flight")).toBe(0);
    expect(await scene.counted("usrloc_contacts")).toBeLessThan(1000);
  });

  test("of large REGISTERs to a main registrar that is silent fill no more than their share", async () => {
    const own = await HostileScene.open(30);
    const before = await own.residentBytes();
    own.registrar.isDeafTo = (text) => text.includes("sip:hostile");
    const pad = [`X-Pad: ${"p".repeat(56_000)}`];
    await own.flood(
      own.stranger.socket,
      [...numbers(1400, 0)].map((at) => register(at, { more: pad })),
    );
    expect(await own.counted("registers_total", { reason: "overload" })).toBeGreaterThan(0);
    expect(await own.call()).toMatchObject({ answer: 200, bye: 200 });
    expect((await own.residentBytes()) - before).toBeLessThan(MAX_GROWTH_BYTES);
    await own.midreg.kill();
  });

  test("leave memory as it may be", async () => {
    expect((await scene.residentBytes()) - startedBytes).toBeLessThan(MAX_GROWTH_BYTES);
  });
});

test("no secret of a phone or of the operator shows up in the log at debug level or in the metrics", async () => {
  const registrar = await WireRegistrar.openRegistrar();
  afterwards(async () => registrar.close());
  const config = join(makeDirectory(), "midreg.yaml");
  writeFileSync(config, "upstream: { timeout: 1s }\nsecret: SECRET-of-the-operator\n");
  const listen = ["--listen", "udp:127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-level", "debug"];
  const upstream = ["--upstream", `sip:127.0.0.1:${registrar.port}`, "--config", config];
  const run = new MidregRun([...upstream, ...listen, "--data", makeDirectory()]);
  afterwards(async () => run.dispose());
  const { listeners, admin } = await run.logged("ready");
  const [{ id }] = listeners as [{ id: string }];
  const port = Number(id.split(":").at(-1));
  const phone = await WirePhone.openPhone("phone", port);
  afterwards(async () => phone.close());
  phone.contactParams = ";pn-provider=webpush;pn-prid=SECRET-prid;pn-param=SECRET-param";
  const digest = 'Digest username="phone", nonce="SECRET-nonce", response="SECRET-response"';
  const headers = [`Authorization: ${digest}`, `Proxy-Authorization: ${digest}`];
  const statuses: number[] = [];
  const ask = async (text: string): Promise<void> => {
    statuses.push(statusOf(await phone.request(text, port)));
  };
  await ask(phone.buildRegister({ headers }));
  await ask(phone.buildRegister({ headers }));
  await ask(phone.buildRegister({ headers, cseq: 5 }));
  await ask(phone.buildRegister({ headers: [...headers, "Expires: 7"] }));
  await ask(register(1, { to: "<sip:%22%7B%5C@sip.test>", more: headers }));
  await ask(register(2, { contact: "<sip:SECRET-user@127.0.0.1:99999>", more: headers }));
  await ask(otherRequest("MESSAGE", 3, "sip:a@sip.test;x=SECRET-uri", headers));
  registrar.isDeafTo = () => true;
  await ask(phone.buildRegister({ headers, expiresSec: 0 }));
  expect(statuses).toEqual([200, 200, 400, 400, 200, 400, 200, 504]);
  const metrics = await (await fetch(`${String(admin)}/metrics`)).text();
  run.signal("SIGTERM");
  await run.ended();
  const lines = run.log.filter(({ msg }) => msg === "register");
  expect(lines.map(({ kind }) => kind)).toEqual([
    "forward",
    "absorb",
    "reject",
    "forward",
    "reject",
    "forward",
  ]);
  expect(lines.map(({ aor }) => aor)).toContain('"{\\@sip.test');
  expect(`${run.stdout}${run.stderr}${metrics}`).not.toMatch(/SECRET/u);
});
