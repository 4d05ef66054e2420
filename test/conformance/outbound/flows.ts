/** What the outbound rules are tried with: a device with an instance, and its flows (RFC 5626). */
import { contactsOf } from "../../../src/sip/contact.ts";
import { paramValue } from "../../../src/sip/params.ts";
import { headerLine, headerLines, responseOf } from "../../support/messages.ts";
import type { Phone, RegisterOptions } from "../../support/phone.ts";
import type { World } from "../../support/world.ts";

export const INSTANCE = "urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF";
export const AOR = "alice@sip.test";
export const TO = `sip:${AOR}`;
/** A hop between phone and midreg. */
export const EDGE_VIA = "Via: SIP/2.0/UDP 192.0.2.77:5060;branch=z9hG4bK-edge";
export const EDGE_PATH = "Path: <sip:token@192.0.2.77;lr;ob>";

export interface FlowOptions extends RegisterOptions {
  readonly regId?: number | string | undefined;
  readonly instance?: string;
  /** Option tags in Supported; "outbound, path" unless told otherwise, empty for no such header. */
  readonly supported?: string;
  readonly user?: string;
}

/** The Contact of a flow. */
export function flowContact(
  phone: Phone,
  { regId = 1, instance = INSTANCE, user = "alice" }: FlowOptions = {},
): string {
  const of = instance === "" ? "" : `;+sip.instance="<${instance}>"`;
  return `<sip:${user}@${phone.place}>${of};reg-id=${regId}`;
}

/** Registers a flow and lets the answer come. */
export function registerFlow(world: World, phone: Phone, options: FlowOptions = {}): number {
  const { supported = "outbound, path", headers = [], contact, ...rest } = options;
  phone.register({
    contact: contact ?? flowContact(phone, options),
    headers: [...(supported === "" ? [] : [`Supported: ${supported}`]), ...headers],
    ...rest,
  });
  world.pass(1);
  return phone.lastStatus;
}

/** reg-ids that the last answer lists; "" for a contact without. */
export function listedFlows(phone: Phone): string[] {
  const contacts = contactsOf(responseOf(phone.last));
  if (contacts === undefined || contacts === "*") throw new Error("No contacts");
  return contacts.map(({ params }) => paramValue(params, "reg-id") ?? "");
}

/** Require and Flow-Timer of the last answer. */
export function toldOf(phone: Phone): string[] {
  return [headerLine(phone.last, "Require"), ...headerLines(phone.last, "Flow-Timer")];
}

/** URIs that midreg keeps for the address-of-record. */
export function boundUris(world: World, aor = AOR): string[] {
  return (world.record(aor)?.bindings ?? []).map(({ contact }) => contact);
}
