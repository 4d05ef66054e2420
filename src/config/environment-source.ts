import {
  merge,
  NOWHERE,
  nest,
  type Problem,
  printable,
  type SourceSection,
  section,
} from "./source-tree.ts";
import { suggest } from "./suggest.ts";

/** Variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = "MIDREG_";

/** The variable that holds a whole YAML body. */
export const BODY_VARIABLE = "MIDREG_CONFIG";

/**
 * Kubernetes puts these into every container for a Service named midreg or midreg-something; they are
 * not ours.
 */
const SERVICE_LINK =
  /^MIDREG(_\w+)?_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/u;

/**
 * The variables `MIDREG_<PATH>` as a tree: `__` stands between the levels, so that
 * `MIDREG_MID_REGISTRAR__OUTGOING_EXPIRES` sets `mid_registrar.outgoing_expires`. An empty variable counts
 * as not given; an unknown one is a problem, since it is a setting that would silently not be applied.
 */
export function readEnvironment(
  env: Environment,
  paths: readonly (readonly string[])[],
): { readonly root: SourceSection; readonly problems: readonly Problem[] } {
  const known = new Map(paths.map((path) => [path.join("__").toUpperCase(), path]));
  const problems: Problem[] = [];
  let root = section(NOWHERE, []);
  const given = Object.entries(env).filter(([name]) => name.startsWith(PREFIX));
  for (const [name, text] of given.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (text === undefined || name === BODY_VARIABLE || SERVICE_LINK.test(name)) continue;
    const origin = { source: printable(name), line: 0, column: 0 };
    const path = known.get(name.slice(PREFIX.length));
    if (path === undefined) {
      const meant = nearest(name.slice(PREFIX.length), [...known.keys()]);
      const hint = meant === undefined ? "" : `; did you mean ${PREFIX}${meant}?`;
      problems.push({ origin, setting: "", text: `unknown variable${hint}` });
    } else if (text !== "") {
      root = merge(root, nest(path, { kind: "text", origin, text, isSecret: false }));
    }
  }
  return { root, problems };
}

/** The variable that was mistyped, or whose section or setting was forgotten. */
function nearest(name: string, known: readonly string[]): string | undefined {
  return (
    known.find((candidate) => candidate.endsWith(`__${name}`)) ??
    suggest(name, known) ??
    known.find((candidate) => candidate.startsWith(`${name}__`))
  );
}
