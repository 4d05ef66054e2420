import * as fc from "fast-check";
import { expect, test } from "vitest";
import { contactView } from "../../src/http/record-view.ts";
import { escapeParam } from "../../src/sip/escape.ts";
import { buildBinding, NOW_MS } from "../registrar/fixtures.ts";
import { runs } from "../support/effort.ts";

const NO_PINGS = () => undefined;
const CLOCK = { nowMs: () => NOW_MS, wallMs: () => NOW_MS };

test.each([
  [
    "one that is pushed to",
    "sip:a@h;pn-provider=apns;pn-param=p;pn-prid=t",
    "apns p t",
    { provider: "apns", pushable: true },
  ],
  [
    "one whose token is dead, or whose provider midreg has not",
    "sip:a@h;pn-provider=firebase;pn-prid=t",
    "",
    { provider: "fcm", pushable: false },
  ],
  ["one that asks for nothing", "sip:a@h", "", null],
  [
    "one that has its token in the wrong place",
    `sip:a@h;pn-provider=${"a1".repeat(32)}`,
    "",
    { provider: "other", pushable: false },
  ],
])("operators see whether a device can be woken: %s", (_, contact, push, expected) => {
  expect(contactView(buildBinding({ contact, push }), CLOCK, NO_PINGS)).toMatchObject({
    push: expected,
  });
});

test("whatever the token is and however it is written, they do not see it", () => {
  const token = fc.stringMatching(/^[A-Z0-9]{12,64}$/u);
  const spelling = fc.constantFrom(
    "pn-prid",
    "PN-PRID",
    "%70n-prid",
    "pn-tok",
    "pn-param",
    "app-id",
    "App%2DId",
  );
  const check = fc.property(
    token,
    spelling,
    fc.constantFrom("", "apns.dev"),
    (secret, name, provider) => {
      const contact = `sip:a@h;pn-provider=${provider};${name}=${escapeParam(secret)};pn-type=apple`;
      const parts = { contact, push: `apns ${secret} ${secret}`, params: `;${name}=${secret}` };
      expect(JSON.stringify(contactView(buildBinding(parts), CLOCK, NO_PINGS))).not.toContain(
        secret,
      );
    },
  );
  fc.assert(check, runs(200));
});
