import { afterEach, beforeEach, expect, test } from "vitest";
import { freePorts } from "./free-ports.ts";
import { LegacyRegistrar, passwordOf } from "./legacy-registrar.ts";
import { Phone } from "./phone.ts";

const DOMAIN = "peers.test";

class Bench {
  readonly errors: Error[] = [];
  readonly registrar: LegacyRegistrar;
  readonly alice: Phone;
  readonly bob: Phone;

  constructor(
    [registrarPort = 0, alicePort = 0, bobPort = 0]: readonly number[],
    isRecordRouting: boolean,
  ) {
    const onError = (error: Error): void => {
      this.errors.push(error);
    };
    this.registrar = new LegacyRegistrar({
      port: registrarPort,
      domain: DOMAIN,
      requiresDigest: true,
      serviceMs: 0,
      isRecordRouting,
      onError,
    });
    const common = { domain: DOMAIN, outboundPort: registrarPort, expiresSec: 60, onError };
    this.alice = new Phone({
      ...common,
      user: "alice",
      port: alicePort,
      password: passwordOf("alice"),
    });
    this.bob = new Phone({ ...common, user: "bob", port: bobPort, password: passwordOf("bob") });
  }

  close(): void {
    this.alice.close();
    this.bob.close();
    this.registrar.close();
  }
}

let bench: Bench;

beforeEach(async () => {
  bench = new Bench(await freePorts(3), true);
});

afterEach(() => {
  bench.close();
  if (bench.errors.length > 0) throw new AggregateError(bench.errors, "a peer failed");
});

test("a phone registers by digest and finds its contact listed; a refresh is challenged again", async () => {
  expect(await bench.alice.register()).toMatchObject({
    status: 200,
    isChallenged: true,
    isListed: true,
  });
  expect(await bench.alice.register()).toMatchObject({
    status: 200,
    isChallenged: true,
    isListed: true,
  });
  expect(bench.registrar.counters()).toMatchObject({
    registers: 4,
    challenged: 2,
    accepted: 2,
    refused: 0,
    contacts: 1,
    registersByUser: { alice: 4 },
  });
});

test("a wrong password is challenged again and binds nothing", async () => {
  const [port = 0] = await freePorts(1);
  const mallory = new Phone({
    user: "alice",
    domain: DOMAIN,
    outboundPort: bench.alice.outboundPort,
    port,
    password: "guess",
    expiresSec: 60,
    onError: () => {},
  });
  expect(await mallory.register()).toMatchObject({ status: 401, isListed: false });
  mallory.close();
  expect(bench.registrar.counters().contacts).toBe(0);
});

test.each([
  { side: "caller", routing: "stays in the path" },
  { side: "called party", routing: "stays in the path" },
  { side: "caller", routing: "steps out" },
  { side: "called party", routing: "steps out" },
])("a call is answered, the registrar $routing, the $side hangs up", async ({ side, routing }) => {
  bench.close();
  bench = new Bench(await freePorts(3), routing === "stays in the path");
  await bench.alice.register();
  const incoming = bench.alice.nextCall();
  const outgoing = bench.bob.call("alice");
  const received = await incoming;
  received.answer();
  expect(await outgoing.status()).toBe(200);
  await received.acknowledged.within(2000, "ACK");
  const [active, passive] = side === "caller" ? [outgoing, received] : [received, outgoing];
  expect(await active.hangUp()).toBe(200);
  await passive.ended.within(2000, "BYE");
  expect(bench.registrar.counters().invites).toBe(1);
});

test("a rejected call ends with the called party's status", async () => {
  await bench.alice.register();
  const incoming = bench.alice.nextCall();
  const outgoing = bench.bob.call("alice");
  (await incoming).reject();
  expect(await outgoing.status()).toBe(486);
});

test("a cancelled call ends with 487 on one side and stops ringing on the other", async () => {
  await bench.alice.register();
  const incoming = bench.alice.nextCall();
  const outgoing = bench.bob.call("alice");
  const received = await incoming;
  await outgoing.ringing.within(2000, "180");
  outgoing.cancel();
  expect(await outgoing.status()).toBe(487);
  await received.ended.within(2000, "CANCEL");
});

test("a call to nobody is answered 404", async () => {
  expect(await bench.bob.call("nobody").status()).toBe(404);
});
