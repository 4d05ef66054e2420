import { describe, expect, test } from "vitest";
import { MessageRewrite } from "../../src/sip/message-rewrite.ts";
import { message, requestOf } from "../support/messages.ts";

const LINES = [
  "MESSAGE sip:a@h SIP/2.0",
  "Via: SIP/2.0/UDP h;branch=z9hG4bK-1",
  "From: <sip:b@h>;tag=b",
  "To: <sip:a@h>",
  "Call-ID: c",
  "CSeq: 1 MESSAGE",
];

describe("measureBody", () => {
  test("adds the length of the datagram's body where it is missing", () => {
    const text = `${message(...LINES)}h\xc3\xa9`;
    expect(new MessageRewrite(requestOf(text)).measureBody().toText()).toBe(
      `${message(...LINES, "Content-Length: 3")}h\xc3\xa9`,
    );
  });

  test.each(["Content-Length: 2", "l:  2"])("leaves %s as it is", (line) => {
    const text = `${message(...LINES, line)}hi`;
    expect(new MessageRewrite(requestOf(text)).measureBody().toText()).toBe(text);
  });
});
