/** Sections 1.5 and 1.6: what leaves toward the main registrar, and identifiers. */
// oxlint-disable vitest/no-standalone-expect -- walk() runs the checks as tests.
import { expect } from "vitest";
import type { RegisterPolicy } from "../../../src/registrar/register-policy.ts";
import { headerLines } from "../../support/messages.ts";
import type { RegisterOptions } from "../../support/phone.ts";
import { CONTACT, PLACE, type Row, Stage, walk } from "./walk.ts";

interface Sent {
  readonly policy?: Partial<RegisterPolicy>;
  readonly options?: RegisterOptions;
  /** Headers of the REGISTER that leaves. */
  readonly sent: Readonly<Record<string, string | RegExp | readonly string[]>>;
}

/** What one forwarded REGISTER looks like. */
function leaves(
  [id, reference, midreg]: readonly [string, string, string],
  { policy, options, sent }: Sent,
): Row {
  return {
    id,
    reference,
    midreg,
    check: async () => {
      const stage = await Stage.open(policy);
      stage.register(options);
      for (const [name, expected] of Object.entries(sent)) {
        const lines = headerLines(stage.sent, name);
        if (expected instanceof RegExp) expect(lines[0]).toMatch(expected);
        else expect(lines).toEqual(typeof expected === "string" ? [expected] : expected);
      }
    },
  };
}

const ID = "[0-9a-f]{16}";
const MIRROR = { mode: "mirror" } as const;
const AOR = { mode: "aor" } as const;
const SHARED = "sip:alice%40sip.test@192.0.2.1:5060";

