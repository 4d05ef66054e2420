import { canonicalAor } from "../location/address-of-record.ts";
import type { AorRecord, Binding } from "../location/binding.ts";
import type { Decision } from "../location/decision.ts";
import { matchContact } from "../location/match-contact.ts";
import type {
  AdminOutcome,
  LocationAdmin,
  ManualContact,
  PingView,
  PushTestOutcome,
  ResyncProgress,
  ResyncScope,
} from "../ports.ts";
import { parseUri } from "../sip/uri.ts";
import { ContactAddition } from "./add-contact.ts";
import type { AorTask } from "./aor-queue.ts";
import { endNow } from "./end-now.ts";
import { testPush } from "./push-test.ts";
import type { RegisterContext } from "./register-context.ts";
import type { Resync } from "./resync.ts";

type Done = (outcome: AdminOutcome) => void;

const STOPPING: AdminOutcome = { kind: "busy", detail: "midreg is stopping" };
const FULL: AdminOutcome = {
  kind: "busy",
  detail: "too much is under way for this address-of-record",
};

/** What operators do to a running server; every change waits for its turn like a REGISTER. */
export class ServerAdmin implements LocationAdmin {
  readonly #context: RegisterContext;
  readonly #resync: Resync;
  readonly #isDraining: () => boolean;

  constructor(context: RegisterContext, resync: Resync, isDraining: () => boolean) {
    this.#context = context;
    this.#resync = resync;
    this.#isDraining = isDraining;
  }

  canonical(written: string): string | undefined {
    const { store, options } = this.#context;
    if (store.lookup(written) !== undefined) return written;
    const { aor: policy, upstreamHost } = options.registerPolicy;
    const hasHost = written.includes("@");
    if (!hasHost && policy.useDomain) return undefined;
    const bare = written.replace(/^sips?:/iu, "");
    const aor = canonicalAor(`sip:${hasHost ? bare : `${bare}@${upstreamHost}`}`, policy);
    return typeof aor === "string" ? aor : undefined;
  }

  decisions(aor: string): readonly Decision[] {
    return this.#context.decisions.of(aor);
  }

  pings(binding: Binding): PingView | undefined {
    const { pinger } = this.#context;
    const health = pinger.healthOf(binding);
    if (health === undefined) return undefined;
    const { pingedAtMs, answeredAtMs, latencyMs, lost } = health;
    const awake = lost === 0 ? "alive" : "silent";
    const state = pinger.isDead(binding) ? "dead" : awake;
    return { state, pingedAtMs, answeredAtMs, latencyMs, lost };
  }

  remove(aor: string, contact: string | undefined, done: Done): void {
    if (this.#isDraining()) return done(STOPPING);
    return this.#enter(aor, new Removal(aor, contact, done, this.#context), done);
  }

  add(aor: string, contact: ManualContact, done: Done): void {
    if (this.#isDraining()) return done(STOPPING);
    const uri = parseUri(contact.uri);
    if (uri === undefined || (uri.scheme !== "sip" && uri.scheme !== "sips")) {
      return done({ kind: "invalid", detail: "the contact must be a SIP URI" });
    }
    const { resolver, upstreams, clock } = this.#context;
    return resolver.resolve(contact.uri, ([target]) => {
      const listener = target === undefined ? undefined : upstreams.main.listenerFor(target);
      if (target === undefined || listener === undefined) {
        const detail = "the contact leads to no address that midreg can reach";
        return done({ kind: "invalid", detail });
      }
      const { address, port } = target;
      const arrival = { listener, address, port, connection: "", atMs: clock.nowMs() };
      const addition = new ContactAddition({ aor, contact, arrival, done }, this.#context);
      return this.#enter(aor, addition, done);
    });
  }

  testPush(
    aor: string,
    contact: string | undefined,
    done: (outcome: PushTestOutcome) => void,
  ): void {
    const { clock } = this.#context;
    return testPush(aor, contact, { ...this.#context, nowMs: clock.nowMs() }, done);
  }

  startResync(scope: ResyncScope): ReturnType<LocationAdmin["startResync"]> {
    return this.#isDraining() ? "busy" : this.#resync.start(scope);
  }

  stopResync(): void {
    this.#resync.stop();
  }

  resync(): ResyncProgress {
    return this.#resync.progress();
  }

  #enter(aor: string, task: AorTask, done: Done): void {
    if (this.#context.queue.enter(aor, task) === "full") done(FULL);
  }
}

/** Removes bindings, and leaves their de-registrations in the outbox. */
class Removal implements AorTask {
  readonly #aor: string;
  /** ctid or contact URI; undefined for all. */
  readonly #contact: string | undefined;
  readonly #done: Done;
  readonly #context: RegisterContext;

  constructor(aor: string, contact: string | undefined, done: Done, context: RegisterContext) {
    this.#aor = aor;
    this.#contact = contact;
    this.#done = done;
    this.#context = context;
  }

  isSame(): boolean {
    return false;
  }

  run(): void {
    const { store, clock } = this.#context;
    const record = store.lookup(this.#aor);
    const ctids = this.#chosen(record).map(({ ctid }) => ctid);
    if (record === undefined || ctids.length === 0) return this.#end({ kind: "not-found" });
    const { afterExpiryMs } = this.#context.options.push;
    const modules = { ...this.#context, afterExpiryMs, nowMs: () => clock.nowMs() };
    const isEnding = endNow(
      modules,
      { record, ctids, reason: "operator" },
      {
        done: () => this.#end({ kind: "done", ctids }),
        failed: (detail) => this.#end({ kind: "busy", detail }),
      },
    );
    return isEnding ? undefined : this.#end({ kind: "not-found" });
  }

  #chosen(record: AorRecord | undefined): readonly Binding[] {
    const contact = this.#contact;
    const bindings = record?.bindings ?? [];
    if (contact === undefined) return bindings;
    const found = bindings.find(({ ctid }) => ctid === contact) ?? matchContact(record, contact);
    return found === undefined ? [] : [found];
  }

  #end(outcome: AdminOutcome): void {
    this.#context.queue.leave(this.#aor);
    this.#done(outcome);
  }
}
