import { describe, expect, test } from "vitest";
import { buildChange } from "../../src/location/change.ts";
import { matchContact, validBindings } from "../../src/location/match-contact.ts";
import { AOR, buildBinding, NOW_MS } from "../registrar/fixtures.ts";

function recordWith(...contacts: string[]): Parameters<typeof matchContact>[0] {
  const bindings = contacts.map((contact, at) => buildBinding({ contact, ctid: String(at) }));
  return { aor: AOR, bindings };
}

describe("a contact belongs to a binding (spec section 1.3, matching mode 0)", () => {
  test.each([
    ["the same bytes", "sip:a@h:5060", "sip:a@h:5060"],
    ["host in another case", "sip:a@Host.example", "sip:a@hOST.example"],
    ["escapes of harmless characters in the user", "sip:%61lice@h", "sip:alice@h"],
    ["a parameter that only one has and nobody knows", "sip:a@h;rinstance=1", "sip:a@h"],
    ["parameters in another order and case", "sip:a@h;x=Y;lr", "sip:a@h;LR;X=y"],
    ["another spelling of an IPv6 literal", "sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]"],
  ])("with %s, as the reference", (_, known, asked) => {
    expect(matchContact(recordWith("sip:other@h", known), asked)?.ctid).toBe("1");
  });

  test.each([
    ["another user", "sip:a@h", "sip:b@h"],
    ["a user in another case", "sip:a@h", "sip:A@h"],
    ["no user", "sip:a@h", "sip:h"],
    ["another port", "sip:a@h:5060", "sip:a@h:5061"],
    ["the default port written out", "sip:a@h", "sip:a@h:5060"],
    ["a transport", "sip:a@h", "sip:a@h;transport=tcp"],
    ["a push token", "sip:a@h", "sip:a@h;pn-prid=x"],
    ["an unknown parameter of another value", "sip:a@h;rinstance=1", "sip:a@h;rinstance=2"],
    ["another scheme", "sip:a@h", "sips:a@h"],
    ["a malformed URI", "sip:a@h", "sip:a@"],
  ])("but not with %s, as the reference", (_, known, asked) => {
    expect(matchContact(recordWith(known), asked)).toBeUndefined();
  });

  test("with the very same text before one that is merely equal", () => {
    const record = recordWith("sip:a@h;x=1", "sip:a@h");
    expect(matchContact(record, "sip:a@h")?.ctid).toBe("1");
  });

  test("unless the address-of-record has none", () => {
    expect(matchContact(undefined, "sip:a@h")).toBeUndefined();
  });
});

describe("valid bindings", () => {
  test("are those that have not expired, the most preferred first, else in order", () => {
    const bindings = [
      buildBinding({ ctid: "half", q: 500 }),
      buildBinding({ ctid: "gone", expiresAtMs: NOW_MS }),
      buildBinding({ ctid: "none" }),
      buildBinding({ ctid: "zero", q: 0 }),
      buildBinding({ ctid: "full", q: 1000 }),
      buildBinding({ ctid: "last", expiresAtMs: NOW_MS + 1 }),
    ];
    const valid = validBindings({ aor: AOR, bindings }, NOW_MS);
    expect(valid.map(({ ctid }) => ctid)).toEqual(["none", "full", "last", "half", "zero"]);
    const preferred = [bindings[3], bindings[0]].flatMap((binding) => binding ?? []);
    const ordered = validBindings({ aor: AOR, bindings: preferred }, NOW_MS);
    expect(ordered.map(({ ctid }) => ctid)).toEqual(["half", "zero"]);
  });

  test("of an unknown address-of-record are none", () => {
    expect(validBindings(undefined, NOW_MS)).toEqual([]);
  });
});

describe("a change", () => {
  test("has every part, empty where nothing was given", () => {
    expect(buildChange(AOR, { remove: ["1"] })).toEqual({
      aor: AOR,
      put: [],
      touch: [],
      remove: ["1"],
      enqueue: [],
      dequeue: [],
    });
  });
});
