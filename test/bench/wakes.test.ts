import { expect, test } from "vitest";
import { parseMessage } from "../../src/sip/parse-message.ts";
import { FIRST_CSEQ, RegisterTemplate } from "./register-template.ts";
import { formatWakes } from "./report.ts";
import {
  ackFor,
  contactOf,
  deviceOfRequest,
  deviceOfToken,
  inviteFor,
  pushParamsOf,
  refuseCall,
} from "./wake-message.ts";
import { summarizeWakes, type WakeRun } from "./wakes.ts";

const TIMES = { p50: 1_000, p90: 2_000, p99: 3_000, p999: 4_000, max: 5_000 };
const CALLED = {
  uri: "sip:u0000002a@127.0.0.1:5060;ctid=0123456789abcdef",
  port: 5070,
  key: "0000002a100000001",
  runId: "run",
};

function runAt(perSec: number, more: Partial<WakeRun> = {}): WakeRun {
  return {
    perSec,
    calls: 200,
    failed: 0,
    repeated: 0,
    morePushes: 0,
    forwarded: 0,
    offeredPerSec: perSec,
    inviteToPushUs: TIMES,
    registerToInviteUs: TIMES,
    shareUs: TIMES,
    wholeUs: TIMES,
    unwanted: {},
    cpuUs: 500,
    mainThreadCpuUs: 400,
    othersCores: 0,
    ...more,
  };
}

test("a device that registers to be woken has a token that leads back to it", () => {
  const site = { address: "127.65.0.1", port: 40_000, domain: "d.example", runId: "run" };
  const pushed = { pushParams: pushParamsOf("TEAM123456"), expiresSec: 600, devicesPerAor: 1 };
  const text = new RegisterTemplate({ ...site, ...pushed }).fill(42, FIRST_CSEQ).toString("latin1");
  const token = /;pn-prid=([^;>]+)/u.exec(contactOf(text) ?? "")?.[1] ?? "";
  expect(token).toHaveLength(64);
  expect(deviceOfToken(token)).toBe(42);
  expect(deviceOfToken(`1${token.slice(1)}`)).toBeUndefined();
  expect(deviceOfToken(`${token.slice(1)}x`)).toBeUndefined();
  expect(deviceOfRequest(text)).toBe(42);
});

test("a call, its refusal and the ACK are messages of one transaction", () => {
  const invite = inviteFor(CALLED);
  const refusal = refuseCall(invite);
  const ack = ackFor(CALLED, refusal);
  expect(deviceOfRequest(invite)).toBe(42);
  for (const [text, kind] of [
    [invite, "request"],
    [refusal, "response"],
    [ack, "request"],
  ] as const) {
    expect(parseMessage(text, "127.0.0.1", 5070).kind).toBe(kind);
    expect(text).toContain(";branch=z9hG4bK0000002a100000001\r\n");
    expect(text).toContain("Call-ID: 0000002a100000001-wake-run\r\n");
  }
  expect(ack).toContain(`To: <${CALLED.uri}>;tag=device\r\n`);
  expect(ack).toContain("CSeq: 1 ACK\r\n");
  expect(refusal).toContain("CSeq: 1 INVITE\r\n");
});

test("the highest rate is the last without failures, and the CPU is the least of those without", () => {
  const runs = [
    runAt(100, { cpuUs: 900 }),
    runAt(200, { cpuUs: 450 }),
    runAt(300),
    runAt(450, { repeated: 1 }),
    runAt(600, { failed: 1, cpuUs: 1 }),
  ];
  expect(summarizeWakes(runs)).toEqual({ highestPerSec: 450, cpuUs: 450 });
  for (const bad of [{ repeated: 2 }, { forwarded: 1 }, { offeredPerSec: 94 }]) {
    expect(summarizeWakes([runAt(100, bad)])).toEqual({ highestPerSec: 0, cpuUs: 0 });
  }
});

test("the table has the echo beside each figure, and says when others kept the machine busy", () => {
  const runs = [runAt(100), runAt(200, { othersCores: 0.8 })];
  const echo = { cpuUs: 10, latencyUs: { ...TIMES, p50: 100, p99: 200 } };
  const table = formatWakes({ ...summarizeWakes(runs), echo, runs, calm: runAt(100) });
  expect(table).toMatch(/wakes without a failure +200 1\/s/u);
  expect(table).toMatch(/a wake, CPU at its least +500 us +10\.0 +50\.00/u);
  expect(table).toMatch(/midreg's share, p99 +3\.0 ms +0\.2 +15\.00/u);
  expect(table).toContain("Disturbed: others kept up to 0.80 cores busy.");
});
