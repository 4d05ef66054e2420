import { describe, expect, test } from "vitest";
import { tableOf } from "../auth/fixtures.ts";
import { DigestPhone } from "../support/digest-phone.ts";
import { checkDigests, type DigestRegistrarOptions } from "../support/digest-registrar.ts";
import { answerTo, headerLine, headerLines, requestOf, statusOf } from "../support/messages.ts";
import { World, type WorldOptions } from "../support/world.ts";

const ALICE = "alice@sip.test";
const ALICE_URI = "sip:alice@sip.test";
const PLACE = "198.51.100.7:40000";

async function build(
  registrar: DigestRegistrarOptions = {},
  options: WorldOptions = {},
): Promise<{ world: World; alice: DigestPhone }> {
  const world = await World.start({
    credentials: tableOf(["alice"]),
    policy: { absorb: "digest" },
    ...options,
  });
  world.main.isStrict = true;
  checkDigests(world.main, registrar);
  return { world, alice: new DigestPhone(world, "alice", PLACE) };
}

describe("midreg answers the main registrar's challenges itself", () => {
  test.each<[string, DigestRegistrarOptions]>([
    ["with qop", {}],
    ["without qop", { params: "" }],
    ["of a proxy on the way", { isProxy: true }],
    ["with an algorithm and something opaque", { params: ', algorithm=MD5, opaque="x"' }],
  ])("%s, and the phone hears of its success only", async (_, registrar) => {
    const { world, alice } = await build(registrar);
    alice.register();
    expect(alice.statuses).toEqual([401, 200]);
    expect(world.main.registers).toHaveLength(2);
    expect(world.record(ALICE)?.bindings[0]?.upstream.cseq).toBe(2);
    expect(world.main.contactsFor(ALICE_URI)).toHaveLength(1);
  });

  test("as the same registration, with another branch and the next CSeq", async () => {
    const { world, alice } = await build();
    alice.register();
    const [first, second] = world.main.registers.map((text) => requestOf(text));
    expect(second?.callId).toBe(first?.callId);
    expect(second?.fromTag).toBe(first?.fromTag);
    expect([first?.cseq.number, second?.cseq.number]).toEqual([1, 2]);
    expect(second?.via.branch).not.toBe(first?.via.branch);
    expect(second?.uri).toBe(first?.uri);
  });

  test("once more when its nonce was stale, and then no more", async () => {
    const once = await build({ staleAnswers: 1 });
    once.alice.register();
    expect(once.alice.statuses).toEqual([401, 200]);
    expect(once.world.main.registers).toHaveLength(3);
    expect(headerLines(once.world.main.registers[2] ?? "", "Authorization")).toHaveLength(1);
    const always = await build({ staleAnswers: 99 });
    always.alice.register();
    expect(always.alice.statuses).toEqual([401, 403]);
    expect(always.world.main.registers).toHaveLength(3);
  });

  test("for a later change under the same identity, whose numbers go on", async () => {
    const { world, alice } = await build();
    alice.register();
    alice.send({ expires: 0 });
    expect(alice.statuses).toEqual([401, 200, 200]);
    const numbers = world.main.registers.map((text) => requestOf(text).cseq.number);
    expect(numbers).toEqual([1, 2, 3, 4]);
    expect(world.main.contactsFor(ALICE_URI)).toEqual([]);
    expect(world.record(ALICE)).toBeUndefined();
  });

  test("while a retransmission of the phone's is waiting for the answer too", async () => {
    const { world, alice } = await build();
    alice.send();
    alice.challenged();
    const text = alice.phone.buildRegister({ headers: [alice.authorization()] });
    alice.phone.send(text);
    alice.phone.send(text);
    world.pass(1);
    alice.phone.send(text);
    world.pass(1);
    expect(alice.statuses).toEqual([401, 200, 200]);
    expect(world.main.registers).toHaveLength(2);
  });
});

