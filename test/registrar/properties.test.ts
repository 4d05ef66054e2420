import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decideRegister, type RegisterDecision } from "../../src/registrar/decide-register.ts";
import { decideRegisterAnswer } from "../../src/registrar/decide-register-answer.ts";
import { readRegister } from "../../src/registrar/read-register.ts";
import type { RegisterInput } from "../../src/registrar/register-input.ts";
import { parseMessage } from "../../src/sip/parse-message.ts";
import { runs } from "../support/effort.ts";
import { POLICY } from "../support/world.ts";
import {
  answering,
  goodRegister,
  inputParts,
  mutatedRegister,
  PHONE_CALL_IDS,
  PHONE_TAG,
  twinRegister,
} from "./arbitraries.ts";
import { buildInput, decideAs, type InputParts, NOW_MS } from "./fixtures.ts";
import { faultsOfAbsorbed, faultsOfAnswer, faultsOfEnd, faultsOfForward } from "./soundness.ts";

interface Decided {
  readonly input: RegisterInput;
  readonly decision: RegisterDecision;
}

/** The decision on a text; undefined when that is no REGISTER, or refused before. */
function decided(parts: InputParts): Decided | undefined {
  const text = typeof parts.register === "string" ? parts.register : "";
  const parsed = parseMessage(text);
  if (parsed.kind !== "request" || parsed.method !== "REGISTER") return undefined;
  const ask = readRegister(parsed, { ...POLICY, ...parts.policy });
  if (!("status" in ask))
    return { input: buildInput(parts), decision: decideRegister(buildInput(parts)) };
  if (![400, 403, 423].includes(ask.status) || !/^[ -~]+$/u.test(ask.reason))
    throw new Error(ask.reason);
  return undefined;
}

function faultsOf({ input, decision }: Decided): string[] {
  switch (decision.kind) {
    case "forward":
      return faultsOfForward(input, decision.forward);
    case "absorb":
      return [
        ...faultsOfAnswer(input.request, decision.answer),
        ...faultsOfAbsorbed(input, decision),
      ];
    case "reject":
      return faultsOfAnswer(input.request, decision.answer);
    default:
      return decision satisfies never;
  }
}

/** What is wrong with the end of a forwarded REGISTER; nothing when it is not forwarded. */
function faultsOfAnswering(
  { input, decision }: Decided,
  answer: ((forwarded: string) => string) | undefined,
  tookMs: number,
): string[] {
  if (decision.kind !== "forward") return [];
  const { forward } = decision;
  const response = answer === undefined ? undefined : parseMessage(answer(forward.text));
  if (response !== undefined && response.kind !== "response") return [];
  const nowMs = NOW_MS + tookMs;
  const times = { sentAtMs: NOW_MS, nowMs };
  const end = decideRegisterAnswer({ ...input, ...times, forward, response, toTag: "own" });
  const faults = faultsOfAnswer(input.request, end.text);
  if (response !== undefined) {
    return [...faults, ...faultsOfEnd(input, { forward, response, answer: end, nowMs })];
  }
  const isNothing = end.status === 504 && end.change === undefined && end.undo.length === 0;
  return isNothing ? faults : [...faults, "a silence changes nothing"];
}

describe("any REGISTER, whatever is known of its address-of-record", () => {
  test.each([
    ["well formed", goodRegister],
    ["damaged", mutatedRegister],
    ["with contacts that equal some of the others", twinRegister],
  ])("%s: is absorbed, refused or forwarded, and that is sound", (_, register) => {
    fc.assert(
      fc.property(inputParts(register), (parts) => {
        const one = decided(parts);
        expect(one === undefined ? [] : faultsOf(one)).toEqual([]);
      }),
      runs(800),
    );
  });

  test("forwarded well formed: nothing of the phone's identity is in it", () => {
    fc.assert(
      fc.property(inputParts(goodRegister), (parts) => {
        const decision = decided(parts)?.decision;
        const text = decision?.kind === "forward" ? decision.forward.text : "";
        const found = [...PHONE_CALL_IDS, PHONE_TAG].filter((own) => text.includes(own));
        expect(found).toEqual([]);
      }),
      runs(500),
    );
  });
});

describe("any answer of the main registrar", () => {
  const took = fc.constantFrom(0, 0, 9000);
  test.each([
    ["that comes", answering],
    ["that does not come", fc.constant(undefined)],
  ])("%s ends in one answer to the phone and a change that keeps the promises", (_, answers) => {
    fc.assert(
      fc.property(inputParts(goodRegister), answers, took, (parts, answer, tookMs) => {
        const one = decided(parts);
        expect(one === undefined ? [] : faultsOfAnswering(one, answer, tookMs)).toEqual([]);
      }),
      runs(1000),
    );
  });
});

describe("the ctid of a contact", () => {
  const uris = fc.uniqueArray(
    fc
      .tuple(fc.constantFrom("alice@", "bob@", ""), fc.nat(5000))
      .map(([user, port]) => `sip:${user}h:${port + 1}`),
    { minLength: 1, maxLength: 6 },
  );
  const someOfThem = uris.chain((all) =>
    fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: 1 })),
  );

  test("is the same alone, among others in any order, and after a 401", () => {
    fc.assert(
      fc.property(someOfThem, ([all, some]) => {
        const first = ctidsOf(all);
        expect(new Set(first.values()).size).toBe(all.length);
        const key = first.get(some[0] ?? "") ?? "";
        const identities = [{ key, callId: "upstream-call-id", cseq: 2 }];
        for (const [uri, ctid] of ctidsOf(some, { identities })) expect(ctid).toBe(first.get(uri));
        for (const uri of all) expect(ctidsOf([uri]).get(uri)).toBe(first.get(uri));
      }),
      runs(100),
    );
  });
});

function ctidsOf(contacts: readonly string[], parts: InputParts = {}): Map<string, string> {
  const register = { contacts: contacts.map((uri) => `<${uri}>`) };
  const { forward } = decideAs("forward", { ...parts, register });
  return new Map(forward.contacts.map(({ asked, ctid }) => [asked.uri, ctid]));
}
