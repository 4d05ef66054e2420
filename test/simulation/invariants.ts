/**
 * The promises of the design, one function each. A function throws what is broken; history.ts says with
 * which seed. What the main registrar has done without midreg being able to know is excused by name.
 */
import type { Binding } from "../../src/location/binding.ts";
import { type Contact, contactsOf } from "../../src/sip/contact.ts";
import type { SipResponse } from "../../src/sip/message.ts";
import {
  type Account,
  type Asked,
  aorOf,
  bareUri,
  isProvenBy,
  UPSTREAM_TIMEOUT_MS,
  uriOf,
} from "./account.ts";
import type { Callers } from "./caller.ts";

/** Longest time between a decision and its commit in a simulated store. */
const COMMIT_MS = 501;
/** pn_refresh_timeout, and a little. */
const MAX_WAIT_MS = 6100;
/** How much longer the main registrar may know a contact than midreg thinks: it counts from later on. */
const UPSTREAM_LAG_MS = UPSTREAM_TIMEOUT_MS + 5000;

/** What must hold at any moment. */
export function checkAlways(account: Account): void {
  noAcknowledgedBindingLost(account);
  for (const user of account.users) {
    upstreamOutlivesLocal(account, user);
    noOrphanOnceOutboxIsEmpty(account, user);
  }
  nothingIsMishandled(account);
}

/** Promise 1: what a 200 has listed stays for as long as it said. */
function noAcknowledgedBindingLost(account: Account): void {
  for (const [key, untilMs] of account.promised) {
    if (untilMs <= account.nowMs) continue;
    const [user = "", uri = ""] = key.split(" ");
    const binding = account.bindings(user).find(({ contact }) => contact === uri);
    const storedMs = binding?.expiresAtMs ?? 0;
    if (storedMs < untilMs) fail(`${uri} is lost`);
  }
}

/** Promise 1: a REGISTER ends the bindings it names, and no others. */
export function othersSurviveAnAnswer(account: Account, asked: Asked, isShared: boolean): void {
  const { user, wanted, unwanted, aliases, kind } = asked;
  if (kind === "star") return;
  const named = new Set([...wanted, ...unwanted, ...aliases]);
  const stored = account.bindings(user);
  // In AoR throttling a grant that the main registrar has shortened shortens all that share it.
  const sharedMs = isShared
    ? Math.min(...stored.filter(({ mode }) => mode === "aor").map(endOfShare(account)))
    : Number.POSITIVE_INFINITY;
  for (const [key, untilMs] of account.promised) {
    const [owner, uri = ""] = key.split(" ");
    if (owner !== user || named.has(uri)) continue;
    const leastMs = Math.min(untilMs, sharedMs);
    const storedMs = stored.find(({ contact }) => contact === uri)?.expiresAtMs ?? 0;
    if (leastMs > account.nowMs && storedMs < leastMs)
      fail(`${uri} is ended by another's REGISTER`);
  }
}

function endOfShare({ policy }: Account): (binding: Binding) => number {
  return ({ upstream }) => upstream.expiresAtMs - policy.upstreamMarginSec * 1000;
}

/** Promise 1: a 200 lists what is stored, what was asked for and nothing that was removed. */
export function answerSaysWhatIsStored(
  account: Account,
  response: SipResponse,
  asked: Asked,
): void {
  const listed = contactsOf(response);
  if (listed === undefined || listed === "*") return fail("a 200 without a list of contacts");
  const stored = account.bindings(asked.user);
  for (const contact of listed) checkListed(account, contact, stored);
  const uris = new Set(listed.map(({ uri }) => bareUri(uri)));
  const left = stored.find(
    ({ expiresAtMs, contact }) => expiresAtMs > account.nowMs + 1000 && !uris.has(bareUri(contact)),
  );
  if (left !== undefined) fail(`${left.contact} is stored but not listed`);
  for (const uri of asked.wanted) if (!uris.has(bareUri(uri))) fail(`${uri} is not in its own 200`);
  for (const uri of asked.unwanted)
    if (uris.has(bareUri(uri))) fail(`${uri} is still in its own 200`);
  if (asked.kind === "star" && uris.size > 0) fail("something is left after a star");
}

function checkListed(
  { nowMs }: Account,
  { uri, expires = 0 }: Contact,
  stored: readonly Binding[],
): void {
  const expiresAtMs =
    stored.find(({ contact }) => bareUri(contact) === bareUri(uri))?.expiresAtMs ?? 0;
  const leftMs = expiresAtMs - nowMs;
  // The answer was written before the commit, half a second ago at most, and says 1 s at least.
  const leastMs = expires === 1 ? -COMMIT_MS : (expires - 1) * 1000;
  if (leftMs < leastMs) fail(`${uri} has ${expires} s by the 200, ${leftMs} ms stored`);
}

