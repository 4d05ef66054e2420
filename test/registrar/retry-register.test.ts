import { describe, expect, test } from "vitest";
import { retryRegister } from "../../src/registrar/retry-register.ts";
import { buildForward } from "../../src/registrar/rewrite-register.ts";
import { headerLine, headerLines } from "../support/messages.ts";
import { buildInput } from "./fixtures.ts";

const CREDENTIALS = 'Authorization: Digest username="alice"';

describe("a forwarded REGISTER after a challenge", () => {
  test("has the next CSeq and the credentials, and is the same otherwise", () => {
    const first = { ...buildForward(buildInput(), [], false), evicted: [] };
    const { cseq } = first.identity;
    const forward = { ...first, text: `${first.text}\r\nCSeq: ${cseq} REGISTER\r\n` };
    const second = retryRegister(forward, CREDENTIALS, 2);
    expect(second.identity).toEqual({ ...forward.identity, cseq: cseq + 2 });
    expect(headerLine(second.text, "CSeq")).toBe(`${cseq + 2} REGISTER`);
    expect(headerLines(second.text, "Authorization")).toHaveLength(1);
    const undone = second.text
      .replace(`${CREDENTIALS}\r\n`, "")
      .replace(`CSeq: ${cseq + 2} `, `CSeq: ${cseq} `);
    expect(undone).toBe(forward.text);
  });
});

describe("credentials for midreg itself", () => {
  const own = 'Authorization: Digest realm="SIP.test", nonce="1"';
  const others = ['Authorization: Digest realm="main", nonce="2"', "Authorization: Basic x"];

  function sent(ownRealmOf?: () => string): string[] {
    const input = buildInput({ register: { headers: [own, ...others, own] } });
    return headerLines(buildForward({ ...input, ownRealmOf }, [], true).text, "Authorization");
  }

  test("stay here, and those for others go on", () => {
    expect(sent(() => "SIP.test").map((value) => `Authorization: ${value}`)).toEqual(others);
  });

  test("go on with the others where midreg asks for none", () => {
    expect(sent()).toHaveLength(4);
  });
});
