import { describe, expect, test } from "vitest";
import type { Binding } from "../../src/location/binding.ts";
import type { RegisterPolicy } from "../../src/registrar/register-policy.ts";
import { answerOf, ok } from "./answer-fixtures.ts";
import { buildBinding, decide, decideAs, type InputParts, NOW_MS } from "./fixtures.ts";

const INSTANCE = ';+sip.instance="<urn:uuid:a>"';

/** A binding that was heard so long ago. */
function heard(ctid: string, agoMs: number, params = ""): Binding {
  return buildBinding({ ctid, contact: `sip:alice@${ctid}`, params, updatedAtMs: NOW_MS - agoMs });
}

/** Bindings "old", "new" and "mid" by when they were heard last; "mid" is of the instance. */
function three(): Binding[] {
  return [heard("new", 1000), heard("old", 9000), heard("mid", 5000, INSTANCE)];
}

function parts(
  maxContactsPolicy: RegisterPolicy["maxContactsPolicy"],
  maxContacts: number,
  contacts: readonly string[],
): InputParts {
  return { policy: { maxContacts, maxContactsPolicy }, bindings: three(), register: { contacts } };
}

const NEXT = `<sip:alice@next>${INSTANCE};expires=60`;
const STRANGER = "<sip:alice@stranger>;expires=60";

describe("a REGISTER over max_contacts", () => {
  test.each<[string, InputParts, readonly string[]]>([
    ["the oldest", parts("evict-oldest", 3, [NEXT]), ["old"]],
    ["the two oldest for two", parts("evict-oldest", 3, [NEXT, STRANGER]), ["old", "mid"]],
    [
      "the oldest but for one it refreshes",
      parts("evict-oldest", 3, ["<sip:alice@old>", NEXT]),
      ["mid"],
    ],
    [
      "nothing when it removes one itself",
      parts("evict-oldest", 3, ["<sip:alice@mid>;expires=0", NEXT]),
      [],
    ],
    ["nothing below the limit", parts("evict-oldest", 4, [NEXT]), []],
    ["one of its own instance", parts("evict-same-instance", 3, [NEXT]), ["mid"]],
    [
      "as many as the limit was lowered by",
      parts("evict-oldest", 1, [NEXT]),
      ["old", "mid", "new"],
    ],
  ])("evicts %s", (_, given, ctids) => {
    const { forward } = decideAs("forward", given);
    expect(forward.evicted.map(({ ctid }) => ctid)).toEqual(ctids);
    // Nothing of it goes upstream with the REGISTER itself.
    for (const ctid of ctids) expect(forward.affected).not.toContain(ctid);
  });

  test.each<[string, InputParts]>([
    ["whatever there is, when told to refuse", parts("refuse", 3, [NEXT])],
    ["of a device that has no other contact", parts("evict-same-instance", 3, [STRANGER])],
    ["that brings two where one may go", parts("evict-same-instance", 3, [NEXT, STRANGER])],
    ["that brings more than the limit by itself", parts("evict-oldest", 1, [NEXT, STRANGER])],
  ])("is refused: one %s", (_, given) => {
    expect(decide(given)).toMatchObject({ reason: "too-many-contacts", status: 503 });
  });

  test("evicts no binding that has expired anyway", () => {
    const bindings = [
      buildBinding({ ctid: "gone", contact: "sip:x@h", expiresAtMs: NOW_MS }),
      ...three(),
    ];
    const { forward } = decideAs("forward", { ...parts("evict-oldest", 3, [NEXT]), bindings });
    expect(forward.evicted.map(({ ctid }) => ctid)).toEqual(["old"]);
  });
});

/** A 2xx that lists what was asked for. */
function accept(text: string): string {
  return ok([/^Contact: (.*)$/mu.exec(text.replaceAll("\r", ""))?.[1] ?? ""])(text);
}

describe("what has been evicted", () => {
  const given = parts("evict-oldest", 3, [NEXT]);
  test("goes with the 2xx, in the same change, and is owed upstream", () => {
    const { change, text } = answerOf({ ...given, answer: accept });
    expect(change?.remove).toEqual(["old"]);
    expect(change?.enqueue).toMatchObject([{ ctid: "old", attempts: 0, upstream: { cseq: 7 } }]);
    expect(change?.put).toHaveLength(1);
    expect(text).not.toContain("sip:alice@old");
    expect(text).toContain("sip:alice@next");
  });

  test("is owed nothing when the main registrar has forgotten it", () => {
    const bindings = three().map((binding) => ({
      ...binding,
      upstream: { ...binding.upstream, expiresAtMs: NOW_MS },
    }));
    const { change } = answerOf({ ...given, bindings, answer: accept });
    expect(change).toMatchObject({ remove: ["old"], enqueue: [] });
  });

  test.each([
    ["a refusal", (text: string) => ok([])(text).replace("200 OK", "403 Forbidden")],
    ["a 2xx that lists nothing", ok([])],
    ["silence", () => undefined],
  ])("stays after %s", (_, answer) => {
    expect(answerOf({ ...given, answer }).change).toBeUndefined();
  });

  test("keeps the newest CSeq, and the longest life that a lost answer may have given it", () => {
    const { forward } = decideAs("forward", {
      ...given,
      identities: [{ key: "old", callId: "upstream-call-id", cseq: 12 }],
      doubted: ["old"],
    });
    expect(forward.evicted).toMatchObject([
      { upstream: { cseq: 11, expiresAtMs: NOW_MS + 3_600_000 } },
    ]);
  });
});