/** Promise 2: the main registrar knows a device for as long as midreg does. */
function upstreamOutlivesLocal(account: Account, user: string): void {
  for (const binding of account.bindings(user)) {
    if (binding.expiresAtMs > account.nowMs) noUpstreamTooShort(account, user, binding);
  }
}

/** The same for one binding. */
export function noUpstreamTooShort(account: Account, user: string, binding: Binding): void {
  const { expiresAtMs, upstream } = binding;
  const { contact } = upstream;
  if (upstream.expiresAtMs < expiresAtMs) fail(`${contact} is stored to end upstream before here`);
  const isExcused = [account.uncertain, account.unknowable, account.forgotten].some((set) =>
    set.has(contact),
  );
  if (isExcused) return;
  const heldMs = account.world.main.expiryOf(uriOf(user), contact) ?? 0;
  if (heldMs < expiresAtMs) fail(`${contact} ends upstream ${expiresAtMs - heldMs} ms too early`);
  if (heldMs < upstream.expiresAtMs) fail(`${contact} is thought to live longer upstream`);
  pathLeadsToItsFlow(account, user, binding);
}

/** At the edge: the Path that the main registrar has leads over the flow that the device was heard on last. */
function pathLeadsToItsFlow(account: Account, user: string, binding: Binding): void {
  const { ctid, source, upstream } = binding;
  const path = account.world.main.pathOf(uriOf(user), upstream.contact);
  if (path === "") return;
  const [, body = ""] = /^<sip:p([\w-]+)\.[\w-]{14}@/u.exec(path) ?? [];
  const named = Buffer.from(body, "base64url").toString("latin1");
  if (named !== `${ctid}|${source}`) fail(`${upstream.contact} has a Path to ${named}`);
}

/**
 * Promise 2: what a 200 grants leaves the margin upstream, or half the grant where that is too short for it.
 * midreg counts what it grants from the answer, the main registrar from the request: `tookMs` may be missing.
 */
export function marginIsKept(account: Account, binding: Binding, tookMs: number): void {
  const { expiresAtMs, upstream, mode, contact } = binding;
  const marginMs = account.policy.upstreamMarginSec * 1000;
  const grantMs = upstream.expiresAtMs - account.nowMs + tookMs;
  // In mirror mode the phone refreshes the registration upstream itself.
  if (mode === "mirror" || grantMs <= 2 * marginMs + 1000) return;
  const leastMs = marginMs - tookMs;
  const leftMs = upstream.expiresAtMs - expiresAtMs;
  if (leftMs < leastMs) fail(`${contact} leaves a margin of ${leftMs} ms, not ${leastMs} ms`);
}

/**
 * Promise 3: a REGISTER that the main registrar has not seen is accepted only for contacts that it did accept
 * from the same address and port under the same Call-ID, and that have not expired since. A fetch needs one
 * such contact.
 */
export function nothingAbsorbedWithoutProof(account: Account, asked: Asked): void {
  if (account.policy.absorb === "open") return;
  if (asked.isIntruder) fail(`an intruder was told 200 at ${asked.places.join()}`);
  if (account.policy.mode === "mirror") fail(`${asked.places.join()} was absorbed in mirror mode`);
  if (asked.kind === "star") fail(`the star of ${asked.places.join()} was absorbed`);
  if (asked.unwanted.length > 0 && account.policy.mode !== "aor") fail("a removal was absorbed");
  const isProven = (key: string): boolean =>
    (account.proofs.get(key) ?? []).some(
      (proof) => isProvenBy(asked, proof) && proof.untilMs > account.nowMs - COMMIT_MS,
    );
  const { user, wanted, unwanted, aliases } = asked;
  // With an instance a contact is the same under each of its tokens, and a removal gives nobody a token to push to.
  const isProvenRemoval = (contact: string): boolean =>
    (aliases.includes(contact) ? aliases : [contact]).some((uri) => isProven(`${user} ${uri}`));
  const own = [...account.proofs.keys()].filter((key) => key.startsWith(`${user} `));
  const isGood =
    wanted.length + unwanted.length > 0
      ? wanted.every((contact) => isProven(`${user} ${contact}`)) && unwanted.every(isProvenRemoval)
      : own.some(isProven);
  if (!isGood) fail(`${asked.places.join()} was absorbed without proof`);
}

