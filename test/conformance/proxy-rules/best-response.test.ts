/** Rules 27 and 28: which answers go back, and when (RFC 3261 section 16.7, RFC 6026). */
import { beforeEach, describe, expect, test } from "vitest";
import { buildInvite, PHONE_PLACE } from "../../support/call-messages.ts";
import {
  answerTo,
  headerLine,
  headerLines,
  message,
  methodOf,
  statusOf,
} from "../../support/messages.ts";
import type { Phone } from "../../support/phone.ts";
import { CALL_VIA, fromAlice, fromBob, MAIN_PLACE, ProxyStage, startLine } from "./stage.ts";

let stage: ProxyStage;

beforeEach(async () => {
  stage = await ProxyStage.open();
});

function methods(): string[] {
  return stage.phone.requests.map((text) => methodOf(text));
}

describe("rule 27: the best response", () => {
  let desk: Phone;
  let mobile: Phone;

  beforeEach(async () => {
    stage = await ProxyStage.open({ policy: { mode: "aor" } });
    desk = stage.phone;
    mobile = stage.world.phone("alice", "198.51.100.8:40000");
    mobile.register({ expires: 600 });
    stage.world.pass(1);
  });

  /** Finals and their answers: what is told to the main registrar when both have answered. */
  function told(
    one: readonly [number, ...string[]],
    other: readonly [number, ...string[]],
  ): string {
    stage.raw(buildInvite({ uri: stage.contact }), MAIN_PLACE);
    for (const [phone, [status, ...headers]] of [
      [desk, one],
      [mobile, other],
    ] as const) {
      const invite = phone.requests.find((text) => methodOf(text) === "INVITE") ?? "";
      stage.raw(answerTo(invite, status, "Answer", { tag: phone.place, headers }), phone.place);
    }
    return stage.world.main.responses.find((text) => statusOf(text) >= 200) ?? "";
  }

  test.each([
    [486, 603, 603],
    [302, 486, 302],
    [404, 500, 404],
    [486, 401, 401],
    [404, 407, 407],
    [486, 415, 415],
    [486, 420, 420],
    [486, 484, 484],
    [480, 486, 486],
    [503, 486, 486],
    [503, 500, 500],
    [503, 503, 500],
    [408, 404, 404],
    [430, 430, 480],
    [408, 408, 480],
  ])("of %i and %i the caller hears %i", (one, other, best) => {
    expect(statusOf(told([one], [other]))).toBe(best);
    expect(statusOf(told([other], [one]))).toBe(best);
  });

  test("takes the challenges of all along, to the byte", () => {
    const answer = told(
      [401, 'WWW-Authenticate: Digest realm="desk", nonce="1"'],
      [
        407,
        'Proxy-Authenticate: Digest realm="mobile", nonce="2"',
        'proxy-authenticate: Digest realm="x"',
      ],
    );
    expect(answer).toBe(
      message(
        "SIP/2.0 401 Answer",
        'Proxy-Authenticate: Digest realm="x"',
        'Proxy-Authenticate: Digest realm="mobile", nonce="2"',
        CALL_VIA,
        ...headerLines(desk.requests[0] ?? "", "Record-Route").map(
          (value) => `Record-Route: ${value}`,
        ),
        "From: <sip:bob@sip.test>;tag=bob",
        `To: <sip:alice@sip.test>;tag=${desk.place}`,
        "Call-ID: call-1",
        "CSeq: 1 INVITE",
        'WWW-Authenticate: Digest realm="desk", nonce="1"',
        "Content-Length: 0",
      ),
    );
  });

  test("a 6xx cancels the others, and goes back once they have ended", () => {
    stage.raw(buildInvite({ uri: stage.contact }), MAIN_PLACE);
    const [first = "", second = ""] = [desk, mobile].map(({ requests }) => requests[0] ?? "");
    stage.raw(answerTo(first, 180, "Ringing"), desk.place);
    const lines = stage.lines(answerTo(second, 603, "Decline"), mobile.place);
    expect(lines).toEqual([
      `ACK sip:alice@${mobile.place} SIP/2.0 > ${mobile.place}`,
      `CANCEL sip:alice@${PHONE_PLACE} SIP/2.0 > ${PHONE_PLACE}`,
    ]);
    expect(stage.lines(answerTo(first, 487, "Request Terminated"), desk.place)).toEqual([
      `ACK sip:alice@${PHONE_PLACE} SIP/2.0 > ${PHONE_PLACE}`,
      `SIP/2.0 603 Decline > ${MAIN_PLACE}`,
    ]);
  });

  test("the main registrar's own 503 holds for everything, and goes to the phone as it is", () => {
    const invite = fromAlice("INVITE", { uri: "sip:bob@sip.test", route: "" }).replace(
      ";tag=bob",
      "",
    );
    const sent = stage.raw(invite, PHONE_PLACE).find(({ to }) => to === MAIN_PLACE)?.text ?? "";
    const headers = ["Retry-After: 7"];
    const back = stage.raw(answerTo(sent, 503, "Service Unavailable", { headers }), MAIN_PLACE);
    const answer = back.find(({ to }) => to === PHONE_PLACE)?.text ?? "";
    expect([startLine(answer), headerLine(answer, "Retry-After")]).toEqual([
      "SIP/2.0 503 Service Unavailable",
      "7",
    ]);
  });
});

