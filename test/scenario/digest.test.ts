import { describe, expect, test } from "vitest";
import { CredentialTable } from "../../src/auth/credential-table.ts";
import { MAX_AUTH_FAILURES_PER_USER } from "../../src/server/limits.ts";
import { credentialOf, tableOf } from "../auth/fixtures.ts";
import { challengesOf, DigestPhone } from "../support/digest-phone.ts";
import { headerLine, headerLines, statusOf } from "../support/messages.ts";
import { World, type WorldOptions } from "../support/world.ts";

const ALICE = "alice@sip.test";
const PLACE = "198.51.100.7:40000";

interface Scene {
  readonly world: World;
  readonly alice: DigestPhone;
}

async function build(options: WorldOptions = {}): Promise<Scene> {
  const world = await World.start({
    credentials: tableOf(["alice", "bob"]),
    ...options,
    policy: { absorb: "digest", ...options.policy },
  });
  return { world, alice: new DigestPhone(world, "alice", PLACE) };
}

async function registered(options: WorldOptions = {}): Promise<Scene> {
  const scene = await build(options);
  scene.alice.register();
  expect(scene.alice.statuses).toEqual([401, 200]);
  expect(scene.world.main.registers).toHaveLength(1);
  return scene;
}

function failures(world: World, reason: string): number {
  return world.recording.metrics.counter("auth_failures_total", { reason }).n;
}

function rejected(world: World, reason: string): number {
  return world.recording.metrics.counter("registers_total", { result: "rejected", reason }).n;
}

/** Whether the last answer says that only the nonce was too old. */
function isStale({ phone }: DigestPhone): boolean {
  return challengesOf(phone.last).every((challenge) => challenge.get("stale") === "true");
}

describe("with auth.absorb digest, midreg challenges by itself", () => {
  test("once for each algorithm, the strongest on top, and main registrar and store hear nothing", async () => {
    const { world, alice } = await build();
    alice.send();
    expect(alice.statuses).toEqual([401]);
    const challenges = challengesOf(alice.phone.last);
    expect(challenges.map((params) => params.get("algorithm"))).toEqual(["SHA-256", "MD5"]);
    expect(challenges.map((params) => params.get("realm"))).toEqual(["sip.test", "sip.test"]);
    expect(challenges.every((params) => params.get("qop") === "auth")).toBe(true);
    expect(challenges.some((params) => params.has("stale"))).toBe(false);
    expect(headerLine(alice.phone.last, "To")).toContain(";tag=");
    expect(world.main.registers).toEqual([]);
    expect(world.record(ALICE)).toBeUndefined();
    expect(rejected(world, "no-credentials")).toBe(1);
    expect(failures(world, "wrong-response")).toBe(0);
  });

  test("and registers who answers, without showing the answer to the main registrar", async () => {
    const { world } = await registered();
    expect(headerLines(world.main.registers[0] ?? "", "Authorization")).toEqual([]);
    expect(world.record(ALICE)?.bindings).toHaveLength(1);
  });

  test("with the configured realm, algorithms and protection", async () => {
    const { alice } = await registered({
      digest: { realm: "the realm", algorithms: ["MD5"], hasQop: false },
      credentials: tableOf(["alice"], "the realm"),
    });
    const [first = ""] = alice.phone.responses;
    expect(challengesOf(first).map((params) => Object.fromEntries(params))).toEqual([
      { realm: "the realm", algorithm: "MD5", nonce: expect.any(String) },
    ]);
  });

  test("with the algorithms only that a user's credentials are there for", async () => {
    const credentials = new CredentialTable();
    credentials.add(credentialOf("alice", "MD5"));
    const { alice } = await registered({ credentials });
    const [first = ""] = alice.phone.responses;
    expect(challengesOf(first).map((params) => params.get("algorithm"))).toEqual(["MD5"]);
  });

  test("everybody that is not registered, fetches and removals included", async () => {
    const { world, alice } = await registered();
    for (const options of [{ contact: "" }, { expires: 0 }, { contact: "*", expires: 0 }]) {
      const bare = world.phone("alice", "203.0.113.66:5060");
      bare.register(options);
      world.pass(1);
      expect(bare.statuses).toEqual([401]);
      expect(headerLine(bare.last, "Contact")).toBe("");
    }
    expect(world.main.registers).toHaveLength(1);
    alice.send({ contact: "" });
    expect(headerLine(alice.phone.last, "Contact")).toContain(`<sip:alice@${PLACE}>;expires=`);
    expect(world.main.registers).toHaveLength(1);
    alice.send({ expires: 0 });
    expect(statusOf(alice.phone.last)).toBe(200);
    expect(world.main.registers).toHaveLength(2);
    expect(world.record(ALICE)).toBeUndefined();
  });
});

