/**
 * The walk along the 31 rules for proxies (spec/protocol-checklists.md section 2): a midreg on the network in memory
 * with one phone, and what leaves it, to the byte.
 */
import { buildInvite, inDialog, PHONE_PLACE } from "../../support/call-messages.ts";
import { answerTo, headerLines, message, methodOf } from "../../support/messages.ts";
import type { Phone, RegisterOptions } from "../../support/phone.ts";
import { SERVER_PLACE, World, type WorldOptions } from "../../support/world.ts";

export const MAIN_PLACE = "192.0.2.50:5060";
export const STRANGER_PLACE = "203.0.113.66:5060";

/** Via of the call that the main registrar makes, and of midreg as shown() has it. */
export const CALL_VIA = `Via: SIP/2.0/UDP ${MAIN_PLACE};branch=z9hG4bK-call`;
export const OWN_VIA = "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=B;rport";

/** What requests of the main registrar that begin no dialog have in common (ProxyStage.ask). */
export const COMMON = [
  "From: <sip:bob@sip.test>;tag=bob",
  "To: <sip:alice@sip.test>",
  "Call-ID: rule",
] as const;

/** A message that has left midreg: where to, and its text with what is random replaced. */
export interface Sent {
  readonly to: string;
  readonly text: string;
}

/** A call from bob at the main registrar to alice's phone, answered. */
export interface Call {
  /** Record-Route as the caller got it, top first. */
  readonly recorded: readonly string[];
  /** midreg's own part of that, in the order of the caller's route set. */
  readonly own: string;
}

/**
 * A message with T for the user of midreg's Record-Route, B for the branch of midreg's Via, and M for a To tag of
 * its making; everything else is as it was sent.
 */
export function shown(text: string): string {
  return text
    .replaceAll(/[do][\w-]{20,}\.[\w-]{14}@/gu, "T@")
    .replaceAll(/branch=z9hG4bK(?:-midreg-\d+|[\w-]{14})\.[\w-]{14}/gu, "branch=B")
    .replaceAll(/tag=(?:tag-\d+|[\w-]{14})(?=\r\n)/gu, "tag=M");
}

/** A midreg with a registered phone. */
export class ProxyStage {
  readonly world: World;
  readonly phone: Phone;

  private constructor(world: World) {
    this.world = world;
    this.phone = world.phone("alice", PHONE_PLACE);
  }

  static async open(
    options: WorldOptions = {},
    register: RegisterOptions = {},
  ): Promise<ProxyStage> {
    const stage = new ProxyStage(await World.start(options));
    stage.phone.register({ expires: 600, ...register });
    stage.world.pass(1);
    return stage;
  }

  /** Contact of the phone as the main registrar knows it. */
  get contact(): string {
    return this.world.main.contactsFor("sip:alice@sip.test")[0] ?? "";
  }

  /** Everything that leaves midreg within a tenth of a second of a message to it, in order, untouched. */
  raw(text: string, from: string, to = SERVER_PLACE): Sent[] {
    const { network, transport } = this.world;
    const own = new Set(transport.listeners.map(({ sentBy }) => sentBy));
    const before = network.sent.length;
    network.send(text, from, to);
    this.world.pass(0.1);
    return network.sent
      .slice(before)
      .filter((sent) => own.has(sent.from) && !sent.text.includes("From: <sip:midreg@"))
      .map((sent) => ({ to: sent.to, text: sent.text }));
  }

  /** The same, with what is random replaced. */
  leaving(text: string, from: string, to = SERVER_PLACE): Sent[] {
    return this.raw(text, from, to).map((sent) => ({
      ...sent,
      text: shown(sent.text),
    }));
  }

  /** The requests among that. */
  requests(text: string, from: string, to = SERVER_PLACE): Sent[] {
    return this.leaving(text, from, to).filter((sent) => methodOf(sent.text) !== "");
  }

  /** Start lines of what leaves, with where it goes. */
  lines(text: string, from: string, to = SERVER_PLACE): string[] {
    return this.leaving(text, from, to).map((sent) => `${startLine(sent.text)} > ${sent.to}`);
  }

  /** A request as the main registrar sends it, to the phone where no Request-URI is given. */
  ask(method: string, headers: readonly string[] = [], uri = this.contact): string {
    return message(
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP ${MAIN_PLACE};branch=z9hG4bK-1`,
      ...headers,
      ...COMMON,
      `CSeq: 1 ${method}`,
      "Content-Length: 0",
    );
  }

  /** The request among what leaves midreg, with what is random replaced. */
  sentOf(text: string, from = MAIN_PLACE): string {
    return this.requests(text, from)[0]?.text ?? "";
  }

  /** The INVITE of a call at the phone, untouched. */
  ring(invite = buildInvite({ uri: this.contact })): string {
    return this.raw(invite, MAIN_PLACE).find(({ to }) => to === PHONE_PLACE)?.text ?? "";
  }

  /** Bob calls alice by way of the main registrar, who answers. */
  call(headers: readonly string[] = []): Call {
    this.phone.onRequest = (text) => {
      if (methodOf(text) !== "INVITE") return;
      this.phone.send(
        answerTo(text, 200, "OK", {
          headers: [`Contact: <sip:alice@${PHONE_PLACE}>`],
        }),
      );
    };
    this.raw(buildInvite({ uri: this.contact, headers }), MAIN_PLACE);
    this.phone.onRequest = undefined;
    const recorded = headerLines(this.world.main.responses.at(-1) ?? "", "Record-Route");
    const own = recorded.filter((value) => /^<sips?:[do][\w-]{20,}\./u.test(value));
    return { recorded, own: own.toReversed().join(", ") };
  }
}

/** The start line of a message. */
export function startLine(text: string): string {
  return text.slice(0, text.indexOf("\r\n"));
}

const BOB = "<sip:bob@sip.test>;tag=bob";
const ALICE = "<sip:alice@sip.test>;tag=uas";
let branches = 0;

interface InCall {
  readonly uri?: string;
  readonly route: string;
  readonly cseq?: number;
}

/** A request of bob's inside the call, as the main registrar sends it. */
export function fromBob(method: string, parts: InCall, via = MAIN_PLACE): string {
  branches += 1;
  const branch = `z9hG4bK-b${branches}`;
  const uri = parts.uri ?? `sip:alice@${PHONE_PLACE}`;
  return inDialog(method, {
    cseq: 2,
    ...parts,
    uri,
    from: BOB,
    to: ALICE,
    branch,
    via,
  });
}

/** A request of alice's inside the call, as her phone sends it. */
export function fromAlice(method: string, parts: InCall, via = PHONE_PLACE): string {
  branches += 1;
  const branch = `z9hG4bK-a${branches}`;
  const uri = parts.uri ?? "sip:bob@203.0.113.9:5060";
  return inDialog(method, {
    cseq: 2,
    ...parts,
    uri,
    from: ALICE,
    to: BOB,
    branch,
    via,
  });
}
