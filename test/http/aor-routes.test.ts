import { describe, expect, test } from "vitest";
import { answerTo } from "../support/messages.ts";
import { World } from "../support/world.ts";
import { call } from "./api.ts";

const ALICE = "/api/v1/aors/alice@sip.test";
const PLACE = "198.51.100.7:40000";
const TOKEN = "s3cr3t-t0ken";
const CONTACT =
  `<sip:alice@${PLACE};pn-provider=acme;pn-prid=${TOKEN};%70n-param=${TOKEN}>;q=0.5` +
  `;methods="INVITE, BYE";+sip.instance="<urn:uuid:1>";reg-id=2;pn-x="${TOKEN};${TOKEN}"`;

/** Alice, with one phone that has all a contact can have. */
async function withAlice(): Promise<World> {
  const world = await World.start();
  world.phone("alice", PLACE).register({ expires: 600, contact: CONTACT });
  world.pass(1);
  return world;
}

async function withUsers(count: number): Promise<World> {
  const world = await World.start();
  for (let at = 0; at < count; at += 1) {
    world.phone(`user${at}`, `198.51.100.7:${41_000 + at}`).register({ expires: 600 });
  }
  world.pass(1);
  return world;
}

describe("showing an address-of-record", () => {
  test("says what pings have told of its devices, in Kamailio's fields too", async () => {
    const world = await World.start({ ping: { intervalMs: 30_000, choice: "always" } });
    const phone = world.phone("alice", PLACE);
    phone.onRequest = (text) => phone.send(answerTo(text, 200, "OK"));
    phone.register({ expires: 600 });
    world.pass(31);
    const { body } = await call(world, "GET", ALICE);
    const when = expect.stringMatching(/^2026-01-01T00:00:\d\d/u);
    expect(body.contacts[0]).toMatchObject({
      keepalive: 1,
      last_keepalive: when,
      ka_roundtrip: 2000,
      ping: { state: "alive", latency_ms: 2, last_ping: when, last_answer: when, lost: 0 },
    });
    phone.onRequest = undefined;
    const shown = async (): Promise<unknown> => {
      const found = await call(world, "GET", `${ALICE}?match=call_id:${phone.callId}`);
      return found.body.contacts[0];
    };
    world.pass(40);
    expect(await shown()).toMatchObject({ ping: { state: "silent", last_answer: when } });
    world.pass(90);
    expect(await shown()).toMatchObject({ ping: { state: "dead", latency_ms: 2 } });
  });

  test("gives Kamailio's fields, what is registered upstream, and the decisions", async () => {
    const world = await withAlice();
    const { status, body } = await call(world, "GET", ALICE);
    const [binding] = world.record("alice@sip.test")?.bindings ?? [];
    expect(status).toBe(200);
    expect(body).toMatchObject({
      aor: "alice@sip.test",
      contacts: [
        {
          ruid: binding?.ctid,
          contact: `sip:alice@${PLACE};pn-provider=***;pn-prid=***;%70n-param=***`,
          received: `sip:${PLACE}`,
          path: "",
          q: 0.5,
          call_id: `call-of-alice-${PLACE}`,
          cseq: 1,
          state: "active",
          flags: 0,
          cflags: 0,
          user_agent: "test phone",
          socket: "udp:192.0.2.1:5060",
          methods: "INVITE, BYE",
          instance: "<urn:uuid:1>",
          reg_id: 2,
          server_id: null,
          tcpconn_id: null,
          keepalive: null,
          last_keepalive: null,
          ka_roundtrip: null,
          ping: null,
          mode: "contact",
          attr: "",
          push: { provider: "acme", pushable: false },
          upstream: {
            call_id: binding?.upstream.callId,
            cseq: 1,
            request_uri: "sip:sip.test",
            to: "sip:alice@sip.test",
            from: "sip:alice@sip.test",
          },
        },
      ],
      decisions: [{ kind: "forward", reason: "new-aor", outcome: "accepted", proof: "none" }],
    });
    const [contact] = body.contacts;
    expect(contact.expires).toBeGreaterThan(580);
    expect(contact.upstream.expires).toBeGreaterThan(3580);
    expect(contact.expires_at).toMatch(/^2026-01-01T00:1\d:\d\d\.\d{3}Z$/u);
    expect(contact.last_modified).toMatch(/^2026-01-01T00:00:0\d\.\d{3}Z$/u);
  });

  test("never gives a push token away, wherever it stands", async () => {
    const world = await withAlice();
    for (const path of [
      ALICE,
      "/api/v1/aors?view=full",
      `${ALICE}?match=call_id:call-of-alice-${PLACE}`,
    ]) {
      // One after the other: they share the virtual clock.
      // oxlint-disable-next-line no-await-in-loop
      const { status, body } = await call(world, "GET", path);
      expect(status).toBe(200);
      expect(JSON.stringify(body)).not.toContain(TOKEN);
    }
  });

  test("shows dates by the wall clock, whatever the steady one thinks", async () => {
    const world = await withAlice();
    world.clock.stepWall(3_600_000);
    const { body } = await call(world, "GET", ALICE);
    expect(body.contacts[0].last_modified).toMatch(/^2026-01-01T01:00:/u);
  });

  test.each([
    ["sip%3Aalice%40sip.test", 200],
    ["alice@SIP.TEST", 200],
    ["bob@sip.test", 404],
    ["alice", 404],
    ["__proto__", 404],
  ])("%s", async (name, status) => {
    expect(await call(await withAlice(), "GET", `/api/v1/aors/${name}`)).toMatchObject({ status });
  });

  test("says what was decided about somebody who is not registered", async () => {
    const world = await World.start();
    world.main.isChallenging = true;
    world.phone("alice", PLACE).register();
    world.pass(1);
    expect(await call(world, "GET", ALICE)).toMatchObject({
      status: 200,
      body: { contacts: [], decisions: [{ outcome: "challenged", status: 401 }] },
    });
  });

  test.each([
    [`contact:sip:alice@${PLACE}`, 404],
    [
      `contact:${encodeURIComponent(`sip:alice@${PLACE};pn-provider=acme;pn-prid=${TOKEN};pn-param=${TOKEN}`)}`,
      200,
    ],
    [`call_id:call-of-alice-${PLACE}`, 200],
    ["call_id:another", 404],
    [`received:${PLACE}`, 200],
    [`received:sip:${PLACE}`, 200],
    ["received:198.51.100.7:1", 404],
    ["ruid:1", 400],
    ["", 400],
  ])("whether it is registered: match=%s gives %i", async (match, status) => {
    expect(await call(await withAlice(), "GET", `${ALICE}?match=${match}`)).toMatchObject({
      status,
    });
  });
});

