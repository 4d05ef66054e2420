import { message } from "./messages.ts";
import type { Phone } from "./phone.ts";
import { World } from "./world.ts";

/** Where the main registrar of every test world is. */
const MAIN_PLACE = "192.0.2.50:5060";
/** Where the phone that is called registers from. */
export const PHONE_PLACE = "198.51.100.7:40000";

export const BOB = "<sip:bob@sip.test>;tag=bob";
export const ALICE = "<sip:alice@sip.test>;tag=uas";

/** A world with a registered phone, and the contact under which the main registrar knows it. */
export async function calledPhone(): Promise<{ world: World; phone: Phone; contact: string }> {
  const world = await World.start();
  const phone = world.phone("alice", PHONE_PLACE);
  phone.register();
  world.pass(1);
  return { world, phone, contact: world.main.contactsFor("sip:alice@sip.test")[0] ?? "" };
}

export interface InviteParts {
  readonly uri: string;
  readonly branch?: string;
  readonly headers?: readonly string[];
}

/** An INVITE as the main registrar sends it. */
export function buildInvite({ uri, branch = "z9hG4bK-call", headers = [] }: InviteParts): string {
  return message(
    `INVITE ${uri} SIP/2.0`,
    `Via: SIP/2.0/UDP ${MAIN_PLACE};branch=${branch}`,
    "Record-Route: <sip:192.0.2.50;lr>",
    "Max-Forwards: 70",
    "From: <sip:bob@sip.test>;tag=bob",
    "To: <sip:alice@sip.test>",
    "Call-ID: call-1",
    "CSeq: 1 INVITE",
    "Contact: <sip:bob@203.0.113.9:5060>",
    ...headers,
    "Content-Length: 0",
  );
}

export interface DialogParts {
  readonly from: string;
  readonly to: string;
  readonly uri: string;
  readonly route: string;
  readonly branch: string;
  readonly via: string;
  readonly cseq?: number;
}

/** A request inside the dialog of that INVITE. */
export function inDialog(method: string, parts: DialogParts): string {
  return message(
    `${method} ${parts.uri} SIP/2.0`,
    `Via: SIP/2.0/UDP ${parts.via};branch=${parts.branch};rport`,
    ...(parts.route === "" ? [] : [`Route: ${parts.route}`]),
    "Max-Forwards: 70",
    `From: ${parts.from}`,
    `To: ${parts.to}`,
    "Call-ID: call-1",
    `CSeq: ${parts.cseq ?? 1} ${method}`,
    "Content-Length: 0",
  );
}
