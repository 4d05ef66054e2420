import { z } from "zod";
import { parsePeer } from "./address.ts";
import { milliseconds } from "./duration.ts";
import { leaf, listOf } from "./leaf.ts";
import { parseUpstreamName, parseUpstreamUri } from "./sip-syntax.ts";

/** Each is probed every few seconds, and asked for every request from a stranger. */
const MAX_UPSTREAMS = 32;

/** The default main registrar, as operators write it. */
export const upstream = z
  .strictObject({
    uri: leaf(parseUpstreamUri, { description: "SIP URI of the main registrar." }),
    trusted: listOf(
      leaf(parsePeer, {
        description:
          "More addresses the main registrar sends from: ADDRESS, ADDRESS:PORT, NETWORK/BITS.",
      }),
    ).prefault([]),
    timeout: milliseconds(
      100,
      31_000,
      "How long the main registrar may take to answer. A phone itself gives up after 32 seconds.",
    ).prefault("10"),
  })
  .meta({ shorthand: "uri", description: "The main registrar." });

const namedUpstream = z.strictObject({
  name: leaf(parseUpstreamName, { description: "Name of the main registrar, for rules." }),
  ...upstream.shape,
});

/** Those besides it, which rules choose by name. */
export const upstreams = z
  .array(namedUpstream)
  .max(MAX_UPSTREAMS, `must have at most ${MAX_UPSTREAMS} items`)
  .prefault([]);

/** What of a document this file looks at. */
interface Given {
  readonly upstream: z.output<typeof upstream>;
  readonly upstreams: z.output<typeof upstreams>;
  readonly rules: ReadonlyArray<{ readonly set: { readonly upstream?: string | undefined } }>;
}

/** Names and places of main registrars are told apart by them, and rules name one that is there. */
export function checkUpstreams(given: Given, context: z.RefinementCtx): void {
  const complain = (path: PropertyKey[], message: string): void =>
    context.addIssue({ code: "custom", message, path });
  const names = given.upstreams.map(({ name }) => name);
  const uris = [given.upstream, ...given.upstreams].map(({ uri }) => uri.toLowerCase());
  for (const [at, name] of names.entries()) {
    const place = ["upstreams", at];
    if (names.indexOf(name) !== at) complain([...place, "name"], "must not be given twice");
    const isTwice = uris.indexOf(uris[at + 1] ?? "") !== at + 1;
    if (isTwice) complain([...place, "uri"], "must not be listed twice");
  }
  const known = ["main", ...names];
  for (const [at, { set }] of given.rules.entries()) {
    if (set.upstream === undefined || known.includes(set.upstream)) continue;
    complain(["rules", at, "set", "upstream"], `must be one of ${known.join(", ")}`);
  }
}

interface Place {
  readonly uri: string;
  readonly trusted: readonly string[];
  readonly timeoutMs: number;
}

/** The same as the appliance uses it. */
export function toUpstream({ uri, trusted, timeout }: Given["upstream"]): Place {
  return { uri, trusted, timeoutMs: timeout };
}
