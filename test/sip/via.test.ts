import { expect, test } from "vitest";
import { parseVia, type Via } from "../../src/sip/via.ts";

const VIA: Via = {
  transport: "UDP",
  host: "h",
  port: undefined,
  sentBy: "h",
  params: "",
  isWellFormed: true,
  branch: undefined,
  text: "",
  rest: "",
};

test.each<[string, Partial<Via>]>([
  ["SIP/2.0/UDP h", {}],
  [
    "SIP/2.0/TCP Pc33.Atlanta.com:5061;branch=z9hG4bKx;rport",
    {
      transport: "TCP",
      host: "Pc33.Atlanta.com",
      port: 5061,
      sentBy: "pc33.atlanta.com:5061",
      params: ";branch=z9hG4bKx;rport",
      branch: "z9hG4bKx",
    },
  ],
  [
    "SIP / 2.0 / udp  h : 5060 ; branch = x",
    { port: 5060, sentBy: "h:5060", params: "; branch = x", branch: "x" },
  ],
  ["SIP\t/2.0/UDP\th\t:\t1", { port: 1, sentBy: "h:1" }],
  [
    "sip/2.0/wss [2001:DB8::1]:65535",
    {
      transport: "WSS",
      host: "[2001:DB8::1]",
      port: 65_535,
      sentBy: "[2001:db8::1]:65535",
    },
  ],
  ["SIP/7.0/UDP h", {}],
  ["SIP/2.0/UDP h;received=[::1]", { params: ";received=[::1]" }],
  ["SIP/2.0/UDP h;branch", { params: ";branch", branch: "" }],
  ["SIP/2.0/UDP h;branch=a;branch=b", { params: ";branch=a;branch=b", branch: "a" }],
  ["SIP/2.0/UDP h;;x", { params: ";;x", isWellFormed: false }],
  ['SIP/2.0/UDP h;x="y', { params: ';x="y', isWellFormed: false }],
  ["SIP/2.0/UDP h;x=\0", { params: ";x=\0", isWellFormed: false }],
])("%s is taken apart", (value, parts) => {
  expect(parseVia(value)).toEqual({ ...VIA, text: value, ...parts });
});

test("further values of the line are kept apart", () => {
  expect(parseVia('SIP/2.0/UDP h;x="," , SIP/2.0/TCP i;branch=b')).toEqual({
    ...VIA,
    params: ';x=","',
    text: 'SIP/2.0/UDP h;x=","',
    rest: ", SIP/2.0/TCP i;branch=b",
  });
});

test.each([
  "",
  "SIP/2.0/UDP",
  "SIP/2.0/UDP ",
  "SIP/2.0 h",
  "SIP/2.0/ h",
  "/2.0/UDP h",
  "SIP/2.0/UDP;branch=x",
  "SIP/2.0/UDP h i",
  "SIP/2.0/UDP h:",
  "SIP/2.0/UDP h:0",
  "SIP/2.0/UDP h:65536",
  "SIP/2.0/UDP h:70000",
  "SIP/2.0/UDP h:x",
  "SIP/2.0/UDP 2001:db8::1",
  "SIP/2.0/UDP [2001:db8]",
  "SIP/2.0/UDP [fe80::1%eth0]",
  "SIP/2.0/U@P h",
  ", SIP/2.0/UDP h",
  'SIP/2.0/UDP h;x=",',
])("%j is malformed", (value) => {
  expect(parseVia(value)).toBeUndefined();
});
