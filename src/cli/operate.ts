/** Carries out what an operator asks of a running midreg, and writes what came of it. */
import { setTimeout as pause } from "node:timers/promises";
import { AdminClient, isObject, type JsonObject, objectsIn } from "./admin-client.ts";
import type { Operation } from "./operator-commands.ts";
import { OperatorError } from "./operator-error.ts";
import { type Column, formatFields, formatTable } from "./table.ts";

/** Where results and remarks go. */
interface Output {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly isJson: boolean;
}

const AORS = "/api/v1/aors";
const RESYNC = "/api/v1/resync";
const PAGE = 1000;
/** How often a running resync is asked how far it is. */
const POLL_MS = 500;

/** Resolves to whether all of it was done. Throws an OperatorError of one line when it was not possible. */
export async function operate(
  operation: Operation,
  place: string,
  output: Output,
): Promise<boolean> {
  const client = new AdminClient(place);
  switch (operation.name) {
    case "list":
      return list(client, output, { ...operation, view: "summary" });
    case "dump":
      return list(client, output, { prefix: operation.prefix, limit: undefined, view: "full" });
    case "show":
      return show(await client.ask("GET", aorPath(operation.aor)), output);
    case "rm":
      return removed(await client.ask("DELETE", aorPath(operation.aor)), output);
    case "rm-contact": {
      const contact = encodeURIComponent(operation.contact);
      const path = `${aorPath(operation.aor)}/contacts/${contact}`;
      return removed(await client.ask("DELETE", path), output);
    }
    case "add":
      return add(client, output, operation);
    case "resync":
      return resync(client, output, operation);
    case "resync-status":
      return reportResync(await client.ask("GET", RESYNC), output);
    case "resync-stop":
      return reportResync(await client.ask("DELETE", RESYNC), output);
    case "push-test":
      return pushTest(client, output, operation);
    default:
      return operation satisfies never;
  }
}

function aorPath(aor: string): string {
  return `${AORS}/${encodeURIComponent(aor)}`;
}

const SUMMARY: readonly Column[] = [
  ["AOR", "aor"],
  ["CONTACTS", "contacts"],
  ["EXPIRES", "expires"],
  ["UPSTREAM", "upstream_expires"],
];

const CONTACT_ROW: readonly Column[] = [
  ["AOR", "aor"],
  ["CONTACT", "contact"],
  ["RUID", "ruid"],
  ["EXPIRES", "expires"],
  ["UPSTREAM", "upstream.expires"],
  ["RECEIVED", "received"],
  ["USER-AGENT", "user_agent"],
];

interface Listing {
  readonly prefix: string;
  /** As typed; undefined for the default of a list, and for all of a dump. */
  readonly limit: string | undefined;
  readonly view: "summary" | "full";
}

/** Most rows of a list that is not told how many. */
const LIST_LIMIT = 1000;

/** Page by page, so that memory does not grow with the number of records. */
async function list(client: AdminClient, output: Output, listing: Listing): Promise<boolean> {
  const { prefix, view } = listing;
  let left = view === "full" ? Number.POSITIVE_INFINITY : limitOf(listing.limit);
  let cursor: string | undefined;
  let widths: readonly number[] | undefined;
  do {
    const query = new URLSearchParams({ prefix, view, limit: String(Math.min(PAGE, left)) });
    if (cursor !== undefined) query.set("cursor", cursor);
    // Each page needs the cursor of the one before.
    // oxlint-disable-next-line no-await-in-loop
    const page = await client.ask("GET", `${AORS}?${query.toString()}`);
    const found = objectsIn(page, "aors");
    widths = writePage(found, { ...output, view }, widths);
    left -= found.length;
    cursor = typeof page["next"] === "string" ? page["next"] : undefined;
  } while (cursor !== undefined && left > 0);
  if (cursor !== undefined) output.err("midreg: there may be more; see --limit and --prefix\n");
  return true;
}

function limitOf(typed: string | undefined): number {
  return typed === undefined ? LIST_LIMIT : numberOf("--limit", typed);
}

/** JSON is one object a line, so that it can be read as it comes. */
function writePage(
  found: readonly JsonObject[],
  { out, isJson, view }: Output & Pick<Listing, "view">,
  before: readonly number[] | undefined,
): readonly number[] | undefined {
  if (isJson) {
    for (const record of found) out(`${JSON.stringify(record)}\n`);
    return before;
  }
  const rows =
    view === "summary"
      ? found
      : found.flatMap((record) =>
          objectsIn(record, "contacts").map((contact) => ({ ...contact, aor: record["aor"] })),
        );
  const { text, widths } = formatTable(view === "summary" ? SUMMARY : CONTACT_ROW, rows, before);
  out(text);
  return widths;
}

const CONTACT_FIELDS: readonly Column[] = [
  ["contact", "contact"],
  ["ruid", "ruid"],
  ["state", "state"],
  ["expires", "expires"],
  ["q", "q"],
  ["received", "received"],
  ["socket", "socket"],
  ["path", "path"],
  ["call-id", "call_id"],
  ["cseq", "cseq"],
  ["user-agent", "user_agent"],
  ["push", "push.provider"],
  ["pushable", "push.pushable"],
  ["pings", "ping.state"],
  ["latency (ms)", "ping.latency_ms"],
  ["last ping", "ping.last_ping"],
  ["last answer", "ping.last_answer"],
  ["lost pings", "ping.lost"],
  ["methods", "methods"],
  ["instance", "instance"],
  ["reg-id", "reg_id"],
  ["attributes", "attributes"],
  ["last modified", "last_modified"],
  ["upstream contact", "upstream.contact"],
  ["upstream expires", "upstream.expires"],
  ["upstream call-id", "upstream.call_id"],
  ["upstream cseq", "upstream.cseq"],
];

