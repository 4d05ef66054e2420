import { describe, expect, test } from "vitest";
import { MACHINES } from "./machines.ts";
import { TransactionRun } from "./transaction-run.ts";

function begin(name: string, isReliable = false): TransactionRun {
  const machine = MACHINES.find((one) => one.name === name);
  if (machine === undefined) throw new Error(`no machine ${name}`);
  return new TransactionRun(machine, isReliable);
}

/** Seconds at which something was sent, from the first time on. */
function secondsOf(run: TransactionRun, ...actions: string[]): number[] {
  return actions.flatMap((action) => run.timesOf(action)).map((ms) => ms / 1000);
}

const UP_TO_T2 = [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];

describe("over an unreliable transport", () => {
  test("an unanswered INVITE is sent seven times and given up after 32 seconds", () => {
    const run = begin("invite-client").wait(60_000);
    expect(secondsOf(run, "send-request", "resend-request")).toEqual([
      0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5,
    ]);
    expect(secondsOf(run, "pass-timeout")).toEqual([32]);
    expect(run.state).toBe("terminated");
  });

  test("an INVITE is not sent again once it rings, however long", () => {
    const run = begin("invite-client").wait(100).take("provisional").wait(600_000);
    expect(run.timesOf("resend-request")).toEqual([]);
    expect(run.state).toBe("proceeding");
  });

  test("an unanswered non-INVITE request is sent eleven times and given up after 32 seconds", () => {
    const run = begin("non-invite-client").wait(60_000);
    expect(secondsOf(run, "send-request", "resend-request")).toEqual(UP_TO_T2);
    expect(secondsOf(run, "pass-timeout")).toEqual([32]);
  });

  test("a non-INVITE request is sent every T2 once a provisional response came", () => {
    const run = begin("non-invite-client").wait(600).take("provisional").wait(60_000);
    expect(secondsOf(run, "resend-request")).toEqual([
      0.5, 1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5,
    ]);
    expect(secondsOf(run, "pass-timeout")).toEqual([32]);
  });

  test("a failure to an INVITE is sent eleven times when no ACK comes", () => {
    const run = begin("invite-server").take("failure").wait(60_000);
    expect(secondsOf(run, "send-response", "resend-response")).toEqual(UP_TO_T2);
    expect(secondsOf(run, "pass-timeout")).toEqual([32]);
  });

  test("an ACK ends that, and more ACKs are absorbed for T4", () => {
    const run = begin("invite-server").take("failure").wait(600).take("ack").wait(4999);
    expect(secondsOf(run, "resend-response")).toEqual([0.5]);
    expect(run.take("ack").state).toBe("confirmed");
    expect(run.wait(1).state).toBe("terminated");
  });

  test("a success is left to its sender, and INVITEs are absorbed for 32 seconds", () => {
    const run = begin("invite-server").take("success").take("request").wait(31_999);
    expect(run.timesOf("resend-response")).toEqual([]);
    expect(run.take("success").timesOf("send-response")).toEqual([0, 31_999]);
    expect(run.wait(1).state).toBe("terminated");
  });

  test("an INVITE client hears further successes for 32 seconds", () => {
    const run = begin("invite-client").take("success").wait(31_999).take("success");
    expect(run.timesOf("pass-response")).toEqual([0, 31_999]);
    expect(run.wait(1).state).toBe("terminated");
  });

  test("a slow non-INVITE request is answered 100 after 3.5 seconds, a quick one never", () => {
    expect(begin("non-invite-server").wait(60_000).timesOf("send-100")).toEqual([3500]);
    const quick = begin("non-invite-server").wait(3499).take("final").wait(60_000);
    expect(quick.timesOf("send-100")).toEqual([]);
  });

  test("a final response answers retransmissions for 32 seconds", () => {
    const run = begin("non-invite-server").take("final").wait(31_999).take("request");
    expect(run.timesOf("resend-response")).toEqual([31_999]);
    expect(run.wait(1).state).toBe("terminated");
  });
});

describe("over a reliable transport", () => {
  test.each(["invite-client", "non-invite-client"])("an %s sends once and times out", (name) => {
    const run = begin(name, true).wait(60_000);
    expect(secondsOf(run, "send-request", "resend-request")).toEqual([0]);
    expect(secondsOf(run, "pass-timeout")).toEqual([32]);
  });

  test.each([
    ["invite-client", ["failure"]],
    ["invite-server", ["failure", "ack"]],
    ["non-invite-client", ["final"]],
    ["non-invite-server", ["final"]],
  ])("an %s is over at once after %j", (name, events) => {
    const run = begin(name, true);
    for (const event of events) run.take(event);
    expect(run.state).toBe("terminated");
  });

  test("a failure to an INVITE still waits 32 seconds for its ACK, without being sent again", () => {
    const run = begin("invite-server", true).take("failure").wait(60_000);
    expect(run.timesOf("resend-response")).toEqual([]);
    expect(secondsOf(run, "pass-timeout")).toEqual([32]);
  });
});

test("a transport error ends a client that is sending, and no server", () => {
  expect(begin("invite-client").take("transport-error").state).toBe("terminated");
  expect(begin("non-invite-client").take("transport-error").state).toBe("terminated");
  expect(begin("invite-server").take("success").take("transport-error").state).toBe("accepted");
  expect(begin("non-invite-server").take("final").take("transport-error").state).toBe("completed");
});
