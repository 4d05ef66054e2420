/** What is sent back for a request: the status, the body and what it is. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** A JSON document. */
export function json(status: number, document: object): Answer {
  return { status, contentType: "application/json", body: `${JSON.stringify(document)}\n` };
}

/** An error in the format of RFC 9457. `detail` is for a person and holds nothing of the request. */
export function problem(
  status: number,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const document = { type: "about:blank", title: TITLES[status] ?? "Error", status, detail };
  return { ...json(status, document), contentType: "application/problem+json", headers };
}

/** A few words as a sentence. */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
