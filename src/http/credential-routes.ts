import type {
  CredentialAdmin,
  CredentialName,
  CredentialOutcome,
  CredentialSecret,
} from "../ports.ts";
import { type Answer, json, problem, sentence } from "./answer.ts";
import { toBytes, toText } from "./byte-text.ts";
import { fieldsOf } from "./fields.ts";
import { BUSY_RETRY_AFTER_SEC, MAX_IMPORT_BYTES, MAX_IMPORTED_CREDENTIALS } from "./limits.ts";
import { partOf } from "./page-ask.ts";
import { formatCursor, readPage } from "./pages.ts";
import type { AdminRequest, Route } from "./routes.ts";

const NOT_FOUND = "The realm has no such user.";

/** The credentials that phones are checked against: list, set, forget, add many. No answer holds an H(A1). */
export function credentialRoutes(credentials: CredentialAdmin): Route[] {
  return [
    {
      path: "/api/v1/credentials",
      maxBodyBytes: MAX_IMPORT_BYTES,
      handlers: {
        GET: (request) => list(request, credentials),
        POST: async (request) => add(request, credentials),
      },
    },
    {
      path: "/api/v1/credentials/reload",
      handlers: { POST: () => reload(credentials) },
    },
    {
      path: "/api/v1/credentials/:realm/:user",
      handlers: {
        GET: ({ params }) => show(nameOf(params), credentials),
        PUT: async (request) => set(request, credentials),
        DELETE: async ({ params }) => remove(nameOf(params), credentials),
      },
    },
  ];
}

function list({ query }: AdminRequest, credentials: CredentialAdmin): Answer {
  const part = partOf(query, ["realm", "prefix"]);
  if (typeof part === "string") return problem(400, part);
  const given = query.get("realm");
  const realm = given === null ? undefined : toBytes(given);
  const prefix = toBytes(query.get("prefix") ?? "");
  const isWanted = (name: CredentialName): boolean =>
    (realm === undefined || name.realm === realm) && name.username.startsWith(prefix);
  const page = readPage({ items: () => credentials.names(), nameOf: keyOf }, { ...part, isWanted });
  return json(200, {
    credentials: page.items.map((name) => viewOf(name, credentials)),
    next: page.next === undefined ? null : formatCursor(page.next),
  });
}

/** A line break can stand in neither. */
function keyOf({ username, realm }: CredentialName): string {
  return `${realm}\n${username}`;
}

function viewOf(name: CredentialName, credentials: CredentialAdmin): object | undefined {
  const found = credentials.find(name);
  if (found === undefined) return undefined;
  const { username, realm, algorithms, isInFile } = found;
  const source = isInFile ? "file" : "database";
  return { user: toText(username), realm: toText(realm), algorithms, source };
}

function nameOf(params: AdminRequest["params"]): CredentialName {
  return { username: toBytes(params["user"] ?? ""), realm: toBytes(params["realm"] ?? "") };
}

function show(name: CredentialName, credentials: CredentialAdmin): Answer {
  const view = viewOf(name, credentials);
  return view === undefined ? problem(404, NOT_FOUND) : json(200, view);
}

async function set({ params, body }: AdminRequest, credentials: CredentialAdmin): Promise<Answer> {
  const fields = fieldsOf(body, ["password", "algorithms", "ha1"]);
  if (typeof fields === "string") return problem(400, fields);
  const secret = secretOf(fields);
  if (typeof secret === "string") return problem(422, secret);
  const name = nameOf(params);
  const outcome = await new Promise<CredentialOutcome>((resolve) => {
    credentials.set(name, secret, resolve);
  });
  return answerOf(outcome, () => viewOf(name, credentials) ?? {});
}

/** What a user is to be given; otherwise a sentence that says what is wrong. */
function secretOf({
  password,
  algorithms,
  ha1,
}: Readonly<Record<string, unknown>>): CredentialSecret | string {
  if ((password === undefined) === (ha1 === undefined)) return "Give either password or ha1.";
  if (password === undefined) {
    const ha1s = algorithms === undefined ? textsIn(ha1) : undefined;
    return ha1s === undefined ? 'ha1 must be an object such as {"MD5": "0123…"}.' : { ha1s };
  }
  if (typeof password !== "string" || password === "") return "password must be a text.";
  const only = algorithms === undefined ? undefined : textListOf(algorithms);
  if (algorithms !== undefined && only === undefined) return "algorithms must be a list of names.";
  return { password: toBytes(password), algorithms: only };
}

function textsIn(value: unknown): Readonly<Record<string, string>> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const texts: Record<string, string> = {};
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== "string") return undefined;
    texts[name] = text;
  }
  return Object.keys(texts).length === 0 ? undefined : texts;
}

function textListOf(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const texts = value.filter((item): item is string => typeof item === "string");
  return texts.length === value.length ? texts : undefined;
}

async function remove(name: CredentialName, credentials: CredentialAdmin): Promise<Answer> {
  const outcome = await new Promise<CredentialOutcome>((resolve) => {
    credentials.remove(name, resolve);
  });
  return answerOf(outcome, (removed) => ({
    user: toText(name.username),
    realm: toText(name.realm),
    removed,
  }));
}

async function add({ body }: AdminRequest, credentials: CredentialAdmin): Promise<Answer> {
  const fields = fieldsOf(body, ["credentials"]);
  if (typeof fields === "string") return problem(400, fields);
  const given = importedOf(fields["credentials"]);
  if (typeof given === "string") return problem(422, given);
  const outcome = await new Promise<CredentialOutcome>((resolve) => {
    credentials.add(given, resolve);
  });
  return answerOf(outcome, (imported) => ({ imported }));
}

type Imported = Parameters<CredentialAdmin["add"]>[0][number];

/** The credentials of an import; otherwise a sentence that says what is wrong. */
function importedOf(value: unknown): readonly Imported[] | string {
  if (!Array.isArray(value) || value.length === 0) return "credentials must be a list.";
  if (value.length > MAX_IMPORTED_CREDENTIALS) {
    return `There may be ${MAX_IMPORTED_CREDENTIALS} credentials at a time.`;
  }
  const credentials: Imported[] = [];
  for (const item of value) {
    const texts = textsIn(item);
    const { user, realm, algorithm = "MD5", ha1, ...others } = texts ?? {};
    const isWhole = user !== undefined && realm !== undefined && ha1 !== undefined;
    if (!isWhole || Object.keys(others).length > 0) {
      return "Each of the credentials must have user, realm and ha1, and may have algorithm.";
    }
    credentials.push({ username: toBytes(user), realm: toBytes(realm), algorithm, ha1 });
  }
  return credentials;
}

function reload(credentials: CredentialAdmin): Answer {
  const outcome = credentials.reload();
  // The line begins with the name of the file.
  if (outcome.kind === "invalid") return problem(422, outcome.detail);
  return answerOf(outcome, (users) => ({ users }));
}

const IN_FILE = "auth.credentials_file has such a user, and wins; change it there, then reload.";

function answerOf(outcome: CredentialOutcome, shown: (count: number) => object): Answer {
  switch (outcome.kind) {
    case "done":
      return json(200, shown(outcome.count));
    case "not-found":
      return problem(404, NOT_FOUND);
    case "in-file":
      return problem(409, IN_FILE);
    case "invalid":
      return problem(422, sentence(outcome.detail));
    case "busy":
      return problem(503, sentence(outcome.detail), { "Retry-After": `${BUSY_RETRY_AFTER_SEC}` });
    default:
      return outcome satisfies never;
  }
}
