/**
 * Push parameters of a device's Contact (RFC 8599, and older ones of Linphone) let whoever reads them wake the
 * device, so they do not leave midreg. Requests to the contact come back here, where the binding has them.
 */
import { isPushParam } from "../location/mask-secrets.ts";
import { isSameUri } from "../sip/compare-uri.ts";
import { unescapeUri } from "../sip/escape.ts";
import { HEADER } from "../sip/header-name.ts";
import { findLine, lineValue, type SipRequest, type SipResponse } from "../sip/message.ts";
import type { MessageRewrite } from "../sip/message-rewrite.ts";
import { parseNameAddr } from "../sip/name-addr.ts";
import { parseParams, withoutParams } from "../sip/params.ts";
import { splitList } from "../sip/split-list.ts";
import { parseUri, serializeUri, type Uri } from "../sip/uri.ts";

/** Takes push parameters out of the contacts that a message holds; other bytes stay as they are. */
export function hidePush(rewrite: MessageRewrite, message: SipRequest | SipResponse): void {
  for (const id of CONTACTS) hidePushIn(rewrite, message, id);
}

/** Where a device names itself: a REFER may ask to call it (RFC 3515). */
const CONTACTS: readonly number[] = [HEADER.contact, HEADER.referTo];

function hidePushIn(rewrite: MessageRewrite, message: SipRequest | SipResponse, id: number): void {
  for (let line = findLine(message, id); line !== -1; line = findLine(message, id, line + 1)) {
    const text = lineValue(message, line);
    if (!mayHoldPush(text)) continue;
    const values = splitList(text)?.map(withoutPush);
    // What cannot be read cannot be cleaned.
    if (values === undefined || values.includes(undefined)) rewrite.removeLine(line);
    else if (values.join(", ") !== text) rewrite.replaceValue(line, values.join(", "));
  }
}

/** The contact of a binding without push parameters; undefined when it has none. */
function hiddenContact(contact: string): string | undefined {
  const uri = mayHoldPush(contact) ? parseUri(contact) : undefined;
  if (uri === undefined || !hasPush(uri.params)) return undefined;
  return serializeUri({ ...uri, params: keptOf(uri.params) });
}

/** Whether a URI is what others were told instead of a binding's contact. */
export function isHiddenContact(uri: Uri, contact: string): boolean {
  const hidden = hiddenContact(contact);
  return hidden !== undefined && isSameUri(hidden, serializeUri(uri));
}

/** One that may have push parameters, some of it escaped perhaps. Nearly all contacts need no second look. */
function mayHoldPush(text: string): boolean {
  return /pn-|app-id|;[^=]*%/iu.test(text);
}

/** One value of such a header; undefined when it is malformed. */
function withoutPush(value: string): string | undefined {
  if (value === "*") return value;
  const address = parseNameAddr(value);
  const uri = address === undefined ? undefined : parseUri(address.uri);
  if (address === undefined || uri === undefined) return undefined;
  if (!hasPush(uri.params) && !hasPush(address.params)) return value;
  const display = address.display === "" ? "" : `${address.display} `;
  const cleaned = serializeUri({ ...uri, params: keptOf(uri.params) });
  return `${display}<${cleaned}>${keptOf(address.params)}`;
}

function hasPush(params: string): boolean {
  return parseParams(params).some(({ name }) => isHidden(name));
}

function keptOf(params: string): string {
  return withoutParams(params, (name) => isHidden(name));
}

/** The reference for dialogs (RFC 8599 section 6.1.1) is made to be given away, and has to come back. */
function isHidden(name: string): boolean {
  const plain = unescapeUri(name).toLowerCase();
  return plain !== "pn-purr" && isPushParam(plain);
}
