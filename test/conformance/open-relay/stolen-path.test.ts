/**
 * What a Path of midreg's is worth to somebody who has seen it: it stands in REGISTERs, in answers to them, and in the Routes of
 * calls. It leads to a device without a dialog, so only the main registrar may use it.
 */
import { beforeEach, describe, expect, test } from "vitest";
import {
  alongPath,
  contactOf,
  type EdgeScene,
  edgeScene,
  fromPhone,
  leaving,
  MAIN_PLACE,
  PHONE_PLACE,
  pathOf,
  registered,
} from "../outbound/edge-scene.ts";
import { STRANGER_PLACE } from "../proxy-rules/stage.ts";

const CAROL = "198.51.100.9:40000";
const METHODS = ["INVITE", "MESSAGE", "OPTIONS", "BYE", "REFER", "NOTIFY"];

let all: EdgeScene;
let path: string;
let uri: string;

beforeEach(async () => {
  all = await edgeScene();
  registered(all);
  path = pathOf(all);
  uri = contactOf(all);
  all.world.phone("carol", CAROL).register();
  all.world.pass(1);
});

/** What each method gets along a route. */
function tried(route: string, from: string, target = uri): string[] {
  return METHODS.flatMap((method) => {
    const text = alongPath(route, { method, uri: target });
    return leaving(all, text.replace(`${MAIN_PLACE};branch`, `${from};branch`), from);
  });
}

function each(line: string): string[] {
  return METHODS.map(() => line);
}

/** A token with another body, and the digest of the one that was seen. */
function altered(body: (read: string) => string): string {
  return path.replace(/<sip:p([\w-]+)\./u, (_, seen: string) => {
    const read = Buffer.from(seen, "base64url").toString("latin1");
    return `<sip:p${Buffer.from(body(read), "latin1").toString("base64url")}.`;
  });
}

describe("a Path that a stranger has seen", () => {
  test.each([
    ["as it was", () => path],
    ["without ob", () => path.replace(";ob", "")],
    ["behind a Route of midreg's", () => `<sip:192.0.2.1;lr>, ${path}`],
    ["before a Route to elsewhere", () => `${path}, <sip:198.51.100.200;lr>`],
  ])("leads nowhere: %s", (_, route) => {
    expect(tried(route(), STRANGER_PLACE)).toEqual(
      each(`SIP/2.0 403 Forbidden > ${STRANGER_PLACE}`),
    );
    expect(tried(route(), STRANGER_PLACE, "sip:victim@198.51.100.200")).toEqual(
      each(`SIP/2.0 403 Forbidden > ${STRANGER_PLACE}`),
    );
    expect(all.phone.requests).toEqual([]);
  });

  test("leads nowhere in the Request-URI either", () => {
    expect(tried(`<${uri}>`, STRANGER_PLACE, path.slice(1, -1))).toEqual(
      each(`SIP/2.0 403 Forbidden > ${STRANGER_PLACE}`),
    );
  });

  test("is no token of a dialog", () => {
    for (const letter of ["d", "o", "D", "O"]) {
      const route = path.replace("<sip:p", `<sip:${letter}`);
      const text = alongPath(route, { method: "MESSAGE", uri }).replace(
        /^(To:[^\r]*)/mu,
        "$1;tag=x",
      );
      expect(leaving(all, text, STRANGER_PLACE)).toEqual([
        `SIP/2.0 403 Forbidden > ${STRANGER_PLACE}`,
      ]);
    }
    const text = alongPath(path, { method: "MESSAGE", uri }).replace(/^(To:[^\r]*)/mu, "$1;tag=x");
    expect(leaving(all, text, STRANGER_PLACE)).toEqual([
      `SIP/2.0 403 Forbidden > ${STRANGER_PLACE}`,
    ]);
  });
});

describe("a Path that another device has seen", () => {
  test("leads it nowhere, not even to the main registrar", () => {
    for (const target of [uri, "sip:alice@sip.test", "sip:victim@198.51.100.200"]) {
      expect(tried(path, CAROL, target)).toEqual(each(`SIP/2.0 403 Forbidden Route > ${CAROL}`));
    }
    expect(all.phone.requests).toEqual([]);
  });

  test("leads its own device outward and nowhere else", () => {
    const route = `Route: ${path}, <sip:198.51.100.200;lr>`;
    expect(leaving(all, fromPhone("MESSAGE", PHONE_PLACE, [route]), PHONE_PLACE)).toEqual([
      `SIP/2.0 403 Forbidden Route > ${PHONE_PLACE}`,
    ]);
  });
});

describe("a Path that was altered", () => {
  test.each([
    [
      "names another place",
      () => altered((read) => read.replace(PHONE_PLACE, "198.51.100.200:5060")),
    ],
    ["names another contact", () => altered((read) => read.replace(/^.{16}/u, "0123456789abcdef"))],
    [
      "has another digest",
      () => path.replace(/\.(.)/u, (_, one: string) => (one === "A" ? ".B" : ".A")),
    ],
  ])("is 403 to everybody, the main registrar too: %s", (_, route) => {
    for (const from of [MAIN_PLACE, PHONE_PLACE, CAROL, STRANGER_PLACE]) {
      expect(tried(route(), from)).toEqual(each(`SIP/2.0 403 Forbidden > ${from}`));
    }
    expect(all.phone.requests).toEqual([]);
  });

  test("cannot be made with the To tag of an answer for its digest", () => {
    const [, payload = ""] = /<sip:(p[\w-]+)\./u.exec(path) ?? [];
    for (const callId of [payload, "path", "\\npath\\n"]) {
      const asking = alongPath("", { method: "MESSAGE", uri }).replace(
        /^Call-ID: .*\r$/mu,
        `Call-ID: ${callId}\r`,
      );
      const before = all.world.network.sent.length;
      leaving(all, asking, STRANGER_PLACE);
      const answer =
        all.world.network.sent.slice(before).find(({ to }) => to === STRANGER_PLACE)?.text ?? "";
      const [, tag = ""] = /^To:.*;tag=([\w-]{14})\r$/mu.exec(answer) ?? [];
      expect(tag).not.toBe("");
      const forged = path.replace(/\.[\w-]{14}@/u, `.${tag}@`);
      expect(leaving(all, alongPath(forged, { uri }))).toEqual([
        `SIP/2.0 403 Forbidden > ${MAIN_PLACE}`,
      ]);
    }
  });
});

test("a Path leads the main registrar to the device that it was made for, and to no other", () => {
  const carol = all.world.main.contactsFor("sip:carol@sip.test")[0] ?? "";
  expect(leaving(all, alongPath(path, { uri: carol }))).toEqual([
    `SIP/2.0 404 Not Found > ${MAIN_PLACE}`,
  ]);
  expect(leaving(all, alongPath(path, { uri: "sip:alice@192.0.2.1" }))).toEqual([
    `SIP/2.0 404 Not Found > ${MAIN_PLACE}`,
  ]);
});
