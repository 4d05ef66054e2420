import { deepStrictEqual, ok } from "node:assert";
import { once } from "node:events";
import { connect } from "node:net";
import { freePorts } from "../support/peers/free-ports.ts";
import { until } from "../support/peers/wait.ts";
import { Baresip } from "./baresip.ts";
import { mostDescriptors, type Resources, resourcesOf } from "./resources.ts";
import type { Step } from "./suite.ts";
import { Wire } from "./wire.ts";
import type { StreamTransport, World } from "./world.ts";

const TRANSPORTS: readonly StreamTransport[] = ["tcp", "tls", "ws", "wss"];
const IDLE_CONNECTIONS = 10_000;
/** Fewer than the 2000 that midreg lets in from one address. */
const PER_ADDRESS = 1800;
const BATCH = 200;
const EVENT_MS = 5000;
/** How long anybody else may wait for an answer meanwhile. */
const PATIENCE_MS = 3000;

/** What peers do wrong, and what goes on meanwhile. In front of a midreg with every transport. */
export function faultSteps(world: World): Step[] {
  const step = (name: string, limitSec: number, run: () => Promise<string>): Step => ({
    name: `fault: ${name}`,
    limitSec,
    logs: ["midreg"],
    run: async () => {
      const seen = await run();
      // Whatever it was: midreg serves on.
      await answersWithin(world, PATIENCE_MS);
      return seen;
    },
  });
  return [
    step(
      `${IDLE_CONNECTIONS} idle connections cost memory in proportion, and are given back`,
      90,
      async () => idleConnections(world),
    ),
    step("one connection floods and reads nothing; others are answered in time", 60, async () =>
      flood(world),
    ),
    step(
      "200 peers of each transport close in the middle of a message or a handshake",
      60,
      async () => closeInTheMiddle(world),
    ),
    step("200 sockets with garbage on TLS, WS and WSS", 60, async () => garbage(world)),
    ...restart(world, step),
  ];
}

async function openWire(
  world: World,
  transport: StreamTransport,
  localAddress?: string,
): Promise<Wire> {
  const port = world.portOf(transport);
  const place = localAddress === undefined ? {} : { localAddress };
  return Wire.open({ transport, port, ca: world.certificates.ca, ...place });
}

/** A fresh connection and an OPTIONS on it; returns the milliseconds that took. */
async function answersWithin(world: World, limitMs: number): Promise<number> {
  const startMs = performance.now();
  const wire = await openWire(world, "tcp", "127.0.0.9");
  await wire.ask("OPTIONS", "judge");
  const tookMs = performance.now() - startMs;
  wire.close();
  ok(tookMs < limitMs, `an answer took ${tookMs.toFixed(0)} ms`);
  return tookMs;
}

async function resources({ midreg }: World): Promise<Resources> {
  return resourcesOf(midreg.pid, midreg.metricsUrl);
}

async function descriptorsBackTo(world: World, count: number): Promise<void> {
  await until(`midreg has ${count} file descriptors again`, EVENT_MS, async () =>
    (await resources(world)).descriptors <= count ? true : undefined,
  );
}

async function idleConnections(world: World): Promise<string> {
  // Each costs a descriptor here and one there; some are in use already.
  const count = Math.min(IDLE_CONNECTIONS, mostDescriptors() - 1000);
  const before = await resources(world);
  const wires: Wire[] = [];
  while (wires.length < count) {
    const batch = Array.from({ length: Math.min(BATCH, count - wires.length) }, async (_, at) => {
      const address = `127.1.0.${1 + Math.floor((wires.length + at) / PER_ADDRESS)}`;
      const wire = await openWire(world, "tcp", address);
      wire.send("\r\n\r\n");
      return wire;
    });
    // oxlint-disable-next-line no-await-in-loop
    wires.push(...(await Promise.all(batch)));
  }
  const tookMs = await answersWithin(world, PATIENCE_MS);
  const during = await resources(world);
  deepStrictEqual(wires.filter(({ isClosed }) => isClosed).length, 0);
  for (const wire of wires) wire.close();
  await descriptorsBackTo(world, before.descriptors + 2);
  const eachKb = ((during.rssMb - before.rssMb) * 1024) / count;
  // src/transport/limits.ts reckons with 20 kB for each.
  ok(eachKb < 40, `each costs ${eachKb.toFixed(1)} kB`);
  return (
    `${count} connections, ${eachKb.toFixed(1)} kB each (RSS ${before.rssMb.toFixed(0)} to ${during.rssMb.toFixed(0)} MB), ` +
    `an answer meanwhile after ${tookMs.toFixed(0)} ms; descriptors ${before.descriptors}, ${during.descriptors}, back`
  );
}

/** One of many requests, each a transaction of its own. */
function floodRequest(at: number): string {
  return (
    `OPTIONS sip:midreg.invalid SIP/2.0\r\nVia: SIP/2.0/TCP f.invalid;branch=z9hG4bKf${at}\r\nMax-Forwards: 70\r\n` +
    `From: <sip:f@sip.test>;tag=f\r\nTo: <sip:f@sip.test>\r\nCall-ID: f${at}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n`
  );
}

