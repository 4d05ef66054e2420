/**
 * Header names as small numbers, so that finding a header is an integer comparison. Names are
 * case-insensitive and some have a compact form (RFC 3261 section 7.3.1 and 7.3.3).
 */
const NAMES = [
  "",
  "Via",
  "From",
  "To",
  "Call-ID",
  "CSeq",
  "Max-Forwards",
  "Contact",
  "Expires",
  "Content-Length",
  "Content-Type",
  "Route",
  "Record-Route",
  "Path",
  "Service-Route",
  "P-Associated-URI",
  "Supported",
  "Require",
  "Proxy-Require",
  "Unsupported",
  "Allow",
  "Authorization",
  "Proxy-Authorization",
  "WWW-Authenticate",
  "Proxy-Authenticate",
  "User-Agent",
  "Min-Expires",
  "Retry-After",
  "Event",
  "Timestamp",
  "Feature-Caps",
  "Flow-Timer",
  "Date",
  "Accept",
  "Warning",
  "Content-Disposition",
  "Content-Encoding",
  "Allow-Events",
  "Subscription-State",
  "Session-Expires",
  "Max-Breadth",
  "Reply-To",
  "Server",
  "Subject",
  "Refer-To",
  "Referred-By",
];

/**
 * The number of each header that has a parser here. 0 is every other header. Those that may stand only
 * once come below 32 (index-lines.ts).
 */
export const HEADER = {
  other: 0,
  via: 1,
  from: 2,
  to: 3,
  callId: 4,
  cseq: 5,
  maxForwards: 6,
  contact: 7,
  expires: 8,
  contentLength: 9,
  contentType: 10,
  route: 11,
  recordRoute: 12,
  path: 13,
  serviceRoute: 14,
  pAssociatedUri: 15,
  supported: 16,
  require: 17,
  proxyRequire: 18,
  unsupported: 19,
  allow: 20,
  authorization: 21,
  proxyAuthorization: 22,
  wwwAuthenticate: 23,
  proxyAuthenticate: 24,
  userAgent: 25,
  minExpires: 26,
  retryAfter: 27,
  event: 28,
  timestamp: 29,
  featureCaps: 30,
  flowTimer: 31,
  date: 32,
  accept: 33,
  warning: 34,
  contentDisposition: 35,
  contentEncoding: 36,
  allowEvents: 37,
  subscriptionState: 38,
  sessionExpires: 39,
  maxBreadth: 40,
  replyTo: 41,
  referTo: 44,
} as const;

const COMPACT: ReadonlyArray<readonly [string, string]> = [
  ["v", "Via"],
  ["f", "From"],
  ["t", "To"],
  ["i", "Call-ID"],
  ["m", "Contact"],
  ["l", "Content-Length"],
  ["c", "Content-Type"],
  ["k", "Supported"],
  ["o", "Event"],
  ["s", "Subject"],
  ["r", "Refer-To"],
  ["e", "Content-Encoding"],
  ["u", "Allow-Events"],
  ["x", "Session-Expires"],
  ["b", "Referred-By"],
];

function buildIndex(): ReadonlyMap<string, number> {
  const index = new Map<string, number>();
  NAMES.forEach((name, id) => index.set(name.toLowerCase(), id));
  for (const [compact, name] of COMPACT) index.set(compact, NAMES.indexOf(name));
  return index;
}

const INDEX = buildIndex();

/**
 * The usual spellings by a number made of their length and last letter: the one name to compare with
 * before anything is looked up. Of two names with the same number the second has to do with the look-up.
 */
const USUAL: readonly number[] = buildUsual();

function shapeOf(name: string): number {
  return ((name.length & 31) << 5) | (name.charCodeAt(name.length - 1) & 31);
}

function buildUsual(): number[] {
  const usual = Array.from({ length: 1024 }, () => 0);
  NAMES.forEach((name, id) => {
    const shape = shapeOf(name);
    if (usual[shape] === HEADER.other) usual[shape] = id;
  });
  return usual;
}

/** The number of a header name as written; HEADER.other for names midreg does not know. */
export function headerId(name: string): number {
  const usual = USUAL[shapeOf(name)];
  if (usual !== undefined && NAMES[usual] === name) return usual;
  return INDEX.get(name.toLowerCase()) ?? HEADER.other;
}

/** The canonical spelling of a header number, for messages to people. */
export function headerName(id: number): string {
  return NAMES[id] ?? "";
}
