import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseMessage } from "../../src/sip/parse-message.ts";
import { acceptRegister } from "./accept-register.ts";
import { contactUri, FIRST_CSEQ, RegisterTemplate, readKey } from "./register-template.ts";

const SITE = {
  address: "127.64.19.135",
  port: 40_123,
  domain: "bench.example.com",
  runId: "0123456789ab",
  expiresSec: 600,
  devicesPerAor: 1,
};

const devices = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const cseqs = fc.integer({ min: FIRST_CSEQ, max: 999_999_999 });

test("device and CSeq can be read back from the request and from the answer to it", () => {
  const template = new RegisterTemplate(SITE);
  fc.assert(
    fc.property(devices, cseqs, (device, cseq) => {
      const request = template.fill(device, cseq).toString("latin1");
      for (const text of [request, acceptRegister(request) ?? ""]) {
        const key = { device: -1, cseq: -1 };
        expect(readKey(Buffer.from(text, "latin1"), key)).toBe(true);
        expect(key).toEqual({ device, cseq });
      }
    }),
  );
});

test("nothing but the digits of device and CSeq changes from one request to the next", () => {
  const template = new RegisterTemplate(SITE);
  const first = template.fill(0xabcdef, 123_456_789).toString("latin1");
  const second = template.fill(1, 987_654_321).toString("latin1");
  expect(second.replaceAll("00000001", "00abcdef").replaceAll("987654321", "123456789")).toBe(
    first,
  );
});

test("a request is a valid REGISTER of about 570 bytes with the contact of its device", () => {
  const bytes = new RegisterTemplate(SITE).fill(7, FIRST_CSEQ);
  expect(bytes.length).toBeGreaterThan(540);
  expect(bytes.length).toBeLessThan(600);
  const text = bytes.toString("latin1");
  expect(text).toContain(`\r\nContact: <${contactUri(SITE, "00000007")}>\r\n`);
  expect(parseMessage(text)).toMatchObject({ kind: "request", method: "REGISTER" });
});

test("devices that follow each other share an address-of-record, each with its own contact", () => {
  const template = new RegisterTemplate({ ...SITE, devicesPerAor: 3 });
  const texts = [17, 18, 20, 21].map((device) => template.fill(device, FIRST_CSEQ).toString());
  const users = texts.map((text) => /\r\nTo: <sip:u(\w+)@/u.exec(text)?.[1]);
  expect(users).toEqual(["00000005", "00000006", "00000006", "00000007"]);
  expect(texts[2]).toContain(`\r\nContact: <${contactUri(SITE, "00000014")}>\r\n`);
});

test.each(["", "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK0123"])(
  "a datagram without a branch of ours has no key: %j",
  (text) => {
    expect(readKey(Buffer.from(text), { device: 0, cseq: 0 })).toBe(false);
  },
);

const REQUEST = [
  "REGISTER sip:example.com SIP/2.0",
  "v: SIP/2.0/UDP 127.0.0.1:1;branch=z9hG4bK1",
  "From: <sip:a@example.com>;tag=1",
  "To: <sip:a@example.com>",
  "Call-ID: 1",
  "CSeq: 1 REGISTER",
];

test.each([
  {
    ask: ["Contact: <sip:a@b>;expires=77", "Expires: 60"],
    grant: "Contact: <sip:a@b>;expires=77\r\n",
  },
  { ask: ["Contact: <sip:a@b>", "Expires: 60"], grant: "Contact: <sip:a@b>;expires=60\r\n" },
  { ask: ["m: <sip:a@b>"], grant: "m: <sip:a@b>;expires=3600\r\n" },
  { ask: ["Contact: <sip:a@b>;expires=0"], grant: "" },
  { ask: ["Contact: *", "Expires: 0"], grant: "" },
  { ask: [], grant: "" },
])("the main registrar of the benchmark grants what is asked: $ask", ({ ask, grant }) => {
  const repeated = [...REQUEST.slice(1, 3), `${REQUEST[3]};tag=main`, ...REQUEST.slice(4)];
  expect(acceptRegister([...REQUEST, ...ask, "", ""].join("\r\n"))).toBe(
    `SIP/2.0 200 OK\r\n${repeated.join("\r\n")}\r\n${grant}Content-Length: 0\r\n\r\n`,
  );
});

test("the main registrar of the benchmark ignores what is no REGISTER", () => {
  expect(acceptRegister("SIP/2.0 200 OK\r\n\r\n")).toBeUndefined();
});
