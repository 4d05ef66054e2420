/** Random REGISTERs, records, policies and answers, drawn from small pools so that they often meet. */
import * as fc from "fast-check";
import type { Binding } from "../../src/location/binding.ts";
import type { RegisterPolicy } from "../../src/registrar/register-policy.ts";
import type { Identity } from "../../src/registrar/upstream-identity.ts";
import { answerTo } from "../support/messages.ts";
import { SequentialIds } from "../support/sequential-ids.ts";
import { AOR, buildBinding, type InputParts, NOW_MS, registerText, SOURCE } from "./fixtures.ts";

const IDS = new SequentialIds();
/** Nothing else in a message looks like these, so that a test can search for them. */
export const PHONE_CALL_IDS = ["call-of-the-phone-1", "call-of-the-phone-2"];
export const PHONE_TAG = "tag-of-the-phone";

const URIS = [
  "sip:alice@198.51.100.7:40000",
  "sip:alice@198.51.100.7:40000;x=1",
  "sip:alice@198.51.100.7:40000;x=2",
  "sip:%61lice@198.51.100.7:40000",
  "sip:alice@[2001:db8::7]:40000;transport=udp",
  "sips:198.51.100.8",
  "sip:a;b?c@Phone.example;ob",
];
/** The usual value nearly always, so that requests get as far as the rules behind the checks. */
function usually<T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof(
    { weight: 8, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );
}

const uri = fc.oneof(usually(URIS[0] ?? "", ...URIS), fc.constantFrom(...URIS));
const source = usually(SOURCE, `${SOURCE}1`);
const callId = usually(...(PHONE_CALL_IDS as [string, string]));
const path = usually("", "<sip:edge.test;lr>", '"e, <x>" <sip:edge.test;lr>, <sip:x>');

const expires = fc.oneof(
  { weight: 9, arbitrary: usually("60", "0", "3600", "1") },
  {
    weight: 1,
    arbitrary: fc.constantFrom("4294967295", "2147483648", "-5", "soon", "", "9".repeat(30)),
  },
);
const moreParams = usually(
  "",
  ';+sip.instance="<urn:a,b>"',
  ';+sip.instance="<urn:x-y:a,b>"',
  ';+sip.instance="<urn:x-y:a,b>";reg-id=1',
  ";methods=INVITE;reg-id=1",
);
const contactParams = fc
  .record({
    expires: fc.option(expires),
    q: usually("", ";q=0.5", ";q=1", ";q=2.0"),
    more: moreParams,
  })
  .map(
    (parts) => parts.more + parts.q + (parts.expires === null ? "" : `;expires=${parts.expires}`),
  );
const contact = fc
  .tuple(fc.constantFrom("", '"A, B" ', "Alice "), uri, contactParams)
  .map(([name, target, params]) => `${name}<${target}>${params}`);
const contacts = fc.oneof(
  { weight: 6, arbitrary: fc.array(contact, { maxLength: 3 }) },
  {
    weight: 2,
    arbitrary: fc.array(contact, { minLength: 2, maxLength: 3 }).map((all) => [all.join(", ")]),
  },
  { weight: 1, arbitrary: fc.constant(["*"]) },
);

/** A REGISTER that is well formed, though it may well be refused. */
export const goodRegister: fc.Arbitrary<string> = fc
  .record({
    uri: fc.constantFrom("sip:sip.test", "sip:192.0.2.1:5060", "sips:sip.test;x"),
    from: fc.constantFrom(
      "<sip:alice@sip.test>",
      '"A <b>" <sip:boss@sip.test;x=y>',
      "sip:alice@sip.test",
    ),
    to: fc.constantFrom("<sip:alice@sip.test>", "Alice <sip:%61lice@SIP.test:5099>;x=y"),
    callId,
    cseq: fc.integer({ min: 1, max: 5 }),
    maxForwards: usually("70", "1", "0", "00", ""),
    contacts,
    expires: fc.option(expires, { nil: undefined }),
    path,
    require: usually("", "Require: path", "Require: gruu", "Require: path, gruu"),
    headers: fc.subarray([
      "Supported: path, gruu",
      "Route: <sip:192.0.2.1:5060;lr>, <sip:next.test;lr>",
      "Record-Route: <sip:edge.test;lr>",
      "Authorization: Digest nonce=x",
      "User-Agent: Phone",
      "X-Odd:  kept \r\n  folded ",
    ]),
  })
  .map(({ path: value, require, from, headers, ...parts }) =>
    registerText({
      ...parts,
      expires: parts.contacts[0] === "*" ? "0" : parts.expires,
      from: `${from};tag=${PHONE_TAG}`,
      headers: [
        ...headers,
        ...(require === "" ? [] : [require]),
        ...(value === "" ? [] : [`Path: ${value}`]),
      ],
    }),
  );

