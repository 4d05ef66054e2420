/** What the tests of the main registrar's answers share: forwarding a REGISTER and answering it. */
import type { Binding } from "../../src/location/binding.ts";
import {
  decideRegisterAnswer,
  type RegisterAnswer,
  type RegisterAnswerInput,
} from "../../src/registrar/decide-register-answer.ts";
import { answerTo, responseOf } from "../support/messages.ts";
import {
  AOR,
  buildBinding,
  buildInput,
  CONTACT,
  decideAs,
  type InputParts,
  NOW_MS,
  type RegisterParts,
  recordOf,
  SOURCE,
  UPSTREAM_CONTACT,
} from "./fixtures.ts";

export const OTHER = "sip:alice@203.0.113.9:5062";
export const FOREIGN = "<sip:alice@203.0.113.99>;expires=99";
/** A binding whose upstream registration is about to end, so that every REGISTER is forwarded. */
export const expiring = buildBinding({ upstream: { expiresAtMs: NOW_MS } });

interface Parts extends InputParts {
  /** The main registrar's answer to the forwarded text; undefined for silence. */
  readonly answer?: (forwarded: string) => string | undefined;
  /** How long the answer took. */
  readonly tookMs?: number;
}

/** Forwards a REGISTER and decides the answer that it gets. */
export function answerOf(parts: Parts): RegisterAnswer {
  return decideRegisterAnswer(answerInput(parts));
}

function answerInput({ answer, tookMs = 0, ...parts }: Parts): RegisterAnswerInput {
  const input = buildInput(parts);
  const { forward } = decideAs("forward", parts);
  const text = answer?.(forward.text);
  return {
    request: input.request,
    ask: input.ask,
    forward,
    response: text === undefined ? undefined : responseOf(text),
    record: recordOf(AOR, parts.bindings),
    source: SOURCE,
    sentAtMs: NOW_MS,
    nowMs: NOW_MS + tookMs,
    policy: input.policy,
    toTag: "own-tag",
    ids: input.ids,
    upstreamSentBy: input.upstreamSentBy,
  };
}

/** A 2xx with these Contact values and header lines. */
export function ok(contacts: readonly string[], headers: readonly string[] = []) {
  return (text: string): string =>
    answerTo(text, 200, "OK", {
      tag: "main",
      headers: [...contacts.map((contact) => `Contact: ${contact}`), ...headers],
    });
}

/** Our contact with a lifetime. */
export const granted = (sec: number | string): string => `<${UPSTREAM_CONTACT}>;expires=${sec}`;
/** The phone removes its contact. */
export const remove: RegisterParts = { contacts: [`<${CONTACT}>;expires=0`] };

/** The first binding that an answer stores. */
export function put(answer: RegisterAnswer): Binding | undefined {
  return answer.change?.put[0];
}
