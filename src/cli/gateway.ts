import type { Settings } from "../config/settings.ts";
import { ApnsSender } from "../gateway/apns-sender.ts";
import { FcmSender } from "../gateway/fcm-sender.ts";
import { ProviderGateway } from "../gateway/provider-gateway.ts";
import type { GatewayClock, PushSender } from "../gateway/push-sender.ts";
import { WebPushSender } from "../gateway/web-push-sender.ts";
import { WebhookSender } from "../gateway/webhook-sender.ts";
import type { Clock, Log, Metrics } from "../ports.ts";

export interface GatewayParts {
  readonly clock: Clock;
  readonly fraction: () => number;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** The push providers of the settings, if there are any. Throws a `GatewayError` of one line when a key cannot be used. */
export function buildGateway(settings: Settings, parts: GatewayParts): ProviderGateway | undefined {
  const clock = timersOf(parts.clock);
  const { senders, web } = buildSenders(settings, clock);
  if (senders.length === 0) return undefined;
  const vapidKey = (provider: string): string | undefined =>
    provider === web?.provider ? web.publicKey : undefined;
  return new ProviderGateway(senders, vapidKey, { ...parts, clock });
}

interface Senders {
  readonly senders: readonly PushSender[];
  /** The one among them that is for Web Push. */
  readonly web: WebPushSender | undefined;
}

/** Reads the keys of all providers, and asks nobody. Throws a `GatewayError` of one line when one cannot be used. */
export function buildSenders(
  { pushProviders: { apns, fcm, webpush, http } }: Pick<Settings, "pushProviders">,
  clock: GatewayClock,
): Senders {
  const web = webpush === undefined ? undefined : new WebPushSender(webpush, clock);
  const senders: PushSender[] = [
    ...apns.flatMap((team): PushSender[] => [
      new ApnsSender("apns", team, clock),
      new ApnsSender("apns.dev", { ...team, endpoint: team.sandboxEndpoint }, clock),
    ]),
    ...fcm.map((project) => new FcmSender(project, clock)),
    ...(web === undefined ? [] : [web]),
    ...http.map((hook) => new WebhookSender(hook, clock)),
  ];
  return { senders, web };
}

/** What cannot be read again stays as it was; midreg goes on in any case. */
export function reloadGateway(gateway: ProviderGateway | undefined, log: Log): void {
  if (gateway === undefined) return;
  try {
    gateway.reload();
    log.info({ providers: gateway.providers }, "keys of push providers read again");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.error({ reason }, "keys of push providers not read again, the old ones stay in use");
  }
}

function timersOf(clock: Clock): GatewayClock {
  return {
    nowMs: () => clock.nowMs(),
    wallMs: () => clock.wallMs(),
    after: (delayMs, run) => {
      const timer = setTimeout(run, Math.max(0, Math.ceil(delayMs)));
      return () => clearTimeout(timer);
    },
  };
}
