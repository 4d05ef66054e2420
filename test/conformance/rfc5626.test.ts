/**
 * The message flow of RFC 5626 section 9 with midreg in the place of both edge proxies, in mirror mode, before a main registrar
 * that does outbound. What the RFC prints is sent as it stands; what leaves midreg is compared to the byte. It differs where
 * midreg differs: its contact stands for Bob's (ctid), so that it can tell his lifetime, his tokens say what the RFC's
 * hide, an edge that is reached by TCP and reaches the proxy by UDP records both (RFC 5658), and it sends Max-Breadth.
 * Alice is at an address, since no name is looked up here. Not
 * walked: 9.1, since midreg serves nobody who is not registered, and messages 17 to 20, which its transports answer
 * (test/conformance/outbound/keep-alive.test.ts).
 */
import { beforeAll, describe, expect, test } from "vitest";
import { contactsOf } from "../../src/sip/contact.ts";
import { instanceOf } from "../../src/sip/instance-id.ts";
import { paramValue } from "../../src/sip/params.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import {
  answerTo,
  headerLine,
  headerLines,
  message,
  methodOf,
  requestOf,
} from "../support/messages.ts";
import { World } from "../support/world.ts";
import { accept, judge, messageNames, passOn, readMessage } from "./corpus.ts";
import { shown } from "./outbound/edge-scene.ts";

const INSTANCE = "urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF";
const BOB = "192.0.2.2:5060";
const ALICE = "192.0.2.99:5060";
const PROXY = "192.0.2.50:5060";
const EDGES = { ep1: "192.0.2.15:5060", ep2: "192.0.2.16:5060" } as const;

type Edge = keyof typeof EDGES;

/** Contacts of the messages with their reg-id and instance. */
const MESSAGES = [
  ["m01-subscribe", "400 Malformed From", []],
  ["m05-notify", "400 Malformed To", []],
  ["m09-register", "accepted", [["1", INSTANCE]]],
  ["m11-register-200", "accepted", [["1", INSTANCE]]],
  ["m13-register", "accepted", [["2", INSTANCE]]],
  [
    "m16-register-200",
    "accepted",
    [
      ["1", INSTANCE],
      ["2", INSTANCE],
    ],
  ],
] as const;

function flowsIn(text: string): unknown[] {
  const contacts = contactsOf(accept(text));
  if (contacts === undefined || contacts === "*") throw new Error("No contacts");
  return contacts.map(({ params }) => [paramValue(params, "reg-id"), instanceOf(params)]);
}

test("every message of the section that is printed in full is looked at", () => {
  expect(MESSAGES.map(([name]) => name)).toEqual(messageNames("rfc5626"));
});

// The URI <anonymous@example.com> of messages 1 and 5 has no scheme (RFC 3261 section 25.1).
test.each(MESSAGES)("%s: %s", (name, verdict, flows) => {
  const text = readMessage("rfc5626", name);
  expect(judge(text)).toBe(verdict);
  if (verdict !== "accepted") return;
  expect(flowsIn(text)).toEqual(flows);
  expect(passOn(accept(text))).toBe(text);
});

/** What one place sends another: its text with what the tokens say in their place. */
interface Leaving {
  readonly to: string;
  readonly text: string;
}

const NOTHING: Leaving = { to: "", text: "" };

/** Bob, both edges, and the proxy and registrar behind them, which the test plays. */
class Walk {
  readonly edges: Record<Edge, World>;
  /** Contact and Path of Bob's flows, by reg-id. */
  readonly held = new Map<
    string,
    { readonly contact: string; readonly params: string; readonly path: string }
  >();
  tag = "";