/** One whose contacts equal some of the others: equality of URIs is not transitive (RFC 3261 section 19.1.4). */
export const twinRegister: fc.Arbitrary<string> = fc
  .tuple(
    fc.array(fc.constantFrom(...URIS.slice(0, 3)), { minLength: 2, maxLength: 4 }),
    fc.integer({ min: 1, max: 5 }),
    callId,
  )
  .map(([uris, cseq, call]) =>
    registerText({ contacts: uris.map((one) => `<${one}>`), cseq, callId: call }),
  );

/** A good one with a few bytes of it lost, doubled or made up. */
export const mutatedRegister: fc.Arbitrary<string> = fc
  .tuple(
    goodRegister,
    fc.array(
      fc.record({
        at: fc.noBias(fc.nat(9999)),
        drop: usually(0, 1, 2, 12),
        junk: fc.oneof(
          fc.constantFrom(
            "",
            ";",
            ",",
            "<",
            ">",
            '"',
            "\\",
            "%",
            "%00",
            "\0",
            "\xff",
            "\r\n",
            "\r\n ",
            "=",
            "*",
            "@",
            "?",
            "  ",
          ),
          fc.constantFrom(
            "\r\nContact: *",
            "\r\nm: <sip:x@y>;expires=7",
            "\r\nExpires: 1",
            "__proto__",
            "99999999999",
          ),
        ),
      }),
      { minLength: 1, maxLength: 2 },
    ),
  )
  .map(([text, edits]) => edits.reduce(edit, text));

function edit(
  text: string,
  { at, drop, junk }: { at: number; drop: number; junk: string },
): string {
  const start = Math.floor((at / 10_000) * text.length);
  return text.slice(0, start) + junk + text.slice(start + drop);
}

const binding: fc.Arbitrary<Binding> = fc
  .record({
    uri,
    source,
    callId,
    cseq: fc.nat(3),
    path,
    params: moreParams,
    q: usually<number | undefined>(undefined, 500, 1000),
    leftMs: usually(30_000, -1, 0, 1, 3_000_000),
    agoMs: usually(30_000, 0, 500),
    upstreamLeftMs: usually(3_602_000, -1, 30_000, 62_000, 90_000_000),
    upstreamCallId: fc.constantFrom("upstream-a-call-id", "upstream-b-call-id"),
    upstreamCseq: fc.nat(9),
  })
  .map((parts) =>
    buildBinding({
      // Some bindings have been made with another spelling than they have now.
      ctid: IDS.ctid(AOR, parts.uri.replace("x=2", "x=1")),
      contact: parts.uri,
      source: parts.source,
      callId: parts.callId,
      cseq: parts.cseq,
      path: parts.path,
      params: parts.params,
      q: parts.q,
      expiresAtMs: NOW_MS + parts.leftMs,
      updatedAtMs: NOW_MS - parts.agoMs,
      upstream: {
        callId: parts.upstreamCallId,
        cseq: parts.upstreamCseq,
        expiresAtMs: NOW_MS + parts.upstreamLeftMs,
        contact: `sip:alice@192.0.2.1:5060;ctid=${IDS.ctid(AOR, parts.uri)}`,
      },
    }),
  );

/** Bindings of one address-of-record, no two with the same ctid. */
const bindings: fc.Arbitrary<Binding[]> = fc.uniqueArray(binding, {
  maxLength: 4,
  selector: ({ ctid }) => ctid,
});

