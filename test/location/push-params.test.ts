import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { makePurr, readPurr } from "../../src/location/purr.ts";
import { deviceOf, readPushParams, withoutPush } from "../../src/location/push-params.ts";
import { reachableUntilMs } from "../../src/location/reach.ts";
import { isSameUri } from "../../src/sip/compare-uri.ts";
import { escapeParam } from "../../src/sip/escape.ts";
import { parseUri } from "../../src/sip/uri.ts";
import { buildBinding, NOW_MS } from "../registrar/fixtures.ts";
import { runs } from "../support/effort.ts";
import { SequentialIds } from "../support/sequential-ids.ts";

function read(params: string): ReturnType<typeof readPushParams> {
  const uri = parseUri(`sip:alice@198.51.100.7${params}`);
  if (uri === undefined) throw new Error("malformed");
  return readPushParams(uri);
}

function device(params: string): unknown {
  const asked = read(params);
  return asked === undefined ? undefined : deviceOf(asked);
}

describe("a contact says how its device is woken", () => {
  test.each<[name: string, params: string, device: readonly [string, string, string]]>([
    [
      "as RFC 8599 has it for APNs",
      ";pn-provider=apns;pn-param=DEF123GHIJ.com.example.phone.voip;pn-prid=00fc13adff78512",
      ["apns", "DEF123GHIJ.com.example.phone.voip", "00fc13adff78512"],
    ],
    [
      "and for FCM, among other parameters",
      ";transport=tls;pn-prid=dP:APA91_x-Y;ob;pn-provider=fcm;pn-param=acme-app",
      ["fcm", "acme-app", "dP:APA91_x-Y"],
    ],
    [
      "and for Web Push, whose URI is escaped, once",
      ";pn-provider=webpush;pn-prid=https%3A%2F%2Fpush.example%2Fa%252Fb%3Fx%3D1",
      ["webpush", "", "https://push.example/a%2Fb?x=1"],
    ],
    [
      "whatever the case of the names",
      ";PN-Provider=ApNs;Pn-PRID=Ab;PN-Param=P",
      ["apns", "P", "Ab"],
    ],
    ["with an escaped name", ";pn%2dprovider=fcm;%70n-prid=T;pn-param=p", ["fcm", "p", "T"]],
    [
      "as apps of Linphone write it",
      ";pn-provider=firebase;pn-param=12;pn-prid=T",
      ["fcm", "12", "T"],
    ],
    [
      "with two tokens",
      ";pn-provider=apns.dev;pn-param=ABCD1234.org.linphone.phone.remote%26voip;pn-prid=aa:remote&bb:voip",
      ["apns.dev", "ABCD1234.org.linphone.phone.remote&voip", "aa:remote&bb:voip"],
    ],
    [
      "as Linphone did before the RFC",
      ";app-id=929724111839;pn-type=firebase;pn-tok=dtok",
      ["fcm", "929724111839", "dtok"],
    ],
    [
      "and for Apple's test world",
      ";app-id=org.linphone.phone.voip.dev;pn-type=apple;pn-tok=AB12",
      ["apns.dev", "org.linphone.phone.voip", "AB12"],
    ],
    ["the first of several counts", ";pn-provider=fcm;pn-prid=A;pn-prid=B", ["fcm", "", "A"]],
  ])("%s", (_, params, [provider, param, prid]) => {
    expect(device(params)).toEqual({ provider, param, prid });
  });

  test.each([
    ["nothing of push", ";transport=udp;x=pn"],
    ["an app-id without a token", ";app-id=x;pn-type=firebase"],
    ["an empty token", ";app-id=x;pn-type=firebase;pn-tok="],
  ])("%s is no question", (_, params) => {
    expect(read(params)).toBeUndefined();
  });

  test.each([
    ["a blank", ";pn-provider=fcm;pn-prid=a%20b"],
    ["a line break", ";pn-provider=fcm;pn-prid=a%0D%0Ab"],
    ["NUL", ";pn-provider=fcm;pn-prid=a%00"],
    ["a byte beyond ASCII", ";pn-provider=fcm;pn-prid=%E4"],
    ["a blank in pn-param", ";pn-provider=fcm;pn-param=%20;pn-prid=a"],
  ])("%s is in no push resource", (_, params) => {
    expect(read(params)).toMatchObject({ provider: "fcm", isMalformed: true });
    expect(device(params)).toBeUndefined();
  });

  test("any printable token comes through its escapes", () => {
    const printable = fc.string({
      unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
      minLength: 1,
      maxLength: 300,
    });
    const check = fc.property(printable, printable, (param, prid) => {
      const params = `;pn-provider=fcm;pn-param=${escapeParam(param)};pn-prid=${escapeParam(prid)}`;
      expect(device(params)).toEqual({ provider: "fcm", param, prid });
    });
    fc.assert(check, runs(200));
  });

  test("what is left without them is the same contact, and says nothing of push", () => {
    const bare = "sip:alice@[2001:db8::1]:5070;transport=tls;ob";
    const full = `sip:alice@[2001:db8::1]:5070;pn-provider=apns;transport=tls;PN-PRID=a;ob;app-id=x;pn%2Dparam=y`;
    expect(isSameUri(withoutPush(full) ?? "", bare)).toBe(true);
    expect(withoutPush(full)).toBe(bare);
    expect(withoutPush(bare)).toBe(bare);
    expect(withoutPush("sip:pn-@[")).toBeUndefined();
  });
});

describe("a reference for dialogs", () => {
  const ids = new SequentialIds();
  const ctid = "0123456789abcdef";

  test("is another one each time, and all of them name the binding", () => {
    const first = makePurr(ctid, ids) ?? "";
    const second = makePurr(ctid, ids) ?? "";
    expect(first).not.toBe(second);
    expect([readPurr(first, ids), readPurr(second, ids)]).toEqual([ctid, ctid]);
    expect(first).toMatch(/^[A-Za-z0-9_-]+$/u);
    expect(first).not.toContain(ctid);
  });

  test("cannot be made up, altered, or be something else that midreg has sealed", () => {
    const purr = makePurr(ctid, ids) ?? "";
    expect(readPurr("", ids)).toBeUndefined();
    expect(readPurr(ctid, ids)).toBeUndefined();
    const altered = purr.replace(/^./u, (first) => (first === "A" ? "B" : "A"));
    expect(readPurr(altered, ids)).toBeUndefined();
    expect(readPurr(ids.seal(`AAAAAAAAAAAAAA 1 ${ctid}`) ?? "", ids)).toBeUndefined();
    expect(readPurr(ids.seal("purr alice@sip.test") ?? "", ids)).toBeUndefined();
  });
});

describe("a binding leads to its device", () => {
  const push = "apns p t";
  test.each<
    [name: string, parts: Parameters<typeof buildBinding>[0], afterMs: number, untilMs: number]
  >([
    ["until it ends, when it cannot be woken", {}, 3_600_000, 30_000],
    ["for longer, when it can", { push }, 60_000, 90_000],
    ["but not beyond the registration upstream", { push }, 36_000_000, 3_570_000],
    [
      "nor is its own life made shorter",
      { push, upstream: { expiresAtMs: NOW_MS } },
      60_000,
      30_000,
    ],
    ["and no longer where the operator does not want it", { push }, 0, 30_000],
  ])("%s", (_, parts, afterMs, untilMs) => {
    expect(reachableUntilMs(buildBinding(parts), afterMs)).toBe(NOW_MS + untilMs);
  });
});
