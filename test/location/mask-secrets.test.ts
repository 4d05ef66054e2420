import { expect, test } from "vitest";
import { maskSecrets } from "../../src/location/mask-secrets.ts";

test.each([
  ["sip:a@h", "sip:a@h"],
  ["sip:a@h;transport=udp;ob", "sip:a@h;transport=udp;ob"],
  ["sip:a@h;pn-prid=TOKEN;x=y", "sip:a@h;pn-prid=***;x=y"],
  ["sip:a@h;PN-Param=TOKEN?X=1", "sip:a@h;PN-Param=***?X=1"],
  ["sip:a@h;%70n%2dprid=TOKEN", "sip:a@h;%70n%2dprid=***"],
  [";pn-prid = TOKEN;q=1", ";pn-prid =***;q=1"],
  [';pn-prid="TOKEN;TOKEN\\"TOKEN"', ";pn-prid=***"],
  [';pn-prid =\t"TOKEN;TOKEN";x', ";pn-prid =***;x"],
  [';pn-prid="TOKEN', ";pn-prid=***"],
  ["<sip:p;lr;pn-purr=TOKEN>, <sip:q;lr>", "<sip:p;lr;pn-purr=***>, <sip:q;lr>"],
  [';x=";pn-prid=1"', ';x=";pn-prid=1"'],
  ["sip:a:TOKEN@h", "sip:a:***@h"],
  ["sip:h:5060;x=y", "sip:h:5060;x=y"],
])("%s", (text, masked) => {
  expect(maskSecrets(text)).toBe(masked);
});
