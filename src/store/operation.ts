/**
 * The stored form of changes: rows in the order of the table columns, and the operations the journal
 * keeps. What is read back is checked here and nowhere else.
 */
import type { Binding, DeRegistration, Mode, UpstreamRegistration } from "../location/binding.ts";
import type { AorChange } from "../location/change.ts";
import { UnreadableContent } from "./store-error.ts";

/**
 * Columns of `binding`, then cseq, expires_at_ms and updated_at_ms of `refresh`, then columns that `binding` has got
 * later.
 */
export type BindingRow = readonly [
  id: number,
  aor: string,
  ctid: string,
  contact: string,
  params: string,
  q: number | null,
  callId: string,
  source: string,
  path: string,
  userAgent: string,
  replay: string,
  upstreamCallId: string,
  upstreamCseq: number,
  upstreamExpiresAtMs: number,
  upstreamContact: string,
  upstreamRequestUri: string,
  upstreamFrom: string,
  upstreamTo: string,
  mode: string,
  methods: string,
  attr: string,
  registeredAtMs: number,
  upstreamGruu: string,
  cseq: number,
  expiresAtMs: number,
  updatedAtMs: number,
  upstream: string,
  push: string,
];

/** How many values at the head of a BindingRow belong to the table `binding`. */
const FIRST_COLUMNS = 23;
/** Where those begin that the table has got later. */
const LATER_COLUMNS = 26;
/** How many columns the table `binding` has. */
export const BINDING_COLUMNS = 25;

/** The values of the table `binding`, in the order of its columns. */
export function bindingValues(row: BindingRow): readonly BindingRow[number][] {
  return [...row.slice(0, FIRST_COLUMNS), ...row.slice(LATER_COLUMNS)];
}

/** The values of the table `refresh` after its id. */
export function refreshValues(row: BindingRow): readonly BindingRow[number][] {
  return row.slice(FIRST_COLUMNS, LATER_COLUMNS);
}

/** The row with those values of `refresh`, to be checked. */
export function withRefresh(row: BindingRow, refresh: readonly number[]): readonly unknown[] {
  return [...row.slice(0, FIRST_COLUMNS), ...refresh, ...row.slice(LATER_COLUMNS)];
}

/** Columns of `deregistration`. */
export type OutboxRow = readonly [
  ctid: string,
  aor: string,
  dueAtMs: number,
  attempts: number,
  upstreamCallId: string,
  upstreamCseq: number,
  upstreamExpiresAtMs: number,
  upstreamContact: string,
  upstreamRequestUri: string,
  upstreamFrom: string,
  upstreamTo: string,
  upstream: string,
];

type TouchRow = readonly [
  id: number,
  ctid: string,
  cseq: number,
  expiresAtMs: number,
  updatedAtMs: number,
];

export type Operation =
  | readonly ["put", BindingRow]
  | readonly ["touch", TouchRow]
  | readonly ["remove", readonly [id: number, ctid: string]]
  | readonly ["enqueue", OutboxRow]
  | readonly ["dequeue", readonly [ctid: string]]
  | readonly ["meta", readonly [key: string, value: string]];

/** One letter for each value: text, integer, or "?" for an integer that may be null. */
const SHAPES: Readonly<Record<string, string>> = {
  put: "itttt?ttttttiitttttttitiiitt",
  touch: "itiii",
  remove: "it",
  enqueue: "ttiitiittttt",
  dequeue: "t",
  meta: "tt",
};

function fits(values: unknown, kind: string): boolean {
  const shape = Object.hasOwn(SHAPES, kind) ? SHAPES[kind] : undefined;
  if (shape === undefined || !isRow(values) || values.length !== shape.length) return false;
  for (let index = 0; index < shape.length; index += 1) {
    const value = values[index];
    const letter = shape[index];
    if (letter === "t" ? typeof value !== "string" : !isInteger(value, letter === "?")) {
      return false;
    }
  }
  return true;
}

function isInteger(value: unknown, isNullable: boolean): boolean {
  return Number.isSafeInteger(value) || (isNullable && value === null);
}

/** Whether it is a row as SQLite hands it out: an array of values. */
export function isRow(values: unknown): values is readonly unknown[] {
  return Array.isArray(values);
}

export function isBindingRow(values: unknown): values is BindingRow {
  return fits(values, "put");
}

/** Throws UnreadableContent. */
export function readMode(text: string): Mode {
  if (text === "contact" || text === "aor" || text === "mirror") return text;
  throw new UnreadableContent("a binding has an unknown mode");
}

export function isOutboxRow(values: unknown): values is OutboxRow {
  return fits(values, "enqueue");
}

export function isMetaRow(values: unknown): values is readonly [key: string, value: string] {
  return fits(values, "meta");
}

