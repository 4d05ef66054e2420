/** Route information preprocessing (RFC 3261 section 16.4). */
import { type FlowToken, hasFlowTokenForm, openFlowToken } from "../location/flow-token.ts";
import { defaultPort } from "../sip/default-port.ts";
import { unescapeUri } from "../sip/escape.ts";
import { HEADER } from "../sip/header-name.ts";
import { MAX_LIST_VALUES } from "../sip/limits.ts";
import { headerValues, type SipRequest } from "../sip/message.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { withoutParams } from "../sip/params.ts";
import { splitList } from "../sip/split-list.ts";
import { parseUri, serializeUri, type Uri, uriParam } from "../sip/uri.ts";
import { hasTokenForm, openDialogToken } from "./dialog-token.ts";
import type { OpenedToken, ProxyInput } from "./proxy-input.ts";

/** One value of Route. */
interface RouteValue {
  /** As written. */
  readonly text: string;
  readonly uri: Uri;
  /** Its URI as written. */
  readonly uriText: string;
}

/** A request with midreg's own part of its route taken off. */
export interface Preprocessed {
  /** What the Request-URI says once strict routers, maddr and escaped headers are out of the way. */
  readonly uri: Uri;
  /** The same as text; as it came where it may stay so. */
  readonly target: string;
  /** How many values at the head of Route are midreg's own. */
  readonly own: number;
  /** Whether the last value of Route was the real Request-URI, which a strict router had put there. */
  readonly isRestored: boolean;
  /** The values of Route that are left. */
  readonly left: readonly RouteValue[];
  /** What a Record-Route of midreg's said of the dialog; undefined when there is none for this dialog. */
  readonly token: OpenedToken | undefined;
  /** What a Path of midreg's own says that the request goes along; undefined for none. */
  readonly flowToken: FlowToken | undefined;
  /** Whether a value of midreg's own has a token that was not made here, or for this dialog, or was altered since. */
  readonly isForged: boolean;
}

/** Undefined when Request-URI or Route are malformed. */
export function preprocess(input: ProxyInput): Preprocessed | undefined {
  const { request } = input;
  const written = parseUri(request.uri);
  const routes = parseRoutes(request);
  if (written === undefined || routes === undefined) return undefined;
  const last = routes.at(-1);
  const isRestored = last !== undefined && isRecordedUri(input, written);
  const received = isRestored ? last.uri : written;
  const values = isRestored ? routes.slice(0, -1) : routes;
  const own = countOwn(input, values);
  const passed = values.slice(0, own).map(({ uri }) => uri);
  // A strict router took midreg's value off the head of Route: it comes before those that are left there.
  const tokens = readTokens(input, isRestored ? [written, ...passed] : passed);
  const uri = withoutHeaders(withoutOwnMaddr(input, received));
  const target = uri === written ? request.uri : serializeUri(uri);
  return { uri, target, own, isRestored, left: values.slice(own), ...tokens };
}

/** Whether a URI is midreg's own, under any of its names, at the port that it says or implies. */
export function isOwnUri({ isOwnHost }: Pick<ProxyInput, "isOwnHost">, uri: Uri): boolean {
  return uri.host !== "" && isOwnHost(uri.host, uri.port ?? defaultPort(uri));
}

function parseRoutes(request: SipRequest): readonly RouteValue[] | undefined {
  const routes: RouteValue[] = [];
  for (const line of headerValues(request, HEADER.route)) {
    for (const text of splitList(line) ?? [""]) {
      const uriText = parseNameAddr(text)?.uri ?? "";
      const uri = parseUri(uriText);
      if (uri === undefined || routes.length === MAX_LIST_VALUES) return undefined;
      routes.push({ text, uri, uriText });
    }
  }
  return routes;
}

/**
 * Whether a Request-URI is a Record-Route of midreg's, or a Route to it that was loaded beforehand: then a strict
 * router has put it there, and the real one is the last Route (RFC 3261 section 16.4).
 */
