import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { methodOf, statusOf } from "../support/messages.ts";
import { RealProcess } from "../support/real-process.ts";
import type { Datagram } from "./hostile-corpus.ts";
import { afterwards, makeDirectory } from "./left-over.ts";
import type { SipSocket } from "./sip-socket.ts";
import { WirePeer } from "./wire-peer.ts";
import { WirePhone } from "./wire-phone.ts";
import { WireRegistrar } from "./wire-registrar.ts";

/** Sent before the good phone has its turn: well below the receive buffer of the listener. */
const SLICE_BYTES = 500_000;
/** A slow machine takes 5 ms to forward a REGISTER, and the good phone stands in the same queue. */
const SLICE_DATAGRAMS = 200;

interface Peers {
  readonly registrar: WireRegistrar;
  readonly good: WirePhone;
  readonly bad: WirePhone;
  readonly stranger: WirePeer;
}

/** midreg, its main registrar, a phone that behaves, one that does not, and somebody unknown. */
export class HostileScene implements Peers {
  readonly midreg: RealProcess;
  readonly registrar: WireRegistrar;
  readonly good: WirePhone;
  readonly bad: WirePhone;
  readonly stranger: WirePeer;
  /** The longest that the good phone had to wait for a 200. */
  slowestMs = 0;

  private constructor(midreg: RealProcess, { registrar, good, bad, stranger }: Peers) {
    this.midreg = midreg;
    this.registrar = registrar;
    this.good = good;
    this.bad = bad;
    this.stranger = stranger;
  }

  /** Both phones are registered. The main registrar may take so long to answer. */
  static async open(timeoutSec: number): Promise<HostileScene> {
    const registrar = await WireRegistrar.openRegistrar();
    const config = join(makeDirectory(), "midreg.yaml");
    const upstreamPart = `upstream: { timeout: ${timeoutSec}s }`;
    writeFileSync(config, `${upstreamPart}\nmid_registrar: { max_expires: 900 }\n`);
    const upstream = `sip:127.0.0.1:${registrar.port}`;
    const midreg = await RealProcess.prepare({ upstream, args: ["--config", config] });
    afterwards(async () => midreg.dispose());
    await midreg.start();
    const good = await WirePhone.openPhone("good", midreg.sipPort);
    const bad = await WirePhone.openPhone("bad", midreg.sipPort);
    const stranger = await WirePeer.open();
    for (const peer of [registrar, good, bad, stranger]) afterwards(async () => peer.close());
    const scene = new HostileScene(midreg, { registrar, good, bad, stranger });
    await scene.refresh();
    await bad.register();
    return scene;
  }

  /** Sends a flood in slices. The good phone refreshes after each, and then all of it has been taken. */
  async flood(from: SipSocket, datagrams: Iterable<Datagram>): Promise<void> {
    let slice: Promise<void>[] = [];
    let bytes = 0;
    for (const datagram of datagrams) {
      slice.push(from.send(datagram, this.midreg.sipPort));
      bytes += datagram.length + 200;
      if (bytes < SLICE_BYTES && slice.length < SLICE_DATAGRAMS) continue;
      // oxlint-disable-next-line no-await-in-loop -- One slice after the other.
      await Promise.all(slice).then(async () => this.refresh());
      slice = [];
      bytes = 0;
    }
    await Promise.all(slice);
    await this.refresh();
    await from.drain();
  }

  /** The good phone refreshes. Throws when it is not given its 200. */
  async refresh(): Promise<void> {
    const startedAtMs = performance.now();
    const answer = await this.good.register();
    this.slowestMs = Math.max(this.slowestMs, performance.now() - startedAtMs);
    if (statusOf(answer) !== 200) throw new Error(`the good phone was told: ${answer}`);
  }

  /** The main registrar calls the good phone, which answers, and hangs up: what both have heard. */
  async call(): Promise<{ answer: number; bye: number; heard: string[] }> {
    const { registrar, good, midreg } = this;
    const before = new Set(good.requests);
    const call = await registrar.call(registrar.contactOf(good.address), midreg.sipPort);
    const bye = await call.hangUp();
    const heard = [...new Set(good.requests)].filter((text) => !before.has(text));
    return {
      answer: statusOf(call.answer),
      bye: statusOf(bye),
      heard: heard.map((text) => methodOf(text)),
    };
  }

  /** What the process has in memory. */
  async residentBytes(): Promise<number> {
    return (await this.midreg.metrics()).sum("process_resident_memory_bytes");
  }

  /** A metric of midreg's, without its prefix, summed over the series with these labels. */
  async counted(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    return (await this.midreg.metrics()).sum(`midreg_${name}`, labels);
  }
}
