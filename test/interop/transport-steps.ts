import { deepStrictEqual, ok } from "node:assert";
import { freePorts } from "../support/peers/free-ports.ts";
import { until } from "../support/peers/wait.ts";
import { Baresip } from "./baresip.ts";
import { CALLS } from "./call-steps.ts";
import { faultSteps } from "./fault-steps.ts";
import { jssipSteps } from "./jssip-steps.ts";
import { linphoneTlsSteps } from "./linphone-tls-steps.ts";
import { outboundSteps } from "./outbound-steps.ts";
import { soakSteps } from "./soak-steps.ts";
import type { Step } from "./suite.ts";
import type { World } from "./world.ts";

const EVENT_MS = 5000;
const STEP_SEC = 25;
const REGISTER_EVERY_SEC = 600;
const CALLER = "bruno";

interface PhoneKind {
  readonly user: string;
  readonly transport: "udp" | "tcp" | "tls";
  readonly family: 4 | 6;
  /** Who calls it: one with the same family, since nobody translates the media. */
  readonly caller: string;
}

/** Phones on every transport and family, in front of a main registrar that is reached by TCP, then by TLS. */
export function transportSteps(world: World): Step[] {
  if (!world.hasMidreg) return [];
  return [
    ...group(world, "tcp", [
      { user: "tina", transport: "tcp", family: 4, caller: CALLER },
      { user: "ulla", transport: "udp", family: 6, caller: "tess" },
      { user: "tess", transport: "tcp", family: 6, caller: "ulla" },
    ]),
    ...outboundSteps(world),
    ...world.stopSteps(),
    ...group(world, "tls", [
      { user: "theo", transport: "tls", family: 4, caller: CALLER },
      { user: "toni", transport: "tcp", family: 4, caller: "theo" },
      { user: "tara", transport: "tls", family: 6, caller: "uwe" },
      { user: "uwe", transport: "udp", family: 6, caller: "tara" },
    ]),
    ...linphoneTlsSteps(world),
    ...jssipSteps(world),
    ...faultSteps(world),
    ...soakSteps(world),
    ...world.stopSteps(),
  ];
}

function group(world: World, upstream: "tcp" | "tls", kinds: readonly PhoneKind[]): Step[] {
  const phones = new Map<string, Baresip>();
  const phone = (user: string): Baresip => {
    const found = phones.get(user);
    if (found === undefined) throw new Error(`${user} is not registered`);
    return found;
  };
  const way = `Kamailio by ${upstream.toUpperCase()}`;
  return [
    world.startMidregOver(upstream),
    ...kinds.map((kind) => registers(world, kind, way, phones)),
    {
      name: `baresip ${CALLER} registers at Kamailio (${way})`,
      limitSec: STEP_SEC,
      logs: [`${CALLER}-${upstream}`, "kamailio"],
      run: async () => {
        const target = { outboundPort: world.kamailio.port, device: upstream };
        phones.set(CALLER, await start(world, { user: CALLER, ...target }));
        return "";
      },
    },
    ...kinds.flatMap((kind) => called(world, kind, way, phone)),
    ...kinds.map((kind) => leaves(world, kind, phone)),
    {
      name: `baresip ${CALLER} leaves Kamailio (${way})`,
      limitSec: STEP_SEC,
      logs: [`${CALLER}-${upstream}`],
      run: async () => {
        deepStrictEqual(await phone(CALLER).quit(), 0);
        return "";
      },
    },
  ];
}

function nameOf({ transport, family }: PhoneKind): string {
  return `${transport.toUpperCase()} on IPv${family}`;
}

function registers(world: World, kind: PhoneKind, way: string, phones: Map<string, Baresip>): Step {
  const { user, transport } = kind;
  return {
    name: `baresip ${user} registers by ${nameOf(kind)} (${way})`,
    limitSec: STEP_SEC,
    logs: [user, "midreg", "kamailio"],
    run: async () => {
      const outboundPort = world.portOf(transport);
      phones.set(user, await start(world, { ...kind, outboundPort }));
      const { contact } = await world.onlyBinding(user);
      ok(
        /^sip:[^;]+;transport=(?:tcp|tls);ctid=|^sip:[^;]+;ctid=[^;]+;transport=(?:tcp|tls)/u.test(
          contact,
        ),
        contact,
      );
      return `Kamailio knows ${contact}`;
    },
  };
}

function called(
  world: World,
  kind: PhoneKind,
  way: string,
  phone: (user: string) => Baresip,
): Step[] {
  const { user, caller: from } = kind;
  return CALLS.map(({ text, play }) => ({
    name: `baresip ${from} calls ${user} (${nameOf(kind)}, ${way}): ${text.replaceAll("alice", user)}`,
    limitSec: STEP_SEC,
    logs: [user, from === CALLER ? "" : from, "midreg", "kamailio"],
    run: async () => {
      const [one, caller] = [phone(user), phone(from)];
      one.forget();
      caller.forget();
      const before = await world.kamailio.counters();
      await play(one, caller);
      deepStrictEqual((await world.kamailio.counters()).invites - before.invites, 1);
      return "";
    },
  }));
}

function leaves(world: World, kind: PhoneKind, phone: (user: string) => Baresip): Step {
  const { user } = kind;
  return {
    name: `baresip ${user} unregisters by ${nameOf(kind)} and Kamailio forgets it`,
    limitSec: STEP_SEC,
    logs: [user, "midreg", "kamailio"],
    run: async () => {
      deepStrictEqual(await phone(user).quit(), 0);
      await until(`${user} is gone`, EVENT_MS, async () =>
        (await world.kamailio.bindingsOf(user)).length === 0 ? true : undefined,
      );
      return "";
    },
  };
}

interface StartOptions extends Partial<PhoneKind> {
  readonly user: string;
  readonly device?: string;
  readonly outboundPort: number;
}

async function start(world: World, options: StartOptions): Promise<Baresip> {
  const [sipPort = 0, , controlPort = 0, rtpPort = 0] = await freePorts(20);
  return Baresip.start(world.stage, {
    ...options,
    caFile: world.certificates.caFile,
    password: `pw-${options.user}`,
    sipPort,
    controlPort,
    rtpPort,
    registerEverySec: REGISTER_EVERY_SEC,
  });
}