describe("what has good credentials is absorbed", () => {
  test("again and again with one nonce, as long as the count rises", async () => {
    const { world, alice } = await registered();
    for (let round = 0; round < 5; round += 1) alice.send();
    expect(alice.statuses).toEqual([401, 200, 200, 200, 200, 200, 200]);
    expect(world.main.registers).toHaveLength(1);
  });

  test("from a new address and with a new Call-ID, and calls follow", async () => {
    const { world, alice } = await registered();
    const moved = "203.0.113.9:41000";
    world.network.listen(moved, (text) => alice.phone.responses.push(text));
    alice.send({ from: moved, callId: "another", headers: ["Path: <sip:edge.test;lr>"] });
    expect(statusOf(alice.phone.last)).toBe(200);
    expect(world.main.registers).toHaveLength(1);
    expect(world.record(ALICE)?.bindings[0]).toMatchObject({
      source: `udp:192.0.2.1:5060<${moved}`,
      callId: "another",
      path: "<sip:edge.test;lr>",
    });
  });

  test("under the whole address-of-record as user name", async () => {
    const { world, alice } = await build({ credentials: tableOf([ALICE]) });
    alice.register({}, { username: ALICE });
    expect(alice.statuses).toEqual([401, 200]);
    expect(world.record(ALICE)?.bindings).toHaveLength(1);
  });

  test("a retransmission gets the same 200 again and moves nothing", async () => {
    const { world, alice } = await registered();
    const text = alice.send();
    const before = world.record(ALICE);
    alice.phone.send(text);
    world.pass(1);
    const [, , first = "", second = ""] = alice.phone.responses;
    expect(statusOf(second)).toBe(200);
    expect(headerLine(second, "To")).toBe(headerLine(first, "To"));
    expect(world.record(ALICE)).toEqual(before);
    expect(world.main.registers).toHaveLength(1);
  });

  test("a retransmitted fetch, of which nothing is stored, gets its 200 again too", async () => {
    const { world, alice } = await registered();
    const text = alice.send({ contact: "" });
    alice.phone.send(text);
    world.pass(1);
    expect(alice.statuses.slice(-2)).toEqual([200, 200]);
  });

  test("a phone older than qop gets a new nonce for each request", async () => {
    const { alice } = await build();
    const plain = { isPlain: true };
    alice.register({}, plain);
    alice.register({}, plain);
    expect(alice.statuses).toEqual([401, 200, 401, 200]);
  });
});

describe("a nonce is stale", () => {
  test("after its lifetime, which the right password is told", async () => {
    const { alice, world } = await registered({ policy: { minExpiresSec: 600 } });
    world.pass(301);
    alice.send();
    expect(statusOf(alice.phone.last)).toBe(401);
    expect(isStale(alice)).toBe(true);
    alice.challenged();
    alice.send();
    expect(statusOf(alice.phone.last)).toBe(200);
    expect(world.main.registers).toHaveLength(1);
  });

  test("but a wrong password is not told so", async () => {
    const { alice, world } = await registered();
    world.pass(301);
    alice.send({}, { password: "wrong" });
    expect(statusOf(alice.phone.last)).toBe(401);
    expect(isStale(alice)).toBe(false);
  });

  test("when it comes from another registrar or another start of midreg", async () => {
    const { alice, world } = await registered();
    alice.send({}, { nonce: "made elsewhere" });
    expect(isStale(alice)).toBe(true);
    const next = await World.start({
      clock: world.clock,
      store: world.store,
      credentials: tableOf(["alice"]),
      policy: { absorb: "digest" },
    });
    const before = alice.authorization();
    const phone = next.phone("alice", PLACE);
    phone.cseq = alice.phone.cseq;
    phone.register({ headers: [before] });
    next.pass(1);
    expect(phone.statuses).toEqual([401]);
    expect(challengesOf(phone.last)[0]?.get("stale")).toBe("true");
  });
});

describe("a request that somebody has overheard is good for nothing", () => {
  test.each([
    ["with another Contact", { contact: "<sip:alice@203.0.113.66:5060>" }],
    ["from another address", { from: "203.0.113.66:5060" }],
    ["with another CSeq", { cseq: 99 }],
    ["as a removal", { expires: 0 }],
  ])("%s", async (_, options) => {
    const { world, alice } = await registered();
    alice.send();
    const before = world.record(ALICE);
    const mallory: string[] = [];
    world.network.listen("203.0.113.66:5060", (text) => mallory.push(text));
    alice.send({ cseq: alice.phone.cseq, ...options }, { nc: 2 });
    const answer = mallory[0] ?? alice.phone.last;
    expect(statusOf(answer)).toBe(401);
    expect(challengesOf(answer)[0]?.get("stale")).toBe("true");
    expect(world.record(ALICE)).toEqual(before);
    expect(world.main.registers).toHaveLength(1);
    expect(failures(world, "spent-nonce")).toBe(1);
  });

  test("nor byte for byte, once its retransmissions are over", async () => {
    const { world, alice } = await registered();
    const text = alice.send();
    world.pass(40);
    alice.phone.send(text);
    world.pass(1);
    expect(statusOf(alice.phone.last)).toBe(401);
  });
});

