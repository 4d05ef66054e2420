import type { Answer } from "./answer.ts";

/** What a handler needs of a request. */
export interface AdminRequest {
  /** Decoded path segments by their names in the route. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The JSON document of a POST or PUT; undefined for other methods. */
  readonly body: unknown;
}

/** Answers one request; HEAD is answered like GET, without the body. */
export type Handler = (request: AdminRequest) => Answer | Promise<Answer>;

const METHODS = ["GET", "POST", "PUT", "DELETE"] as const;
type Method = (typeof METHODS)[number];

/** A path, whose segments may be parameters (":aor"), and what is done there. */
export interface Route {
  readonly path: string;
  readonly handlers: Readonly<Partial<Record<Method, Handler>>>;
  /** Largest body it takes; MAX_BODY_BYTES when absent. */
  readonly maxBodyBytes?: number;
}

/** A route that fits a path, with the values of its parameters. */
interface Found {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

/** Finds the route of a path (without query); undefined when there is none or its escapes are malformed. */
export function findRoute(routes: readonly Route[], path: string): Found | undefined {
  const given = path.split("/");
  for (const route of routes) {
    const params = paramsOf(route.path.split("/"), given);
    if (params !== undefined) return { route, params };
  }
  return undefined;
}

function paramsOf(
  wanted: readonly string[],
  given: readonly string[],
): Record<string, string> | undefined {
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [at, segment] of wanted.entries()) {
    const raw = given[at] ?? "";
    const value = segment.startsWith(":") ? decodeSegment(raw) : undefined;
    if (value !== undefined && value !== "") params[segment.slice(1)] = value;
    else if (segment !== raw) return undefined;
  }
  return params;
}

function decodeSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** The handler for a method; HEAD has GET's. */
export function handlerOf({ handlers }: Route, method: string | undefined): Handler | undefined {
  const known = METHODS.find((name) => name === (method === "HEAD" ? "GET" : method));
  return known === undefined ? undefined : handlers[known];
}

/** The value of an Allow header. */
export function allowedMethods({ handlers }: Route): string {
  const methods: string[] = METHODS.filter((name) => handlers[name] !== undefined);
  if (methods.includes("GET")) methods.splice(1, 0, "HEAD");
  return methods.join(", ");
}
