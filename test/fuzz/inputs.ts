/**
 * What the properties are tried with. All texts are byte strings.
 */
import * as fc from "fast-check";
import { messageNames, readMessage } from "../conformance/corpus.ts";
import { REGISTER } from "../sip/requests.ts";
import { message } from "../support/messages.ts";

const TOKEN_CHARS = "abcXYZ019-.!%*_+`'~";
const USER_CHARS = "abcXYZ019-_.!~*'()&=+$,;?/#\u00c3\u00a9";

function word(chars: string, minLength: number): fc.Arbitrary<string> {
  return fc
    .array(fc.constantFrom(...chars.split("")), { minLength, maxLength: 8 })
    .map((letters) => letters.join(""));
}

/** Any bytes. */
export const bytes = fc
  .uint8Array({ maxLength: 300 })
  .map((array) => Buffer.from(array).toString("latin1"));

const token = word(TOKEN_CHARS, 1);

/** Words and separators of SIP in any order. */
export const soup = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...'\r\n|\r|\n|\r\n |\t| |:|: |;|,|<|>|"|\\|=|@|?|&|[|]|%|%4|%41|*|/|(|)|{|\0|\u007f|\u00a0|\u00ff'.split(
          "|",
        ),
        ..."SIP/2.0|SIP/2.0/UDP|INVITE|REGISTER|ACK|200 OK|sip:|sips:|tel:|h|a@b|[::1]|:5060|:70000".split(
          "|",
        ),
        ..."Via|v|From|f|To|t|Call-ID|i|CSeq|Contact|m|l|Content-Length|Expires|Max-Forwards".split(
          "|",
        ),
        ..."tag=|branch=z9hG4bK|rport|received=|expires=|q=|lr|1 REGISTER|70|-1|4294967296|__proto__".split(
          "|",
        ),
      ),
      bytes.map((text) => text.slice(0, 3)),
    ),
    { maxLength: 60 },
  )
  .map((words) => words.join(""));

const escape = fc
  .integer({ min: 0, max: 255 })
  .map((byte) => `%${byte.toString(16).padStart(2, "0")}`);

const userPart = fc
  .array(fc.oneof(fc.constantFrom(...USER_CHARS.split("")), escape), { minLength: 1, maxLength: 8 })
  .map((chars) => chars.join(""));

const host = fc.oneof(
  fc.domain(),
  fc.ipV4(),
  fc.ipV6().map((address) => `[${address}]`),
);

const uriParam = fc
  .tuple(word("abcXYZ019-_.!~*'()[]/:&+$", 1), fc.option(word("abcXYZ019-_./:", 0)))
  .map(([name, value]) => (value === null ? `;${name}` : `;${name}=${value}`));

/** The parts of a sip or sips URI. */
export const uriParts = fc.record({
  scheme: fc.constantFrom("sip", "sips"),
  user: fc.option(userPart, { nil: undefined }),
  password: fc.option(word("abcXYZ019-_.!~*'()&=+$,", 0), { nil: undefined }),
  host,
  port: fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined }),
  params: fc.array(uriParam, { maxLength: 4 }).map((params) => params.join("")),
  headers: fc.oneof(fc.constant(""), fc.constant("subject=a%20b&x")),
});

/** A well-formed URI. */
export const uri = uriParts.map(({ scheme, user, password, host: place, port, params }) => {
  const secret = password === undefined ? "" : `:${password}`;
  const who = user === undefined ? "" : `${user}${secret}@`;
  return `${scheme}:${who}${place}${port === undefined ? "" : `:${port}`}${params}`;
});

const quoted = fc
  .array(fc.constantFrom(..."abc ,;<>@=".split(""), '\\"', "\\\\", "\\\0", "\u00c3\u00a9"), {
    maxLength: 8,
  })
  .map((chars) => `"${chars.join("")}"`);

export const displayName = fc.oneof(fc.constant(""), quoted, token);

/** A header parameter: name, and value as written. */
export const headerParam = fc.tuple(token, fc.option(fc.oneof(token, quoted), { nil: undefined }));

export const headerParams = fc
  .array(headerParam, { maxLength: 4 })
  .map((params) =>
    params.map(([name, value]) => `;${name}${value === undefined ? "" : `=${value}`}`).join(""),
  );

const address = fc
  .tuple(displayName, uri, headerParams)
  .map(([name, target, params]) => `${name}${name === "" ? "" : " "}<${target}>${params}`);

const blanks = fc.constantFrom("", " ", "\t ", "\r\n ", " \r\n\t");

