/** Extensions that midreg gives devices itself, so that the main registrar hears nothing of them. */
import { HEADER } from "../sip/header-name.ts";
import { tokensOf } from "../sip/header-values.ts";
import { hasHeader, type SipRequest } from "../sip/message.ts";
import type { MessageRewrite } from "../sip/message-rewrite.ts";
import type { RegisterPolicy } from "./register-policy.ts";

type ExtensionPolicy = Pick<RegisterPolicy, "gruu" | "outboundMode">;

function isOwn(tag: string, { gruu, outboundMode }: ExtensionPolicy): boolean {
  if (tag === "outbound") return outboundMode !== "off" && outboundMode !== "edge";
  return tag === "gruu" && gruu;
}

/** A flow that the main registrar has taken needs not be asked about again. */
function isMet(tag: string, policy: ExtensionPolicy): boolean {
  return isOwn(tag, policy) || (tag === "outbound" && policy.outboundMode === "edge");
}

/** Whether a device requires something that midreg cannot give it on an absorbed answer. */
export function requiresMore(request: SipRequest, policy: ExtensionPolicy): boolean {
  if (!hasHeader(request, HEADER.require)) return false;
  const tags = tokensOf(request, HEADER.require);
  return tags.length === 0 || tags.some((tag) => !isMet(tag, policy));
}

/**
 * Takes out of a REGISTER what midreg meets: a main registrar that knows no GRUUs need not refuse (RFC 5627 section 5.1),
 * and one that does outbound must not believe that the first hop of the device is its own business (RFC 5626 section 6).
 */
export function dropOwnExtensions(
  rewrite: MessageRewrite,
  request: SipRequest,
  policy: ExtensionPolicy,
): void {
  dropTags(rewrite, request, {
    id: HEADER.require,
    name: "Require",
    isDropped: (tag) => isOwn(tag, policy),
  });
  if (!isOwn("outbound", policy)) return;
  dropTags(rewrite, request, {
    id: HEADER.supported,
    name: "Supported",
    isDropped: (tag) => tag === "outbound",
  });
}

interface TagsToDrop {
  readonly id: number;
  readonly name: string;
  readonly isDropped: (tag: string) => boolean;
}

function dropTags(
  rewrite: MessageRewrite,
  request: SipRequest,
  { id, name, isDropped }: TagsToDrop,
): void {
  if (!hasHeader(request, id)) return;
  const tags = tokensOf(request, id);
  const kept = tags.filter((tag) => !isDropped(tag));
  if (kept.length === tags.length) return;
  if (kept.length === 0) rewrite.removeAll(id);
  else rewrite.set(id, `${name}: ${kept.join(", ")}`);
}
