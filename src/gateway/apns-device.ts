import type { PushDevice } from "../location/push-device.ts";

/** A device as APNs knows it. */
export interface ApnsDevice {
  /** Undefined where the app does not say it, as old ones of Linphone do not. */
  readonly teamId: string | undefined;
  readonly bundle: string;
  /** Token for pushes that ring through PushKit. */
  readonly voip: string | undefined;
  /** Token for all other pushes. */
  readonly remote: string | undefined;
}

/** RFC 8599 section 10: Team ID, then Bundle ID with periods, then perhaps the services. */
const PARAM = /^([A-Z0-9]{10})\.([A-Za-z0-9.-]{1,155})$/u;
const BUNDLE_ONLY = /^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$/u;
const SERVICES = /\.(voip|remote|remote&voip|voip&remote)$/u;

const MAX_BUNDLE = 155;

/** Apple's tokens are opaque and grow; today's have 64 digits. */
const TOKEN = /^[0-9A-Fa-f]{8,256}$/u;

/**
 * Reads pn-param and pn-prid: as RFC 8599 section 10 has them, and as Linphone and Flexisip write them, with
 * `TEAM.bundle.remote&voip` and `token:remote&token:voip`. Without a service it is "remote". Undefined when
 * it is none of that.
 */
export function parseApnsDevice({ param, prid }: PushDevice): ApnsDevice | undefined {
  const [whole, services = "remote"] = SERVICES.exec(param) ?? [""];
  const plain = whole === "" ? param : param.slice(0, -whole.length);
  const [, teamId, bundle = BUNDLE_ONLY.exec(plain)?.[0]] = PARAM.exec(plain) ?? [];
  const tokens = parseTokens(prid, services);
  if (bundle === undefined || bundle.length > MAX_BUNDLE || tokens === undefined) return undefined;
  return { teamId, bundle, voip: tokens.get("voip"), remote: tokens.get("remote") };
}

/** Tokens by service; one that names no service is for the only one, or for the first of both. */
function parseTokens(prid: string, services: string): ReadonlyMap<string, string> | undefined {
  const tokens = new Map<string, string>();
  const [first = "remote"] = services.split("&");
  for (const part of prid.split("&")) {
    const [token = "", service = first, ...more] = part.split(":");
    const isService = service === "voip" || service === "remote";
    if (!TOKEN.test(token) || !isService || more.length > 0 || tokens.has(service))
      return undefined;
    tokens.set(service, token);
  }
  return tokens;
}
