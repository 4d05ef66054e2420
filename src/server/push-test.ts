import type { Binding } from "../location/binding.ts";
import { matchContact } from "../location/match-contact.ts";
import { parsePush } from "../location/push-device.ts";
import type { Ids, LocationStore, PushGateway, PushTest, PushTestOutcome } from "../ports.ts";
import { PUSH_TEST_MS } from "./limits.ts";

interface PushTestModules {
  readonly store: LocationStore;
  readonly gateway: PushGateway | undefined;
  readonly ids: Ids;
  readonly nowMs: number;
}

/** Pushes to devices of an address-of-record for an operator, and collects what the providers say. */
export function testPush(
  aor: string,
  contact: string | undefined,
  modules: PushTestModules,
  done: (outcome: PushTestOutcome) => void,
): void {
  const record = modules.store.lookup(aor);
  const named = record?.bindings.filter(({ ctid }) => ctid === contact) ?? [];
  const byUri = contact === undefined ? undefined : matchContact(record, contact);
  const meant = contact === undefined ? (record?.bindings ?? []) : [...named, byUri ?? []].flat();
  if (meant.length === 0) return done({ kind: "not-found" });
  const { gateway } = modules;
  if (gateway === undefined) {
    return done({ kind: "invalid", detail: "no push provider is configured (push.providers)" });
  }
  const devices = devicesOf(meant);
  if (devices.length === 0) {
    return done({ kind: "invalid", detail: "nothing of it asked to be woken when it registered" });
  }
  return sendAll(devices, { ...modules, gateway }, (tests) => done({ kind: "done", tests }));
}

/** Of several bindings with one push resource the first stands for all. */
function devicesOf(bindings: readonly Binding[]): readonly Binding[] {
  return bindings.filter(
    ({ push }, at) => push !== "" && bindings.findIndex((other) => other.push === push) === at,
  );
}

function sendAll(
  bindings: readonly Binding[],
  { gateway, ids, nowMs }: PushTestModules & { readonly gateway: PushGateway },
  done: (tests: readonly PushTest[]) => void,
): void {
  const tests: PushTest[] = [];
  for (const { ctid, push } of bindings) {
    const device = parsePush(push);
    if (device === undefined) continue;
    const topic = ids.mac(`push-test\0${ctid}`);
    const deadlineMs = nowMs + PUSH_TEST_MS;
    const sent = {
      device,
      purpose: "test",
      topic,
      callId: "",
      caller: undefined,
      deadlineMs,
    } as const;
    gateway.send(sent, (outcome) => {
      tests.push({ ctid, provider: device.provider, outcome });
      if (tests.length === bindings.length) done(tests);
    });
  }
}