const policy: fc.Arbitrary<Partial<RegisterPolicy>> = fc.record({
  absorb: fc.constantFrom("proven", "proven", "digest", "open"),
  contactIdInsertion: fc.constantFrom("ct-param", "ct-param", "ct-username"),
  contactIdParam: fc.constantFrom("ctid", "Id"),
  minExpiresSec: fc.constantFrom(0, 10),
  maxExpiresSec: fc.constantFrom(0, 3600),
  expiresMaxDeviationSec: fc.constantFrom(0, 0, 20),
  expiresRangePercent: fc.constantFrom(0, 0, 50),
  minExpiresMode: fc.constantFrom("raise", "raise", "raise", "reject"),
  defaultQ: fc.constantFrom(undefined, 300),
  maxContacts: usually(0, 1, 3),
  maxContactsPolicy: fc.constantFrom("refuse", "evict-oldest", "evict-same-instance"),
  matchingMode: fc.constantFrom("contact", "contact", "contact-call-id", "instance", "param:x"),
  retryAfterSec: fc.constantFrom(0, 5),
  onlyRequestContacts: usually(false, true),
  extraContactParams: fc.constantFrom("", ";site=b"),
  upstreamContactParams: fc.constantFrom([], ["q", "methods"], ["+sip.instance"]),
  gruu: usually(true, false),
  upstreamMarginSec: usually(2, 0, 3600),
});

const identity: fc.Arbitrary<Identity> = fc.record({
  key: fc.oneof(uri, fc.constant("*")).map((device) => IDS.ctid(AOR, device)),
  callId: fc.constantFrom("upstream-a-call-id", "upstream-p-call-id"),
  cseq: fc.integer({ min: 1, max: 9 }),
});

/** Everything around a REGISTER that a decision takes. */
export function inputParts(register: fc.Arbitrary<string>): fc.Arbitrary<InputParts> {
  return fc.record({
    register,
    bindings,
    policy,
    source,
    sentBy: fc.constantFrom("192.0.2.1:5060", "192.0.2.1:5060", "[2001:db8::5]:5062"),
    identities: fc.uniqueArray(identity, { maxLength: 3, selector: ({ key }) => key }),
    doubted: fc.array(usually("", ...URIS.map((device) => IDS.ctid(AOR, device))), {
      maxLength: 3,
    }),
  });
}

/** How an answer lists one of the contacts it was asked for; or what else it lists. */
type Listing = (contact: string) => string;

const listing: fc.Arbitrary<Listing> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<Listing>((own) => own) },
  {
    weight: 4,
    arbitrary: expires.map(
      (value): Listing =>
        (own) =>
          own.replace(/;expires=\d+$/u, `;expires=${value}`),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Listing>(
      (own) => own.replace(/;expires=\d+$/u, ""),
      (own) => own.replace("sip:", "SIP:"),
      (own) => own.replace(/;expires=\d+$/u, ';pub-gruu="sip:alice@sip.test;gr=z"$&'),
      () => "",
      () => "<sip:foreign@203.0.113.9>;expires=99",
      () => "*",
      () => "<nonsense",
    ),
  },
);

export type Answering = (forwarded: string) => string;

/** An answer of the main registrar, likely or not. */
export const answering: fc.Arbitrary<Answering> = fc
  .record({
    status: fc.oneof(
      { weight: 5, arbitrary: fc.constant(200) },
      { weight: 2, arbitrary: fc.constantFrom(202, 299, 302, 401, 407, 423, 404, 500, 503, 603) },
    ),
    listings: fc.array(listing, { minLength: 3, maxLength: 3 }),
    isReversed: fc.boolean(),
    tag: fc.constantFrom("main", ""),
    headers: fc.subarray([
      "Expires: 50",
      "Min-Expires: 7200",
      "Service-Route: <sip:main.test;lr>",
      "Path: <sip:main.test;lr>",
      "Record-Route: <sip:main.test;lr>",
      "X-Odd:  kept \r\n  folded ",
      "Contact: <sip:foreign@203.0.113.9>;expires=99",
    ]),
    body: fc.constantFrom("", "body\r\n\r\n\0"),
  })
  .map(({ status, listings, isReversed, tag, headers, body }) => (forwarded) => {
    const asked = /\r\nContact: ([^\r]*)/u.exec(forwarded)?.[1] ?? "";
    const own = asked === "" ? [] : asked.split(/, (?=<)/u);
    const listed = own
      .map((value, at) => listings[at]?.(value) ?? value)
      .filter((value) => value !== "");
    const values = (isReversed ? listed.toReversed() : listed).join(", ");
    const lines = values === "" ? headers : [`Contact: ${values}`, ...headers];
    const text = answerTo(forwarded, status, "Whatever", { tag, headers: lines, body });
    return tag === "" ? text.replace(";tag=\r\n", "\r\n") : text;
  });
