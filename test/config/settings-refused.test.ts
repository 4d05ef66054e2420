import { expect, test } from "vitest";
import { problemsOf, withSetting } from "./load.ts";

const URI_RULE = "must be a SIP URI such as sip:10.0.0.2:5060 or sip:registrar.example.com";
const LISTEN_RULE =
  "must be TRANSPORT:ADDRESS:PORT such as udp:0.0.0.0:5060 or tls:[::]:5061, with udp, tcp, tls, ws or wss";
const LOOPBACK_RULE =
  "must be a loopback address such as 127.0.0.1 or [::1], since this version has no access tokens for others";
const seconds = (min: number, max: number): string =>
  `must be whole seconds from ${min} to ${max}, or a time such as 90s, 15m, 2h or 1d`;
const whole = (min: number, max: number): string => `must be a whole number from ${min} to ${max}`;
const MAX = 2_147_483_647;

test.each<[setting: string, yaml: string, message: string]>([
  [
    "upstream",
    "10.0.0.2:5060",
    `upstream: ${URI_RULE}, not "10.0.0.2:5060"; did you mean "sip:10.0.0.2:5060"?`,
  ],
  ["upstream", "sip:a b", `upstream: ${URI_RULE}, not "sip:a b"`],
  ["upstream", "sip:h:70000", `upstream: ${URI_RULE}, not "sip:h:70000"`],
  ["upstream", "sip:h:0", `upstream: ${URI_RULE}, not "sip:h:0"`],
  ["upstream", "sip:1.2.3.999", `upstream: ${URI_RULE}, not "sip:1.2.3.999"`],
  [
    "upstream",
    "sips:h",
    'upstream: needs a listener of its transport: add tls:ADDRESS:PORT to listen, not "sips:h"',
  ],
  [
    "upstream",
    "sip:h;transport=tcp",
    'upstream: needs a listener of its transport: add tcp:ADDRESS:PORT to listen, not "sip:h;transport=tcp"',
  ],
  [
    "upstream",
    "sip:h;transport=ws",
    `upstream: ${URI_RULE}, not "sip:h;transport=ws"; it is reached by udp, tcp or tls`,
  ],
  ["upstream", "sip:h?subject=x", `upstream: ${URI_RULE}, not "sip:h?subject=x"`],
  [
    "upstream",
    "{uri: sip:h, timeout: 32}",
    'upstream.timeout: must be from 0.1 to 31 seconds, such as 10, 5s or 500ms, not "32"',
  ],
  [
    "upstream",
    "{uri: sip:h, trusted: [10.0.0.0/33]}",
    'upstream.trusted[0]: must be an IP address, ADDRESS:PORT, or NETWORK/BITS such as 10.0.0.0/8, not "10.0.0.0/33"',
  ],
  ["upstream", "{uri: sip:h, trusted: {a: b}}", "upstream.trusted: must be a list"],
  ["upstream", "[sip:h]", "upstream: must be a section: lines of the form setting: value"],
  ["listen", "[]", "listen: must name at least one listener"],
  [
    "listen",
    "[0.0.0.0:5060]",
    `listen[0]: ${LISTEN_RULE}, not "0.0.0.0:5060"; did you mean "udp:0.0.0.0:5060"?`,
  ],
  [
    "listen",
    "[udp:0.0.0.0, tls:0.0.0.0:5061]",
    "listen[1]: needs a certificate: set tls.certificates, a list of cert and key",
  ],
  ["listen", "[sctp:0.0.0.0:5060]", `listen[0]: ${LISTEN_RULE}, not "sctp:0.0.0.0:5060"`],
  ["listen", "[udp:example.com:5060]", `listen[0]: ${LISTEN_RULE}, not "udp:example.com:5060"`],
  ["listen", "[udp:0.0.0.0:65536]", `listen[0]: ${LISTEN_RULE}, not "udp:0.0.0.0:65536"`],
  ["listen", "[~]", `listen[0]: ${LISTEN_RULE}, not ""`],
  ["listen", "[{advertised: a.b}]", "listen[0].address: missing"],
  [
    "listen",
    "[{address: tcp:127.0.0.1:5060, client_certificate: require}, udp:127.0.0.1:5060]",
    'listen[0].client_certificate: is for listeners of tls and wss, which have certificates, not "require"',
  ],
  [
    "listen",
    "[{address: udp:0.0.0.0:5060, advertised: '::1'}]",
    'listen[0].advertised: must be HOST or HOST:PORT such as sip.example.com or 192.0.2.1:5060, not "::1"',
  ],
  [
    "listen",
    "[{address: udp:0.0.0.0:5060, advertised: '[fe80::1%eth0]'}]",
    'listen[0].advertised: must be HOST or HOST:PORT such as sip.example.com or 192.0.2.1:5060, not "[fe80::1%eth0]"',
  ],
  [
    "listen",
    "[udp:0.0.0.0:5060, udp:0.0.0.0]",
    'listen[1]: must not be listed twice, not "udp:0.0.0.0"',
  ],
  ["admin", "8080", 'admin: must be ADDRESS:PORT such as 127.0.0.1:8080, or off, not "8080"'],
  ["admin", "0.0.0.0:8080", `admin: ${LOOPBACK_RULE}, not "0.0.0.0:8080"`],
  ["admin", "'[2001:db8::1]:8080'", `admin: ${LOOPBACK_RULE}, not "[2001:db8::1]:8080"`],
  ["data", "''", 'data: must not be empty, not ""'],
  [
    "log.level",
    "inf",
    'log.level: must be one of debug, info, warn, error, silent, not "inf"; did you mean "info"?',
  ],
  ["log", "debug", "log: must be a section: lines of the form setting: value"],
  [
    "mid_registrar.mode",
    "contct",
    'mid_registrar.mode: must be one of mirror, contact, aor, not "contct"; did you mean "contact"?',
  ],
  [
    "nathelper.sipping_from",
    "'a>b'",
    'nathelper.sipping_from: must be a SIP URI such as sip:pinger@example.com, not "a>b"',
  ],
  [
    "nathelper.max_pings_lost",
    "1",
    'nathelper.max_pings_lost: must be a whole number from 2 to 100, not "1"',
  ],
  ["mid_registrar.mode", "3", 'mid_registrar.mode: must be one of mirror, contact, aor, not "3"'],
  [
    "mid_registrar.at_escape_str",
    "a@b",
    "mid_registrar.at_escape_str: must be one to 16 characters that a SIP user part may hold, or escapes: %40, ___",
  ],
  ["mid_registrar.mode", "[contact]", "mid_registrar.mode: must be one value"],
  [
    "mid_registrar.contact_id_insertion",
    "path",
    'mid_registrar.contact_id_insertion: must be one of ct-param, ct-username, not "path"',
  ],
  [
    "mid_registrar.contact_id_param",
    "a;b",
    'mid_registrar.contact_id_param: must be the name of a URI parameter: at most 32 letters and digits, not "a;b"',
  ],
  [
    "mid_registrar.contact_id_param",
    "Transport",
    'mid_registrar.contact_id_param: must be the name of a URI parameter: at most 32 letters and digits, not "Transport"; that parameter already means something in SIP',
  ],
  [
    "mid_registrar.outgoing_expires",
    "0",
    `mid_registrar.outgoing_expires: ${seconds(1, MAX)}, not "0"`,
  ],
  [
    "mid_registrar.outgoing_expires",
    "2147483648",
    `mid_registrar.outgoing_expires: ${seconds(1, MAX)}, not "2147483648"`,
  ],
  [
    "mid_registrar.outgoing_expires",
    "1.5",
    `mid_registrar.outgoing_expires: ${seconds(1, MAX)}, not "1.5"`,
  ],
  [
    "mid_registrar.outgoing_expires",
    "-5",
    `mid_registrar.outgoing_expires: ${seconds(1, MAX)}, not "-5"`,
  ],
  [
    "mid_registrar.outgoing_expires",
    "1y",
    `mid_registrar.outgoing_expires: ${seconds(1, MAX)}, not "1y"`,
  ],
  [
    "mid_registrar.min_expires",
    "soon",
    `mid_registrar.min_expires: ${seconds(0, MAX)}, not "soon"`,
  ],
  [
    "mid_registrar.default_expires",
    "0",
    `mid_registrar.default_expires: ${seconds(1, MAX)}, not "0"`,
  ],
  ["mid_registrar.max_expires", "1e3", `mid_registrar.max_expires: ${seconds(0, MAX)}, not "1e3"`],
  [
    "mid_registrar.min_expires_mode",
    "rejct",
    'mid_registrar.min_expires_mode: must be one of raise, reject, not "rejct"; did you mean "reject"?',
  ],
  [
    "mid_registrar.expires_range",
    "101",
    `mid_registrar.expires_range: ${whole(0, 100)}, not "101"`,
  ],
  [
    "mid_registrar.matching_mode",
    "rinstance",
    'mid_registrar.matching_mode: must be contact, contact-call-id, instance, or param:NAME such as param:rinstance, not "rinstance"; did you mean "param:rinstance"?',
  ],
  [
    "mid_registrar.matching_mode",
    "'param:a b'",
    'mid_registrar.matching_mode: must be contact, contact-call-id, instance, or param:NAME such as param:rinstance, not "param:a b"',
  ],
  [
    "mid_registrar.attr",
    "ä",
    'mid_registrar.attr: must be printable ASCII, 255 characters at most, not "ä"',
  ],
  [
    "mid_registrar.force_registration",
    "1",
    'mid_registrar.force_registration: unknown setting; here it is "mid_registrar.max_contacts_policy"',
  ],
  [
    "mid_registrar.default_q",
    "500",
    'mid_registrar.default_q: must be from 0 to 1 with at most three decimals, or none, not "500"; OpenSIPS counts in thousandths, here it is 0.5',
  ],
  [
    "mid_registrar.default_q",
    "0.1234",
    'mid_registrar.default_q: must be from 0 to 1 with at most three decimals, or none, not "0.1234"',
  ],
  [
    "mid_registrar.expires_max_deviation",
    "2d",
    `mid_registrar.expires_max_deviation: ${seconds(0, 86_400)}, not "2d"`,
  ],
  [
    "mid_registrar.max_contacts",
    "1001",
    `mid_registrar.max_contacts: ${whole(0, 1000)}, not "1001"`,
  ],
  [
    "mid_registrar.max_username_len",
    "0",
    `mid_registrar.max_username_len: ${whole(1, 1024)}, not "0"`,
  ],
  [
    "mid_registrar.max_domain_len",
    "256",
    `mid_registrar.max_domain_len: ${whole(1, 255)}, not "256"`,
  ],
  ["mid_registrar.max_aor_len", "x", `mid_registrar.max_aor_len: ${whole(1, 2048)}, not "x"`],
  [
    "mid_registrar.max_contact_len",
    "0x10",
    `mid_registrar.max_contact_len: ${whole(1, 16_384)}, not "0x10"`,
  ],
  [
    "mid_registrar.path_use_received",
    "[10.0.0.0/33]",
    'mid_registrar.path_use_received[0]: must be an IP address or NETWORK/BITS such as 10.0.0.0/8 or 2001:db8::/32, not "10.0.0.0/33"',
  ],
  ["mid_registrar.retry_after", "1w", `mid_registrar.retry_after: ${seconds(0, 86_400)}, not "1w"`],
  [
    "mid_registrar.case_sensitive",
    "maybe",
    'mid_registrar.case_sensitive: must be true or false, not "maybe"',
  ],
  [
    "mid_registrar.realm_prefix",
    "sip@",
    'mid_registrar.realm_prefix: must be the beginning of a host name, such as "sip."',
  ],
  [
    "mid_registrar.extra_contact_params",
    "'a b'",
    'mid_registrar.extra_contact_params: must be URI parameters such as ;transport=udp;site=berlin, 255 characters at most, not "a b"',
  ],
  [
    "mid_registrar",
    "{contact_id_param: x, extra_contact_params: ;a;X=1}",
    'mid_registrar.extra_contact_params: must not have the parameter that contact_id_param names, not ";a;X=1"',
  ],
  [
    "mid_registrar.upstream_contact_params",
    "['a b']",
    'mid_registrar.upstream_contact_params[0]: must be names of contact parameters such as q, methods, +sip.instance, not "a b"',
  ],
  [
    "mid_registrar.upstream_contact_params",
    "[Expires]",
    'mid_registrar.upstream_contact_params[0]: cannot have expires, which midreg sets, not "Expires"',
  ],
  [
    "mid_registrar",
    "{gruu: yes, disable_gruu: yes}",
    'mid_registrar.disable_gruu: must be the opposite of gruu, not "yes"',
  ],
  [
    "mid_registrar.upstream_margin",
    "3601",
    `mid_registrar.upstream_margin: ${seconds(0, 3600)}, not "3601"`,
  ],
  ["usrloc.use_domain", "2", 'usrloc.use_domain: must be true or false, not "2"'],
  ["usrloc.cseq_delay", "1h1m", `usrloc.cseq_delay: ${seconds(0, 3600)}, not "1h1m"`],
  [
    "auth.absorb",
    "diggest",
    'auth.absorb: must be one of proven, digest, open, not "diggest"; did you mean "digest"?',
  ],
  ["auth.realm", "''", 'auth.realm: must be a text of at most 256 characters, not ""'],
  [
    "auth.algorithms",
    "[MD5-sess]",
    'auth.algorithms[0]: must be one of SHA-512-256, SHA-256, MD5, not "MD5-sess"',
  ],
  ["auth.algorithms", "[]", "auth.algorithms: must name at least one algorithm"],
  ["auth.qop", "auth-int", 'auth.qop: must be one of auth, none, not "auth-int"'],
  ["auth.nonce_lifetime", "5", `auth.nonce_lifetime: ${seconds(10, 86_400)}, not "5"`],
  [
    "storage.mode",
    "redis",
    'storage.mode: must be one of sqlite, memory, not "redis"; redis is not available in this version',
  ],
  [
    "storage.durability",
    "comit",
    'storage.durability: must be one of commit, fsync, relaxed, not "comit"; did you mean "commit"?',
  ],
  ["secret", "short", "secret: must have at least 16 characters"],
  ["secret_previous", "short", "secret_previous[0]: must have at least 16 characters"],
  [
    "dns.servers",
    "[resolver.example.com]",
    'dns.servers[0]: must be ADDRESS or ADDRESS:PORT such as 10.0.0.53, not "resolver.example.com"',
  ],
  ["dns.cache_ttl", "-1", `dns.cache_ttl: ${seconds(0, 86_400)}, not "-1"`],
])("%s: %s is refused, with the rule and what was given", (setting, yaml, message) => {
  const [problem = "", ...others] = problemsOf(withSetting(setting, yaml));
  expect(problem.replace(/^midreg\.yaml:1:\d+: /u, "")).toBe(message);
  expect(others).toEqual([]);
});

test("a list that grows without end is refused", () => {
  const yaml = `upstream_contact_params: [${Array.from({ length: 257 }, (_, at) => `p${at}`).join(", ")}]`;
  expect(problemsOf({ yaml: `mid_registrar:\n  ${yaml}` })).toEqual([
    "midreg.yaml:2:28: mid_registrar.upstream_contact_params: must have at most 256 items",
  ]);
});