describe("RFC 6026: 2xx that come late or again", () => {
  test("go back each time, and each ACK goes to its phone", async () => {
    stage = await ProxyStage.open({ policy: { mode: "aor" } });
    const mobile = stage.world.phone("alice", "198.51.100.8:40000");
    mobile.register({ expires: 600 });
    stage.world.pass(1);
    stage.raw(buildInvite({ uri: stage.contact }), MAIN_PLACE);
    const [first = "", second = ""] = [stage.phone, mobile].map(
      ({ requests }) => requests[0] ?? "",
    );
    const one = answerTo(first, 200, "OK", { tag: "one" });
    const two = answerTo(second, 200, "OK", { tag: "two" });
    const ok = `SIP/2.0 200 OK > ${MAIN_PLACE}`;
    expect(stage.lines(one, PHONE_PLACE)).toEqual([ok]);
    stage.world.pass(5);
    expect(stage.lines(two, mobile.place)).toEqual([ok]);
    stage.world.pass(20);
    // Both transactions are in the state Accepted for 64*T1.
    expect(stage.lines(one, PHONE_PLACE)).toEqual([ok]);
    expect(stage.lines(two, mobile.place)).toEqual([ok]);
    // An INVITE that comes again meanwhile is no new call, and is not answered: the 2xx are the phones' to repeat.
    expect(stage.lines(buildInvite({ uri: stage.contact }), MAIN_PLACE)).toEqual([]);
    for (const [tag, invite, place] of [
      ["one", first, PHONE_PLACE],
      ["two", second, mobile.place],
    ] as const) {
      const route = headerLines(invite, "Record-Route")[0] ?? "";
      const ack = fromBob("ACK", { route, uri: `sip:alice@${place}`, cseq: 1 }).replace(
        "tag=uas",
        `tag=${tag}`,
      );
      expect(stage.lines(ack, MAIN_PLACE)).toEqual([`ACK sip:alice@${place} SIP/2.0 > ${place}`]);
    }
    stage.world.pass(40);
    expect(stage.lines(one, PHONE_PLACE)).toEqual([]);
  });

  test("a 200 that crosses the CANCEL is the answer; the CANCEL hears its own 200", () => {
    const invite = stage.ring();
    stage.raw(answerTo(invite, 180, "Ringing"), PHONE_PLACE);
    const cancel = message(
      `CANCEL ${stage.contact} SIP/2.0`,
      CALL_VIA,
      "Max-Forwards: 70",
      "From: <sip:bob@sip.test>;tag=bob",
      "To: <sip:alice@sip.test>",
      "Call-ID: call-1",
      "CSeq: 1 CANCEL",
      "Content-Length: 0",
    );
    expect(stage.lines(cancel, MAIN_PLACE)).toEqual([
      `SIP/2.0 200 OK > ${MAIN_PLACE}`,
      `CANCEL sip:alice@${PHONE_PLACE} SIP/2.0 > ${PHONE_PLACE}`,
    ]);
    expect(stage.lines(answerTo(invite, 200, "OK"), PHONE_PLACE)).toEqual([
      `SIP/2.0 200 OK > ${MAIN_PLACE}`,
    ]);
    const [sent] = stage.phone.requests.filter((text) => methodOf(text) === "CANCEL");
    expect(
      stage.lines(answerTo(sent ?? "", 481, "Call/Transaction Does Not Exist"), PHONE_PLACE),
    ).toEqual([]);
    expect(stage.lines(cancel, MAIN_PLACE)).toEqual([`SIP/2.0 200 OK > ${MAIN_PLACE}`]);
  });

  test("a 200 after the call has ended with 487 is too late: nobody would acknowledge it (section 17.2.1)", () => {
    const invite = stage.ring();
    stage.raw(answerTo(invite, 180, "Ringing"), PHONE_PLACE);
    const cancel = buildInvite({ uri: stage.contact })
      .replace("INVITE sip", "CANCEL sip")
      .replace("1 INVITE", "1 CANCEL");
    stage.raw(cancel, MAIN_PLACE);
    stage.raw(answerTo(invite, 487, "Request Terminated"), PHONE_PLACE);
    expect(stage.world.main.statuses).toContain(487);
    expect(stage.lines(answerTo(invite, 200, "OK"), PHONE_PLACE)).toEqual([]);
  });
});

describe("rule 28: Timer C", () => {
  test("cancels a branch after more than three minutes, counted from the last 101 to 199", () => {
    const invite = stage.ring();
    stage.raw(answerTo(invite, 180, "Ringing"), PHONE_PLACE);
    stage.world.pass(170);
    stage.raw(answerTo(invite, 183, "Session Progress"), PHONE_PLACE);
    stage.world.pass(180);
    expect(methods()).toEqual(["INVITE"]);
    stage.world.pass(10);
    expect(methods()).toContain("CANCEL");
  });

  test("is not set back by a 100", () => {
    const invite = stage.ring();
    stage.raw(answerTo(invite, 180, "Ringing"), PHONE_PLACE);
    stage.world.pass(170);
    stage.raw(answerTo(invite, 100, "Trying"), PHONE_PLACE);
    stage.world.pass(20);
    expect(methods()).toContain("CANCEL");
  });
});
