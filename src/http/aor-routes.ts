import type { AorRecord, Binding } from "../location/binding.ts";
import { bracketAddress, parseFlow } from "../location/flow.ts";
import { matchContact } from "../location/match-contact.ts";
import type {
  AdminOutcome,
  LocationAdmin,
  LocationStore,
  ManualContact,
  PushTestOutcome,
} from "../ports.ts";
import { type Answer, json, problem, sentence } from "./answer.ts";
import { fieldsOf, numberIn } from "./fields.ts";
import { BUSY_RETRY_AFTER_SEC, MAX_EXPIRES_SEC, MAX_NAME_LENGTH } from "./limits.ts";
import { partOf } from "./page-ask.ts";
import { formatCursor, readPage } from "./pages.ts";
import {
  contactView,
  decisionView,
  type ReadPings,
  recordView,
  summaryOf,
  type ViewClock,
} from "./record-view.ts";
import type { AdminRequest, Route } from "./routes.ts";

/** What the routes of the location data work on. */
export interface LocationModules {
  readonly store: Pick<LocationStore, "lookup" | "records">;
  readonly operations: LocationAdmin;
  readonly clock: ViewClock;
}

const NOT_FOUND = "No such address-of-record is registered.";
const NO_CONTACT = "The address-of-record has no such contact.";

/** Addresses-of-record: list, show, add, remove. */
export function aorRoutes(modules: LocationModules): Route[] {
  return [
    { path: "/api/v1/aors", handlers: { GET: (request) => list(request, modules) } },
    {
      path: "/api/v1/aors/:aor",
      handlers: {
        GET: (request) => show(request, modules),
        DELETE: async (request) => remove(request, modules),
      },
    },
    {
      path: "/api/v1/aors/:aor/contacts",
      handlers: { POST: async (request) => add(request, modules) },
    },
    {
      path: "/api/v1/aors/:aor/push-test",
      handlers: { POST: async (request) => pushTest(request, modules) },
    },
    {
      path: "/api/v1/aors/:aor/contacts/:contact",
      handlers: { DELETE: async (request) => remove(request, modules) },
    },
  ];
}

function list({ query }: AdminRequest, { store, clock, operations }: LocationModules): Answer {
  const view = query.get("view") ?? "summary";
  if (view !== "summary" && view !== "full") return problem(400, "view must be summary or full.");
  const part = partOf(query, ["prefix", "view"]);
  if (typeof part === "string") return problem(400, part);
  const prefix = query.get("prefix") ?? "";
  const listing = { items: () => store.records(), nameOf: ({ aor }: AorRecord) => aor };
  const isWanted = ({ aor }: AorRecord): boolean => aor.startsWith(prefix);
  const page = readPage(listing, { ...part, isWanted });
  const pings = readPings(operations);
  const shown = view === "full" ? recordView : summaryOf;
  return json(200, {
    aors: page.items.map((record) => shown(record, clock, pings)),
    next: page.next === undefined ? null : formatCursor(page.next),
  });
}

function show({ params, query }: AdminRequest, modules: LocationModules): Answer {
  const fields = fieldsOf(Object.fromEntries(query), ["match"]);
  if (typeof fields === "string") return problem(400, fields);
  const { store, operations, clock } = modules;
  const aor = operations.canonical(params["aor"] ?? "");
  const record = aor === undefined ? undefined : store.lookup(aor);
  const decisions = aor === undefined ? [] : operations.decisions(aor);
  const match = query.get("match");
  if (match !== null) return showMatching(record, match, modules);
  if (aor === undefined || (record === undefined && decisions.length === 0)) {
    return problem(404, NOT_FOUND);
  }
  // What was decided outlives the bindings it was about.
  return json(200, {
    ...recordView(record ?? { aor, bindings: [] }, clock, readPings(operations)),
    decisions: decisions.map((decision) => decisionView(decision, clock)),
  });
}

function readPings(operations: LocationAdmin): ReadPings {
  return (binding) => operations.pings(binding);
}

const MATCH_RULE = "match must be contact:URI, call_id:CALL-ID or received:ADDRESS:PORT.";

/** Kamailio's registered(): whether some valid contact fits. */
function showMatching(
  record: AorRecord | undefined,
  match: string,
  { clock, operations }: LocationModules,
): Answer {
  const [, by, value = ""] = /^(contact|call_id|received):([^]+)$/u.exec(match) ?? [];
  if (by === undefined) return problem(400, MATCH_RULE);
  if (record === undefined) return problem(404, NOT_FOUND);
  const found = record.bindings.filter(
    (binding) => binding.expiresAtMs > clock.nowMs() && fits(binding, by, value),
  );
  if (found.length === 0) return problem(404, NO_CONTACT);
  return json(200, recordView({ aor: record.aor, bindings: found }, clock, readPings(operations)));
}