describe("listing", () => {
  test("gives each address-of-record once, page by page", async () => {
    const world = await withUsers(7);
    const found: string[] = [];
    let cursor = "";
    for (let pages = 0; pages < 5; pages += 1) {
      const path = `/api/v1/aors?limit=3${cursor === "" ? "" : `&cursor=${cursor}`}`;
      // Each page needs the cursor of the one before.
      // oxlint-disable-next-line no-await-in-loop
      const { body } = await call(world, "GET", path);
      found.push(...body.aors.map(({ aor }) => aor));
      cursor = body.next ?? "";
      if (cursor === "") break;
    }
    expect(found).toEqual([0, 1, 2, 3, 4, 5, 6].map((at) => `user${at}@sip.test`));
  });

  test("goes on at its place when the record it ended with has gone", async () => {
    const world = await withUsers(4);
    const first = await call(world, "GET", "/api/v1/aors?limit=2");
    await call(world, "DELETE", "/api/v1/aors/user1@sip.test");
    const { body } = await call(
      world,
      "GET",
      `/api/v1/aors?limit=2&cursor=${first.body.next ?? ""}`,
    );
    expect(body.aors.map(({ aor }) => aor)).toEqual(["user3@sip.test"]);
  });

  test("says of each how many contacts and how long", async () => {
    const world = await withUsers(1);
    const { body } = await call(world, "GET", "/api/v1/aors");
    expect(body).toEqual({
      aors: [
        {
          aor: "user0@sip.test",
          contacts: 1,
          expires: expect.any(Number),
          upstream_expires: expect.any(Number),
        },
      ],
      next: null,
    });
  });

  test("by prefix", async () => {
    const world = await withUsers(12);
    const { body } = await call(world, "GET", "/api/v1/aors?prefix=user1");
    expect(body.aors.map(({ aor }) => aor)).toEqual([
      "user1@sip.test",
      "user10@sip.test",
      "user11@sip.test",
    ]);
  });

  test.each(["limit=0", "limit=1001", "limit=x", "cursor=!", "view=all", "prefx=a"])(
    "%s is refused with the reason",
    async (query) => {
      const { status, body } = await call(await withUsers(0), "GET", `/api/v1/aors?${query}`);
      expect(status).toBe(400);
      expect(body.detail).toMatch(/^(limit|cursor|view|There)/u);
    },
  );
});

