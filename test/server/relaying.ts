/** What the tests of relaying share: a relay with devices, on virtual time and a network in memory. */
import type { RelayBranch } from "../../src/proxy/proxy-input.ts";
import type { HeldBranch, OverReason } from "../../src/server/leg.ts";
import { Relay, type Relayed, type RelayModules } from "../../src/server/relay.ts";
import type { Upstreams } from "../../src/server/upstreams.ts";
import { buildInvite } from "../support/call-messages.ts";
import {
  answerTo,
  headerLine,
  message,
  methodOf,
  requestOf,
  statusOf,
} from "../support/messages.ts";
import { LISTENER, Parts } from "./fixtures.ts";

const CALLER = "192.0.2.50:5060";
export const DESK = "198.51.100.7:40000";
export const MOBILE = "198.51.100.8:40000";
export const THIRD = "198.51.100.9:40000";
export const NOWHERE = "198.51.100.66:40000";

/** A request that is relayed to devices, and everything that is said on the way. */
export class Relaying extends Parts {
  readonly heardByCaller = this.listenAt(CALLER);
  readonly devices = new Map<string, string[]>();
  readonly tallies: string[] = [];
  relay: Relay | undefined;

  /** A device that answers its INVITEs and what is not an INVITE in that way, and CANCELs as it should. */
  device(place: string, ...statuses: readonly number[]): string[] {
    let invite = "";
    const heard = this.listenAt(place, (text) => {
      const say = (status: number, to: string): void =>
        this.network.send(answerTo(to, status, "Said", { tag: place }), place, LISTENER.sentBy);
      if (methodOf(text) === "ACK") return;
      if (methodOf(text) === "CANCEL") {
        say(200, text);
        say(487, invite);
        return;
      }
      invite = text;
      for (const status of statuses) say(status, text);
    });
    this.devices.set(place, heard);
    return heard;
  }

  branch(place: string, method = "INVITE", others: readonly RelayBranch[] = []): RelayBranch {
    const text = message(
      `${method} sip:alice@${place} SIP/2.0`,
      `Via: SIP/2.0/UDP ${CALLER};branch=z9hG4bK-call`,
      "Max-Forwards: 69",
      "From: <sip:bob@sip.test>;tag=bob",
      "To: <sip:alice@sip.test>",
      "Call-ID: call-1",
      `CSeq: 1 ${method}`,
      "Content-Length: 0",
    );
    return { text, nextHop: { kind: "flow", flow: `${LISTENER.id}<${place}` }, others };
  }

  /** Relays to groups of places, one group after the other. */
  build(
    groups: ReadonlyArray<readonly RelayBranch[]>,
    parts: Partial<Relayed> & { readonly method?: string } = {},
  ): Relay {
    const { method = "INVITE", ...given } = parts;
    const invite = buildInvite({ uri: "sip:alice@192.0.2.1:5060" });
    const request = requestOf(invite.replaceAll("INVITE", method));
    const transaction = this.transactions.open(request, this.arrivalFrom(CALLER));
    if (transaction === undefined) throw new Error("no transaction");
    const modules: RelayModules = {
      transactions: this.transactions,
      timers: this.timers,
      resolver: this.resolver,
      largeRequests: this.largeRequests,
      transport: this.transport,
      // Flows need nothing of it.
      upstreams: {} as unknown as Upstreams,
      ids: this.ids,
      flows: { failed: () => undefined, disowned: () => undefined, flowOf: () => undefined },
      tally: (direction, result) => {
        this.tallies.push(`${direction} ${result}`);
        return { n: 0 };
      },
    };
    const relayed: Relayed = {
      direction: "to-device",
      groups,
      ringMs: 0,
      breadth: 60,
      mark: "",
      ...given,
    };
    this.relay = new Relay(relayed, transaction, modules);
    return this.relay;
  }

  pass(seconds: number): void {
    this.clock.advance(seconds * 1000);
  }

  methods(place: string): string[] {
    return (this.devices.get(place) ?? []).map((text) => methodOf(text));
  }

  /** Statuses that the caller heard, repetitions left out: it sends no ACK. */
  get statuses(): number[] {
    return [...new Set(this.heardByCaller.map((text) => statusOf(text)))];
  }

  breadthAt(place: string): string[] {
    return (this.devices.get(place) ?? [])
      .filter((text) => methodOf(text) === "INVITE")
      .map((text) => headerLine(text, "Max-Breadth"));
  }
}

/** Holds a branch, and notes why it is over. */
export function hold(relay: Relay): { readonly held: HeldBranch; readonly over: OverReason[] } {
  const over: OverReason[] = [];
  const held = relay.hold({ onOver: (reason) => over.push(reason) });
  if (held === undefined) throw new Error("not held");
  return { held, over };
}
