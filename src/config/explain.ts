import type { z } from "zod";
import { documentSchema } from "./settings.ts";
import { settingNames, settingPaths } from "./settings-shape.ts";
import {
  joinName,
  locate,
  nodeAt,
  type Problem,
  type SourceNode,
  type SourceSection,
} from "./source-tree.ts";
import { suggest } from "./suggest.ts";

const MISSING_UPSTREAM =
  "missing; say where the main registrar is: --upstream sip:HOST:PORT, or upstream: sip:HOST:PORT in the " +
  "configuration file, or MIDREG_UPSTREAM";

/** A quoted text longer than this is cut. */
const MAX_QUOTED_LENGTH = 80;

/** Settings of OpenSIPS that operators will try, and that are not built yet. */
const NOT_BUILT = new RegExp(
  "^(at_escape_str|received_avp|received_param|extra_contact_params_avp|attr_avp|tcp_persistent_flag|" +
    "allow_dup_cseq|gruu_secret|timer_interval|desc_time_order|" +
    "pinging_mode|only_request_contacts)$",
  "u",
);

/** The schema's complaints about a tree, as problems with place, setting and remedy. */
export function explain(issues: readonly z.core.$ZodIssue[], root: SourceSection): Problem[] {
  return issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => explainUnknown(key, issue.path, root))
      : [explainIssue(issue, root)],
  );
}

function explainUnknown(key: string, path: readonly PropertyKey[], root: SourceSection): Problem {
  const parent = locate(root, path);
  const node = nodeAt(root, path);
  const entry = node?.kind === "section" ? node.entries.get(key) : undefined;
  return {
    origin: entry?.origin ?? parent.origin,
    setting: joinName(parent.setting, key),
    text: `unknown setting${hintFor(key, path)}`,
  };
}

function hintFor(key: string, path: readonly PropertyKey[]): string {
  if (key === "force_registration") return '; here it is "mid_registrar.max_contacts_policy"';
  if (NOT_BUILT.test(key)) return "; OpenSIPS has it, this version of midreg does not";
  const here = suggest(key, settingNames(documentSchema, path));
  const elsewhere = settingPaths(documentSchema).find((known) => known.at(-1) === key);
  const meant = here ?? elsewhere?.join(".");
  return meant === undefined ? "" : `; did you mean "${meant}"?`;
}

function explainIssue(issue: z.core.$ZodIssue, root: SourceSection): Problem {
  const node = nodeAt(root, issue.path);
  const isUpstream = issue.path[0] === "upstream";
  const { origin, setting } = locate(root, issue.path);
  if (node === undefined && isUpstream)
    return { origin, setting: "upstream", text: MISSING_UPSTREAM };
  if (node === undefined) return { origin, setting, text: "missing" };
  return { origin, setting, text: describe(issue, node) };
}

function describe(issue: z.core.$ZodIssue, node: SourceNode): string {
  if (issue.code === "invalid_type") return `must be ${wordFor(issue.expected)}`;
  if (node.kind !== "text") return issue.message;
  if (node.isSecret) return issue.message;
  const hint: unknown = issue.code === "custom" ? issue.params?.["hint"] : undefined;
  const remedy = typeof hint === "string" ? `; ${hint}` : "";
  return `${issue.message}${quote(node.text, issue.path)}${remedy}`;
}

function wordFor(expected: string): string {
  if (expected === "object") return "a section: lines of the form setting: value";
  return expected === "array" ? "a list" : "one value";
}

/** Shows a value, unless it is a secret or may hold one (the password in `sip:user:password@host`). */
function quote(text: string, path: readonly PropertyKey[]): string {
  // The URL of a webhook often is what proves who calls it.
  if (isSecretSetting(path[0]) || path.at(-1) === "url" || text.includes("@")) return "";
  const isLong = text.length > MAX_QUOTED_LENGTH;
  return `, not ${JSON.stringify(isLong ? `${text.slice(0, MAX_QUOTED_LENGTH)}...` : text)}`;
}

function isSecretSetting(name: PropertyKey | undefined): boolean {
  return name === "secret" || name === "secret_previous";
}