  private constructor(edges: Record<Edge, World>) {
    this.edges = edges;
    edges.ep1.main.answering = (text) => [this.#register(text)];
    for (const place of [BOB, ALICE]) edges.ep1.network.listen(place, () => undefined);
  }

  static async open(): Promise<Walk> {
    const ep1 = await startEdge("ep1", new MemoryStore());
    const ep2 = await startEdge("ep2", new MemoryStore(), ep1);
    const walk = new Walk({ ep1, ep2 });
    ep1.transport.connect(BOB);
    ep2.transport.connect(BOB);
    return walk;
  }

  /** EP1 crashes and reboots: its connections are gone, its store is not. */
  async crash(): Promise<void> {
    const { ep1 } = this.edges;
    this.edges.ep1 = await startEdge("ep1", ep1.store, ep1);
  }

  /** Sends a text to an edge; what leaves that for it, 100 left out. */
  send(edge: Edge, from: string, text: string): Leaving[] {
    const world = this.edges[edge];
    const before = world.network.sent.length;
    world.network.send(text, from, EDGES[edge]);
    world.pass(0.1);
    return world.network.sent
      .slice(before)
      .filter((sent) => sent.from === EDGES[edge] && !sent.text.startsWith("SIP/2.0 100"))
      .map(({ to, text: sent }) => ({ to, text: sent }));
  }

  #register(text: string): string {
    const request = requestOf(text);
    const contacts = contactsOf(request);
    if (contacts === undefined || contacts === "*") throw new Error("No contacts");
    for (const { uri: contact, params } of contacts) {
      const path = headerLine(text, "Path");
      this.held.set(paramValue(params, "reg-id") ?? "", { contact, params, path });
    }
    const listed = [...this.held.values()].map(
      ({ contact, params }) => `Contact: <${contact}>${params};expires=3600`,
    );
    const headers = [
      "Supported: path, outbound",
      "Require: outbound",
      ...listed,
      `Path: ${headerLine(text, "Path")}`,
    ];
    return answerTo(text, 200, "OK", { tag: this.tag, headers });
  }
}

async function startEdge(
  edge: Edge,
  store: MemoryStore | World["store"],
  after?: World,
): Promise<World> {
  const [address = "", port] = EDGES[edge].split(":");
  return World.start({
    store,
    hasStreams: true,
    listeners: [[address, Number(port)]],
    ownHosts: [`${edge}.example.com`],
    policy: { mode: "mirror", outboundMode: "edge" },
    ...(after === undefined ? {} : { after }),
  });
}

function tokenOf(edge: Edge, letter: string, connection: string): string {
  return `{${letter} CTID|tcp:${EDGES[edge]}<${BOB}#${connection}}`;
}

/** A printed message without its Via lines, Max-Forwards and Route, one hop further, with lines before the rest. */
function onward(text: string, first: readonly string[]): string {
  const [start = "", ...rest] = text.split("\r\n");
  const kept = rest.filter((line) => !line.startsWith("Route:"));
  return [start, ...first, ...kept].join("\r\n").replace("Max-Forwards: 70", "Max-Forwards: 69");
}

/** Both values of an edge between Bob's TCP and the proxy's UDP, the way out above. */
function recorded(
  edge: Edge,
  letter: string,
  connection: string,
  order: readonly string[],
): string[] {
  return order.map(
    (protocol) =>
      `Record-Route: <sip:${tokenOf(edge, letter, connection)}@${EDGES[edge]};transport=${protocol};lr;r2=on>`,
  );
}

function only(sent: readonly Leaving[]): Leaving {
  expect(sent).toHaveLength(1);
  return sent[0] ?? NOTHING;
}

function shownOf(sent: Leaving): Leaving {
  return { to: sent.to, text: shown(sent.text) };
}

let walk: Walk;

beforeAll(async () => {
  walk = await Walk.open();
});

/** An INVITE as the RFC prints it, with what it leaves out. */
function inviteAlong(path: string, contact: string, branch: string): string {
  return message(
    `INVITE ${contact} SIP/2.0`,
    `Via: SIP/2.0/UDP ${PROXY};branch=${branch}`,
    "Max-Forwards: 70",
    "To: Bob <sip:bob@example.com>",
    "From: Alice <sip:alice@a.example>;tag=02935",
    "Call-ID: klmvCxVWGp6MxJp2T2mb",
    "CSeq: 1 INVITE",
    `Route: ${path}`,
    "Content-Length: 0",
  );
}

describe("9.2 registration", () => {
  test.each([
    ["ep1", "m09-register", "1", "6AF99445E44A"],
    ["ep2", "m13-register", "2", "49A9AD0B3F6A"],
  ] as const)(
    "%s: %s goes on with Path and ob, and its 200 to Bob as it is",
    (edge, name, regId, tag) => {
      walk.tag = tag;
      const text = readMessage("rfc5626", name);
      const [up, down] = walk.send(edge, BOB, text);
      const via = [`Via: SIP/2.0/UDP ${EDGES[edge]};branch=B;rport`];
      const path = `<sip:${tokenOf(edge, "p", "c1")}@${EDGES[edge]};lr;ob>`;
      const contact = `sip:bob@${EDGES[edge]};ctid=CTID`;
      // Messages 10 and 14.
      expect(up && shownOf(up)).toEqual({
        to: PROXY,
        text: onward(text, [...via, `Path: ${path}`])
          .replace("<sip:bob@192.0.2.2;transport=tcp>", `<${contact}>`)
          .replace(
            `\r\n ;+sip.instance="<${INSTANCE}>"`,
            ` ;+sip.instance="<${INSTANCE}>";expires=3600`,
          ),
      });
      // Messages 12 and 16: what an edge holds of Bob is his flow through it, and what is left of its lifetime.
      expect(down && shownOf(down)).toEqual({
        to: BOB,
        text: message(
          "SIP/2.0 200 OK",
          `Via: ${headerLine(text, "Via")}`,
          `From: ${headerLine(text, "From")}`,
          `To: ${headerLine(text, "To")};tag=${tag}`,
          `Call-ID: ${headerLine(text, "Call-ID")}`,
          "CSeq: 1 REGISTER",
          `Contact: <sip:bob@192.0.2.2;transport=tcp>;reg-id=${regId} ;+sip.instance="<${INSTANCE}>";expires=3599`,
          "Require: outbound",
          `Path: ${path}`,
          "Supported: path, outbound",
          "Content-Length: 0",
        ),
      });
    },
  );
});