walk("1.5 the forwarded REGISTER", [
  leaves(["1.5 identity, mirror", "Call-ID and CSeq are the phone's", "equal"], {
    policy: MIRROR,
    options: { callId: "mine", cseq: 77 },
    sent: { "Call-ID": "mine", CSeq: "77 REGISTER" },
  }),
  leaves(
    [
      "1.5 identity, throttling",
      "Call-ID and CSeq are the phone's",
      "T5: midreg's own, under which it can de-register without colliding",
    ],
    {
      options: { callId: "mine", cseq: 77 },
      sent: { "Call-ID": /^upstream-/u, CSeq: "1 REGISTER" },
    },
  ),
  leaves(
    [
      "1.5 other headers",
      "From and To URIs, credentials, Supported, Allow, User-Agent and what is unknown pass",
      "equal",
    ],
    {
      options: {
        headers: ["Authorization: Digest x=y", "Supported: a", "Allow: INVITE", "X-Odd: z"],
      },
      sent: {
        From: /^<sip:alice@sip\.test>;tag=/u,
        To: "<sip:alice@sip.test>",
        Authorization: "Digest x=y",
        Supported: "a",
        Allow: "INVITE",
        "User-Agent": "test phone",
        "X-Odd": "z",
      },
    },
  ),
  leaves(
    [
      "1.5 contact, ct-param",
      "USER@midreg with port and identifier",
      "equal, the identifier in hexadecimal",
    ],
    {
      sent: {
        Contact: new RegExp(`^<sip:alice@192\\.0\\.2\\.1:5060;ctid=${ID}>;expires=3600$`, "u"),
      },
    },
  ),
  leaves(["1.5 contact, ct-username", "the identifier takes the place of the user", "equal"], {
    policy: { contactIdInsertion: "ct-username" },
    sent: { Contact: new RegExp(`^<sip:${ID}@192\\.0\\.2\\.1:5060>;expires=3600$`, "u") },
  }),
  leaves(["1.5 no user", "sip:@host, which nobody can parse", "T16: no user, no @"], {
    options: { contact: "<sip:198.51.100.7:40000>" },
    sent: { Contact: /^<sip:192\.0\.2\.1:5060;ctid=/u },
  }),
  leaves(["1.5 sips", "the scheme becomes sip", "equal"], {
    options: { contact: "<sips:alice@198.51.100.7>" },
    sent: { Contact: /^<sip:alice@192\.0\.2\.1:5060;/u },
  }),
  leaves(
    [
      "1.5 what is dropped",
      "display name, URI parameters, and every parameter of the contact",
      "T22: upstream_contact_params pass, q and methods by default",
    ],
    {
      options: { contact: `"A" <sip:alice:pw@${PLACE};ob?x=y>;q=0.5;+sip.instance="<urn:x:1>"` },
      sent: {
        Contact: new RegExp(
          `^<sip:alice@192\\.0\\.2\\.1:5060;ctid=${ID}>;q=0\\.5;expires=3600$`,
          "u",
        ),
      },
    },
  ),
  leaves(["1.5 N, mirror", "what was asked for, not clamped", "equal"], {
    policy: { ...MIRROR, maxExpiresSec: 50 },
    options: { expires: 100 },
    sent: { Contact: /;expires=100$/u, Expires: "100" },
  }),
  leaves(["1.5 N, mirror, short", "what was asked for, not raised", "equal"], {
    policy: { ...MIRROR, minExpiresSec: 10 },
    options: { expires: 1 },
    sent: { Contact: /;expires=1$/u },
  }),
  leaves(["1.5 N, CT", "outgoing_expires exactly, for longer requests too", "equal"], {
    policy: { outgoingExpiresSec: 20 },
    options: { expires: 25 },
    sent: { Contact: /;expires=20$/u, Expires: "20" },
  }),
  leaves(["1.5 N, CT, removal", "0 stays 0", "equal"], {
    options: { expires: 0 },
    sent: { Contact: /;expires=0$/u, Expires: "0" },
  }),
  leaves(["1.5 no Expires header", "none is added", "equal"], {
    options: { expires: undefined, contact: `${CONTACT};expires=60` },
    sent: { Expires: [], Contact: /;expires=3600$/u },
  }),
  leaves(["1.5 EXTRA", "appended to every contact as it is", "equal"], {
    policy: { extraContactParams: ";site=b" },
    sent: { Contact: /;site=b>;expires=3600$/u },
  }),
  leaves(
    [
      "1.5 AOR",
      "one contact made of the escaped address-of-record, and no expires beside the header",
      "T21: the parameter is always there, and agrees",
    ],
    {
      policy: AOR,
      options: { contact: `${CONTACT}, <sip:b@192.0.2.99>` },
      sent: { Contact: `<${SHARED}>;expires=3600`, Expires: "3600" },
    },
  ),
  leaves(["1.5 AOR, at_escape_str", "stands for @", "equal"], {
    policy: { ...AOR, atEscapeStr: "___" },
    sent: { Contact: "<sip:alice___sip.test@192.0.2.1:5060>;expires=3600" },
  }),
  {
    id: "1.5 several contacts",
    reference: "one contact for each, in order",
    midreg: "equal; they may share a header line",
    check: async () => {
      const stage = await Stage.open();
      stage.register({ contact: `${CONTACT}, <sip:b@192.0.2.99>` });
      const sent = headerLines(stage.sent, "Contact").join(", ").split(", ");
      expect(sent.map((value) => value.slice(0, 11))).toEqual(["<sip:alice@", "<sip:b@192."]);
    },
  },
  {
    id: "1.5 what cannot be rewritten",
    reference: "a bad q goes out with the phone's own contact, past midreg",
    midreg: "fails closed: 400, and nobody hears of it",
    check: async () => {
      expect((await Stage.open()).register({ contact: `${CONTACT};q=2.0` })).toBe("E 400");
    },
  },
]);

walk("1.6 the contact identifier", [
  {
    id: "1.6 after a 401",
    reference: "the retry carries another identifier",
    midreg: "T11: it is the same, being a keyed digest of address-of-record and contact",
    check: async () => {
      const stage = await Stage.open();
      stage.world.main.isChallenging = true;
      expect(stage.register()).toBe("F 401");
      const first = stage.sentHeader("Contact");
      expect(stage.register({ headers: ["Authorization: Digest x=y"] })).toBe("F 200");
      expect(stage.sentHeader("Contact")).toBe(first);
    },
  },
  {
    id: "1.6 lookup",
    reference: "by the identifier alone, user and host ignored; a neighbour's can be guessed",
    midreg: "by the identifier, which nobody can guess, at midreg's own host",
    check: async () => {
      const stage = await Stage.open();
      stage.register();
      const [contact = ""] = stage.held;
      stage.call(contact.replace("alice@", "whoever@"));
      expect(stage.phone.requests).toHaveLength(1);
      expect(stage.call(contact.replace(/.$/u, (last) => (last === "0" ? "1" : "0")))).toBe(404);
      expect(stage.call(contact.replace("192.0.2.1", "192.0.2.9"))).toBe(404);
    },
  },
]);
