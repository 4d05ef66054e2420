import { describe, expect, test } from "vitest";
import { makePurr } from "../../src/location/purr.ts";
import {
  answerTo,
  headerLine,
  headerLines,
  message,
  methodOf,
  statusOf,
} from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { SequentialIds } from "../support/sequential-ids.ts";
import { AWAKE, BED, contactOf, got, SleepWorld, TOKEN } from "../support/sleepers.ts";

const MAIN = "192.0.2.50:5060";

interface Dialog {
  readonly sleep: SleepWorld;
  readonly phone: Phone;
  /** Contact of the phone and route set as the caller got them. */
  readonly target: string;
  readonly routes: readonly string[];
}

/** A call that stands, with a phone that wants to be woken for what comes in it, or does not. */
async function call({ wants = true, purr = "" } = {}): Promise<Dialog> {
  const sleep = await SleepWorld.start({ pushPolicy: { hasPurr: true } });
  const phone = sleep.sleeper();
  const given = /\+sip\.pnspurr="([^"]+)"/u.exec(headerLine(phone.last, "Feature-Caps"))?.[1] ?? "";
  expect(given).not.toBe("");
  const reference = wants ? `;pn-purr=${purr === "" ? given : purr}` : "";
  const contact = contactOf(BED).replace(">", `${reference}>`);
  phone.onRequest = (text, from) => {
    if (methodOf(text) !== "INVITE") return;
    phone.send(answerTo(text, 200, "OK", { headers: [`Contact: ${contact}`] }), undefined, from);
  };
  sleep.call();
  phone.register({ contact: contactOf(BED), expires: 600 });
  sleep.pass(1);
  const ok = sleep.world.main.responses.find((text) => statusOf(text) === 200) ?? "";
  const target = headerLine(ok, "Contact").replace(/^<(.*)>$/u, "$1");
  sleep.gateway.sent.length = 0;
  sleep.pass(30);
  return { sleep, phone, target, routes: headerLines(ok, "Record-Route").toReversed() };
}

/** The caller sends something in the dialog. */
function send({ sleep, target, routes }: Dialog, method: string, from = MAIN): void {
  const text = message(
    `${method} ${target} SIP/2.0`,
    `Via: SIP/2.0/UDP ${from};branch=z9hG4bK-in-dialog-${method}`,
    ...routes.map((route) => `Route: ${route}`),
    "Max-Forwards: 70",
    "From: <sip:bob@sip.test>;tag=bob",
    "To: <sip:alice@sip.test>;tag=uas",
    "Call-ID: call-1",
    `CSeq: 2 ${method}`,
    "Content-Length: 0",
  );
  sleep.world.network.send(text, from, "192.0.2.1:5060");
  sleep.pass(0.1);
}