describe("9.3 incoming call and proxy crash", () => {
  test("messages 22 and 23: an edge that has rebooted does not have the flow: 430", async () => {
    await walk.crash();
    const { path = "", contact = "" } = walk.held.get("1") ?? {};
    const [answer] = walk.send("ep1", PROXY, inviteAlong(path, contact, "z9hG4bK22"));
    expect(answer?.to).toBe(PROXY);
    expect(answer?.text.replace(/^(To: [^\r]*);tag=[\w-]{14}\r/mu, "$1;tag=M\r")).toBe(
      message(
        "SIP/2.0 430 Flow Failed",
        `Via: SIP/2.0/UDP ${PROXY};branch=z9hG4bK22`,
        "To: Bob <sip:bob@example.com>;tag=M",
        "From: Alice <sip:alice@a.example>;tag=02935",
        "Call-ID: klmvCxVWGp6MxJp2T2mb",
        "CSeq: 1 INVITE",
        "Content-Length: 0",
      ),
    );
  });

  let recordedByEp2: readonly string[] = [];

  test("messages 24 to 27: the other edge records its token without ob, and the call is answered", () => {
    const { path = "", contact = "" } = walk.held.get("2") ?? {};
    const invite = only(walk.send("ep2", PROXY, inviteAlong(path, contact, "z9hG4bK24")));
    // Message 25.
    expect(shownOf(invite)).toEqual({
      to: BOB,
      text: message(
        "INVITE sip:bob@192.0.2.2;transport=tcp SIP/2.0",
        `Via: SIP/2.0/TCP ${EDGES.ep2};branch=B;rport`,
        "Max-Breadth: 30",
        ...recorded("ep2", "D", "c1", ["tcp", "udp"]),
        `Via: SIP/2.0/UDP ${PROXY};branch=z9hG4bK24`,
        "Max-Forwards: 69",
        "To: Bob <sip:bob@example.com>",
        "From: Alice <sip:alice@a.example>;tag=02935",
        "Call-ID: klmvCxVWGp6MxJp2T2mb",
        "CSeq: 1 INVITE",
        "Content-Length: 0",
      ),
    });
    const ok = answerTo(invite.text, 200, "OK", { tag: "skduk2" });
    // Message 27 is message 26 without the edge's Via.
    expect(only(walk.send("ep2", BOB, ok))).toEqual({
      to: PROXY,
      text: ok.replace(/^Via: SIP\/2\.0\/TCP 192\.0\.2\.16[^\r]*\r\n/mu, ""),
    });
    recordedByEp2 = headerLines(ok, "Record-Route");
    expect(recordedByEp2).toHaveLength(2);
  });

  test.each([
    ["ACK", 1, "messages 29 and 30"],
    ["BYE", 2, "messages 31 to 34"],
  ])("%s of Alice's, straight to the edge, goes over the flow (%i, %s)", (method, cseq) => {
    const text = message(
      `${method} sip:bob@192.0.2.2;transport=tcp SIP/2.0`,
      `Via: SIP/2.0/UDP ${ALICE};branch=z9hG4bK-${method}`,
      "Max-Forwards: 70",
      "To: Bob <sip:bob@example.com>;tag=skduk2",
      "From: Alice <sip:alice@a.example>;tag=02935",
      "Call-ID: klmvCxVWGp6MxJp2T2mb",
      `CSeq: ${cseq} ${method}`,
      ...recordedByEp2.toReversed().map((route) => `Route: ${route}`),
      "Content-Length: 0",
    );
    const sent = only(walk.send("ep2", ALICE, text));
    const own = `Via: SIP/2.0/TCP ${EDGES.ep2};branch=B;rport`;
    expect({
      to: sent.to,
      text: sent.text.replace(/branch=z9hG4bK(?:-midreg-\d+|[\w-]{14})\.[\w-]{14}/u, "branch=B"),
    }).toEqual({
      to: BOB,
      text: onward(text, [own, "Max-Breadth: 60"]),
    });
    if (method === "ACK") return;
    const ok = answerTo(sent.text, 200, "OK");
    expect(only(walk.send("ep2", BOB, ok))).toEqual({
      to: ALICE,
      text: ok.replace(/^Via: SIP\/2\.0\/TCP 192\.0\.2\.16[^\r]*\r\n/mu, ""),
    });
  });
});

