import { expect, test } from "vitest";
import { parseCredentialFile } from "../../src/auth/credential-file.ts";
import { computeResponse } from "../../src/auth/digest.ts";
import { parseAuthHeader } from "../../src/sip/auth-header.ts";
import { parseMessage } from "../../src/sip/parse-message.ts";
import { headerLine } from "../support/messages.ts";
import { DigestPhones, writeUsers } from "./digest-phones.ts";
import { FIRST_CSEQ, RegisterTemplate } from "./register-template.ts";

const DIGEST = { realm: "bench.example.com", domain: "bench.example.com", devicesPerAor: 2 };
const SITE = {
  address: "127.64.0.1",
  port: 40_000,
  runId: "0123456789ab",
  expiresSec: 600,
  ...DIGEST,
};
const CHALLENGE = Buffer.from(
  'SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm="bench.example.com", nonce="sha", algorithm=SHA-256, qop="auth"\r\n' +
    'WWW-Authenticate: Digest realm="bench.example.com", nonce="abc", algorithm=MD5, qop="auth"\r\n\r\n',
);

test("a phone answers a challenge with the credentials of its user, and counts its nonce up", () => {
  const phones = new DigestPhones(8, DIGEST);
  const template = new RegisterTemplate(SITE);
  const plain = template.fill(5, FIRST_CSEQ);
  expect(phones.sign(5, plain)).toBe(plain);
  expect(phones.learn(5, Buffer.from("SIP/2.0 401 Unauthorized\r\n\r\n"))).toBe(false);
  expect(phones.learn(5, CHALLENGE)).toBe(true);
  const credentials = parseCredentialFile(writeUsers(8, DIGEST));
  if ("rule" in credentials) throw new Error(credentials.rule);
  const user = credentials.find(({ username }) => username === "u00000002");
  expect(credentials).toHaveLength(4);
  for (const nc of ["00000001", "00000002"]) {
    phones.count(5);
    const text = phones.sign(5, template.fill(5, FIRST_CSEQ)).toString("latin1");
    // What is sent again is the same.
    expect(phones.sign(5, template.fill(5, FIRST_CSEQ)).toString("latin1")).toBe(text);
    expect(parseMessage(text, SITE.address, SITE.port).kind).toBe("request");
    const params = parseAuthHeader(headerLine(text, "Authorization"))?.params;
    const parts = {
      algorithm: "MD5",
      method: "REGISTER",
      uri: "sip:bench.example.com",
      nonce: "abc",
      counted: { nc, cnonce: params?.get("cnonce") ?? "" },
    } as const;
    expect(params?.get("username")).toBe("u00000002");
    expect(params?.get("nc")).toBe(nc);
    expect(params?.get("response")).toBe(computeResponse(user?.ha1 ?? "", parts));
  }
});