function fits(binding: Binding, by: string, value: string): boolean {
  if (by === "call_id") return binding.callId === value;
  if (by === "contact") {
    return matchContact({ aor: "", bindings: [binding] }, value) !== undefined;
  }
  const flow = parseFlow(binding.source);
  if (flow === undefined) return false;
  const place = `${bracketAddress(flow.address)}:${flow.port}`;
  return value.replace(/^sip:/iu, "") === place;
}

async function remove({ params }: AdminRequest, { operations }: LocationModules): Promise<Answer> {
  const aor = operations.canonical(params["aor"] ?? "");
  if (aor === undefined) return problem(404, NOT_FOUND);
  const { contact } = params;
  const outcome = await new Promise<AdminOutcome>((resolve) => {
    operations.remove(aor, contact, resolve);
  });
  if (outcome.kind === "done") return json(200, { aor, removed: outcome.ctids });
  return failure(outcome, contact === undefined ? NOT_FOUND : NO_CONTACT);
}

async function add({ params, body }: AdminRequest, modules: LocationModules): Promise<Answer> {
  const { operations, store, clock } = modules;
  const aor = operations.canonical(params["aor"] ?? "");
  if (aor === undefined) return problem(422, "The address-of-record must be USER@DOMAIN.");
  const fields = fieldsOf(body, ["contact", "expires", "q"]);
  if (typeof fields === "string") return problem(400, fields);
  const contact = contactOf(fields);
  if (typeof contact === "string") return problem(422, contact);
  const outcome = await new Promise<AdminOutcome>((resolve) => {
    operations.add(aor, contact, resolve);
  });
  if (outcome.kind !== "done") return failure(outcome, NOT_FOUND);
  const added = store.lookup(aor)?.bindings.find(({ ctid }) => outcome.ctids.includes(ctid));
  return json(201, {
    aor,
    contact: added === undefined ? null : contactView(added, clock, readPings(operations)),
  });
}

/** Pushes to the devices, and says what their providers have said. */
async function pushTest(
  { params, body }: AdminRequest,
  { operations }: LocationModules,
): Promise<Answer> {
  const fields = fieldsOf(body ?? {}, ["contact"]);
  if (typeof fields === "string") return problem(400, fields);
  const { contact } = fields;
  if (contact !== undefined && (typeof contact !== "string" || contact.length > MAX_NAME_LENGTH)) {
    return problem(422, "contact must be a contact identifier (ruid) or a contact URI.");
  }
  const aor = operations.canonical(params["aor"] ?? "");
  if (aor === undefined) return problem(404, NOT_FOUND);
  const outcome = await new Promise<PushTestOutcome>((resolve) => {
    operations.testPush(aor, contact, resolve);
  });
  if (outcome.kind !== "done")
    return failure(outcome, contact === undefined ? NOT_FOUND : NO_CONTACT);
  const pushes = outcome.tests.map(({ ctid, provider, outcome: { result, reason, detail } }) => ({
    ruid: ctid,
    provider,
    result,
    reason,
    detail,
  }));
  return json(200, { aor, pushes });
}

/** The contact that the fields describe; otherwise a sentence that says what is wrong. */
function contactOf({
  contact: uri,
  expires,
  q,
}: Readonly<Record<string, unknown>>): ManualContact | string {
  if (typeof uri !== "string" || uri === "" || uri.length > MAX_NAME_LENGTH) {
    return "contact must be a SIP URI.";
  }
  const expiresSec = numberIn(expires ?? DEFAULT_EXPIRES_SEC, 1, MAX_EXPIRES_SEC);
  if (expiresSec === undefined) return "expires must be whole seconds, at least 1.";
  if (q === undefined) return { uri, expiresSec, q };
  const isPreference = typeof q === "number" && q >= 0 && q <= 1;
  return isPreference
    ? { uri, expiresSec, q: Math.round(q * 1000) }
    : "q must be a number from 0 to 1.";
}

/** Lifetime of a contact that is added without one, as in OpenSIPS' and Kamailio's defaults. */
const DEFAULT_EXPIRES_SEC = 3600;

function failure(outcome: Exclude<AdminOutcome, { kind: "done" }>, notFound: string): Answer {
  switch (outcome.kind) {
    case "not-found":
      return problem(404, notFound);
    case "invalid":
      return problem(422, sentence(outcome.detail));
    case "refused":
      return problem(outcome.status === 504 ? 504 : 502, sentence(outcome.detail));
    case "busy":
      return problem(503, sentence(outcome.detail), { "Retry-After": `${BUSY_RETRY_AFTER_SEC}` });
    default:
      return outcome satisfies never;
  }
}