const DECISION: readonly Column[] = [
  ["LAST", "at"],
  ["TIMES", "count"],
  ["DECISION", "kind"],
  ["REASON", "reason"],
  ["OUTCOME", "outcome"],
  ["RUID", "ruid"],
  ["CONTACTS", "contacts"],
  ["AGE", "age"],
  ["EXPIRES", "expires"],
  ["UPSTREAM", "upstream_expires"],
  ["PROOF", "proof"],
  ["STATUS", "status"],
  ["MS", "duration_ms"],
  ["RULE", "rule"],
  ["SOURCE", "source"],
];

function show(document: JsonObject, { out, isJson }: Output): boolean {
  if (isJson) return writeJson(document, out);
  const contacts = objectsIn(document, "contacts");
  const decisions = objectsIn(document, "decisions");
  out(`${String(document["aor"])}: ${plural(contacts.length, "contact")}\n`);
  for (const contact of contacts) out(`\n${formatFields(CONTACT_FIELDS, contact)}`);
  if (decisions.length === 0) out("\nno recent decisions\n");
  else out(`\n${formatTable(DECISION, decisions).text}`);
  return true;
}

function removed(document: JsonObject, { out, isJson }: Output): boolean {
  if (isJson) return writeJson(document, out);
  const gone = Array.isArray(document["removed"]) ? document["removed"].length : 0;
  out(`${String(document["aor"])}: ${plural(gone, "contact")} removed\n`);
  return true;
}

const PUSH_FIELDS: readonly Column[] = [
  ["ruid", "ruid"],
  ["provider", "provider"],
  ["result", "result"],
  ["code", "reason"],
  ["meaning", "detail"],
];

/** Done when every provider has taken its push. */
async function pushTest(
  client: AdminClient,
  { out, isJson }: Output,
  { aor, contact }: Extract<Operation, { name: "push-test" }>,
): Promise<boolean> {
  const asked = contact === undefined ? {} : { contact };
  const document = await client.ask("POST", `${aorPath(aor)}/push-test`, asked);
  const pushes = objectsIn(document, "pushes");
  if (isJson) writeJson(document, out);
  else out(pushes.map((push) => formatFields(PUSH_FIELDS, push)).join("\n"));
  return pushes.every(({ result }) => result === "accepted");
}

async function add(
  client: AdminClient,
  { out, isJson }: Output,
  { aor, contact, expires, q }: Extract<Operation, { name: "add" }>,
): Promise<boolean> {
  const document = await client.ask("POST", `${aorPath(aor)}/contacts`, {
    contact,
    ...(expires === undefined ? {} : { expires: numberOf("--expires", expires) }),
    ...(q === undefined ? {} : { q: numberOf("--q", q) }),
  });
  if (isJson) return writeJson(document, out);
  const added = document["contact"];
  out(`${String(document["aor"])}: contact registered\n`);
  if (isObject(added)) out(formatFields(CONTACT_FIELDS, added));
  return true;
}

/** Begins, shows on standard error how far it is, and writes how it ended. */
async function resync(
  client: AdminClient,
  output: Output,
  { aor, upstream, rate }: Extract<Operation, { name: "resync" }>,
): Promise<boolean> {
  let progress = await client.ask("POST", RESYNC, {
    ...(aor === undefined ? {} : { aor }),
    ...(upstream === undefined ? {} : { upstream }),
    ...(rate === undefined ? {} : { rate: numberOf("--rate", rate) }),
  });
  let shown = "";
  while (progress["state"] === "running") {
    const line = progressLine(progress);
    if (line !== shown) output.err(`midreg: ${line}\n`);
    shown = line;
    // oxlint-disable-next-line no-await-in-loop
    await pause(POLL_MS);
    // oxlint-disable-next-line no-await-in-loop
    progress = await client.ask("GET", RESYNC);
  }
  return reportResync(progress, output);
}

function progressLine(progress: JsonObject): string {
  const { seen, total } = progress;
  return `resync: ${String(seen)} of ${String(total)} contacts; ${resultsOf(progress)}`;
}

/** Resolves to whether every registration that was tried has been accepted. */
function reportResync(progress: JsonObject, { out, isJson }: Output): boolean {
  const state = String(progress["state"]);
  if (isJson) writeJson(progress, out);
  else {
    out(`resync ${state}: ${String(progress["seen"])} of ${String(progress["total"])} contacts, `);
    out(`${String(progress["skipped"])} skipped; ${resultsOf(progress)}\n`);
  }
  const bad = counts(progress).filter(([name, count]) => name !== "accepted" && count > 0);
  return state !== "stopped" && bad.length === 0;
}

function resultsOf(progress: JsonObject): string {
  const said = counts(progress).filter(([name, count]) => name === "accepted" || count > 0);
  return said.map(([name, count]) => `${count} ${name.replaceAll("_", " ")}`).join(", ");
}

function counts({ results }: JsonObject): readonly (readonly [string, number])[] {
  if (!isObject(results)) return [];
  return Object.entries(results).map(([name, count]) => [name, Number(count)] as const);
}

function writeJson(document: JsonObject, out: (text: string) => void): true {
  out(`${JSON.stringify(document, undefined, 2)}\n`);
  return true;
}

/** A number that was typed; the running midreg says whether it is one that makes sense. */
function numberOf(flag: string, typed: string): number {
  if (/^\d{1,10}(?:\.\d+)?$/u.test(typed)) return Number(typed);
  throw new OperatorError("USAGE", `${flag} must be a number`);
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
