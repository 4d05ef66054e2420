import { describe, expect, test } from "vitest";
import { parsePush, serializePush } from "../../src/location/push-device.ts";

describe("a push resource as bindings keep it", () => {
  test.each([
    { provider: "apns", param: "TEAM.org.example.voip", prid: "00fc13adff78512" },
    { provider: "webpush", param: "", prid: "https://push.example.net/wpush/v2/gAAAA?x=1" },
  ])("comes back as it was: $provider", (device) => {
    expect(parsePush(serializePush(device))).toEqual(device);
  });

  test("is none when the text is empty", () => {
    expect(parsePush("")).toBeUndefined();
  });
});