async function flood(world: World): Promise<string> {
  const before = await resources(world);
  const socket = connect({
    host: "127.0.0.1",
    port: world.portOf("tcp"),
    localAddress: "127.0.0.8",
  });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.pause();
  let sent = 0;
  let slowestMs = 0;
  const endMs = performance.now() + 3000;
  while (performance.now() < endMs && !socket.destroyed) {
    for (let more = 0; more < 500; more += 1) {
      socket.write(floodRequest(sent));
      sent += 1;
    }
    // oxlint-disable-next-line no-await-in-loop
    slowestMs = Math.max(slowestMs, await answersWithin(world, PATIENCE_MS));
  }
  socket.destroy();
  await descriptorsBackTo(world, before.descriptors + 2);
  return `${sent} requests written, the slowest answer to others after ${slowestMs.toFixed(0)} ms`;
}

/** Every transport, so many times at once. */
async function inCrowds(
  work: (transport: StreamTransport, at: number) => Promise<void>,
): Promise<void> {
  for (const transport of TRANSPORTS) {
    const crowd = Array.from({ length: 200 }, async (_, at) => work(transport, at));
    // oxlint-disable-next-line no-await-in-loop
    await Promise.all(crowd);
  }
}

async function closeInTheMiddle(world: World): Promise<string> {
  const before = await resources(world);
  await inCrowds(async (transport, at) => {
    if (at % 2 === 0) {
      const wire = await openWire(world, transport, "127.0.0.7");
      wire.send("REGISTER sip:sip.test SIP/2.0\r\nContent-Length: 100\r\n\r\nhalf");
      setImmediate(() => wire.close());
      return;
    }
    const socket = connect({
      host: "127.0.0.1",
      port: world.portOf(transport),
      localAddress: "127.0.0.7",
    });
    socket.on("error", () => undefined);
    await once(socket, "connect");
    socket.write(Buffer.from("1603010200010001fc0303", "hex"));
    setImmediate(() => socket.destroy());
  });
  await descriptorsBackTo(world, before.descriptors + 2);
  return "no descriptor left behind";
}

async function garbage(world: World): Promise<string> {
  const before = await resources(world);
  await inCrowds(async (transport) => {
    const socket = connect({
      host: "127.0.0.1",
      port: world.portOf(transport),
      localAddress: "127.0.0.6",
    });
    socket.on("error", () => undefined);
    await once(socket, "connect");
    socket.resume();
    socket.write("\x01\x02garbage \xff\xfe\r\n\r\n".repeat(50), "latin1");
    if (!socket.destroyed) await once(socket, "close");
  });
  await descriptorsBackTo(world, before.descriptors + 2);
  return "all of them closed by midreg";
}

/** Kamailio ends and starts again while a call stands; the call ends as calls do. */
function restart(
  world: World,
  step: (name: string, limitSec: number, run: () => Promise<string>) => Step,
): Step[] {
  const start = async (user: string, where: object): Promise<Baresip> => {
    const [sipPort = 0, , controlPort = 0, rtpPort = 0] = await freePorts(20);
    return Baresip.start(world.stage, {
      user,
      password: `pw-${user}`,
      outboundPort: world.kamailio.port,
      sipPort,
      controlPort,
      rtpPort,
      registerEverySec: 600,
      ...where,
    });
  };
  return [
    step("Kamailio restarts in the middle of two calls; both end as calls do", 60, async () => {
      const tls = {
        transport: "tls",
        outboundPort: world.portOf("tls"),
        caFile: world.certificates.caFile,
      };
      const [ida, jan, kim, leo] = await Promise.all([
        start("ida", tls),
        start("jan", {}),
        start("kim", { ...tls, transport: "tcp", outboundPort: world.portOf("tcp") }),
        start("leo", {}),
      ]);
      for (const [caller, callee] of [
        [jan, ida],
        [leo, kim],
      ] as const) {
        caller.dial(callee.user);
        // oxlint-disable-next-line no-await-in-loop
        await callee.event("CALL_INCOMING", EVENT_MS);
        callee.accept();
        // oxlint-disable-next-line no-await-in-loop
        await Promise.all(
          [caller, callee].map(async (one) => one.event("CALL_ESTABLISHED", EVENT_MS)),
        );
      }
      await world.restartKamailio();
      for (const phone of [ida, jan, kim, leo]) phone.forget();
      // From behind midreg, and from the other side.
      ida.hangUp();
      await jan.event("CALL_CLOSED", EVENT_MS);
      await ida.response("BYE", 200, EVENT_MS);
      leo.hangUp();
      await kim.event("CALL_CLOSED", EVENT_MS);
      await leo.response("BYE", 200, EVENT_MS);
      await Promise.all([ida, jan, kim, leo].map(async (phone) => phone.quit()));
      return "a BYE from either side reached the other";
    }),
  ];
}
