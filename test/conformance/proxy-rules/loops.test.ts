/** Rules 19 and 20: loops, spirals and breadth (RFC 3261 section 16.3 step 4, RFC 5393). */
import { beforeEach, describe, expect, test } from "vitest";
import { PHONE_PLACE } from "../../support/call-messages.ts";
import { headerLine, headerLines, message } from "../../support/messages.ts";
import { fromAlice, MAIN_PLACE, ProxyStage, shown } from "./stage.ts";

let stage: ProxyStage;

beforeEach(async () => {
  stage = await ProxyStage.open();
});

/** The request as it comes back to midreg by way of the main registrar. */
function around(sent: string, change: (text: string) => string = (text) => text): string {
  const via = "Via: SIP/2.0/UDP 192.0.2.50:5060;branch=z9hG4bK-around\r\n";
  const back = sent.replace(/^Max-Breadth.*\r\n/mu, "").replace(/^Record-Route.*\r\n/mu, "");
  return change(back.replace(/^(.*)\r\n/u, `MESSAGE ${stage.contact} SIP/2.0\r\n${via}`));
}

/** A BYE with these tags, in the dialog of fromAlice(). */
function bye(from: string, to: string, route: string, place: string): string {
  return message(
    "BYE sip:x@10.0.0.1 SIP/2.0",
    `Via: SIP/2.0/UDP ${place};branch=z9hG4bK-${from}`,
    `Route: ${route}`,
    "Max-Forwards: 70",
    `From: <sip:x@sip.test>;tag=${from}`,
    `To: <sip:y@sip.test>;tag=${to}`,
    "Call-ID: call-1",
    "CSeq: 9 BYE",
    "Content-Length: 0",
  );
}

describe("rule 19: loops and breadth", () => {
  test("the same request again is a loop: 482", () => {
    const sent = stage.raw(stage.ask("MESSAGE"), MAIN_PLACE)[0]?.text ?? "";
    expect(stage.lines(around(sent), MAIN_PLACE)).toEqual([
      `SIP/2.0 482 Loop Detected > ${MAIN_PLACE}`,
    ]);
  });

  test.each<[string, (text: string) => string]>([
    ["Request-URI", (text) => text.replace(/;ctid=(\w+)/u, ";ctid=$1;x=1")],
    ["To tag", (text) => text.replace("<sip:alice@sip.test>", "<sip:alice@sip.test>;tag=x")],
    ["From tag", (text) => text.replace("tag=bob", "tag=bobby")],
    ["Call-ID", (text) => text.replace("Call-ID: rule", "Call-ID: rules")],
    ["CSeq number", (text) => text.replace("CSeq: 1", "CSeq: 2")],
    ["Route", (text) => text.replace("Call-ID", "Route: <sip:192.0.2.1;lr>\r\nCall-ID")],
    [
      "Proxy-Authorization",
      (text) => text.replace("Call-ID", "Proxy-Authorization: Digest x=y\r\nCall-ID"),
    ],
  ])("with another %s it is a spiral and passes", (_, change) => {
    const sent = stage.raw(stage.ask("MESSAGE"), MAIN_PLACE)[0]?.text ?? "";
    expect(stage.lines(around(sent, change), MAIN_PLACE)).toEqual([
      `MESSAGE sip:alice@${PHONE_PLACE} SIP/2.0 > ${PHONE_PLACE}`,
    ]);
  });

  test("a mark that midreg has not made is none", () => {
    const forged = stage
      .ask("MESSAGE")
      .replace("branch=z9hG4bK-1", "branch=z9hG4bK-1.AAAAAAAAAAAAAA");
    expect(stage.lines(forged, MAIN_PLACE)).toEqual([
      `MESSAGE sip:alice@${PHONE_PLACE} SIP/2.0 > ${PHONE_PLACE}`,
    ]);
  });

  test.each([
    ["Max-Breadth: 0", "SIP/2.0 440 Max-Breadth Exceeded"],
    ["Max-Breadth: 00", "SIP/2.0 440 Max-Breadth Exceeded"],
  ])("%s is the end: 440", (line, status) => {
    expect(stage.lines(stage.ask("MESSAGE", [line]), MAIN_PLACE)).toEqual([
      `${status} > ${MAIN_PLACE}`,
    ]);
  });

  test.each([
    ["", "60"],
    ["Max-Breadth: 7", "7"],
    ["Max-Breadth: 4294967295", "60"],
  ])("breadth %s goes on as %s", (line, sent) => {
    const text = stage.ask("MESSAGE", line === "" ? [] : [line]);
    expect(headerLines(stage.sentOf(text), "Max-Breadth")).toEqual([sent]);
  });

  test("breadth is divided among the devices that ring, and never exceeded", async () => {
    stage = await ProxyStage.open({ policy: { mode: "aor" } });
    for (const place of ["198.51.100.8:40000", "198.51.100.9:40000"]) {
      stage.world.phone("alice", place).register({ expires: 600 });
      stage.world.pass(1);
    }
    const shares = (line: string): number[] =>
      stage
        .requests(
          stage
            .ask("INVITE", [line])
            .replace("z9hG4bK-1", `z9hG4bK-${line.length}${line.slice(-1)}`),
          MAIN_PLACE,
        )
        .map(({ text }) => Number(headerLine(text, "Max-Breadth")));
    expect(shares("Max-Breadth: 12")).toEqual([3, 3, 3]);
    const few = shares("Max-Breadth: 2");
    expect(few.reduce((sum, share) => sum + share, 0)).toBeLessThanOrEqual(2);
    expect(few.length).toBeGreaterThan(0);
  });
});

describe("rule 20: a request that passes midreg twice", () => {
  test("has two values that differ, and its dialog finds both phones", () => {
    const carol = stage.world.phone("carol", "198.51.100.9:40000");
    carol.register({ expires: 600 });
    stage.world.pass(1);
    const out = fromAlice("INVITE", { uri: "sip:carol@sip.test", route: "" }).replace(
      ";tag=bob",
      "",
    );
    const first = stage.raw(out, PHONE_PLACE).find(({ to }) => to === MAIN_PLACE)?.text ?? "";
    const uri = stage.world.main.contactsFor("sip:carol@sip.test")[0] ?? "";
    const via = `Via: SIP/2.0/UDP ${MAIN_PLACE};branch=z9hG4bK-main\r\n`;
    const back = first.replace(/^(.*)\r\n/u, `INVITE ${uri} SIP/2.0\r\n${via}`);
    const second = stage.raw(back, MAIN_PLACE).find(({ to }) => to === carol.place)?.text ?? "";
    const [upper = "", lower = ""] = headerLines(second, "Record-Route");
    expect([upper, lower].map((value) => shown(value))).toEqual([
      "<sip:T@192.0.2.1:5060;lr>",
      "<sip:T@192.0.2.1:5060;lr>",
    ]);
    expect(upper).not.toBe(lower);
    // The main registrar has recorded none, so both are at the head of Route at once.
    expect(
      stage.lines(bye("uas", "carol", `${lower}, ${upper}`, PHONE_PLACE), PHONE_PLACE),
    ).toEqual([`BYE sip:x@10.0.0.1 SIP/2.0 > ${carol.place}`]);
    expect(
      stage.lines(bye("carol", "uas", `${upper}, ${lower}`, carol.place), carol.place),
    ).toEqual([`BYE sip:x@10.0.0.1 SIP/2.0 > ${PHONE_PLACE}`]);
  });
});
