/** What midreg keeps from the other party and from the main registrar: push parameters, and where a device is. */
import { beforeEach, describe, expect, test } from "vitest";
import { buildInvite, PHONE_PLACE } from "../../support/call-messages.ts";
import { answerTo, headerLine, headerLines, methodOf } from "../../support/messages.ts";
import { fromAlice, fromBob, MAIN_PLACE, ProxyStage, startLine } from "../proxy-rules/stage.ts";

const PUSH = ";pn-provider=apns;pn-param=TEAM.SECRET;pn-prid=SECRET;app-id=SECRET;pn-tok=SECRET";
const CONTACT = `sip:alice@${PHONE_PLACE};ob${PUSH}`;
const CLEAN = `sip:alice@${PHONE_PLACE};ob`;

let stage: ProxyStage;

beforeEach(async () => {
  stage = await ProxyStage.open({}, { contact: `<${CONTACT}>` });
});

/** Everything that has left midreg for anybody but the phone. */
function told(): string {
  const { sent } = stage.world.network;
  return sent
    .filter(({ from, to }) => from === "192.0.2.1:5060" && to !== PHONE_PLACE)
    .map(({ text }) => text)
    .join("");
}

function withHeader(text: string, line: string): string {
  return text.replace("Max-Forwards", `${line}\r\nMax-Forwards`);
}

describe("push parameters of a phone's contact", () => {
  test.each(["contact", "aor"] as const)(
    "are not in what the main registrar is told of a registration in mode %s",
    async (mode) => {
      const contact = `<${CONTACT}>;+sip.instance="<urn:x:SECRET>"`;
      stage = await ProxyStage.open({ policy: { mode } }, { contact });
      stage.phone.register({ contact: `<${CONTACT}>`, expires: 0 });
      stage.world.pass(1);
      expect(stage.world.main.registers.length).toBeGreaterThan(1);
      expect(told()).not.toContain("SECRET");
    },
  );

  test.each([
    ["Contact", `Contact: <${CONTACT}>`, `<${CLEAN}>`],
    ["Contact, short", `m: "A, B" <${CONTACT}>;q=1`, `"A, B" <${CLEAN}>;q=1`],
    ["Contact, with escaped names", `Contact: <sip:a@h;%70n-prid=SECRET;x>`, "<sip:a@h;x>"],
    ["Contact, among several", `Contact: <sip:b@h>, <${CONTACT}>`, `<sip:b@h>, <${CLEAN}>`],
    ["Refer-To", `Refer-To: <${CONTACT}>`, `<${CLEAN}>`],
    [
      "Refer-To, short",
      `r: <${CONTACT}?Replaces=c%3Bto-tag%3Dx>`,
      `<${CLEAN}?Replaces=c%3Bto-tag%3Dx>`,
    ],
  ])("do not leave in a request: %s", (_, line, clean) => {
    const name = line.slice(0, line.indexOf(":"));
    const out = fromAlice("INVITE", { uri: "sip:bob@sip.test", route: "" }).replace(";tag=bob", "");
    const sent = stage.raw(withHeader(out, line), PHONE_PLACE).find(({ to }) => to === MAIN_PLACE);
    expect(headerLines(sent?.text ?? "", name)).toEqual([clean]);
    expect(told()).not.toContain("SECRET");
  });

  test("do not leave in requests inside a dialog either, nor in ACK", () => {
    const { own } = stage.call();
    for (const method of ["INVITE", "UPDATE", "REFER", "NOTIFY", "ACK"]) {
      const text = withHeader(fromAlice(method, { route: own }), `Contact: <${CONTACT}>`);
      const [sent] = stage
        .raw(withHeader(text, `Refer-To: <${CONTACT}>`), PHONE_PLACE)
        .filter((one) => methodOf(one.text) !== "");
      expect([
        headerLine(sent?.text ?? "", "Contact"),
        headerLine(sent?.text ?? "", "Refer-To"),
      ]).toEqual([`<${CLEAN}>`, `<${CLEAN}>`]);
    }
    expect(told()).not.toContain("SECRET");
  });

  test.each([180, 200, 302, 486])("do not leave in a %i", (status) => {
    const invite =
      stage
        .raw(buildInvite({ uri: stage.contact }), MAIN_PLACE)
        .find(({ to }) => to === PHONE_PLACE)?.text ?? "";
    const back = stage.raw(
      answerTo(invite, status, "Answer", { headers: [`Contact: <${CONTACT}>`] }),
      PHONE_PLACE,
    );
    const answer = back.find(({ to }) => to === MAIN_PLACE)?.text ?? "";
    expect(headerLines(answer, "Contact")).toEqual([`<${CLEAN}>`]);
    expect(told()).not.toContain("SECRET");
  });

  test("do not reach the other phone of a call between two, in either direction", () => {
    const place = "198.51.100.9:40000";
    const other = `sip:carol@${place};pn-prid=CAROLS`;
    const carol = stage.world.phone("carol", place);
    carol.register({ contact: `<${other}>`, expires: 600 });
    stage.world.pass(1);
    const out = fromAlice("INVITE", { uri: "sip:carol@sip.test", route: "" }).replace(
      ";tag=bob",
      "",
    );
    const first =
      stage
        .raw(withHeader(out, `Contact: <${CONTACT}>`), PHONE_PLACE)
        .find(({ to }) => to === MAIN_PLACE)?.text ?? "";
    const uri = stage.world.main.contactsFor("sip:carol@sip.test")[0] ?? "";
    const via = `Via: SIP/2.0/UDP ${MAIN_PLACE};branch=z9hG4bK-main\r\n`;
    const back = first.replace(/^(.*)\r\n/u, `INVITE ${uri} SIP/2.0\r\n${via}`);
    const second = stage.raw(back, MAIN_PLACE).find(({ to }) => to === place)?.text ?? "";
    expect(startLine(second)).toBe(`INVITE ${other} SIP/2.0`);
    expect(headerLine(second, "Contact")).toBe(`<${CLEAN}>`);
    const answer = answerTo(second, 200, "OK", { headers: [`Contact: <${other}>`] });
    const [up] = stage.raw(answer, place);
    expect(headerLine(up?.text ?? "", "Contact")).toBe(`<sip:carol@${place}>`);
    expect(carol.requests.join("")).not.toContain("SECRET");
    expect(stage.phone.responses.join("")).not.toContain("CAROLS");
  });

  test("come back to the phone in what is sent to its clean contact", () => {
    const { own } = stage.call();
    expect(stage.lines(fromBob("BYE", { uri: CLEAN, route: own }), MAIN_PLACE)).toEqual([
      `BYE ${CONTACT} SIP/2.0 > ${PHONE_PLACE}`,
    ]);
  });

  test("are not in the token of a Record-Route, which anybody can read", () => {
    const { own } = stage.call();
    const [, payload = ""] = /<sip:d([\w-]+)\./u.exec(own) ?? [];
    const read = Buffer.from(payload, "base64url").toString("latin1");
    expect(read).toMatch(/^[0-9a-f]{16}\|udp:192\.0\.2\.1:5060<198\.51\.100\.7:40000$/u);
  });
});

