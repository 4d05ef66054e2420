/**
 * What the URI of a contact says of how its device is woken (RFC 8599 section 8.7), in the spellings that are in use:
 * the RFC's own, those of Linphone and Flexisip, and Linphone's older ones (pn-type, app-id, pn-tok).
 */
import { unescapeUri } from "../sip/escape.ts";
import { parseParams, withoutParams } from "../sip/params.ts";
import { parseUri, serializeUri, type Uri } from "../sip/uri.ts";
import { isPushParam } from "./mask-secrets.ts";
import type { PushDevice } from "./push-device.ts";

/** What a contact asks for. */
export interface PushParams {
  /** pn-provider as the device wrote it; empty when it asks which providers there are. */
  readonly written: string;
  /** The same as midreg knows it, in lower case. */
  readonly provider: string;
  /** Empty when there is none. */
  readonly param: string;
  /** Empty when there is none, and so nothing to push to. */
  readonly prid: string;
  /** Whether a value holds what no push resource has: white space, control characters or bytes beyond ASCII. */
  readonly isMalformed: boolean;
}

/** Other words for providers that apps are seen to send. */
const PROVIDERS: ReadonlyMap<string, string> = new Map([
  ["firebase", "fcm"],
  ["android", "fcm"],
  ["google", "fcm"],
  ["apple", "apns"],
]);

/** What a PushDevice may hold. */
const PRINTABLE = /^[!-~]*$/u;

/** Whether a contact URI may have push parameters, some of it escaped perhaps: nearly all have none. */
function mayHavePush(uri: string): boolean {
  return MAY_HAVE_PUSH.test(uri);
}

const MAY_HAVE_PUSH = /pn-|app-id|;[^=;]*%/iu;

/** Reads the push parameters of a URI; undefined when it names no provider. */
export function readPushParams({ params }: Uri): PushParams | undefined {
  if (!mayHavePush(params)) return undefined;
  const found = new Map<string, string>();
  for (const { name, value = "" } of parseParams(params)) {
    const key = unescapeUri(name).toLowerCase();
    // As with all parameters, the first of several counts.
    if (isPushParam(key) && !found.has(key)) found.set(key, unescapeUri(value));
  }
  const provider = found.get("pn-provider");
  if (provider === undefined) return readLegacy(found);
  return build(provider, found.get("pn-param") ?? "", found.get("pn-prid") ?? "");
}

function build(written: string, param: string, prid: string): PushParams {
  const lower = written.toLowerCase();
  return {
    written,
    provider: PROVIDERS.get(lower) ?? lower,
    param,
    prid,
    isMalformed: ![written, param, prid].every((value) => PRINTABLE.test(value)),
  };
}

/** pn-type, app-id and pn-tok, which name a device only when all three are there. */
function readLegacy(found: ReadonlyMap<string, string>): PushParams | undefined {
  const type = found.get("pn-type");
  const app = found.get("app-id");
  const token = found.get("pn-tok");
  if (type === undefined || app === undefined || token === undefined || token === "") {
    return undefined;
  }
  if (PROVIDERS.get(type.toLowerCase()) !== "apns") return build(type, app, token);
  // "org.example.phone.voip.prod": the bundle, perhaps the service, and which of Apple's two worlds.
  const [, bundle = app, world = "prod"] = /^(.*)\.(prod|dev)$/u.exec(app) ?? [];
  return build(world === "dev" ? "apns.dev" : "apns", bundle, token);
}

/** The device that is pushed to; undefined when there is nothing to push to. */
export function deviceOf({
  provider,
  param,
  prid,
  isMalformed,
}: PushParams): PushDevice | undefined {
  return prid === "" || isMalformed ? undefined : { provider, param, prid };
}

/** A contact URI without its push parameters; undefined when it is malformed. */
export function withoutPush(uriText: string): string | undefined {
  if (!mayHavePush(uriText)) return uriText;
  const uri = parseUri(uriText);
  if (uri === undefined) return undefined;
  return serializeUri({ ...uri, params: withoutPushParams(uri.params) });
}

/** A list of parameters without those of push: phones have been seen to put them behind the URI, too. */
export function withoutPushParams(params: string): string {
  if (!mayHavePush(params)) return params;
  return withoutParams(params, (name) => isPushParam(unescapeUri(name)));
}