describe("wrong credentials", () => {
  test("are challenged again, and counted", async () => {
    const { world, alice } = await build();
    alice.register({}, { password: "wrong" });
    expect(alice.statuses).toEqual([401, 401]);
    expect(isStale(alice)).toBe(false);
    expect(failures(world, "wrong-response")).toBe(1);
    expect(world.main.registers).toEqual([]);
  });

  test("of nobody known, for another domain, or malformed, are no better", async () => {
    const { world, alice } = await build();
    alice.register({}, { username: "carol" });
    alice.challenged();
    alice.send({}, { uri: "sip:elsewhere.test" });
    alice.challenged();
    alice.send({}, { params: { cnonce: undefined } });
    expect(alice.statuses).toEqual([401, 401, 401, 401]);
    expect(failures(world, "unknown-user")).toBe(1);
    expect(failures(world, "foreign-uri")).toBe(1);
    expect(failures(world, "malformed")).toBe(1);
    expect(world.main.registers).toEqual([]);
  });

  test("of another user are forbidden, however right they are", async () => {
    const { world, alice } = await registered();
    const before = world.record(ALICE);
    const thief = new DigestPhone(world, "alice", "203.0.113.66:5060");
    thief.register({}, { username: "bob" });
    expect(thief.statuses).toEqual([401, 403]);
    expect(failures(world, "forbidden")).toBe(1);
    expect(world.record(ALICE)).toEqual(before);
    alice.send();
    expect(statusOf(alice.phone.last)).toBe(200);
  });

  test("beyond a number get no answer, until some time has passed", async () => {
    const { world, alice } = await build();
    alice.send();
    alice.challenged();
    for (let tries = 0; tries < MAX_AUTH_FAILURES_PER_USER; tries += 1) {
      alice.send({}, { password: "wrong" });
    }
    const heard = alice.statuses.length;
    alice.send({}, { password: "wrong" });
    alice.send();
    expect(alice.statuses).toHaveLength(heard);
    expect(failures(world, "slowed")).toBe(2);
    expect(world.main.registers).toEqual([]);
    world.pass(20);
    alice.send();
    expect(statusOf(alice.phone.last)).toBe(200);
  });

  test("do not keep other users of the same address from registering", async () => {
    const { world, alice } = await build();
    alice.send();
    alice.challenged();
    for (let tries = 0; tries < 20; tries += 1) alice.send({}, { password: "wrong" });
    const bob = new DigestPhone(world, "bob", "198.51.100.7:40001");
    bob.register();
    expect(bob.statuses).toEqual([401, 200]);
  });

  test("sent under the address of somebody else do not silence it", async () => {
    const { world, alice } = await registered();
    const mallory = new DigestPhone(world, "alice", "203.0.113.66:5060");
    mallory.send();
    mallory.challenged();
    for (let tries = 0; tries < 150; tries += 1) {
      const wrong = mallory.authorization({ password: "wrong" });
      mallory.phone.register({ from: PLACE, headers: [wrong] });
    }
    // At once, while strangers are not heard there.
    alice.send();
    expect(failures(world, "slowed")).toBe(50);
    expect(statusOf(alice.phone.last)).toBe(200);
  });

  test("and a nonce of another address is no way around the limit", async () => {
    const { world, alice } = await registered();
    const mallory = "203.0.113.66:5060";
    const heard: string[] = [];
    world.network.listen(mallory, (text) => heard.push(text));
    for (let tries = 0; tries < 150; tries += 1) {
      const wrong = alice.authorization({ password: `guess ${tries}` });
      alice.phone.register({ from: mallory, headers: [wrong] });
    }
    alice.phone.register({ from: mallory, headers: [alice.authorization()] });
    world.pass(1);
    expect(heard.map(statusOf).filter((status) => status !== 401)).toEqual([]);
    expect(heard).toHaveLength(151);
    expect(failures(world, "wrong-response")).toBe(100);
    expect(failures(world, "slowed")).toBe(51);
  });
});

test("the log of refusals holds no credentials", async () => {
  const { world, alice } = await build();
  alice.register({}, { password: "wrong" });
  alice.register();
  const log = JSON.stringify(world.recording.lines);
  expect(log).not.toContain("response");
  expect(log).not.toContain("c0ffee");
});
