import type { Credential } from "../auth/credential-table.ts";
import { toText } from "../http/byte-text.ts";
import { MAX_IMPORTED_CREDENTIALS, MAX_PAGE } from "../http/limits.ts";
import { AdminClient, type JsonObject, objectsIn } from "./admin-client.ts";
import type { CredentialAction } from "./credential-arguments.ts";
import { OperatorError } from "./operator-error.ts";

const CREDENTIALS = "/api/v1/credentials";

/**
 * Does to the credentials of a running midreg what is asked, and writes what there is to say. Throws an
 * OperatorError of one line.
 */
export async function changeRunning(
  action: CredentialAction,
  credentials: readonly Credential[],
  { place, out }: { readonly place: string; readonly out: (text: string) => void },
): Promise<void> {
  const client = new AdminClient(place);
  switch (action.name) {
    case "import":
      return importAll(client, credentials, out);
    case "set": {
      const ha1 = Object.fromEntries(credentials.map((given) => [given.algorithm, given.ha1]));
      await client.ask("PUT", pathOf(action), { ha1 });
      return out(`midreg: credentials of ${action.username} in ${action.realm} set\n`);
    }
    case "rm":
      await remove(client, action);
      return out(`midreg: credentials of ${action.username} in ${action.realm} removed\n`);
    case "list":
      return list(client, out);
    case "reload": {
      const { users } = await client.ask("POST", `${CREDENTIALS}/reload`, {});
      return out(`midreg: credentials reloaded; there are ${String(users)} users\n`);
    }
    default:
      action satisfies never;
  }
}

function pathOf({ username, realm }: Pick<Credential, "username" | "realm">): string {
  return `${CREDENTIALS}/${encodeURIComponent(realm)}/${encodeURIComponent(username)}`;
}

/** In parts, each of which is stored as a whole. */
async function importAll(
  client: AdminClient,
  credentials: readonly Credential[],
  out: (text: string) => void,
): Promise<void> {
  for (let at = 0; at < credentials.length; at += MAX_IMPORTED_CREDENTIALS) {
    const part = credentials.slice(at, at + MAX_IMPORTED_CREDENTIALS);
    // One after the other: when one fails, it can be told what is stored.
    // oxlint-disable-next-line no-await-in-loop
    await client.ask("POST", CREDENTIALS, { credentials: part.map(asSent) }).catch((error) => {
      if (at > 0) out(`midreg: ${at} of ${credentials.length} credentials imported\n`);
      throw error;
    });
  }
  out(`midreg: ${credentials.length} credentials imported\n`);
}

function asSent({ username, realm, algorithm, ha1 }: Credential): object {
  return { user: toText(username), realm: toText(realm), algorithm, ha1 };
}

async function remove(
  client: AdminClient,
  action: Extract<CredentialAction, { name: "rm" }>,
): Promise<void> {
  await client.ask("DELETE", pathOf(action)).catch((error: unknown) => {
    if (!(error instanceof OperatorError) || error.code !== "NOT_FOUND") throw error;
    const line = `no credentials of ${action.username} in ${action.realm}`;
    throw new OperatorError("REFUSED", line, { cause: error });
  });
}

/** Page by page, so that memory does not grow with the number of users. */
async function list(client: AdminClient, out: (text: string) => void): Promise<void> {
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ limit: String(MAX_PAGE) });
    if (cursor !== undefined) query.set("cursor", cursor);
    // Each page needs the cursor of the one before.
    // oxlint-disable-next-line no-await-in-loop
    const page = await client.ask("GET", `${CREDENTIALS}?${query.toString()}`);
    out(objectsIn(page, "credentials").map(lineOf).join(""));
    cursor = typeof page["next"] === "string" ? page["next"] : undefined;
  } while (cursor !== undefined);
}

function lineOf({ user, realm, algorithms }: JsonObject): string {
  const names = Array.isArray(algorithms) ? algorithms.join(",") : "";
  return `${String(user)}\t${String(realm)}\t${names}\n`;
}
