import { type DropPushModules, dropPush } from "./drop-push.ts";
import { PushRefresher, type PushRefresherModules } from "./push-refresher.ts";
import type { ServerModules, ServerOptions } from "./server-modules.ts";
import { Waker, type WakerModules } from "./waker.ts";

/** Who has devices pushed to; undefined where there is no push provider. */
interface Pushing {
  readonly refresher: PushRefresher | undefined;
  readonly waker: Waker | undefined;
}

type Given = "gateway" | "isOpen" | "onDeadToken";

/** Builds what wakes devices: to stay registered, and for requests. */
export function buildPushing(
  { push }: ServerOptions,
  { gateway, transport }: ServerModules,
  around: Omit<WakerModules & PushRefresherModules & DropPushModules, Given>,
): Pushing {
  if (gateway === undefined) return { refresher: undefined, waker: undefined };
  const isOpen = (flow: string): boolean => transport.isOpen(flow);
  const dropping = { ...around, isOpen };
  const modules = {
    ...dropping,
    gateway,
    onDeadToken: (aor: string, dead: string, sinceMs: number | undefined) =>
      dropPush(aor, dead, sinceMs, dropping),
  };
  return { refresher: new PushRefresher(push, modules), waker: new Waker(push, modules) };
}