/** A header line with one of its names and some white space. */
function line(names: string, value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const spelled = fc
    .tuple(fc.constantFrom(...names.split("|")), fc.constantFrom("", " ", "\t"))
    .map((parts) => parts.join(""));
  return fc
    .tuple(spelled, blanks, value, blanks)
    .map(([name, before, text, after]) => `${name}:${before}${text}${after}`);
}

const via = fc
  .tuple(fc.constantFrom("UDP", "tcp", "WS"), host, headerParams)
  .map(([transport, place, params]) => `SIP/2.0/${transport} ${place}${params}`);

const extras = fc.array(
  fc.oneof(
    line(
      "Via|v|VIA",
      fc.array(via, { minLength: 1, maxLength: 3 }).map((list) => list.join(" , ")),
    ),
    line(
      "Contact|m|contact",
      fc.array(address, { minLength: 1, maxLength: 3 }).map((list) => list.join(",")),
    ),
    line("Route|Record-Route|Path", address),
    line("Supported|k|Require|Allow", token),
    line("Subject|User-Agent|X-Any|constructor|__proto__", word('abc ;,<>"\\:\u00ff', 0)),
  ),
  { maxLength: 8 },
);

/** A well-formed request with everything that the grammar leaves open. */
export const request: fc.Arbitrary<string> = fc
  .record({
    method: fc.oneof(fc.constantFrom("REGISTER", "INVITE"), token),
    target: uri,
    via: line("Via|v", via),
    from: line("From|f|FROM", address),
    to: line("To|t|to", address),
    callId: line("Call-ID|i", fc.constantFrom("a", "a@b", 'x"y[]')),
    number: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    extras,
    body: bytes,
  })
  .map(({ method, target, number, body, ...lines }) =>
    [
      `${method} ${target} SIP/2.0`,
      lines.via,
      ...lines.extras.slice(0, 4),
      lines.from,
      lines.to,
      `CSeq: ${number} ${method}`,
      ...lines.extras.slice(4),
      lines.callId,
      `Content-Length: ${body.length}`,
      "",
      body,
    ].join("\r\n"),
  );

const CORPUS = ["rfc4475", "rfc5118", "rfc3261"].flatMap((folder) =>
  messageNames(folder).map((name) => {
    const text = readMessage(folder, name);
    return folder === "rfc5118" ? text.replaceAll("\n", "\r\n") : text;
  }),
);

const RESPONSE = message(
  "SIP/2.0 200 OK",
  "Via: SIP/2.0/UDP h;branch=z9hG4bKa",
  "From: <sip:a@h>;tag=f",
  "To: <sip:b@h>;tag=t",
  "Call-ID: c",
  "CSeq: 1 REGISTER",
);

const original = fc.oneof(fc.constantFrom(REGISTER, RESPONSE, ...CORPUS), request);

type Mutation = (text: string) => string;

/** A place in a text, as a fraction of its length; anywhere, and not mostly at its ends. */
export const place = fc.noBias(fc.integer({ min: 0, max: 9999 })).map((part) => part / 10_000);

function at(text: string, fraction: number): number {
  return Math.trunc(text.length * fraction);
}

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(place, fc.integer({ min: 1, max: 255 })).map(([where, mask]) => (text: string) => {
    const cut = at(text, where);
    const flipped = String.fromCharCode((text.charCodeAt(cut) || 0) ^ mask);
    return text.slice(0, cut) + flipped + text.slice(cut + 1);
  }),
  place.map((where) => (text: string) => text.slice(0, at(text, where))),
  fc.tuple(place, soup).map(([where, inserted]) => (text: string) => {
    const cut = at(text, where);
    return text.slice(0, cut) + inserted.slice(0, 20) + text.slice(cut);
  }),
  fc.tuple(place, fc.integer({ min: 1, max: 20 })).map(([where, count]) => (text: string) => {
    const cut = at(text, where);
    return text.slice(0, cut) + text.slice(cut + count);
  }),
  fc.tuple(place, place).map(([from, to]) => (text: string) => {
    const lines = text.split("\r\n");
    const taken = lines[Math.trunc(lines.length * from)] ?? "";
    return lines.toSpliced(Math.trunc(lines.length * to), 0, taken).join("\r\n");
  }),
);

/** A message that something has happened to. */
const mutant = fc
  .tuple(original, fc.array(mutation, { minLength: 1, maxLength: 4 }))
  .map(([text, mutations]) => mutations.reduce((result, mutate) => mutate(result), text));

/** Anything that may come in a datagram. */
export const anything = fc.oneof(
  { weight: 1, arbitrary: bytes },
  { weight: 2, arbitrary: soup },
  { weight: 2, arbitrary: request },
  { weight: 5, arbitrary: mutant },
);
