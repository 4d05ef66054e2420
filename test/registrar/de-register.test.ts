import { describe, expect, test } from "vitest";
import type { DeRegistration } from "../../src/location/binding.ts";
import { buildDeRegister, decideDeRegister } from "../../src/registrar/de-register.ts";
import { message } from "../support/messages.ts";
import { AOR, AOR_URI, buildBinding, CTID, NOW_MS, UPSTREAM_CONTACT } from "./fixtures.ts";

function owed(parts: Partial<DeRegistration> = {}): DeRegistration {
  const { upstream } = buildBinding();
  return { ctid: CTID, aor: AOR, upstream, dueAtMs: NOW_MS, attempts: 0, ...parts };
}

describe("the de-registration midreg sends (spec section 3.2)", () => {
  test("is under midreg's own identity; differs: not the phone's", () => {
    expect(buildDeRegister(owed(), "midreg/1")).toBe(
      message(
        "REGISTER sip:sip.test SIP/2.0",
        "Max-Forwards: 70",
        `From: <${AOR_URI}>;tag=upstream-cal`,
        `To: <${AOR_URI}>`,
        "Call-ID: upstream-call-id",
        "CSeq: 8 REGISTER",
        `Contact: <${UPSTREAM_CONTACT}>;expires=0`,
        "User-Agent: midreg/1",
        "Content-Length: 0",
      ),
    );
  });

  test("T26: keeps the From of a third-party registration", () => {
    const { upstream } = buildBinding({ upstream: { from: "sip:secretary@sip.test" } });
    const text = buildDeRegister(owed({ upstream }), "x");
    expect(text).toContain("From: <sip:secretary@sip.test>;tag=");
    expect(text).toContain(`To: <${AOR_URI}>\r\n`);
  });
});

describe("what follows from an attempt (spec section 3.3)", () => {
  test.each([200, 202, 299, 404])("%i ends it", (status) => {
    expect(decideDeRegister(owed(), status, NOW_MS)).toEqual({ kind: "done" });
  });

  test.each([undefined, 199, 300, 400, 401, 403, 405, 407, 423, 482, 500, 503, 603])(
    "%s: tried again with the next CSeq; differs: the reference gives up",
    (status) => {
      const entry = owed();
      const upstream = { ...entry.upstream, cseq: 8 };
      expect(decideDeRegister(entry, status, NOW_MS)).toEqual({
        kind: "retry",
        next: { ...entry, upstream, attempts: 1, dueAtMs: NOW_MS + 5000 },
      });
    },
  );

  test.each([
    [0, 5],
    [1, 10],
    [2, 20],
    [3, 40],
    [4, 80],
    [5, 160],
    [6, 300],
    [7, 300],
    [1000, 300],
  ])("after %i attempts the next waits %i s", (attempts, waitSec) => {
    const outcome = decideDeRegister(owed({ attempts }), undefined, NOW_MS);
    expect(outcome).toMatchObject({
      next: { dueAtMs: NOW_MS + waitSec * 1000, attempts: attempts + 1 },
    });
  });

  test.each([
    [600, 300],
    [500, 250],
    [61, 31],
    [10, 5],
    [6, 5],
  ])("with %i s of its life left upstream it waits no longer than %i s", (leftSec, waitSec) => {
    const { upstream } = buildBinding({ upstream: { expiresAtMs: NOW_MS + leftSec * 1000 } });
    const outcome = decideDeRegister(owed({ upstream, attempts: 9 }), 500, NOW_MS);
    const dueAtMs = outcome.kind === "retry" ? outcome.next.dueAtMs : 0;
    expect(Math.ceil((dueAtMs - NOW_MS) / 1000)).toBe(waitSec);
  });

  test.each([
    [4999, "given-up"],
    [5000, "given-up"],
    [5001, "retry"],
  ])("with %i ms of its life left upstream: %s", (leftMs, kind) => {
    const { upstream } = buildBinding({ upstream: { expiresAtMs: NOW_MS + leftMs } });
    expect(decideDeRegister(owed({ upstream }), 500, NOW_MS).kind).toBe(kind);
  });
});
