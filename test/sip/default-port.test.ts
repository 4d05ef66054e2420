import { expect, test } from "vitest";
import { defaultPort, defaultPortOf } from "../../src/sip/default-port.ts";
import { parseUri } from "../../src/sip/uri.ts";

test.each([
  ["sip:a.test", 5060],
  ["sip:a.test;transport=udp", 5060],
  ["sip:a.test;transport=tcp", 5060],
  ["sip:a.test;transport=TLS", 5061],
  ["sip:a.test;transport=ws", 80],
  ["sip:a.test;transport=wss", 443],
  ["sips:a.test", 5061],
  ["sips:a.test;transport=tcp", 5061],
  ["sips:a.test;transport=ws", 443],
])("%s means port %i", (text, port) => {
  const uri = parseUri(text);
  expect(uri && defaultPort(uri)).toBe(port);
});

test.each([
  ["UDP", 5060],
  ["TLS", 5061],
  ["WSS", 443],
])("a Via by %s without a port means %i", (transport, port) => {
  expect(defaultPortOf(transport)).toBe(port);
});