describe("where a device is", () => {
  const PRIVATE = /10\.0\.0\.5|198\.51\.100\.7|secret-host/u;

  test.each(["contact", "aor"] as const)(
    // A forwarded REGISTER keeps the phone's Via, as any proxied request; those that midreg writes itself have none.
    "is in no header but Via of what the main registrar is told of its registration in mode %s",
    async (mode) => {
      stage = await ProxyStage.open(
        { policy: { mode } },
        {
          contact: "<sip:alice@10.0.0.5:5062;transport=udp>",
          callId: "call@secret-host",
          expires: 60,
        },
      );
      // A second flow, an end, and an end by time, whose de-registrations midreg writes itself.
      stage.phone.register({ contact: "<sip:alice@10.0.0.5:5064>", callId: "2@secret-host" });
      stage.world.pass(1);
      stage.phone.register({
        contact: "<sip:alice@10.0.0.5:5064>",
        callId: "2@secret-host",
        expires: 0,
      });
      stage.world.pass(200);
      expect(stage.world.main.contactsFor("sip:alice@sip.test")).toEqual([]);
      expect(stage.world.main.registers.length).toBeGreaterThan(2);
      for (const register of stage.world.main.registers) {
        expect(register.replaceAll(/^Via: .*\r\n/gmu, "")).not.toMatch(PRIVATE);
      }
      expect(stage.world.main.registers.at(-1)).not.toMatch(PRIVATE);
    },
  );

  // A proxy may change neither the Contact of a dialog nor the Vias of others (RFC 3261 section 16.6), and its
  // Record-Route names the flow. So a call tells the main registrar, and the other party where that hides nothing.
  test("is in the calls it takes part in: Contact, Via and Record-Route", () => {
    const out = withHeader(
      fromAlice("INVITE", { uri: "sip:bob@sip.test", route: "" }).replace(";tag=bob", ""),
      "Contact: <sip:alice@10.0.0.5:5062>",
    );
    const sent = stage.raw(out, PHONE_PLACE).find(({ to }) => to === MAIN_PLACE)?.text ?? "";
    expect(headerLine(sent, "Contact")).toBe("<sip:alice@10.0.0.5:5062>");
    expect(headerLines(sent, "Via")[1]).toContain("received=198.51.100.7");
  });
});
