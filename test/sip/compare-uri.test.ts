import { describe, expect, test } from "vitest";
import { isEqualUri, isSameUri } from "../../src/sip/compare-uri.ts";
import { parseUri } from "../../src/sip/uri.ts";

describe("equal", () => {
  test.each([
    // RFC 3261 section 19.1.4.
    ["sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"],
    ["sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"],
    ["sip:carol@chicago.com", "sip:carol@chicago.com;security=on"],
    ["sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"],
    [
      "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
      "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ],
    [
      "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
      "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
    ],
    ["sip:carol@chicago.com", "sip:carol@chicago.com;security=off"],
    // Beyond its examples.
    ["SIP:u@h", "sip:u@h"],
    ["sip:u:%70w@h", "sip:u:pw@h"],
    ["sip:u@[2001:DB8::1]:5060", "sip:u@[2001:db8:0:0::1]:5060"],
    ["sip:u@h;%6Cr", "sip:u@h;LR"],
    ["sip:u@h;x=%41%c3%a9", "sip:u@h;x=a%C3%A9"],
    ["sip:u@h;x=\u00c3\u00a9", "sip:u@h;x=%C3%A9"],
    ["sip:u@h;lr=ON", "sip:u@h;lr=on"],
    ["sip:u@h;;lr", "sip:u@h;lr"],
    ["sip:u@h;x=1;x=2", "sip:u@h;x=1"],
    ["sip:u@h?Subject=x", "sip:u@h?subject=x"],
    ["sip:u@h?a", "sip:u@h?a="],
    ["sip:u@h;pn-prid=ab", "sip:u@h;PN-PRID=AB"],
    ["tel:+1-201-555-0123", "tel:+1(201)555.0123"],
    ["tel:7042;phone-context=Example.COM", "tel:7042;Phone-Context=example.com"],
    ["tel:7042;phone-context=+1-201", "tel:7042;phone-context=+1201"],
    ["tel:+1;ext=1-2;isub=a", "tel:+1;isub=A;ext=12"],
    ["tel:0aF*#", "tel:0Af*#"],
    ["urn:uuid:F81D4FAE-7dec-11d0", "URN:UUID:f81d4fae-7dec-11d0"],
    ["urn:Service:sos", "urn:service:sos"],
    ["http://example.com/a", "HTTP://example.com/a"],
  ])("%s is %s", (left, right) => {
    expect(isSameUri(left, right)).toBe(true);
    expect(isSameUri(right, left)).toBe(true);
  });
});

describe("not equal", () => {
  test.each([
    // RFC 3261 section 19.1.4.
    ["SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"],
    ["sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"],
    ["sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"],
    ["sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"],
    ["sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"],
    ["sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"],
    ["sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"],
    // Its rules, one by one.
    ["sip:u@h", "sips:u@h"],
    ["sip:u@h", "sip:h"],
    ["sip:u@h", "sip:u:pw@h"],
    ["sip:u:a@h", "sip:u:A@h"],
    ["sip:u@h:5060", "sip:u@h:5061"],
    ["sip:u@h", "sip:u@h;user=phone"],
    ["sip:u@h", "sip:u@h;ttl=1"],
    ["sip:u@h", "sip:u@h;method=INVITE"],
    ["sip:u@h", "sip:u@h;maddr=192.0.2.1"],
    ["sip:u@h;x=1", "sip:u@h;x=2"],
    ["sip:u@h;x", "sip:u@h;x=2"],
    ["sip:u@h?a=b", "sip:u@h?a=B"],
    ["sip:u@h?a=b", "sip:u@h?a=b&c=d"],
    // Parameters that name another thing.
    ["sip:u@h", "sip:u@h;lr"],
    ["sip:u@h", "sip:u@h;gr"],
    ["sip:u@h;gr=1", "sip:u@h;gr=2"],
    ["sip:u@h", "sip:u@h;pn-prid=x"],
    ["sip:u@h;pn-provider=a;pn-prid=x", "sip:u@h;pn-provider=a"],
    // Reserved characters are not their escapes, and escapes are undone once.
    ["sip:a%3Bb@h", "sip:a;b@h"],
    ["sip:%2B1@h", "sip:+1@h"],
    ["sip:u@h;x=%2541", "sip:u@h;x=A"],
    ["sip:%00@h", "sip:%00%00@h"],
    // Bytes beyond ASCII have no case.
    ["sip:u@h;x=\u00c3", "sip:u@h;x=\u00e3"],
    ["sip:u@[2001:db8::1]", "sip:u@[2001:db8::2]"],
    ["tel:+1201", "tel:1201"],
    ["tel:7042;phone-context=a", "tel:7042"],
    ["tel:7042", "tel:7042;x"],
    ["tel:+1;ext=1", "tel:+1;ext=2"],
    ["tel:1", "sip:1"],
    ["urn:uuid:a", "urn:uuid:b"],
    ["urn:service:SOS", "urn:service:sos"],
    ["urn:a", "urn:A:"],
    ["http://a", "http://A"],
    ["sip:u@h", "sip:u@"],
    ["sip:u@", "sip:u@h"],
  ])("%s is not %s", (left, right) => {
    expect(isSameUri(left, right)).toBe(false);
    expect(isSameUri(right, left)).toBe(false);
  });
});

test("identical texts are the same, whatever they hold", () => {
  expect(isSameUri("*", "*")).toBe(true);
});

test("parsed URIs compare without their texts", () => {
  const a = parseUri("sip:u@h;x=1");
  const b = parseUri("sip:u@H");
  expect(a !== undefined && b !== undefined && isEqualUri(a, b)).toBe(true);
});
