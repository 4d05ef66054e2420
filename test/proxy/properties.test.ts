import * as fc from "fast-check";
import { expect, test } from "vitest";
import { buildFlowToken } from "../../src/location/flow-token.ts";
import { temporaryGruu } from "../../src/location/gruu.ts";
import { decideRequest } from "../../src/proxy/decide-request.ts";
import { HEADER } from "../../src/sip/header-name.ts";
import { bodyOf, headerValues, type SipRequest } from "../../src/sip/message.ts";
import { parseMessage } from "../../src/sip/parse-message.ts";
import {
  AOR,
  buildBinding,
  CONTACT,
  CTID,
  SENT_BY,
  SOURCE,
  UPSTREAM_CONTACT,
} from "../registrar/fixtures.ts";
import { runs } from "../support/effort.ts";
import { requestOf } from "../support/messages.ts";
import { SequentialIds } from "../support/sequential-ids.ts";
import {
  buildInput,
  type FirstBranch,
  INSIDE_SENT_BY,
  INSIDE_SOURCE,
  type InputParts,
  ownRoute,
  relayedText,
  requestText,
  withFirstBranch,
} from "./fixtures.ts";

const IDS = new SequentialIds();
const INSTANCE = ';+sip.instance="<urn:x-y:1>"';
const TEMPORARY =
  temporaryGruu(AOR, buildBinding(), "urn:x-y:1", { keys: IDS, host: SENT_BY }) ?? "";

/** A Path of midreg's own, as the main registrar gives it back. */
function pathOf(flow: string, ctid = CTID): string {
  return `<sip:${buildFlowToken({ flow, ctid }, (text) => IDS.mac(text))}@${SENT_BY};lr;ob>`;
}

const route = fc.constantFrom(
  `<sip:${SENT_BY};lr>`,
  `<sip:${INSIDE_SENT_BY};lr>`,
  ownRoute(),
  ownRoute({ tag: "alice" }),
  ownRoute({ role: "caller", ctid: "" }),
  ownRoute().replace("sip:d", "sip:o"),
  ownRoute({ isEdge: true }),
  pathOf(INSIDE_SOURCE),
  pathOf("udp:gone<198.51.100.7:1"),
  pathOf(SOURCE, "0000000000000009"),
  pathOf(INSIDE_SOURCE).replace(/\.../u, ".AA"),
  '"x, y" <sip:next.test;lr>',
  "<sip:strict.test>",
  `<sip:${SENT_BY};lr>, <sip:next.test;lr>`,
);
const binding = fc
  .record({
    params: fc.constantFrom("", INSTANCE, `${INSTANCE};reg-id=1`),
    path: fc.constantFrom("", "<sip:edge.test;lr>", '"a, <b>" <sip:edge.test;lr>, <sip:x;lr>', "<"),
    contact: fc.constantFrom(CONTACT, "sip:a@h?X=y", "sips:h;method=BYE"),
    source: fc.constantFrom(INSIDE_SOURCE, "udp:gone<198.51.100.7:1"),
  })
  .map((parts) => buildBinding(parts));
const inputs: fc.Arbitrary<InputParts> = fc.record({
  method: fc.constantFrom("INVITE", "ACK", "BYE", "OPTIONS", "MESSAGE", "FOO"),
  uri: fc.constantFrom(
    UPSTREAM_CONTACT,
    CONTACT,
    `sip:${SENT_BY}`,
    "tel:+49",
    "im:x",
    "sip:x@[::1]",
    "sip:alice@sip.test;gr=urn:x-y:1",
    "sip:alice@sip.test;gr=urn:x-y:2",
    "sip:carol@sip.test;gr=urn:x-y:1",
    "sip:alice@sip.test;gr",
    `sip:tgruu.${"A".repeat(128)}@${SENT_BY};gr`,
    TEMPORARY,
  ),
  from: fc.constantFrom("<sip:bob@sip.test>;tag=bob", "<sip:x@y>;tag=alice", "<sip:bob@sip.test>"),
  to: fc.constantFrom("<sip:alice@sip.test>", "<sip:x@y>;tag=alice", "<sip:x@y>;tag=bob"),
  maxForwards: fc.constantFrom("70", "70", "1", "0", "00", ""),
  routes: fc.array(route, { maxLength: 3 }),
  headers: fc.subarray([
    "Record-Route: <sip:x;lr>",
    "X-Odd: \xff",
    "k: path",
    'm: <sip:a@h;pn-prid=SECRET;x>;q=1, "y" <sip:b@h>;pn-tok="SECRET"',
    "Contact: <sip:a@h;%70N-prid=SECRET",
    "Max-Breadth: 3",
  ]),
  sender: fc.constantFrom("upstream", "device", "stranger"),
  bindings: fc.array(binding, { maxLength: 1 }),
});

