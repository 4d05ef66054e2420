import { ok } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import type { Answer } from "dns-packet";
import { FakeDns } from "../support/fake-dns.ts";
import { freePorts } from "../support/peers/free-ports.ts";
import { registerFrom } from "../support/peers/register-from.ts";
import type { Step } from "./suite.ts";
import type { World } from "./world.ts";

const LOGS = ["midreg", "kamailio"];
/** Shorter than the run, so that midreg has to ask again. */
const TTL_SEC = 1;

const SRV_NAME = "_sip._udp.main.test";

function srv(priority: number, target: string, port: number): Answer {
  const data = { priority, weight: 0, port, target };
  return { type: "SRV", name: SRV_NAME, ttl: TTL_SEC, data };
}

function address(name: string): readonly Answer[] {
  return [{ type: "A", name, ttl: TTL_SEC, data: "127.0.0.1" }];
}

/** A main registrar that is found by SRV: its first server is dead, then the DNS falls silent. */
export function resolverSteps(world: World): Step[] {
  if (!world.hasMidreg) return [];
  let dns: FakeDns | undefined;
  const zoneOf = (): FakeDns => {
    if (dns === undefined) throw new Error("no DNS");
    return dns;
  };
  return [
    {
      name: "fault, SRV: midreg starts in front of a main registrar found by SRV, whose first server is dead",
      limitSec: 20,
      logs: LOGS,
      run: async () => {
        dns = await FakeDns.start();
        const [deadPort = 0] = await freePorts(1);
        dns.zone.set(`SRV ${SRV_NAME}`, [
          srv(1, "dead.main.test", deadPort),
          srv(2, "live.main.test", world.kamailio.port),
        ]);
        dns.zone.set("A dead.main.test", address("dead.main.test"));
        dns.zone.set("A live.main.test", address("live.main.test"));
        await world.startMidregAt("sip:main.test", dns.server);
        return `${dns.queries.length} questions`;
      },
    },
    {
      name: "fault, SRV: a phone registers in spite of the dead server",
      limitSec: 20,
      logs: LOGS,
      run: async () => {
        const startMs = performance.now();
        await register(world, "rita");
        await world.onlyBinding("rita");
        const tookMs = performance.now() - startMs;
        // FAIL_OVER_MS once; what has failed comes last from then on, for the second of its two REGISTERs too.
        ok(tookMs < 7000, `it took ${tookMs.toFixed(0)} ms`);
        return `after ${tookMs.toFixed(0)} ms`;
      },
    },
    {
      name: "fault, SRV: the DNS falls silent; phones register as before, on the answers midreg has",
      limitSec: 30,
      logs: LOGS,
      run: async () => {
        for (const name of zoneOf().zone.keys()) zoneOf().zone.set(name, "silent");
        await sleep(2 * TTL_SEC * 1000);
        const startMs = performance.now();
        await register(world, "rosa");
        await world.onlyBinding("rosa");
        const tookMs = performance.now() - startMs;
        ok(tookMs < 2000, `it took ${tookMs.toFixed(0)} ms`);
        await dns?.close();
        return `after ${tookMs.toFixed(0)} ms`;
      },
    },
  ];
}

async function register(world: World, user: string): Promise<void> {
  const [port = 0] = await freePorts(1);
  await registerFrom({
    user,
    domain: "sip.test",
    password: `pw-${user}`,
    port,
    targetPort: world.portOf("udp"),
    expiresSec: 600,
    answerMs: 12_000,
  });
}
