import { describe, expect, test } from "vitest";
import { TEMPLATE_FIELDS } from "../../src/config/settings-gateway.ts";
import { buildWebhookBody } from "../../src/gateway/webhook-body.ts";
import { buildPush, devices, virtualTimers } from "../gateway/fixtures.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { load, problemsOf } from "./load.ts";

const providers = (yaml: string): string => `push:\n  providers:\n${yaml}`;
const APNS = "    apns:\n      - {key: k.p8, key_id: ABCDE12345, team_id: DEF123GHIJ";
const HTTP = "    http:\n      - {name: hook, url: https://push.example.com/x, secret: s";
const WEB = "    webpush: {key: v.pem, subject: mailto:a@example.com";

describe("push providers", () => {
  test("have the addresses of the real ones unless told otherwise", () => {
    const yaml = providers(`${APNS}}\n    fcm:\n      - {service_account: a.json}\n${WEB}}\n`);
    expect(load({ yaml }).settings.pushProviders).toEqual({
      apns: [
        {
          keyFile: "k.p8",
          keyId: "ABCDE12345",
          teamId: "DEF123GHIJ",
          bundles: [],
          endpoint: "https://api.push.apple.com",
          sandboxEndpoint: "https://api.sandbox.push.apple.com",
          caFile: undefined,
        },
      ],
      fcm: [
        {
          serviceAccountFile: "a.json",
          projectNumber: undefined,
          endpoint: "https://fcm.googleapis.com",
          tokenEndpoint: undefined,
          caFile: undefined,
        },
      ],
      webpush: {
        keyFile: "v.pem",
        subject: "mailto:a@example.com",
        hosts: [
          "fcm.googleapis.com",
          "updates.push.services.mozilla.com",
          "web.push.apple.com",
          "*.notify.windows.com",
        ],
        allowsPrivate: false,
        caFile: undefined,
      },
      http: [],
    });
  });

  test("a template is JSON whose texts name fields", () => {
    const yaml = providers(`${HTTP}, template: '{"to":["{prid}"],"n":1}'}\n`);
    expect(load({ yaml }).settings.pushProviders.http).toMatchObject([
      { name: "hook", template: { to: ["{prid}"], n: 1 } },
    ]);
  });

  test.each([
    ["a team twice", `${APNS}}\n${APNS.split("\n")[1]}}\n`, "must not be given twice"],
    ["a bad key id", `${APNS.replace("ABCDE12345", "abc")}}\n`, "must be ten letters and digits"],
    ["a missing key", "    apns:\n      - {key_id: ABCDE12345, team_id: DEF123GHIJ}\n", "missing"],
    ["a path in an endpoint", `${APNS}, endpoint: https://a.example/x}\n`, "scheme, host and port"],
    ["a provider in clear", `${APNS}, endpoint: http://192.0.2.1}\n`, "must be https"],
    ["a webhook named as one of ours", `${HTTP.replace("hook", "apns")}}\n`, "built-in provider"],
    ["a template that is no JSON", `${HTTP}, template: '{"a":{prid}}'}\n`, "must be JSON"],
    ["a field nobody knows", `${HTTP}, template: '["{token}"]'}\n`, "must not mention {token}"],
    ["a subject that is no URI", `${WEB.replace("mailto:a@example.com", "me")}}\n`, "mailto: or"],
    ["a host with a path", `${WEB}, hosts: [a.example/x]}\n`, "must be HOST, *.DOMAIN or *"],
    ["a setting nobody knows", `${WEB}, host: [a.example]}\n`, 'did you mean "hosts"?'],
  ])("%s is refused", (_, yaml, complaint) => {
    expect(problemsOf({ yaml: providers(yaml) }).join("\n")).toContain(complaint);
  });

  test("a complaint does not show the URL of a webhook, which often is its password", () => {
    const yaml = providers(`${HTTP.replace("https://push.example.com/x", "ftp://hidden-key")}}\n`);
    const text = problemsOf({ yaml }).join("\n");
    expect(text).toContain("url: must be a URL");
    expect(text).not.toContain("hidden-key");
  });

  test("every field that a template may name is filled in", () => {
    const clock = virtualTimers(new VirtualClock());
    const push = buildPush(devices.http("aa"), {
      caller: { uri: "sip:a@b", displayName: "A" },
      deadlineMs: clock.nowMs() + 5000,
    });
    const template = TEMPLATE_FIELDS.map((name) => `{${name}}`);
    const body = buildWebhookBody(template, push, clock);
    expect(body).not.toContain("{");
    expect(JSON.parse(body)).toHaveLength(TEMPLATE_FIELDS.length);
  });
});
