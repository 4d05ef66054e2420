/**
 * Types for what the peers use of the npm package `sip` 0.0.6, an unrelated SIP stack that shares no
 * line with midreg and therefore notices its mistakes.
 */
declare module "sip" {
  export type Params = Record<string, string | null>;

  export interface Uri {
    schema: string;
    user: string | undefined;
    host: string;
    /** NaN when the URI has none. */
    port: number;
    params: Params;
  }

  export interface NameAddr {
    name?: string | undefined;
    uri: string;
    params: Params;
  }

  export interface RouteEntry {
    uri: Uri | string;
    params?: Params;
  }

  export interface Via {
    host?: string;
    port?: number;
    protocol?: string;
    params: Params;
  }

  export type AuthHeader = Record<string, string | undefined>;

  export interface Headers {
    via: Via[];
    to: NameAddr;
    from: NameAddr;
    "call-id": string;
    cseq: { seq: number; method: string };
    contact?: NameAddr[];
    expires?: string | number;
    route?: RouteEntry[];
    "record-route"?: RouteEntry[] | undefined;
    "max-forwards"?: string | number;
    "content-type"?: string;
    authorization?: AuthHeader[];
    "www-authenticate"?: AuthHeader[];
    "retry-after"?: string | number;
    "user-agent"?: string;
  }

  export interface Request {
    method: string;
    uri: Uri | string;
    status?: undefined;
    headers: Headers;
    content?: string | undefined;
  }

  export interface Response {
    method?: undefined;
    status: number;
    reason: string;
    headers: Headers;
    content?: string | undefined;
  }

  export interface Remote {
    protocol: string;
    address: string;
    port: number;
  }

  export interface Options {
    address: string;
    port: number;
    publicAddress: string;
    hostname: string;
    tcp: boolean;
    logger: {
      send(message: Request | Response): void;
      recv(message: Request | Response): void;
      error(error: Error): void;
    };
  }

  export interface Stack {
    /** Adds a Via to a request (not to CANCEL; not to an ACK that has one); pops none from a response. */
    send(message: Request | Response, onResponse?: (response: Response) => void): void;
    destroy(): void;
  }

  export interface Extension {
    headers?: Partial<Headers>;
    content?: string;
  }

  const sip: {
    /** A stack of its own: socket and transactions are not shared (only the DNS cache is). */
    create(options: Options, onRequest: (request: Request, remote: Remote) => void): Stack;
    /** Undefined for what its pattern does not read, IPv6 literals among it. */
    parseUri(uri: string | Uri): Uri | undefined;
    stringifyUri(uri: string | Uri): string;
    copyMessage(message: Request, isDeep: boolean): Request;
    makeResponse(request: Request, status: number, reason: string, extension?: Extension): Response;
    generateBranch(): string;
  };
  export default sip;
}

declare module "sip/digest.js" {
  import type { AuthHeader, Request, Response } from "sip";

  const digest: {
    calculateUserRealmPasswordHash(user: string, realm: string, password: string): string;
    calculateDigest(context: {
      ha1: string;
      method: string;
      uri: string;
      nonce: string;
      nc: string | undefined;
      cnonce: string | undefined;
      qop: string | undefined;
    }): string;
    /** Adds an Authorization header that answers the challenge in the response; MD5 only. */
    signRequest(
      context: object,
      request: Request,
      response: Response,
      credentials: { user: string; password: string },
    ): void;
  };
  export default digest;
}