function isRecordedUri(input: ProxyInput, uri: Uri): boolean {
  if (!isOwnUri(input, uri)) return false;
  const isLoose = uriParam(uri, "lr") !== undefined;
  if (uri.user === undefined) return isLoose;
  const { token, flowToken, isForged } = readTokens(input, [uri]);
  return token !== undefined || flowToken !== undefined || (isForged && isLoose);
}

/** A dialog has passed midreg twice at most: for the device that called, and for the one that was called. */
const MAX_PASSES = 2;

/** How many values at the head are midreg's own; both of a double Record-Route count as one (RFC 5658). */
function countOwn(input: ProxyInput, values: readonly RouteValue[]): number {
  const isOwn = (value: RouteValue | undefined): value is RouteValue =>
    value !== undefined && isOwnUri(input, value.uri);
  let own = 0;
  for (let passes = 0; passes < MAX_PASSES; passes += 1) {
    const [first, second] = values.slice(own, own + 2);
    if (!isOwn(first)) return own;
    own += isDouble(first) && isOwn(second) && isDouble(second) ? 2 : 1;
  }
  return own;
}

function isDouble({ uri }: RouteValue): boolean {
  return uriParam(uri, "r2") !== undefined;
}

type ReadTokens = Pick<Preprocessed, "token" | "flowToken" | "isForged">;

const NO_TOKENS: ReadTokens = { token: undefined, flowToken: undefined, isForged: false };

/** What does not have the form of a token is somebody's name and says nothing. */
function readTokens(input: ProxyInput, own: readonly Uri[]): ReadTokens {
  if (own.length === 0) return NO_TOKENS;
  const users = [...new Set(own.toReversed().map(({ user = "" }) => unescapeUri(user)))];
  const tokens = openTokens(input, users);
  const { isMac } = input;
  const paths = users.filter(hasFlowTokenForm).map((user) => openFlowToken(user, isMac));
  return {
    token: tokens.find((one) => one !== undefined),
    flowToken: paths.find((one) => one !== undefined),
    isForged: tokens.includes(undefined) || paths.includes(undefined),
  };
}

/**
 * Of several tokens in a row the last counts: then both ends are devices, and this is the last hop. A request that is
 * in no dialog has no use for one, and whoever has seen one must not begin a dialog with it.
 */
function openTokens(
  input: ProxyInput,
  users: readonly string[],
): ReadonlyArray<OpenedToken | undefined> {
  const { fromTag, toTag } = input.request;
  // A dialog with an end that has no tag (RFC 2543) cannot be told from others.
  if (fromTag === "" || toTag === "") return [];
  return users.filter(hasTokenForm).map((user) => openToken(input, user));
}

function openToken({ request, isMac }: ProxyInput, user: string): OpenedToken | undefined {
  const { callId, fromTag, toTag } = request;
  for (const initiatorTag of [fromTag, toTag]) {
    const token = openDialogToken(user, { callId, initiatorTag }, isMac);
    if (token !== undefined) return { token, isFromInitiator: initiatorTag === fromTag };
  }
  return undefined;
}

/**
 * An maddr that names midreg has led here and is taken off, with the port and transport that belonged to it
 * (RFC 3261 section 16.4). All listeners are one proxy, so one that names another of them has arrived as well.
 */
function withoutOwnMaddr({ isOwnHost }: ProxyInput, uri: Uri): Uri {
  const maddr = uriParam(uri, "maddr");
  const port = uri.port ?? defaultPort(uri);
  if (maddr === undefined || !isOwnHost(maddr, port)) return uri;
  const isUsualPort = port === (uri.scheme === "sips" ? 5061 : 5060);
  const params = withoutParams(uri.params, (name) =>
    ["maddr", "transport"].includes(unescapeUri(name).toLowerCase()),
  );
  return { ...uri, params, port: isUsualPort ? uri.port : undefined };
}

/** Headers in a Request-URI would let whoever made the URI write the request (RFC 3261 section 19.1.1). */
function withoutHeaders(uri: Uri): Uri {
  return uri.headers === "" ? uri : { ...uri, headers: "" };
}
