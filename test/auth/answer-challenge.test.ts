import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { answerChallenge, challengedRealms } from "../../src/auth/answer-challenge.ts";
import { CredentialTable } from "../../src/auth/credential-table.ts";
import { isRightResponse } from "../../src/auth/verify-digest.ts";
import { parseAuthHeader } from "../../src/sip/auth-header.ts";
import type { SipResponse } from "../../src/sip/message.ts";
import { message, responseOf } from "../support/messages.ts";
import { credentialOf, passwordOf, REALM, tableOf } from "./fixtures.ts";

const REQUEST = {
  method: "REGISTER",
  requestUri: "sip:main.test",
  usernames: ["alice", "alice@sip.test"],
  exceptRealms: ["phones-own"],
  cnonce: "c1",
};

function challenged(status: number, ...lines: string[]): SipResponse {
  return responseOf(
    message(
      `SIP/2.0 ${status} Unauthorized`,
      "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-1",
      "From: <sip:alice@sip.test>;tag=1",
      "To: <sip:alice@sip.test>;tag=2",
      "Call-ID: 1",
      "CSeq: 1 REGISTER",
      ...lines,
    ),
  );
}

const digest = (params: string): string => `WWW-Authenticate: Digest ${params}`;

const md5 = (text: string): string => createHash("md5").update(text).digest("hex");

/** Name of the header and its parameters. */
function answer(response: SipResponse, table = tableOf(["alice"])) {
  const given = answerChallenge(response, REQUEST, table);
  if (given === undefined) return undefined;
  const cut = given.line.indexOf(": ");
  const params = parseAuthHeader(given.line.slice(cut + 2))?.params ?? new Map<string, string>();
  return { name: given.line.slice(0, cut), isStale: given.isStale, params };
}

describe("a challenge is answered", () => {
  test.each(["MD5", "SHA-256", "SHA-512-256"] as const)("with %s", (algorithm) => {
    const line = digest(
      `realm="${REALM}", nonce="n", algorithm=${algorithm}, qop="auth,auth-int", opaque="o"`,
    );
    const given = answer(challenged(401, line));
    expect(given?.name).toBe("Authorization");
    expect(Object.fromEntries(given?.params ?? [])).toMatchObject({
      username: "alice",
      realm: REALM,
      nonce: "n",
      uri: "sip:main.test",
      algorithm,
      qop: "auth",
      nc: "00000001",
      cnonce: "c1",
      opaque: "o",
    });
    const { ha1 } = credentialOf("alice", algorithm);
    const checked = {
      username: "alice",
      realm: REALM,
      nonce: "n",
      uri: "sip:main.test",
      response: given?.params.get("response") ?? "",
      algorithm,
      counted: { nc: "00000001", cnonce: "c1" },
    };
    expect(isRightResponse(checked, "REGISTER", ha1)).toBe(true);
  });

  test("without qop and algorithm as RFC 2069 has it, and of a proxy in its own header", () => {
    const line = `Proxy-Authenticate: Digest realm="${REALM}", nonce="n", stale=TRUE`;
    const given = answer(challenged(407, line));
    expect(given).toMatchObject({ name: "Proxy-Authorization", isStale: true });
    expect([...(given?.params.keys() ?? [])]).toEqual([
      "username",
      "realm",
      "nonce",
      "uri",
      "response",
    ]);
  });

  test("with a session key where that is asked for", () => {
    const line = digest(`realm="${REALM}", nonce="n", algorithm=MD5-sess, qop="auth"`);
    const given = answer(challenged(401, line));
    const ha1 = md5(`${md5(`alice:${REALM}:${passwordOf("alice")}`)}:n:c1`);
    const expected = md5(`${ha1}:n:00000001:c1:auth:${md5("REGISTER:sip:main.test")}`);
    expect(given?.params.get("response")).toBe(expected);
    expect(given?.params.get("algorithm")).toBe("MD5-sess");
  });

  test("with the topmost that can be answered", () => {
    const lines = [
      'WWW-Authenticate: Basic realm="x"',
      digest(`realm="${REALM}", nonce="1", algorithm=SHA-1`),
      digest(`realm="${REALM}", nonce="2", algorithm=SHA-256, qop="auth-int"`),
      digest(`realm="other", nonce="3"`),
      digest(`realm="${REALM}", nonce="4", algorithm=SHA-256, qop="auth"`),
      digest(`realm="${REALM}", nonce="5", algorithm=MD5, qop="auth"`),
    ];
    expect(answer(challenged(401, ...lines))?.params.get("nonce")).toBe("4");
    const table = new CredentialTable();
    table.add(credentialOf("alice", "MD5"));
    expect(answer(challenged(401, ...lines), table)?.params.get("nonce")).toBe("5");
  });

  test("under the name that there are credentials for", () => {
    const given = answer(
      challenged(401, digest(`realm="${REALM}", nonce="n"`)),
      tableOf(["alice@sip.test"]),
    );
    expect(given?.params.get("username")).toBe("alice@sip.test");
  });
});

test.each([
  ["nobody is known", digest(`realm="${REALM}", nonce="n"`), ["bob"]],
  ["the realm is another", digest('realm="other", nonce="n"'), ["alice"]],
  ["the realm is left to the phone", digest('realm="phones-own", nonce="n"'), ["alice"]],
  ["there is no nonce", digest(`realm="${REALM}"`), ["alice"]],
  ["there is no realm", digest('nonce="n"'), ["alice"]],
  ["a session has no qop", digest(`realm="${REALM}", nonce="n", algorithm=MD5-sess`), ["alice"]],
  ["it is malformed", `WWW-Authenticate: Digest realm="${REALM}`, ["alice"]],
  ["it belongs to a proxy", `Proxy-Authenticate: Digest realm="${REALM}", nonce="n"`, ["alice"]],
])("there is no answer when %s", (_, line, users) => {
  const table = tableOf(users);
  table.add(credentialOf("alice", "MD5", "phones-own"));
  expect(answer(challenged(401, line), table)).toBeUndefined();
});

test("the realms of a challenge are told", () => {
  const lines = [digest('realm="a", nonce="1"'), digest('realm="b", nonce="1"')];
  expect(challengedRealms(challenged(401, ...lines))).toEqual(["a", "b"]);
});
