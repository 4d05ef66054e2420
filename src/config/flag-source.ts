import {
  merge,
  NOWHERE,
  nest,
  type SourceNode,
  type SourceSection,
  section,
} from "./source-tree.ts";

/** Command line flags that set something, without their dashes, and the setting of each. */
const FLAG_PATHS = {
  upstream: ["upstream"],
  listen: ["listen"],
  admin: ["admin"],
  data: ["data"],
  mode: ["mid_registrar", "mode"],
  "outgoing-expires": ["mid_registrar", "outgoing_expires"],
  absorb: ["auth", "absorb"],
  "log-level": ["log", "level"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type FlagName = keyof typeof FLAG_PATHS;

/** Flags as typed; a flag that may be repeated has a list. */
export type Flags = Readonly<Partial<Record<FlagName, string | readonly string[]>>>;

/** The flags as a tree. */
export function readFlags(flags: Flags): SourceSection {
  let root = section(NOWHERE, []);
  const given = new Map(Object.entries(flags));
  for (const [name, path] of Object.entries(FLAG_PATHS)) {
    const value = given.get(name);
    if (value !== undefined) root = merge(root, nest(path, flagNode(`--${name}`, value)));
  }
  return root;
}

function flagNode(source: string, value: string | readonly string[]): SourceNode {
  const origin = { source, line: 0, column: 0 };
  const text = (item: string): SourceNode => ({
    kind: "text",
    origin,
    text: item,
    isSecret: false,
  });
  if (typeof value === "string") return text(value);
  return { kind: "list", origin, items: value.map(text) };
}
