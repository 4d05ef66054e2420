import { parseHostPort } from "./address.ts";
import { Refusal } from "./leaf.ts";

/** RFC 3261 section 25.1 paramchar: what a URI parameter's name and value are made of. */
const PARAM_CHARS = "(?:[A-Za-z0-9\\-_.!~*'()[\\]/:&+$]|%[0-9A-Fa-f]{2})+";
const PARAM_NAME = new RegExp(`^${PARAM_CHARS}$`, "u");
const PARAMS = new RegExp(`^(?:;${PARAM_CHARS}(?:=${PARAM_CHARS})?)*$`, "u");

/** RFC 3261 section 25.1 token: the name of a header parameter. */
const TOKEN = /^[A-Za-z0-9\-.!%*_+`'~]+$/u;

/** Parameters that already mean something in a contact URI (RFC 3261, 3486, 5626, 5627). */
const TAKEN = ["transport", "user", "method", "ttl", "maddr", "lr", "comp", "ob", "gr"];

const URI_RULE = "must be a SIP URI such as sip:10.0.0.2:5060 or sip:registrar.example.com";

/** Texts that go into each SIP message stay short. */
const MAX_PARAMS_LENGTH = 255;
const MAX_NAME_LENGTH = 32;

/** The main registrar's URI, given back as it was written. */
export function parseUpstreamUri(text: string): string | Refusal {
  const [, scheme, rest = ""] = /^(sips?):(.*)$/iu.exec(text) ?? [];
  if (scheme === undefined) {
    const isHost = parseHostPort(text) !== undefined;
    return new Refusal(URI_RULE, isHost ? `did you mean "sip:${text}"?` : undefined);
  }
  // RFC 3261 section 10.2: the Request-URI of a REGISTER names a domain, without user and "@".
  if (rest.includes("@")) return new Refusal(URI_RULE, "it has no user part");
  return refuseServerPart(rest) ?? text;
}

/** The name of a main registrar besides the default one, which is "main". */
export function parseUpstreamName(text: string): string | Refusal {
  if (!/^[A-Za-z0-9_-]{1,32}$/u.test(text)) {
    return new Refusal("must be a name of 1 to 32 letters, digits, - and _");
  }
  return text === "main"
    ? new Refusal("must not be main", "that is the one that upstream names")
    : text;
}

/** What is wrong with the part after the scheme, if anything. */
function refuseServerPart(rest: string): Refusal | undefined {
  const [, hostPort = "", params = ""] = /^([^;]*)(.*)$/u.exec(rest) ?? [];
  if (parseHostPort(hostPort) === undefined || !PARAMS.test(params)) return new Refusal(URI_RULE);
  const isOtherTransport = /;transport=(?!(udp|tcp|tls)(;|$))/iu.test(params);
  return isOtherTransport ? new Refusal(URI_RULE, "it is reached by udp, tcp or tls") : undefined;
}

/** The name of the URI parameter that carries the contact identifier. */
export function parseContactIdParam(text: string): string | Refusal {
  const rule = `must be the name of a URI parameter: at most ${MAX_NAME_LENGTH} letters and digits`;
  if (!PARAM_NAME.test(text) || text.length > MAX_NAME_LENGTH) return new Refusal(rule);
  const isTaken = TAKEN.includes(text.toLowerCase());
  return isTaken ? new Refusal(rule, "that parameter already means something in SIP") : text;
}

/** Characters of a user part (RFC 3261 section 25.1) or escapes, so that the contact stays a URI. */
const USER_TEXT = /^(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/]|%[0-9A-Fa-f]{2})+$/u;
const MAX_AT_ESCAPE_LENGTH = 16;

/** What stands for "@" in the user part of a contact sent upstream. */
export function parseAtEscape(text: string): string | Refusal {
  return USER_TEXT.test(text) && text.length <= MAX_AT_ESCAPE_LENGTH
    ? text
    : new Refusal(
        "must be one to 16 characters that a SIP user part may hold, or escapes: %40, ___",
      );
}

/** URI parameters for every contact sent upstream, with a semicolon before each; may be empty. */
export function parseExtraContactParams(text: string): string | Refusal {
  const params = text === "" || text.startsWith(";") ? text : `;${text}`;
  const isLegal = PARAMS.test(params) && params.length <= MAX_PARAMS_LENGTH;
  return isLegal
    ? params
    : new Refusal(
        "must be URI parameters such as ;transport=udp;site=berlin, 255 characters at most",
      );
}

/** Whether a list of URI parameters has one of that name; names do not differ by case. */
export function hasParam(params: string, name: string): boolean {
  const names = params.split(";").map((param) => param.split("=", 1)[0]?.toLowerCase());
  return names.includes(name.toLowerCase());
}

/** The name of a contact header parameter, in lower case. */
export function parseContactParamName(text: string): string | Refusal {
  if (!TOKEN.test(text)) {
    return new Refusal("must be names of contact parameters such as q, methods, +sip.instance");
  }
  const isOurs = text.toLowerCase() === "expires";
  return isOurs ? new Refusal("cannot have expires, which midreg sets") : text.toLowerCase();
}

/** A host prefix that is dropped from addresses-of-record, such as "sip."; may be empty. */
export function parseRealmPrefix(text: string): string | Refusal {
  return /^[A-Za-z0-9.-]{0,64}$/u.test(text)
    ? text
    : new Refusal('must be the beginning of a host name, such as "sip."');
}

/** A preference from 0 to 1 (RFC 3261 section 20.10), or undefined for none. */
export function parseDefaultQ(text: string): number | undefined | Refusal {
  if (/^(-1|none)$/iu.test(text)) return undefined;
  if (/^(0(\.\d{0,3})?|1(\.0{0,3})?)$/u.test(text)) return Number(text);
  const isThousandths = /^\d{2,4}$/u.test(text) && Number(text) <= 1000;
  const hint = isThousandths
    ? `OpenSIPS counts in thousandths, here it is ${Number(text) / 1000}`
    : undefined;
  return new Refusal("must be from 0 to 1 with at most three decimals, or none", hint);
}

/** A realm: a text that fits a quoted string, no longer than the one in a file of credentials may be. */
export function parseRealm(text: string): string | Refusal {
  return /^[ -~\x80-\u{10ffff}]{1,256}$/u.test(text)
    ? text
    : new Refusal("must be a text of at most 256 characters");
}

/** How contacts are matched: OpenSIPS' 0 and 1, or a word, or the name of a URI parameter. */
export function parseMatchingMode(
  text: string,
): "contact" | "contact-call-id" | "instance" | `param:${string}` | Refusal {
  const rule = "must be contact, contact-call-id, instance, or param:NAME such as param:rinstance";
  const word = text.toLowerCase();
  if (word === "contact" || word === "0") return "contact";
  if (word === "contact-call-id" || word === "1") return "contact-call-id";
  if (word === "instance") return "instance";
  const name = word.startsWith("param:") ? word.slice("param:".length) : "";
  if (PARAM_NAME.test(name) && name.length <= MAX_NAME_LENGTH) return `param:${name}`;
  const isParam = name === "" && PARAM_NAME.test(text) && text.length <= MAX_NAME_LENGTH;
  return new Refusal(rule, isParam ? `did you mean "param:${text}"?` : undefined);
}

/** A remark of printable ASCII; may be empty. */
export function parseAttr(text: string): string | Refusal {
  const isLegal = /^[ -~]*$/u.test(text) && text.length <= MAX_PARAMS_LENGTH;
  return isLegal ? text : new Refusal("must be printable ASCII, 255 characters at most");
}
