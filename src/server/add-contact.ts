import type { AdminOutcome, ManualContact } from "../ports.ts";
import type { RegisterDecision } from "../registrar/decide-register.ts";
import { type RegisterAsk, readRegister } from "../registrar/read-register.ts";
import { policyFor } from "../registrar/rules.ts";
import { formatQ } from "../sip/contact.ts";
import { escapeUser } from "../sip/escape.ts";
import type { SipRequest } from "../sip/message.ts";
import { parseMessage } from "../sip/parse-message.ts";
import type { AorTask } from "./aor-queue.ts";
import type { Arrival } from "./arrival.ts";
import { decideInTurn } from "./decide-in-turn.ts";
import { ForwardedRegisterRun } from "./forwarded-register.ts";
import { MAX_REGISTERS_IN_FLIGHT } from "./limits.ts";
import type { RegisterContext } from "./register-context.ts";
import { recordAbsorbed, recordRefused } from "./register-decisions.ts";

/** A contact to be added, and the flow on which its device will be reached. */
interface Addition {
  readonly aor: string;
  readonly contact: ManualContact;
  readonly arrival: Arrival;
  readonly done: (outcome: AdminOutcome) => void;
}

/**
 * A contact that an operator adds. It is a REGISTER that midreg writes by itself and decides like any other: the
 * main registrar is asked first, the lifetime fits what it grants, and every limit holds. Sent from where the
 * contact points to, it is proven like a device's own the next time.
 */
export class ContactAddition implements AorTask {
  readonly #addition: Addition;
  readonly #context: RegisterContext;

  constructor(addition: Addition, context: RegisterContext) {
    this.#addition = addition;
    this.#context = context;
  }

  isSame(): boolean {
    return false;
  }

  run(): void {
    const context = this.#context;
    const { aor, arrival } = this.#addition;
    const read = this.#read();
    if (typeof read === "string") return this.#end({ kind: "invalid", detail: read });
    const record = context.store.lookup(aor);
    const nowMs = context.clock.nowMs();
    const decision = decideInTurn(context, { ...read, arrival }, record, nowMs);
    const decided = { ask: read.ask, arrival, record };
    switch (decision.kind) {
      case "absorb":
        recordAbsorbed(context, decided, decision, nowMs);
        return this.#absorb(decision);
      case "reject":
        recordRefused(context, decided, decision, nowMs);
        return this.#end({ kind: "invalid", detail: `the contact is refused: ${decision.reason}` });
      case "forward":
        context.log.info({ aor }, "contact to be added by an operator");
        return this.#forward(decision, { ...decided, request: read.request });
      default:
        return decision satisfies never;
    }
  }

  /** The REGISTER and what it asks for; a text that says why there is none. */
  #read(): { readonly request: SipRequest; readonly ask: RegisterAsk } | string {
    const { aor, arrival } = this.#addition;
    const { options, outgoing } = this.#context;
    const { registerRules, registerPolicy } = options;
    const request = parseMessage(this.#build(), arrival.address, arrival.port);
    if (request.kind !== "request") return "the contact is malformed";
    const policy = policyFor(request, arrival, registerRules, registerPolicy);
    const ask = readRegister(request, outgoing.applyTo(policy));
    if ("status" in ask) return `the contact is refused: ${ask.reason}`;
    if (ask.aor !== aor) return "the address-of-record cannot be written as a SIP URI";
    return { request, ask };
  }

  #build(): string {
    const { aor, contact, arrival } = this.#addition;
    const { options, ids, store } = this.#context;
    const { aor: policy, upstreamHost } = options.registerPolicy;
    const cut = policy.useDomain ? aor.lastIndexOf("@") : aor.length;
    const host = policy.useDomain ? aor.slice(cut + 1) : upstreamHost;
    const address = `<sip:${escapeUser(aor.slice(0, cut))}@${host}>`;
    const callId = `midreg-operator-${ids.mac(`${aor}\0${contact.uri}`)}`;
    const known = store.lookup(aor)?.bindings.find((binding) => binding.callId === callId);
    const q = contact.q === undefined ? "" : `;q=${formatQ(contact.q)}`;
    return (
      `REGISTER sip:${host} SIP/2.0\r\n` +
      `Via: SIP/2.0/${arrival.listener.protocol.toUpperCase()} ${arrival.listener.sentBy};branch=${ids.branch()}\r\n` +
      "Max-Forwards: 70\r\n" +
      `From: ${address};tag=${ids.tag()}\r\nTo: ${address}\r\n` +
      `Call-ID: ${callId}\r\nCSeq: ${(known?.cseq ?? 0) + 1} REGISTER\r\n` +
      `Contact: <${contact.uri}>${q};expires=${contact.expiresSec}\r\n` +
      `User-Agent: ${options.userAgent}\r\nContent-Length: 0\r\n\r\n`
    );
  }

  #absorb({ change }: Extract<RegisterDecision, { kind: "absorb" }>): void {
    if (change === undefined) return this.#end({ kind: "done", ctids: [] });
    const { store, sweep } = this.#context;
    return store.save(change, {
      committed: () => {
        sweep.watch(change);
        const ctids = [...change.touch, ...change.put].map(({ ctid }) => ctid);
        this.#end({ kind: "done", ctids });
      },
      failed: (detail) => this.#end({ kind: "busy", detail }),
    });
  }

  #forward(
    { reason, forward }: Extract<RegisterDecision, { kind: "forward" }>,
    decided: Omit<Parameters<typeof recordAbsorbed>[1], "ask"> & {
      readonly ask: RegisterAsk;
      readonly request: SipRequest;
    },
  ): void {
    const context = this.#context;
    const { done } = this.#addition;
    if (context.inFlight.n >= MAX_REGISTERS_IN_FLIGHT) {
      return this.#end({ kind: "busy", detail: "too many REGISTERs are under way" });
    }
    const ctids = forward.contacts.map(({ ctid }) => ctid);
    const transaction = {
      respond: (status: number): void => done(outcomeOf(status, ctids)),
      // Midreg's own: what the main registrar has accepted could not be stored.
      reply: (): void => done({ kind: "busy", detail: "the store cannot be written" }),
    };
    return new ForwardedRegisterRun({ ...decided, reason, forward, transaction }, context).start();
  }

  #end(outcome: AdminOutcome): void {
    this.#context.queue.leave(this.#addition.aor);
    this.#addition.done(outcome);
  }
}

function outcomeOf(status: number, ctids: readonly string[]): AdminOutcome {
  if (status >= 200 && status < 300) return { kind: "done", ctids };
  return { kind: "refused", status, detail: whyRefused(status) };
}

function whyRefused(status: number): string {
  if (status === 401 || status === 407) {
    return "the main registrar wants credentials that midreg does not have";
  }
  return status === 504
    ? "the main registrar did not answer"
    : `the main registrar answered ${status}`;
}
