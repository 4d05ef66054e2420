import { expect, test } from "vitest";
import { MessageTallies } from "../../src/server/message-tallies.ts";
import { RecordingModules } from "../transport/recording-modules.ts";

test("messages that differ in their transport alone are counted apart", () => {
  const { metrics } = new RecordingModules();
  const tallies = new MessageTallies(metrics);
  tallies.request("INVITE", "udp");
  tallies.request("INVITE", "tls");
  tallies.request("INVITE", "tls");
  tallies.response("INVITE", 200, "udp");
  tallies.response("INVITE", 200, "ws");
  const requests = (transport: string): number =>
    metrics.counter("sip_requests_total", { transport, method: "INVITE", direction: "in" }).n;
  const responses = (transport: string): number => {
    const labels = { transport, method: "INVITE", code: "200", direction: "in" };
    return metrics.counter("sip_responses_total", labels).n;
  };
  expect([requests("udp"), requests("tls"), requests("ws")]).toEqual([1, 2, 0]);
  expect([responses("udp"), responses("tls"), responses("ws")]).toEqual([1, 0, 1]);
});
