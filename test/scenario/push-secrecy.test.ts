/**
 * Whoever knows how a device is woken can wake it, or have pushes for it sent elsewhere: so nobody is told but the device
 * and its provider, however a phone spells it (RFC 8599 section 13), and it is in nothing that operators keep or see.
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { unescapeUri } from "../../src/sip/escape.ts";
import { call as callApi } from "../http/api.ts";
import { runs } from "../support/effort.ts";
import {
  answerTo,
  headerLine,
  headerLines,
  message,
  methodOf,
  statusOf,
} from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { AOR, BED, DESK, SleepWorld } from "../support/sleepers.ts";
import { SERVER_PLACE } from "../support/world.ts";
import { PLACES, type Place, SECRETS, type Written, written } from "./push-spellings.ts";

const MAIN = "192.0.2.50:5060";

const STEPS = [
  "register",
  "register",
  "refresh",
  "neighbour",
  "call in",
  "call in",
  "redirect",
  "call out",
  "in dialog",
  "REFER",
  "SUBSCRIBE",
  "MESSAGE",
  "dead token",
  "expire",
  "operator",
  "push test",
  "resync",
  "remove",
] as const;
type Step = (typeof STEPS)[number];

/** Two phones of one user, and what happens to them. */
class Story {
  readonly sleep: SleepWorld;
  readonly #written: Written;
  readonly #phone: Phone;
  readonly #neighbour: Phone;
  readonly #api: unknown[] = [];
  #names = 0;
  #said: readonly number[] = [180, 200];
  /** The last answer to a call, for what comes in its dialog. */
  #answer = "";

  constructor(sleep: SleepWorld, how: Written) {
    this.sleep = sleep;
    this.#written = how;
    this.#phone = sleep.world.phone("alice", BED);
    this.#neighbour = sleep.world.phone("alice", DESK);
    for (const phone of [this.#phone, this.#neighbour]) {
      phone.onRequest = (text, from) => this.#answerAt(phone, text, from);
    }
    // Whoever is woken comes.
    sleep.gateway.onPush = ({ purpose }) => {
      if (purpose !== "refresh") this.#register("woken");
    };
  }

  async run(steps: readonly Step[]): Promise<void> {
    this.#register();
    this.sleep.pass(1);
    for (const step of steps) {
      // oxlint-disable-next-line no-await-in-loop -- One after the other.
      await this.#steps[step]();
      this.sleep.pass(0.5);
    }
    await this.#look();
  }

  /** What others than the device itself could read, each with whose secrets it must not have. */
  get shown(): ReadonlyArray<{
    readonly text: string;
    readonly of: Place;
    readonly isSip: boolean;
  }> {
    const { network, recording } = this.sleep.world;
    const sent = network.sent
      .filter(({ from }) => from === SERVER_PLACE)
      .flatMap(({ to, text }) =>
        PLACES.filter((place) => place !== to).map((of) => ({
          text,
          of,
          isSip: !PLACES.some((place) => place === to),
        })),
      );
    const kept = [
      ...recording.lines.map((line) => JSON.stringify(line)),
      ...recording.names,
      JSON.stringify(this.#api),
    ];
    return [...sent, ...kept.flatMap((text) => PLACES.map((of) => ({ text, of, isSip: false })))];
  }

  readonly #steps: Readonly<Record<Step, () => void | Promise<void>>> = {
    register: () => this.#register(this.#name("anew")),
    refresh: () => this.#register(),
    neighbour: () => this.#registerNeighbour(),
    "call in": () => this.#callIn([180, 200]),
    redirect: () => this.#callIn([302]),
    "call out": () => this.#send("INVITE"),
    "in dialog": () => this.#inDialog(),
    REFER: () => this.#send("REFER"),
    SUBSCRIBE: () => this.#send("SUBSCRIBE"),
    MESSAGE: () => this.#send("MESSAGE"),
    "dead token": () => this.#die(),
    expire: () => this.sleep.pass(700),
    operator: async () => this.#look(),
    "push test": async () => this.#ask("POST", `/api/v1/aors/${AOR}/push-test`),
    resync: () => this.#resync(),
    remove: async () => this.#ask("DELETE", `/api/v1/aors/${AOR}`),
  };

  #die(): void {
    const { gateway } = this.sleep;
    gateway.answer = () => ({ result: "dead-token", detail: "it is dead" });
    this.#callIn([200]);
    this.sleep.pass(1);
    gateway.answer = () => ({});
  }

