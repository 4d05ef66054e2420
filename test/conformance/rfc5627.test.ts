/**
 * The registration and the subscription of RFC 5627 section 9: the messages as they are printed, and what midreg
 * makes of them in the place of registrar and proxy.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { contactsOf } from "../../src/sip/contact.ts";
import { instanceOf } from "../../src/sip/instance-id.ts";
import { paramValue } from "../../src/sip/params.ts";
import { headerLine, headerLines, responseOf } from "../support/messages.ts";
import { World } from "../support/world.ts";
import { accept, messageNames, passOn, readMessage } from "./corpus.ts";

const INSTANCE = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
const PUBLIC = `sip:callee@example.com;gr=${INSTANCE}`;
const PROXY = "198.51.100.1:5060";

/** Method or status, and the contacts with their instance, public and temporary GRUU. */
const MESSAGES = [
  ["m01-register", "REGISTER", [["sip:callee@192.0.2.1", INSTANCE, undefined, undefined]]],
  [
    "m02-register-200",
    200,
    [
      [
        "sip:callee@192.0.2.1",
        INSTANCE,
        `"${PUBLIC}"`,
        '"sip:tgruu.7hs==jd7vnzga5w7fajsc7-ajd6fabz0f8g5@example.com;gr"',
      ],
    ],
  ],
  ["m05-invite-200", 200, [[PUBLIC, undefined, undefined, undefined]]],
  [
    "m09-subscribe",
    "SUBSCRIBE",
    [["sip:caller@example.com;gr=hdg7777ad7aflzig8sf7", undefined, undefined, undefined]],
  ],
  ["m17-register", "REGISTER", [["sip:callee@192.0.2.2", INSTANCE, undefined, undefined]]],
  [
    "m18-register-200",
    200,
    ["sip:callee@192.0.2.2", "sip:callee@192.0.2.1"].map((uri) => [
      uri,
      INSTANCE,
      `"${PUBLIC}"`,
      '"sip:tgruu.7hatz6cn-098shfyq193=ajfux8fyg7ajqqe7@example.com;gr"',
    ]),
  ],
] as const;

function gruusIn(text: string): unknown[] {
  const contacts = contactsOf(accept(text));
  if (contacts === undefined || contacts === "*") throw new Error("No contacts");
  return contacts.map(({ uri, params }) => [
    uri,
    instanceOf(params),
    paramValue(params, "pub-gruu"),
    paramValue(params, "temp-gruu"),
  ]);
}

test("every message of the section that is printed in full is looked at", () => {
  expect(MESSAGES.map(([name]) => name)).toEqual(messageNames("rfc5627"));
});

test.each(MESSAGES)(
  "%s is read as it is meant, and passed on byte for byte",
  (name, kind, gruus) => {
    const text = readMessage("rfc5627", name);
    const message = accept(text);
    expect(message.kind === "request" ? message.method : message.status).toBe(kind);
    expect(gruusIn(text)).toEqual(gruus);
    expect(passOn(message)).toBe(text);
  },
);

describe("midreg in the place of the proxy", () => {
  let world: World;
  const answers: string[] = [];
  const heard: Record<string, string[]> = { "192.0.2.1:5060": [], "192.0.2.2:5060": [] };

  beforeAll(async () => {
    world = await World.start({ listeners: [["198.51.100.1", 5060]] });
    for (const [place, requests] of Object.entries(heard)) {
      world.network.listen(place, (text) =>
        text.startsWith("SIP/2.0") ? answers.push(text) : requests.push(text),
      );
    }
  });

  function send(name: string, from: string): void {
    world.network.send(readMessage("rfc5627", name), from, PROXY);
    world.pass(0.1);
  }

  test("gives the public GRUU of message 2 and a temporary one", () => {
    send("m01-register", "192.0.2.1:5060");
    const [[uri, instance, open, hidden] = []] = gruusIn(answers[0] ?? "") as unknown[][];
    expect([uri, instance, open]).toEqual(["sip:callee@192.0.2.1", INSTANCE, `"${PUBLIC}"`]);
    expect(hidden).toMatch(/^"sip:tgruu\.[\w-]{128}@198\.51\.100\.1:5060;gr"$/u);
    // RFC 5627 section 5.2: the option tag is nothing for the response.
    expect(headerLine(answers[0] ?? "", "Supported")).toBe("");
  });

  test("passes message 9 on as message 10: to the contact, with everything else as it was", () => {
    send("m09-subscribe", world.main.place);
    const [received = ""] = heard["192.0.2.1:5060"] ?? [];
    expect(received.split("\r\n")[0]).toBe("SUBSCRIBE sip:callee@192.0.2.1 SIP/2.0");
    expect(headerLine(received, "To")).toBe(`<${PUBLIC}>`);
    expect(headerLine(received, "Contact")).toBe(
      "<sip:caller@example.com;gr=hdg7777ad7aflzig8sf7>",
    );
  });

  test("answers message 17 as message 18: both contacts, with the same GRUUs", () => {
    send("m17-register", "192.0.2.2:5060");
    const gruus = gruusIn(answers[1] ?? "") as unknown[][];
    expect(gruus.map(([uri]) => uri)).toEqual(["sip:callee@192.0.2.1", "sip:callee@192.0.2.2"]);
    expect(new Set(gruus.map(([, ...rest]) => JSON.stringify(rest))).size).toBe(1);
    expect(gruus[0]?.[2]).toBe(`"${PUBLIC}"`);
  });

  test("then calls the most recent contact, and only that", () => {
    const text = readMessage("rfc5627", "m09-subscribe")
      .replace("z9hG4bK9zz8", "z9hG4bK9zz9")
      .replace(/^Call-ID: .*$/mu, "Call-ID: another");
    world.network.send(text, world.main.place, PROXY);
    world.pass(0.1);
    expect(heard["192.0.2.1:5060"]).toHaveLength(1);
    expect(heard["192.0.2.2:5060"]?.map((request) => request.split("\r\n")[0])).toEqual([
      "SUBSCRIBE sip:callee@192.0.2.2 SIP/2.0",
    ]);
  });

  test("answers with nothing that is not a SIP message", () => {
    for (const answer of answers) expect(responseOf(answer).status).toBe(200);
    expect(headerLines(answers[1] ?? "", "Contact")).toHaveLength(1);
  });
});
