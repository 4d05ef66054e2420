/** midreg as the edge of a main registrar that does outbound itself (outbound_mode: edge). */
import { buildInvite } from "../../support/call-messages.ts";
import { headerLine, message, methodOf } from "../../support/messages.ts";
import type { Phone } from "../../support/phone.ts";
import { SERVER_PLACE, World, type WorldOptions } from "../../support/world.ts";
import { type FlowOptions, registerFlow, TO } from "./flows.ts";

export const MAIN_PLACE = "192.0.2.50:5060";
export const PHONE_PLACE = "198.51.100.7:40000";
export const FLOW = `udp:${SERVER_PLACE}<${PHONE_PLACE}`;

/** What the main registrar says in its 200. */
const TAKEN = ["Require: outbound", "Flow-Timer: 120"];

export interface EdgeScene {
  readonly world: World;
  readonly phone: Phone;
}

/** A phone that has not registered yet. */
export async function edgeScene({ policy, ...options }: WorldOptions = {}): Promise<EdgeScene> {
  const world = await World.start({ ...options, policy: { outboundMode: "edge", ...policy } });
  world.main.extraHeaders = TAKEN;
  return { world, phone: world.phone("alice", PHONE_PLACE) };
}

/** Registers a flow; the REGISTER that the main registrar has got last. */
export function registered({ world, phone }: EdgeScene, options: FlowOptions = {}): string {
  registerFlow(world, phone, { expires: 600, ...options });
  return world.main.registers.at(-1) ?? "";
}

/** The Path that a REGISTER has got last. */
export function pathOf({ world }: Pick<EdgeScene, "world">): string {
  return headerLine(world.main.registers.at(-1) ?? "", "Path");
}

/** A text with what the tokens of midreg say in their place. */
export function shown(text: string): string {
  return text
    .replaceAll(/([pdoDO])([\w-]{20,})\.[\w-]{14}@/gu, (_, letter: string, body: string) => {
      const read = Buffer.from(body, "base64url").toString("latin1");
      return `{${letter} ${read.replace(/^[0-9a-f]{16}/u, "CTID")}}@`;
    })
    .replaceAll(/;ctid=[0-9a-f]{16}/gu, ";ctid=CTID")
    .replaceAll(/branch=z9hG4bK-midreg-\d+(?:\.[\w-]{14})?/gu, "branch=B");
}

let requests = 0;

/** A request of the main registrar's along a Path. */
export function alongPath(
  path: string,
  { method = "INVITE", uri = "", headers = [] as readonly string[] } = {},
): string {
  requests += 1;
  const route = path === "" ? [] : [`Route: ${path}`];
  return buildInvite({ uri, branch: `z9hG4bK-path-${requests}`, headers: [...route, ...headers] })
    .replaceAll("INVITE", method)
    .replace("Call-ID: call-1", `Call-ID: path-${requests}`);
}

/** Sends a request from somewhere; what leaves midreg for it, as start lines with their destinations. */
export function leaving(
  { world }: Pick<EdgeScene, "world">,
  text: string,
  from = MAIN_PLACE,
): string[] {
  const before = world.network.sent.length;
  world.network.send(text, from, SERVER_PLACE);
  world.pass(0.1);
  return world.network.sent
    .slice(before)
    .filter((sent) => sent.from === SERVER_PLACE && !sent.text.startsWith("SIP/2.0 100"))
    .map((sent) => `${sent.text.slice(0, sent.text.indexOf("\r\n"))} > ${sent.to}`);
}

/** The contact that the main registrar has of alice. */
export function contactOf({ world }: Pick<EdgeScene, "world">): string {
  return world.main.contactsFor(TO)[0] ?? "";
}

/** Requests of a method that a phone has got. */
export function got(phone: Phone, method: string): string[] {
  return phone.requests.filter((text) => methodOf(text) === method);
}

/** A request of a phone's that begins nothing. */
export function fromPhone(method: string, place: string, headers: readonly string[] = []): string {
  requests += 1;
  return message(
    `${method} sip:bob@sip.test SIP/2.0`,
    `Via: SIP/2.0/UDP ${place};branch=z9hG4bK-phone-${requests}`,
    ...headers,
    "Max-Forwards: 70",
    "From: <sip:alice@sip.test>;tag=alice",
    "To: <sip:bob@sip.test>",
    `Call-ID: phone-${requests}`,
    `CSeq: 1 ${method}`,
    "Content-Length: 0",
  );
}