describe("changing", () => {
  test("DELETE removes an address-of-record here and upstream", async () => {
    const world = await withUsers(2);
    const ctids = world.record("user0@sip.test")?.bindings.map(({ ctid }) => ctid);
    expect(await call(world, "DELETE", "/api/v1/aors/user0@sip.test")).toMatchObject({
      status: 200,
      body: { aor: "user0@sip.test", removed: ctids },
    });
    expect(world.main.contactsFor("sip:user0@sip.test")).toEqual([]);
    expect(world.record("user1@sip.test")).toBeDefined();
    expect(await call(world, "DELETE", "/api/v1/aors/user0@sip.test")).toMatchObject({
      status: 404,
      body: { detail: "No such address-of-record is registered." },
    });
  });

  test("DELETE of a contact takes a ctid or a URI", async () => {
    const world = await withUsers(1);
    const base = "/api/v1/aors/user0@sip.test/contacts";
    expect(await call(world, "DELETE", `${base}/nobody`)).toMatchObject({
      status: 404,
      body: { detail: "The address-of-record has no such contact." },
    });
    const uri = encodeURIComponent("sip:user0@198.51.100.7:41000");
    expect(await call(world, "DELETE", `${base}/${uri}`)).toMatchObject({ status: 200 });
    expect(world.record("user0@sip.test")).toBeUndefined();
  });

  test("POST adds a contact and shows it", async () => {
    const world = await World.start();
    const body = { contact: "sip:door@203.0.113.20", expires: 900, q: 0.7 };
    const answer = await call(world, "POST", "/api/v1/aors/door@sip.test/contacts", body);
    expect(answer).toMatchObject({
      status: 201,
      body: {
        aor: "door@sip.test",
        contact: { contact: "sip:door@203.0.113.20", q: 0.7, received: "sip:203.0.113.20:5060" },
      },
    });
    expect(world.main.contactsFor("sip:door@sip.test")).toHaveLength(1);
  });

  test("what the main registrar refuses, or does not answer, is a gateway's error", async () => {
    const world = await World.start();
    const path = "/api/v1/aors/door@sip.test/contacts";
    const body = { contact: "sip:door@203.0.113.20" };
    world.main.isChallenging = true;
    expect(await call(world, "POST", path, body)).toMatchObject({
      status: 502,
      body: { detail: expect.stringContaining("credentials") },
    });
    world.main.isSilent = true;
    expect(await call(world, "POST", path, body)).toMatchObject({ status: 504 });
    void world.server.drain();
    expect(await call(world, "POST", path, body)).toMatchObject({
      status: 503,
      headers: { "Retry-After": "5" },
    });
  });

  test.each<[string, unknown, number]>([
    ["door@sip.test", [], 400],
    ["door@sip.test", null, 400],
    ["door@sip.test", "x", 400],
    ["door@sip.test", { contact: "sip:a@203.0.113.20", expire: 5 }, 400],
    ["door@sip.test", {}, 422],
    ["door@sip.test", { contact: 5 }, 422],
    ["door@sip.test", { contact: "x".repeat(9000) }, 422],
    ["door@sip.test", { contact: "mailto:a@b" }, 422],
    ["door@sip.test", { contact: "sip:a@203.0.113.20", expires: 0 }, 422],
    ["door@sip.test", { contact: "sip:a@203.0.113.20", expires: "60" }, 422],
    ["door@sip.test", { contact: "sip:a@203.0.113.20", q: 2 }, 422],
    ["door", { contact: "sip:a@203.0.113.20" }, 422],
  ])("POST for %s of %j is refused with the reason", async (aor, body, status) => {
    const world = await World.start();
    const answer = await call(world, "POST", `/api/v1/aors/${aor}/contacts`, body);
    expect(answer.status).toBe(status);
    expect(answer.body.detail).toMatch(/^[A-Za-z].*\.$/u);
    expect(world.main.registers).toEqual([]);
  });
});