describe("a request inside of a dialog", () => {
  test("wakes the device whose reference it has, and is sent to where that is now", async () => {
    const dialog = await call();
    const { sleep, phone, target } = dialog;
    expect(target).toContain(";pn-purr=");
    expect(target).not.toContain(TOKEN);
    send(dialog, "UPDATE");
    expect(sleep.pushes).toEqual(["request"]);
    expect(got(phone, "UPDATE")).toEqual([]);
    const moved = sleep.world.phone("alice", AWAKE);
    for (const callId of ["woken-1", "woken-2"]) {
      moved.register({ contact: contactOf(BED), callId });
      sleep.pass(0.5);
    }
    expect(got(moved, "UPDATE")).toHaveLength(1);
    expect(got(phone, "UPDATE")).toEqual([]);
    // The device knows itself by its own contact.
    expect(moved.requests[0]).toMatch(new RegExp(`^UPDATE sip:alice@${BED}`, "u"));
  });

  test("wakes it by a reference that was given out before the install secret was rotated", async () => {
    const dialog = await call();
    dialog.sleep.world.ids.rotate("the secret that has come after it");
    send(dialog, "UPDATE");
    expect(dialog.sleep.pushes).toEqual(["request"]);
  });

  test("goes on without the device when that does not come in time", async () => {
    const dialog = await call();
    send(dialog, "BYE");
    dialog.sleep.pass(5.5);
    expect(got(dialog.phone, "BYE")).toEqual([]);
    dialog.sleep.pass(1);
    expect(got(dialog.phone, "BYE")).toHaveLength(1);
  });

  test("does so at once when the device cannot be pushed to any more", async () => {
    const dialog = await call();
    dialog.sleep.gateway.answer = () => ({ result: "dead-token" });
    send(dialog, "BYE");
    dialog.sleep.pass(0.1);
    expect(got(dialog.phone, "BYE")).toHaveLength(1);
  });

  test("is no call that rings, even when it is an INVITE", async () => {
    const dialog = await call();
    send(dialog, "INVITE");
    expect(dialog.sleep.pushes).toEqual(["request"]);
  });

  test.each([
    ["without a reference", { wants: false }],
    ["with one that somebody has made up", { purr: "AAAABBBBCCCCDDDD0000111122223333" }],
    ["with one of another device", { purr: makePurr("ffffffffffffffff", new SequentialIds()) }],
  ])("%s wakes nobody", async (_, parts) => {
    const dialog = await call(parts);
    send(dialog, "UPDATE");
    expect(dialog.sleep.pushes).toEqual([]);
    expect(got(dialog.phone, "UPDATE")).toHaveLength(1);
  });

  test("from a stranger wakes nobody, whatever it has seen", async () => {
    const dialog = await call();
    send(dialog, "UPDATE", "203.0.113.66:5060");
    expect(dialog.sleep.pushes).toEqual([]);
  });
});

test("a device that has subscribed is woken for what it is notified of, by the reference in its SUBSCRIBE", async () => {
  const sleep = await SleepWorld.start({ pushPolicy: { hasPurr: true } });
  const phone = sleep.sleeper();
  const purr = /\+sip\.pnspurr="([^"]+)"/u.exec(headerLine(phone.last, "Feature-Caps"))?.[1] ?? "";
  const contact = contactOf(BED).replace(">", `;pn-purr=${purr}>`);
  phone.send(
    message(
      "SUBSCRIBE sip:bob@sip.test SIP/2.0",
      `Via: SIP/2.0/UDP ${BED};branch=z9hG4bK-subscribe`,
      "Max-Forwards: 70",
      "From: <sip:alice@sip.test>;tag=uac",
      "To: <sip:bob@sip.test>",
      "Call-ID: subscription",
      "CSeq: 1 SUBSCRIBE",
      `Contact: ${contact}`,
      "Event: dialog",
      "Content-Length: 0",
    ),
  );
  sleep.pass(1);
  const subscribe = sleep.world.main.requests[0] ?? "";
  expect(subscribe).not.toContain(TOKEN);
  const target = headerLine(subscribe, "Contact").replace(/^<(.*)>$/u, "$1");
  const routes = headerLines(subscribe, "Record-Route");
  expect([target.includes(";pn-purr="), routes.length]).toEqual([true, 1]);
  sleep.pass(60);
  const notify = message(
    `NOTIFY ${target} SIP/2.0`,
    `Via: SIP/2.0/UDP ${MAIN};branch=z9hG4bK-notify`,
    ...routes.map((route) => `Route: ${route}`),
    "Max-Forwards: 70",
    "From: <sip:bob@sip.test>;tag=uas",
    "To: <sip:alice@sip.test>;tag=uac",
    "Call-ID: subscription",
    "CSeq: 2 NOTIFY",
    "Content-Length: 0",
  );
  sleep.world.network.send(notify, MAIN, "192.0.2.1:5060");
  sleep.pass(0.1);
  expect(sleep.pushes).toEqual(["request"]);
  expect(got(phone, "NOTIFY")).toEqual([]);
  phone.register({ contact: contactOf(BED), expires: 600 });
  sleep.pass(0.5);
  expect(got(phone, "NOTIFY")).toHaveLength(1);
});