function broken(rules: Readonly<Record<string, boolean>>): string[] {
  return Object.keys(rules).filter((name) => rules[name] !== true);
}

/** The rules that a decision breaks. */
function faultsOf(request: SipRequest, given: InputParts, decision: FirstBranch): string[] {
  if (decision.kind === "respond") {
    return broken({
      "a final status": decision.status >= 200,
      "whole header lines": /^(?:[\w-]+: [^\r\n]*\r\n)*$/u.test(decision.headers),
    });
  }
  const sent = requestOf(relayedText(decision));
  const counts = [sent, request].map((one) => headerValues(one, HEADER.recordRoute).length);
  const recorded = (counts[0] ?? 0) - (counts[1] ?? 0);
  const [before = "71"] = headerValues(request, HEADER.maxForwards);
  const isSealed = given.routes?.some((value) => /^<sip:[doD][\w-]{20}/u.test(value)) === true;
  return broken({
    "the same request": [sent, request].map(nameOf).every((name, _, all) => name === all[0]),
    "the same Via": headerValues(sent, HEADER.via).length === 1,
    "the same body": bodyOf(sent) === bodyOf(request),
    "one hop less":
      Number(headerValues(sent, HEADER.maxForwards).join("; ")) === Number(before) - 1,
    "Record-Route outside of dialogs": recorded <= (request.toTag === "" ? 2 : 0),
    "strangers with a seal only": given.sender !== "stranger" || (isSealed && recorded === 0),
    "no push token of a device leaves": given.sender !== "device" || !sent.text.includes("SECRET"),
    "a Path for the main registrar only, and over its flow": isPathKept(given, decision),
    "breadth as it came": decision.breadth === breadthOf(given),
    "devices by their flow":
      decision.direction !== "to-device" || decision.nextHop?.kind !== "upstream",
  });
}

/** What goes to a device along a Path comes from the main registrar, and goes over the flow of the token. */
function isPathKept(
  { sender, to }: InputParts,
  { isEdge, nextHop }: Extract<FirstBranch, { readonly kind: "relay" }>,
): boolean {
  // Inside dialogs their own tokens count.
  if (isEdge !== true || to?.includes(";tag=") === true) return true;
  const flows = [INSIDE_SOURCE, "udp:gone<198.51.100.7:1"];
  return sender === "upstream" && (nextHop?.kind !== "flow" || flows.includes(nextHop.flow));
}

function breadthOf({ headers = [] }: InputParts): number {
  return headers.includes("Max-Breadth: 3") ? 3 : 60;
}

function nameOf({ method, callId, cseq, fromTag, toTag }: SipRequest): string {
  return [method, callId, cseq.number, fromTag, toTag].join(" ");
}

test("any request is relayed or answered, and what is relayed is the request with few lines changed", () => {
  fc.assert(
    fc.property(inputs, (given) => {
      const input = buildInput(given);
      expect(faultsOf(input.request, given, withFirstBranch(decideRequest(input)))).toEqual([]);
    }),
    runs(1500),
  );
});

test("damaged requests end no worse", () => {
  const junk = fc.constantFrom("", "<", '"', ";", ",", "%", "\r\n ", "\0");
  const edits = fc.array(fc.tuple(fc.noBias(fc.nat(9999)), fc.nat(3), junk), {
    minLength: 1,
    maxLength: 2,
  });
  fc.assert(
    fc.property(inputs, edits, (given, changes) => {
      const text = changes.reduce((before, [at, drop, more]) => {
        const start = Math.floor((at / 10_000) * before.length);
        return before.slice(0, start) + more + before.slice(start + drop);
      }, requestText(given));
      const request = parseMessage(text);
      if (request.kind !== "request") return;
      const decision = withFirstBranch(decideRequest({ ...buildInput(given), request }));
      const sent = decision.text === undefined ? "request" : parseMessage(decision.text).kind;
      expect(sent).toBe("request");
    }),
    runs(1000),
  );
});