describe("9.4 re-registration", () => {
  test("messages 38 to 41: a new flow has a new token, and goes to the registrar", () => {
    const before = walk.held.get("1")?.path;
    // No two connections have the same name, but here the names begin anew with each start.
    for (const _ of [1, 2]) walk.edges.ep1.transport.connect(BOB);
    const text = readMessage("rfc5626", "m09-register")
      .replace("CSeq: 1", "CSeq: 2")
      .replace("z9hG4bKnashds7", "z9hG4bK38");
    const [up = NOTHING, down = NOTHING] = walk.send("ep1", BOB, text);
    // Message 39.
    expect([methodOf(up.text), up.to]).toEqual(["REGISTER", PROXY]);
    const path = headerLine(up.text, "Path");
    expect(shown(path)).toBe(`<sip:${tokenOf("ep1", "p", "c2")}@${EDGES.ep1};lr;ob>`);
    expect(path).not.toBe(before);
    expect([headerLine(down.text, "Require"), down.to]).toEqual(["outbound", BOB]);
    expect(headerLine(down.text, "Path")).toBe(path);
  });
});

describe("9.5 outgoing call", () => {
  let answered = "";

  test("messages 42 to 47: the edge records the caller's flow, without ob", () => {
    const text = message(
      "INVITE sip:alice@a.example SIP/2.0",
      "Via: SIP/2.0/TCP 192.0.2.2;branch=z9hG4bK42",
      "Max-Forwards: 70",
      "From: Bob <sip:bob@example.com>;tag=ldw22z",
      "To: Alice <sip:alice@a.example>",
      "Call-ID: 95KGsk2V/Eis9LcpBYy3",
      "CSeq: 1 INVITE",
      "Route: <sip:ep1.example.com;lr>",
      "Contact: <sip:bob@192.0.2.2;transport=tcp;ob>",
      "Content-Length: 0",
    );
    const invite = only(walk.send("ep1", BOB, text));
    const own = [`Via: SIP/2.0/UDP ${EDGES.ep1};branch=B;rport`, "Max-Breadth: 60"];
    // Message 43.
    expect(shownOf(invite)).toEqual({
      to: PROXY,
      text: onward(text, [...own, ...recorded("ep1", "O", "c2", ["udp", "tcp"])]),
    });
    answered = answerTo(invite.text, 200, "OK", {
      tag: "plqus8",
      headers: ["Contact: <sip:alice@192.0.2.99>"],
    });
    const [ok] = walk.send("ep1", PROXY, answered);
    expect(ok).toEqual({
      to: BOB,
      text: answered.replace(/^Via: SIP\/2\.0\/UDP 192\.0\.2\.15[^\r]*\r\n/mu, ""),
    });
  });

  test.each([
    ["ACK", 1, "messages 48 and 49"],
    ["BYE", 2, "messages 50 and 51"],
  ])("%s from the flow of the token loses the Route and goes to Alice (%i, %s)", (method, cseq) => {
    const text = message(
      `${method} sip:alice@192.0.2.99 SIP/2.0`,
      `Via: SIP/2.0/TCP 192.0.2.2;branch=z9hG4bK-${method}`,
      "Max-Forwards: 70",
      "From: Bob <sip:bob@example.com>;tag=ldw22z",
      "To: Alice <sip:alice@a.example>;tag=plqus8",
      "Call-ID: 95KGsk2V/Eis9LcpBYy3",
      `CSeq: ${cseq} ${method}`,
      ...headerLines(answered, "Record-Route")
        .toReversed()
        .map((route) => `Route: ${route}`),
      "Contact: <sip:bob@192.0.2.2;transport=tcp;ob>",
      "Content-Length: 0",
    );
    const sent = only(walk.send("ep1", BOB, text));
    const own = `Via: SIP/2.0/UDP ${EDGES.ep1};branch=B;rport`;
    expect({
      to: sent.to,
      text: sent.text.replace(/branch=z9hG4bK(?:-midreg-\d+|[\w-]{14})\.[\w-]{14}/u, "branch=B"),
    }).toEqual({
      to: ALICE,
      text: onward(text, [own, "Max-Breadth: 60"]),
    });
  });
});