describe("where midreg cannot answer", () => {
  test("and the phone has the same realm, it is refused instead of sent in circles", async () => {
    const credentials = tableOf(["alice"]);
    const { world, alice } = await build({ params: ", algorithm=SHA-1" }, { credentials });
    alice.register();
    expect(alice.statuses).toEqual([401, 403]);
    expect(world.main.registers).toHaveLength(1);
    expect(world.record(ALICE)).toBeUndefined();
    const warnings = world.recording.lines.filter(({ level }) => level === "warn");
    expect(warnings.at(-1)).toMatchObject({
      fields: { aor: ALICE },
      text: "main registrar does not accept the stored credentials",
    });
  });

  test("since there is no digest challenge at all, the answer goes to the phone as it is", async () => {
    const { world, alice } = await build();
    world.main.answering = (text) => [
      answerTo(text, 401, "Unauthorized", { headers: ["WWW-Authenticate: Bearer x=y"] }),
    ];
    alice.register();
    expect(alice.statuses).toEqual([401, 401]);
    expect(headerLine(alice.phone.last, "WWW-Authenticate")).toBe("Bearer x=y");
  });

  test("another realm's challenge goes to the phone, whose answer goes on untouched", async () => {
    const { world, alice } = await build({ realm: "main.test" });
    alice.register();
    expect(alice.statuses).toEqual([401, 401]);
    expect(headerLine(alice.phone.last, "WWW-Authenticate")).toContain('realm="main.test"');
    world.main.answering = undefined;
    const other = 'Authorization: Digest username="a", realm="main.test", nonce="n", uri="u"';
    alice.send({ headers: [other] });
    expect(statusOf(alice.phone.last)).toBe(200);
    const sent = headerLines(world.main.registers.at(-1) ?? "", "Authorization");
    expect(sent.map((value) => `Authorization: ${value}`)).toEqual([other]);
  });

  test("a challenge to the phone's own credentials goes to the phone", async () => {
    const credentials = tableOf(["alice"]);
    for (const algorithm of ["MD5", "SHA-256"] as const) {
      credentials.add({ username: "alice", realm: "main.test", algorithm, ha1: "0" });
    }
    const { world, alice } = await build({ realm: "main.test" }, { credentials });
    const other = 'Authorization: Digest username="a", realm="main.test", nonce="n", uri="u"';
    alice.register({ headers: [other] });
    expect(statusOf(alice.phone.last)).toBe(401);
    expect(world.main.registers).toHaveLength(1);
  });
});

test("a phone's credentials for some other realm keep midreg from nothing", async () => {
  const { world, alice } = await build();
  const other = 'Authorization: Digest username="a", realm="elsewhere", nonce="n", uri="u"';
  const answering = world.main.answering;
  // This registrar minds its own realm only.
  world.main.answering = (text) => answering?.(text.replace(`${other}\r\n`, "")) ?? [];
  alice.register({ headers: [other] });
  expect(alice.statuses).toEqual([401, 200]);
  expect(headerLines(world.main.registers[1] ?? "", "Authorization")).toHaveLength(2);
});

test.each(["proven", "open"] as const)(
  "with auth.absorb %s nobody is registered with a password he has not shown",
  async (absorb) => {
    const { world, alice } = await build({}, { policy: { absorb } });
    alice.phone.register();
    world.pass(1);
    expect(alice.statuses).toEqual([401]);
    expect(headerLine(alice.phone.last, "WWW-Authenticate")).toContain('nonce="main-1"');
    expect(world.main.registers).toHaveLength(1);
  },
);

describe("de-registrations answer challenges", () => {
  test.each<[string, DigestRegistrarOptions]>([
    ["of the registrar", {}],
    ["of a proxy on the way", { isProxy: true }],
    ["whose first nonce was stale", { staleAnswers: 1 }],
  ])("%s", async (_, registrar) => {
    const { world, alice } = await build();
    alice.register();
    checkDigests(world.main, registrar);
    world.pass(70);
    expect(world.record(ALICE)).toBeUndefined();
    expect(world.main.contactsFor(ALICE_URI)).toEqual([]);
    expect([...world.store.deRegistrations()]).toEqual([]);
  });

  test("in proven mode too, where there are credentials", async () => {
    const credentials = tableOf(["alice"]);
    const { world, alice } = await build({}, { credentials, policy: { absorb: "proven" } });
    alice.register();
    expect(alice.statuses).toEqual([401, 200]);
    world.pass(70);
    expect(world.main.contactsFor(ALICE_URI)).toEqual([]);
    expect([...world.store.deRegistrations()]).toEqual([]);
  });

  test("and wait as before where there are none, with numbers that go on", async () => {
    const { world, alice } = await build({}, { credentials: tableOf([ALICE]) });
    alice.register({}, { username: ALICE });
    checkDigests(world.main, { realm: "main.test" });
    world.pass(70);
    expect([...world.store.deRegistrations()]).toHaveLength(1);
    const before = world.main.registers.length;
    world.pass(10);
    expect(world.main.registers.length).toBeGreaterThan(before);
    checkDigests(world.main);
    world.pass(60);
    expect([...world.store.deRegistrations()]).toEqual([]);
    const numbers = world.main.registers.map((text) => requestOf(text).cseq.number);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });
});
