/** A request, read as a whole. Header names are in lower case. */
export interface Received {
  readonly method: string;
  /** Path without query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What is done about it. */
export type Reply =
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: object;
    }
  /** Never answered. */
  | { readonly kind: "silence" }
  /** The connection ends, in HTTP/2 with a GOAWAY that refuses the request. */
  | { readonly kind: "goaway" }
  /** The connection breaks off. */
  | { readonly kind: "reset" };

export type ProviderName = "apns" | "fcm" | "webpush" | "http";

/** A push that was sent to one of the providers, with what is known of it from its form. */
export interface ReceivedPush {
  readonly provider: ProviderName;
  readonly token: string;
  /** Topic of APNs, project of FCM. */
  readonly topic: string;
  /** voip, alert or background; "" elsewhere. */
  readonly type: string;
  readonly priority: string;
  readonly purpose: string;
  readonly callId: string;
  readonly from: string;
  /** The headers and the body, for tests. */
  readonly received: Received;
}

/** A request that was found good: what it asks for, and how it is answered. */
export interface Taken {
  readonly push: ReceivedPush;
  readonly reply: Reply;
}

export function answer(
  status: number,
  body?: object,
  headers?: Readonly<Record<string, string>>,
): Reply {
  return {
    kind: "answer",
    status,
    ...(body === undefined ? {} : { body }),
    ...(headers === undefined ? {} : { headers }),
  };
}

/** A text among parsed JSON; "" when there is none. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** An object among parsed JSON; an empty one when there is none. */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}