  #resync(): void {
    const scope = { aor: undefined, upstream: undefined, rate: 100 };
    this.sleep.world.server.admin.startResync(scope);
  }

  async #ask(method: "GET" | "POST" | "DELETE", path: string): Promise<void> {
    const body = method === "POST" ? {} : undefined;
    this.#api.push(await callApi(this.sleep.world, method, path, body));
  }

  #name(what: string): string {
    this.#names += 1;
    return `${what}-${this.#names}`;
  }

  #contact(place: Place): string {
    const { display, uriParams, headerParams } = this.#written;
    const secret = SECRETS[place];
    return `${display}<sip:alice@${place}${uriParams(secret)}>${headerParams(secret)}`;
  }

  #contactLine(place: Place): string {
    const { name, fold } = this.#written;
    return `${name}: ${fold}${this.#contact(place)}`;
  }

  #register(callId = "first"): void {
    const headers = [this.#contactLine(BED)];
    this.#phone.register({ contact: "", headers, callId, expires: 600 });
  }

  #registerNeighbour(): void {
    const contact = `<sip:alice@${DESK};pn-provider=fcm;pn-param=${SECRETS[DESK]};pn-prid=${SECRETS[DESK]}>`;
    this.#neighbour.register({ contact, expires: 600 });
    this.sleep.pass(1);
    // It asks who else is there.
    this.#neighbour.register({ contact: "" });
  }

  #callIn(said: readonly number[]): void {
    this.#said = said;
    const callId = this.#name("in");
    for (const contact of this.sleep.contacts) {
      this.sleep.call({ callId, contact, branch: `z9hG4bK-${this.#name("branch")}` });
    }
    this.sleep.pass(8);
    const ok = this.sleep.world.main.responses.findLast((text) => statusOf(text) === 200);
    this.#answer = ok ?? "";
  }

  #answerAt(phone: Phone, text: string, from: string): void {
    if (methodOf(text) === "ACK") return;
    const place = phone.place as Place;
    const statuses = methodOf(text) === "INVITE" ? this.#said : [200];
    for (const status of statuses) {
      const headers = [this.#contactLine(place)];
      phone.send(answerTo(text, status, "Said", { tag: place, headers }), undefined, from);
    }
  }

  /** The caller goes on in the dialog, by what it was told. */
  #inDialog(): void {
    const target = /<(.*)>/u.exec(headerLine(this.#answer, "Contact"))?.[1] ?? "";
    if (target === "") return;
    const text = message(
      `UPDATE ${target} SIP/2.0`,
      `Via: SIP/2.0/UDP ${MAIN};branch=z9hG4bK-${this.#name("update")}`,
      ...headerLines(this.#answer, "Record-Route")
        .toReversed()
        .map((route) => `Route: ${route}`),
      "Max-Forwards: 70",
      `From: ${headerLine(this.#answer, "From")}`,
      `To: ${headerLine(this.#answer, "To")}`,
      `Call-ID: ${headerLine(this.#answer, "Call-ID")}`,
      "CSeq: 2 UPDATE",
      "Content-Length: 0",
    );
    this.sleep.world.main.send(text, SERVER_PLACE);
  }

  /** The phone asks for something itself. */
  #send(method: string): void {
    const name = this.#name("out");
    const referred = method === "REFER" ? [`Refer-To: ${this.#contact(BED)}`] : [];
    this.#phone.send(
      message(
        `${method} sip:bob@sip.test SIP/2.0`,
        `Via: SIP/2.0/UDP ${BED};branch=z9hG4bK-${name};rport`,
        "Max-Forwards: 70",
        "From: <sip:alice@sip.test>;tag=alice",
        "To: <sip:bob@sip.test>",
        `Call-ID: ${name}`,
        `CSeq: 1 ${method}`,
        this.#contactLine(BED),
        ...referred,
        "Content-Length: 0",
      ),
    );
    this.sleep.pass(0.2);
    const request = this.sleep.world.main.requests.at(-1) ?? "";
    if (headerLine(request, "Call-ID") !== name) return;
    const headers = ["Contact: <sip:bob@203.0.113.9>"];
    this.sleep.world.main.send(answerTo(request, 200, "OK", { tag: "bob", headers }), SERVER_PLACE);
  }

  async #look(): Promise<void> {
    for (const path of [`/api/v1/aors/${AOR}`, "/api/v1/aors?view=full", "/api/v1/aors"]) {
      // oxlint-disable-next-line no-await-in-loop -- One after the other.
      await this.#ask("GET", path);
    }
  }
}

/** Escapes undone as often as anybody might undo them. */
function plain(text: string): string {
  return unescapeUri(unescapeUri(unescapeUri(text))).toLowerCase();
}

const PUSH_NAME = /[;?&\s]\s*(?:pn-(?!purr\b)[a-z]|app-id\b)/u;

function leakIn({ text, of, isSip }: Story["shown"][number]): boolean {
  const shown = plain(text);
  return shown.includes(SECRETS[of]) || (isSip && PUSH_NAME.test(shown));
}

test("no push parameter of a contact leaves midreg but to the device itself, nor is it in a log line, metric, decision or API answer", async () => {
  let woken = 0;
  let stories = 0;
  await fc.assert(
    fc.asyncProperty(
      written,
      fc.array(fc.constantFrom(...STEPS), { minLength: 4, maxLength: 12 }),
      fc.constantFrom("contact", "aor", "mirror" as const),
      async (how, steps, mode) => {
        const budget = { perCaller: 0, perDevice: 0, total: 0 };
        const push = { budget, tellsCaller: true, waitingStatus: 180 as const };
        const sleep = await SleepWorld.start({
          policy: { mode },
          push,
          pushPolicy: { hasPurr: true },
        });
        const story = new Story(sleep, how);
        await story.run(steps);
        expect(story.shown.filter(leakIn)).toEqual([]);
        stories += 1;
        woken += sleep.wakes("registered") > 0 ? 1 : 0;
      },
    ),
    runs(200),
  );
  // It says something only where devices are really woken.
  expect(woken).toBeGreaterThan(stories / 20);
}, 300_000);

test("what would give it away is found by this test", () => {
  const found = [
    "Contact: <sip:a@b;pn-prid=x>",
    "m: <sip:a@b;%50N%2dprid=x>",
    "Contact: <sip:a@b>; app-id=x",
    `Contact: <sip:a@b;x=%35ec4e7a>`,
    "Contact: <sip:a@b;pn-purr=x>",
    "Contact: <sip:a@b>",
  ].map((line) =>
    leakIn({ text: `NOTIFY sip:b SIP/2.0\r\n${line}\r\n\r\n`, of: BED, isSip: true }),
  );
  expect(found).toEqual([true, true, true, true, false, false]);
});
