import type { Settings } from "../config/settings.ts";
import { transportOf } from "../config/settings-transport.ts";
import { parseNetwork } from "../location/network.ts";
import { compilePattern } from "../pattern/pattern.ts";
import type { LookupPolicy } from "../proxy/lookup-policy.ts";
import type { PushPolicy, PushSupport } from "../registrar/push-policy.ts";
import type { RegisterPolicy } from "../registrar/register-policy.ts";
import type { CallRule } from "../server/server-modules.ts";
import { parseUri } from "../sip/uri.ts";

/** Call-IDs are kept with every binding; real ones have 20 to 100 bytes. */
const MAX_CALL_ID_LENGTH = 255;
/** A Path vector of several hops, each with a flow token (RFC 5626 section 5.2). */
const MAX_PATH_LENGTH = 2048;

/** What the operator has set about registrations, in the form the decisions take it. */
export function buildRegisterPolicy(
  { registrar, upstream, push }: Settings,
  gateway: PushSupport | undefined,
): RegisterPolicy {
  return policyOf(registrar, pushPolicyOf(registrar, push, gateway), {
    upstreamUri: upstream.uri,
    rule: "",
  });
}

/** The rules with everything that holds under each. */
export function buildRegisterRules(
  { rules, upstream, upstreams, push }: Settings,
  gateway: PushSupport | undefined,
): readonly CallRule[] {
  return rules.map(({ name, match, registrar, lookup, ping }) => ({
    match: {
      transport: match.transport,
      listener: match.listener,
      source: match.source?.flatMap((source) => parseNetwork(source) ?? []),
      domain: match.domain?.map(compilePattern),
      aor: match.aor?.map(compilePattern),
      userAgent: match.userAgent?.map(compilePattern),
      push: match.push,
    },
    policy: policyOf(registrar, pushPolicyOf(registrar, push, gateway), {
      upstreamUri: (upstreams.find((one) => one.name === registrar.upstream) ?? upstream).uri,
      rule: name,
    }),
    lookup: buildLookup(lookup),
    ping,
  }));
}

/** How devices are chosen for calls. */
export function buildLookup({ userAgent, ...lookup }: Settings["lookup"]): LookupPolicy {
  return { ...lookup, userAgent: userAgent === undefined ? undefined : compilePattern(userAgent) };
}

function policyOf(
  registrar: Settings["registrar"],
  push: PushPolicy | undefined,
  { upstreamUri, rule }: { readonly upstreamUri: string; readonly rule: string },
): RegisterPolicy {
  const uri = parseUri(upstreamUri);
  const port = uri?.port === undefined ? "" : `:${uri.port}`;
  const { defaultQ } = registrar;
  return {
    ...registrar,
    rule,
    aor: registrar,
    pathFrom: registrar.pathFrom.flatMap((source) => parseNetwork(source) ?? []),
    pathUseReceived: registrar.pathUseReceived.flatMap((source) => parseNetwork(source) ?? []),
    defaultQ: defaultQ === undefined ? undefined : Math.round(defaultQ * 1000),
    extraContactParams: withTransport(registrar.extraContactParams, upstreamUri),
    upstreamHost: uri === undefined ? "" : `${uri.host}${port}`,
    maxCallIdLength: MAX_CALL_ID_LENGTH,
    maxPathLength: MAX_PATH_LENGTH,
    push,
  };
}

/** Undefined when no device can be woken, because it is not wanted or there is no provider for it. */
function pushPolicyOf(
  registrar: Settings["registrar"],
  { afterExpiryMs }: Settings["push"],
  gateway: PushSupport | undefined,
): PushPolicy | undefined {
  if (!registrar.pnEnable || gateway === undefined) return undefined;
  const { pnProviders: chosen } = registrar;
  return {
    providers: gateway.providers.filter((one) => chosen.length === 0 || chosen.includes(one)),
    matchParams: registrar.pnCtMatchParams,
    pnsregIntervalSec: registrar.pnPnsregIntervalSec,
    hasPurr: registrar.pnEnablePurr,
    unsupported: registrar.pnUnsupported,
    afterExpiryMs,
    gateway,
  };
}

/** A contact without a transport is reached by UDP, so the main registrar is told the one it is reached by itself. */
function withTransport(params: string, upstreamUri: string): string {
  const transport = transportOf(upstreamUri);
  if (transport === "udp" || /;transport=/iu.test(params)) return params;
  return `;transport=${transport}${params}`;
}