function isOperation(value: unknown): value is Operation {
  return (
    isRow(value) && value.length === 2 && typeof value[0] === "string" && fits(value[1], value[0])
  );
}

/** Whether every value can be stored; only a mistake in this program makes one that cannot. */
export function isStorable(operations: readonly Operation[]): boolean {
  return operations.every(isOperation);
}

/** Reads the JSON of a journal row. Throws UnreadableContent. */
export function parseOperations(text: string): readonly Operation[] {
  const given = parseJson(text);
  const list = isRow(given) ? given.map(completed) : undefined;
  if (list === undefined || !list.every(isOperation)) {
    throw new UnreadableContent("the journal holds a change of unknown form");
  }
  return list;
}

/** How few values rows of older journals have: those before there could be several main registrars, or pushes. */
const OLD_LENGTHS: Readonly<Record<string, number>> = { put: 26, enqueue: 11 };

/** A row of a journal that an older midreg has written is at the default main registrar, and has no push. */
function completed(operation: unknown): unknown {
  if (!isRow(operation)) return operation;
  const [kind, values] = operation;
  if (typeof kind !== "string" || !isRow(values)) return operation;
  const length = SHAPES[kind]?.length ?? 0;
  const missing = length - values.length;
  const isOld = values.length >= (OLD_LENGTHS[kind] ?? length) && missing > 0;
  return isOld ? [kind, [...values, ...Array<string>(missing).fill("")]] : operation;
}

/** Throws UnreadableContent. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UnreadableContent("it holds text that is not JSON", { cause });
  }
}

/** Knows the row ids of bindings, and hands out new ones. */
export interface RowIds {
  /** The id of the binding with that ctid; of that address-of-record only, if one is given. */
  rowIdOf(ctid: string, aor?: string): number | undefined;
  takeRowId(): number;
}

/** Turns a change into operations, in the order in which it has to be applied (location/change.ts). */
export function buildOperations(change: AorChange, ids: RowIds): Operation[] {
  const operations: Operation[] = [];
  const placed = new Map<string, number>();
  for (const ctid of change.remove) {
    const id = ids.rowIdOf(ctid, change.aor);
    if (id !== undefined) operations.push(["remove", [id, ctid]]);
  }
  for (const binding of change.put) {
    const isGone = change.remove.includes(binding.ctid);
    const known = isGone ? undefined : ids.rowIdOf(binding.ctid);
    const id = placed.get(binding.ctid) ?? known ?? ids.takeRowId();
    placed.set(binding.ctid, id);
    operations.push(["put", buildBindingRow(id, change.aor, binding)]);
  }
  for (const { ctid, cseq, expiresAtMs, updatedAtMs } of change.touch) {
    const id = placed.get(ctid) ?? ids.rowIdOf(ctid, change.aor);
    if (id !== undefined) operations.push(["touch", [id, ctid, cseq, expiresAtMs, updatedAtMs]]);
  }
  for (const ctid of change.dequeue) operations.push(["dequeue", [ctid]]);
  for (const entry of change.enqueue) operations.push(["enqueue", buildOutboxRow(entry)]);
  return operations;
}

function buildBindingRow(id: number, aor: string, binding: Binding): BindingRow {
  const { upstream } = binding;
  return [
    id,
    aor,
    binding.ctid,
    binding.contact,
    binding.params,
    binding.q ?? null,
    binding.callId,
    binding.source,
    binding.path,
    binding.userAgent,
    binding.replay,
    upstream.callId,
    upstream.cseq,
    upstream.expiresAtMs,
    upstream.contact,
    upstream.requestUri,
    upstream.from,
    upstream.to,
    binding.mode,
    binding.methods,
    binding.attr,
    binding.registeredAtMs,
    binding.upstreamGruu,
    binding.cseq,
    binding.expiresAtMs,
    binding.updatedAtMs,
    upstream.upstream,
    binding.push,
  ];
}

function buildOutboxRow({ ctid, aor, dueAtMs, attempts, upstream }: DeRegistration): OutboxRow {
  const { callId, cseq, expiresAtMs, contact, requestUri, from, to } = upstream;
  const registration = [callId, cseq, expiresAtMs, contact, requestUri, from, to] as const;
  return [ctid, aor, dueAtMs, attempts, ...registration, upstream.upstream];
}

/** The way back from buildOutboxRow. */
export function readOutboxRow(row: OutboxRow): DeRegistration {
  const [ctid, aor, dueAtMs, attempts, ...registration] = row;
  const [callId, cseq, expiresAtMs, contact, requestUri, from, to, name] = registration;
  const upstream: UpstreamRegistration = {
    upstream: name,
    callId,
    cseq,
    expiresAtMs,
    contact,
    requestUri,
    from,
    to,
  };
  return { ctid, aor, upstream, dueAtMs, attempts };
}