/**
 * No orphans: once midreg has nothing registered and owes nothing, the main registrar has nothing either. What
 * it has all the same was set by a REGISTER whose answer midreg never had in time, or whose end it did not
 * live to see, so that it could not know; its phone got no 200, and its next REGISTER takes it up again. In
 * mirror mode it is the phone's own registration, and ends by itself.
 */
function noOrphanOnceOutboxIsEmpty(account: Account, user: string): void {
  const { world, nowMs } = account;
  const to = uriOf(user);
  const isBusy = [...account.sent.values()].some(
    (sent) => sent.to === to && !sent.isKilled && sent.endMs + COMMIT_MS > nowMs,
  );
  if (isBusy || world.record(aorOf(user)) !== undefined) return;
  if (world.recording.gauge("deregistrations_pending", {}) !== 0) return;
  for (const uri of world.main.contactsFor(to)) {
    const sent = account.sent.get(account.setBy.get(uri) ?? "");
    const isOwn = sent === undefined || (sent.isAnswered && sent.mode !== "mirror" && !sent.isLost);
    const leftMs = (world.main.expiryOf(to, uri) ?? 0) - nowMs;
    if (isOwn && leftMs > UPSTREAM_LAG_MS) fail(`${uri} is an orphan at the main registrar`);
  }
}

/** Promise 5: one REGISTER at a time is under way for an address-of-record. */
export function oneRegisterInFlight({ sent, nowMs }: Account, to: string): void {
  for (const other of sent.values()) {
    if (other.to === to && other.endMs > nowMs) fail(`two REGISTERs are under way for ${to}`);
  }
}

/** Promise 7: no message and no timer fails inside. */
function nothingIsMishandled({ world }: Account): void {
  const broken = world.recording.lines.find(({ text }) => text.endsWith("not handled"));
  if (broken !== undefined) fail(`${broken.text}: ${String(broken.fields["err"])}`);
}

/** Promise 7: once all is calm nothing is left in memory that somebody waits for. */
export function nothingIsLeftBehind({ world: { recording } }: Account): void {
  const server = recording.gauge("sip_transactions", { kind: "server" });
  if (server !== 0) fail(`${server} server transactions are left`);
  const client = recording.gauge("sip_transactions", { kind: "client" }) ?? 0;
  // There may be a probe under way.
  if (client > 1) fail(`${client} client transactions are left`);
  const inFlight = recording.gauge("registers_in_flight", {});
  if (inFlight !== 0) fail(`${inFlight} REGISTERs are counted in flight`);
  const waking = recording.gauge("wakes_pending", {});
  const held = recording.gauge("wake_requests_held", {});
  if (waking !== 0 || held !== 0) fail(`${held} requests wait for ${waking} devices`);
}

/** Promise 6: one INVITE for each contact and call, however its device wakes; a midreg that was killed has forgotten. */
export function nobodyRingsTwice({ doubled }: Pick<Callers, "doubled">): void {
  if (doubled.length > 0) fail(`rung more than once: ${doubled.join(", ")}`);
}

/** Whoever midreg has told that it is at it hears how the call ends, unless midreg was killed. */
export function everyCallEnds({ open }: Pick<Callers, "open">): void {
  const names = open.map(({ callId }) => callId);
  if (names.length > 0) fail(`calls without an end: ${names.join(", ")}`);
}

/**
 * A call goes to its device as soon as that is back, and waits no longer than pn_refresh_timeout for it. In AoR throttling
 * others may ring meanwhile, and the one that is waited for may have been given up.
 */
export function nobodyWaitsInVain(account: Account, { open }: Pick<Callers, "open">): void {
  const { nowMs } = account;
  for (const { callId, sinceMs, user, devices, rung } of open) {
    if (rung.length > 0) continue;
    if (nowMs - sinceMs > MAX_WAIT_MS) fail(`${callId} waits since ${nowMs - sinceMs} ms`);
    const [only, ...others] = devices;
    if (only === undefined || others.length > 0) continue;
    const isBack = account
      .bindings(user)
      .some(
        ({ contact, updatedAtMs, expiresAtMs }) =>
          bareUri(contact) === only && updatedAtMs > sinceMs && expiresAtMs > nowMs,
      );
    if (isBack) fail(`${callId} does not reach ${only}, which is back`);
  }
}

/** Ends a history. */
export function fail(what: string): never {
  throw new Error(what);
}
