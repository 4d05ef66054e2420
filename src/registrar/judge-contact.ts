import type { Binding } from "../location/binding.ts";
import { findBinding, matchContact } from "../location/match-contact.ts";
import { findFlow, withoutFlows } from "../location/match-flow.ts";
import { spreadLifetime } from "./lifetimes.ts";
import { findPushed } from "./match-push.ts";
import type { AskedContact } from "./read-register.ts";
import type { RegisterInput } from "./register-input.ts";

/** Why a REGISTER has to go to the main registrar. */
export type ForwardReason =
  | "new-aor"
  | "new-contact"
  | "removal"
  | "star"
  | "fetch"
  | "require"
  | "expired"
  | "changed-source"
  | "changed-call-id"
  | "changed-contact"
  | "changed-path"
  | "changed-push"
  | "changed-mode"
  | "changed-upstream"
  | "mirror"
  | "repeated-cseq"
  | "upstream-doubtful"
  | "upstream-expiring";

/** What one contact of a REGISTER amounts to. */
type Verdict = "refresh" | "retransmission" | "old-cseq" | "proven-removal" | ForwardReason;

export interface JudgedContact {
  readonly asked: AskedContact;
  readonly binding: Binding | undefined;
  readonly verdict: Verdict;
  /** Lifetime granted if it is absorbed: what was asked for, spread. */
  readonly lifetimeSec: number;
}

/**
 * Judges one contact by itself; the request as a whole is decided in decide-register.ts. `fraction` is
 * random, from 0 to 1, for the spread of lifetimes.
 */
export function judgeContact(
  asked: AskedContact,
  input: RegisterInput,
  fraction: number,
): JudgedContact {
  const { record, policy } = input;
  const binding = bindingFor(asked, input);
  const lifetimeSec = spreadLifetime(asked.lifetimeSec, policy, fraction, asked.rangePercent);
  if (binding === undefined) {
    const unknown = record === undefined ? "new-aor" : "new-contact";
    return { asked, binding, lifetimeSec, verdict: asked.lifetimeSec === 0 ? "removal" : unknown };
  }
  const known = judgeKnown(asked, binding, input);
  const verdict = known === "refresh" ? judgeUpstream(binding, lifetimeSec, input) : known;
  return { asked, binding, verdict, lifetimeSec };
}

/**
 * The binding that a contact means: of a flow the one with its instance and reg-id, else one that is no flow's, by
 * how it is woken or by the matching mode. A removal may name a flow by its URI alone.
 */
function bindingFor(
  asked: AskedContact,
  { record, request, policy }: RegisterInput,
): Binding | undefined {
  const { flowKey, params, uri, lifetimeSec } = asked;
  if (flowKey !== undefined) return findFlow(record, flowKey, params);
  const hasFlows = policy.outboundMode !== "off" || policy.usesRegIdAlways;
  const plain = hasFlows ? withoutFlows(record) : record;
  const found =
    policy.push !== undefined && policy.matchingMode === "contact"
      ? findPushed(plain, asked, policy.push.matchParams)
      : findBinding(plain, asked, request.callId, policy.matchingMode);
  if (found !== undefined || lifetimeSec > 0 || plain === record) return found;
  return matchContact(record, uri);
}

/** Promise 2 of the design: the upstream registration outlives every local one, by a margin. */
function judgeUpstream(
  { ctid, upstream }: Binding,
  lifetimeSec: number,
  { isDoubted, policy, nowMs }: RegisterInput,
): Verdict {
  if (isDoubted(ctid)) return "upstream-doubtful";
  const neededUntilMs = nowMs + (lifetimeSec + policy.upstreamMarginSec) * 1000;
  return upstream.expiresAtMs >= neededUntilMs ? "refresh" : "upstream-expiring";
}

/**
 * What is not as it was when the contact was registered upstream: the configuration, or how the device is woken. Who
 * has another token pushed to takes the device's calls away, so that needs proof (promise 3 of the design).
 */
function changedTerms(
  asked: AskedContact,
  { mode, upstream, push }: Binding,
  policy: RegisterInput["policy"],
): Verdict | undefined {
  if (mode !== policy.mode) return "changed-mode";
  if (upstream.upstream !== policy.upstream) return "changed-upstream";
  return asked.push === push || policy.absorb === "digest" ? undefined : "changed-push";
}

function judgeKnown(asked: AskedContact, binding: Binding, input: RegisterInput): Verdict {
  const { request, nowMs, policy } = input;
  const isSameCall = binding.callId === request.callId;
  // RFC 3261 section 10.3 step 7: an older request of the same Call-ID must not change anything.
  if (isSameCall && request.cseq.number < binding.cseq) return "old-cseq";
  if (asked.lifetimeSec === 0) return judgeRemoval(asked, binding, input);
  if (policy.mode === "mirror") return "mirror";
  const changed = changedTerms(asked, binding, policy);
  if (changed !== undefined) return changed;
  if (binding.expiresAtMs <= nowMs) return "expired";
  const doubt = isFlowFixed(input) ? doubtOf(asked, binding, input) : undefined;
  if (doubt !== undefined) return doubt;
  if (!isSameCall || request.cseq.number > binding.cseq) return "refresh";
  // The same number again is a retransmission while its transaction can be alive, and stateless
  // answering needs nothing else to recognise it (section 8.2.7).
  const ageMs = nowMs - binding.updatedAtMs;
  return ageMs < policy.cseqDelaySec * 1000 ? "retransmission" : "repeated-cseq";
}

/** At the edge the main registrar has the flow in its Path, and has to hear of another one, whatever proves who sends. */
function isFlowFixed({ policy, ask }: RegisterInput): boolean {
  return policy.absorb === "proven" || ask.edge !== undefined;
}

/**
 * A removal is the main registrar's business, unless other devices share what is registered there: then
 * nothing changes upstream, and proof is all it takes.
 */
function judgeRemoval(asked: AskedContact, binding: Binding, input: RegisterInput): Verdict {
  const { request, nowMs, policy } = input;
  if (policy.mode !== "aor" || binding.mode !== "aor" || binding.expiresAtMs <= nowMs) {
    return "removal";
  }
  if (policy.absorb !== "proven") return "proven-removal";
  if (request.cseq.number === binding.cseq) return "removal";
  const doubt = doubtOf(asked, binding, input);
  return doubt === undefined || doubt === "changed-contact" ? "proven-removal" : "removal";
}

/**
 * What keeps a refresh from being proven. Over UDP the proof is the flow itself: the address and port
 * that the accepted REGISTER came from, its Call-ID, and nothing changed that could redirect a call.
 */
function doubtOf(
  asked: AskedContact,
  binding: Binding,
  { request, ask, source }: RegisterInput,
): ForwardReason | undefined {
  if (binding.source !== source) return "changed-source";
  if (binding.callId !== request.callId) return "changed-call-id";
  if (binding.path !== ask.path) return "changed-path";
  const isUnchanged =
    binding.contact === asked.uri && binding.params === asked.params && binding.q === asked.q;
  return isUnchanged ? undefined : "changed-contact";
}
