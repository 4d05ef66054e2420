import { describe, expect, test } from "vitest";
import { readPurr } from "../../src/location/purr.ts";
import type { PushPolicy } from "../../src/registrar/push-policy.ts";
import { FakeGateway } from "../support/fake-gateway.ts";
import { headerLine, headerLines, statusOf } from "../support/messages.ts";
import type { Phone, RegisterOptions } from "../support/phone.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { World, type WorldOptions } from "../support/world.ts";

const ALICE = "alice@sip.test";
const PLACE = "198.51.100.7:40000";
const PARAM = "ABCDE12345.org.example.phone.voip";
const TOKEN = "00fc13adff78512dEADbeef";
const DEVICE = `pn-provider=apns;pn-param=${PARAM};pn-prid=${TOKEN}`;
const PUSHED = `apns ${PARAM} ${TOKEN}`;

interface Stage {
  readonly world: World;
  readonly phone: Phone;
  readonly gateway: FakeGateway;
}

async function open(options: WorldOptions = {}): Promise<Stage> {
  const clock = new VirtualClock();
  const gateway = new FakeGateway(clock);
  const world = await World.start({ clock, gateway, ...options });
  return { world, gateway, phone: world.phone("alice", PLACE) };
}

/** Registers with URI parameters and lets the answer come. */
function register(
  { world, phone }: Stage,
  params: string,
  { tail = "", ...options }: RegisterOptions & { readonly tail?: string } = {},
): string {
  const uri = `sip:alice@${PLACE}${params === "" ? "" : `;${params}`}`;
  phone.register({ contact: `<${uri}>${tail}`, expires: 600, ...options });
  world.pass(1);
  return phone.last;
}

function pushOf({ world }: Stage): string[] {
  return (world.record(ALICE)?.bindings ?? []).map(({ push }) => push);
}

interface Row {
  readonly name: string;
  readonly params: string;
  readonly headers?: readonly string[];
  readonly tail?: string;
  readonly policy?: Partial<PushPolicy>;
  readonly status?: number;
  /** Feature-Caps of midreg's own toward the main registrar, and in the answer. */
  readonly up?: readonly string[];
  readonly down?: readonly string[];
  readonly push?: string;
}

const OTHER_PROXY = ['Feature-Caps: *;+sip.pns="apns"'];

/** Section 5.2 of the reference, row by row, as RFC 8599 has it. */
const ROWS: readonly Row[] = [
  { name: "nothing of push is an ordinary registration", params: "" },
  {
    name: "pn-provider without a value asks for all providers, one Feature-Caps line each",
    params: "pn-provider",
    up: ['*;+sip.pns="apns"', '*;+sip.pns="fcm"', '*;+sip.pns="webpush"'],
    down: ['*;+sip.pns="apns"', '*;+sip.pns="fcm"', '*;+sip.pns="webpush";+sip.vapid="BKey"'],
  },
  {
    name: "those that a proxy before midreg has named go without saying",
    params: "pn-provider",
    headers: OTHER_PROXY,
    up: ['*;+sip.pns="fcm"', '*;+sip.pns="webpush"'],
    down: ['*;+sip.pns="fcm"', '*;+sip.pns="webpush";+sip.vapid="BKey"'],
  },
  { name: "an unknown provider is registered without push", params: "pn-provider=acme;pn-prid=T" },
  {
    name: "or refused, where the operator knows that nobody else pushes",
    params: "pn-provider=acme;pn-prid=T",
    policy: { unsupported: "reject" },
    status: 555,
  },
  {
    name: "a question about an unknown provider likewise",
    params: "pn-provider=acme",
    policy: { unsupported: "reject" },
    status: 555,
  },
  {
    name: "but not when a proxy before midreg pushes by something (RFC 8599 section 5.6.1.2)",
    params: "pn-provider=acme",
    headers: OTHER_PROXY,
    policy: { unsupported: "reject" },
  },
  {
    name: "a known provider without a token is a question about that one",
    params: "pn-provider=webpush",
    up: ['*;+sip.pns="webpush"'],
    down: ['*;+sip.pns="webpush";+sip.vapid="BKey"'],
  },
  {
    name: "a token without what its provider needs is registered without push (the reference: 555)",
    params: `pn-provider=apns;pn-prid=${TOKEN}`,
  },
  {
    name: "or refused, where the operator wants it as there",
    params: `pn-provider=apns;pn-prid=${TOKEN}`,
    policy: { unsupported: "reject" },
    status: 555,
  },
  {
    name: "a token that has a line break in it is none",
    params: `pn-provider=apns;pn-param=${PARAM};pn-prid=ab%0D%0AX-Evil:%201`,
  },
  {
    name: "everything is there: midreg pushes",
    params: DEVICE,
    up: ['*;+sip.pns="apns"'],
    down: ['*;+sip.pns="apns"'],
    push: PUSHED,
  },
  {
    name: "and says when to refresh to a device that wakes by itself",
    params: DEVICE,
    tail: ";+sip.pnsreg",
    up: ['*;+sip.pns="apns"'],
    down: ['*;+sip.pns="apns";+sip.pnsreg="130"'],
    push: PUSHED,
  },
  {
    name: "Web Push has no pn-param (the reference: 555 for all of it)",
    params: "pn-provider=webpush;pn-prid=https%3A%2F%2Fpush.example%2Fabc",
    up: ['*;+sip.pns="webpush"'],
    down: ['*;+sip.pns="webpush";+sip.vapid="BKey"'],
    push: "webpush  https://push.example/abc",
  },
  {
    name: "where a proxy before midreg pushes, midreg does not",
    params: DEVICE,
    headers: OTHER_PROXY,
  },
  {
    name: "nor does it ask that proxy's devices for more",
    params: `pn-provider=apns;pn-prid=${TOKEN}`,
    headers: OTHER_PROXY,
    policy: { unsupported: "reject" },
  },
  {
    name: "a provider that the operator has not chosen is unknown",
    params: DEVICE,
    policy: { providers: ["fcm"] },
  },
  {
    name: "an app's own word for its provider is understood, and answered in the same word",
    params: "pn-provider=Firebase;pn-param=1;pn-prid=T",
    up: ['*;+sip.pns="Firebase"'],
    down: ['*;+sip.pns="Firebase"'],
    push: "fcm 1 T",
  },
];

describe.each(["mirror", "contact", "aor"] as const)("a REGISTER in mode %s", (mode) => {
  test.each(ROWS)("$name", async (row) => {
    const { up = [], down = [], push = "", status = 200, headers = [], tail = "", params } = row;
    const stage = await open({ policy: { mode }, pushPolicy: row.policy ?? {} });
    const last = register(stage, params, { headers, tail });
    expect(statusOf(last)).toBe(status);
    expect(headerLines(last, "Feature-Caps")).toEqual(down);
    const forwarded = stage.world.main.registers;
    expect(forwarded).toHaveLength(status === 200 ? 1 : 0);
    if (status !== 200) return;
    const told = headerLines(forwarded[0] ?? "", "Feature-Caps");
    const own = told.slice(0, told.length - headers.length);
    expect(own.toSorted()).toEqual([...up].toSorted());
    expect(pushOf(stage)).toEqual([push]);
    // Whoever knows these can wake the device, so they go no further.
    const out = forwarded.join("") + JSON.stringify(stage.world.recording.lines);
    expect(out).not.toMatch(/pn-(?:provider|prid|param)/iu);
    expect(out).not.toContain(TOKEN);
  });

  test("is told the same when it is absorbed, or forwarded again", async () => {
    const stage = await open({ policy: { mode } });
    const first = register(stage, DEVICE, { tail: ";+sip.pnsreg" });
    const second = register(stage, DEVICE, { tail: ";+sip.pnsreg" });
    expect(stage.world.main.registers).toHaveLength(mode === "mirror" ? 2 : 1);
    expect(headerLines(second, "Feature-Caps")).toEqual(headerLines(first, "Feature-Caps"));
    expect(headerLine(second, "Contact")).toContain(DEVICE);
  });

  test("tells no other device of the user how this one is woken", async () => {
    const stage = await open({ policy: { mode } });
    register(stage, `${DEVICE};ob`);
    const desk = stage.world.phone("alice", "198.51.100.9:5060");
    for (const again of [1, 2]) {
      desk.register();
      stage.world.pass(again);
      expect(headerLine(desk.last, "Contact")).toContain(`<sip:alice@${PLACE};ob>`);
      expect(desk.last).not.toMatch(/pn-/u);
    }
    // It can remove it by what it has been told.
    desk.register({ contact: `<sip:alice@${PLACE};ob>`, expires: 0 });
    stage.world.pass(1);
    expect(stage.world.record(ALICE)?.bindings).toHaveLength(1);
  });

  test("with another token from anywhere else is forwarded, and changes nothing unless it is accepted", async () => {
    const stage = await open({ policy: { mode } });
    register(stage, DEVICE);
    stage.world.main.isChallenging = true;
    const stolen = DEVICE.replace(TOKEN, "ThiefsToken");
    const thief = stage.world.phone("alice", "203.0.113.66:5060");
    thief.register({
      contact: `<sip:alice@${PLACE};${stolen}>`,
      callId: stage.phone.callId,
      cseq: 9,
    });
    stage.world.pass(1);
    expect(thief.lastStatus).toBe(401);
    expect(pushOf(stage)).toEqual([PUSHED]);
  });

  test("with a new token of the same instance takes the place of the old one", async () => {
    const stage = await open({ policy: { mode } });
    const tail = ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"';
    register(stage, DEVICE, { tail });
    register(stage, DEVICE.replace(TOKEN, "new"), { tail });
    expect(pushOf(stage)).toEqual([`apns ${PARAM} new`]);
    expect(stage.world.main.contactsFor("sip:alice@sip.test")).toHaveLength(1);
  });

  test("without the token ends push, and removes what was registered with it (RFC 8599 section 4.1.2)", async () => {
    const stage = await open({ policy: { mode } });
    register(stage, DEVICE);
    register(stage, "");
    expect(pushOf(stage)).toEqual([""]);
    register(stage, DEVICE);
    expect(pushOf(stage)).toEqual([PUSHED]);
    register(stage, "pn-provider=apns", { expires: 0 });
    expect(stage.world.record(ALICE)).toBeUndefined();
    expect(stage.world.main.contactsFor("sip:alice@sip.test")).toEqual([]);
  });

  test("every contact is looked at, not only the first", async () => {
    const stage = await open({ policy: { mode } });
    const second = `<sip:alice@${PLACE};${DEVICE}>`;
    const third = "<sip:alice@198.51.100.8;pn-provider=fcm;pn-param=1;pn-prid=T>";
    stage.phone.register({ contact: `<sip:desk@198.51.100.9>, ${second}, ${third}` });
    stage.world.pass(1);
    expect(pushOf(stage)).toEqual(["", PUSHED, "fcm 1 T"]);
    expect(headerLines(stage.phone.last, "Feature-Caps")).toEqual([
      '*;+sip.pns="apns"',
      '*;+sip.pns="fcm"',
    ]);
  });

  test("from a new address with the same push parameters is the same device", async () => {
    const stage = await open({ policy: { mode } });
    register(stage, DEVICE);
    const roaming = stage.world.phone("alice", "203.0.113.9:1024");
    roaming.register({ contact: `<sip:alice@10.0.0.9:5070;${DEVICE};transport=udp>` });
    stage.world.pass(1);
    expect(pushOf(stage)).toEqual([PUSHED]);
    expect(stage.world.record(ALICE)?.bindings[0]?.contact).toContain("10.0.0.9:5070");
    expect(stage.world.main.contactsFor("sip:alice@sip.test")).toHaveLength(1);
  });

  test.each([
    ["a pattern", "*", "tokenX"],
    ["a question mark", "t%3FkenX", "tokenX"],
    ["another case", "TOKENX", "tokenX"],
    ["another place of the blank between parameter and token", "X", "a%20X"],
  ])("a token is compared exactly: %s matches nothing else", async (_, first, second) => {
    const stage = await open({ policy: { mode } });
    const base = "pn-provider=fcm;pn-param=1;pn-prid=";
    register(stage, base + first);
    stage.phone.register({ contact: `<sip:alice@198.51.100.9;${base}${second}>` });
    stage.world.pass(1);
    expect(stage.world.record(ALICE)?.bindings).toHaveLength(2);
  });
});

describe("in the throttling modes", () => {
  test("a stranger with the token alone is forwarded like anybody else", async () => {
    const stage = await open();
    register(stage, DEVICE);
    const thief = stage.world.phone("alice", "203.0.113.66:5060");
    thief.register({ contact: `<sip:alice@203.0.113.66;${DEVICE}>` });
    stage.world.pass(1);
    expect(stage.world.main.registers).toHaveLength(2);
  });

  test("with open absorption a changed token still is, and so is one that goes", async () => {
    const stage = await open({
      policy: { absorb: "open" },
      pushPolicy: { matchParams: ["pn-provider"] },
    });
    register(stage, DEVICE);
    register(stage, DEVICE);
    expect(stage.world.main.registers).toHaveLength(1);
    stage.world.main.isChallenging = true;
    register(stage, DEVICE.replace(TOKEN, "stolen"), { callId: "other" });
    register(stage, "", { callId: "other" });
    expect(stage.world.main.registers).toHaveLength(3);
    expect(pushOf(stage)).toEqual([PUSHED]);
  });

  test("a device removes its contact under a new token by the proof of its flow, and nobody else does", async () => {
    const stage = await open({ policy: { mode: "aor" } });
    const { world, phone } = stage;
    const tail = ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"';
    const fresh = DEVICE.replace(TOKEN, "fresh");
    register(stage, DEVICE, { tail });
    const desk = world.phone("alice", "198.51.100.9:5060");
    desk.register();
    world.pass(1);
    world.main.isChallenging = true;
    const heard = world.main.registers.length;
    const thief = world.phone("alice", "203.0.113.66:5060");
    const contact = `<sip:alice@${PLACE};${fresh}>${tail}`;
    thief.register({ contact, expires: 0, callId: phone.callId, cseq: 9 });
    world.pass(1);
    expect([thief.lastStatus, world.main.registers.length]).toEqual([401, heard + 1]);
    expect(world.record(ALICE)?.bindings).toHaveLength(2);
    expect(statusOf(register(stage, fresh, { tail, expires: 0 }))).toBe(200);
    // The desk phone still has the registration that they share.
    expect(world.main.registers).toHaveLength(heard + 1);
    expect(world.record(ALICE)?.bindings.map((one) => `<${one.contact}>`)).toEqual([desk.contact]);
  });

  test("a device gets a reference for its dialogs, another one each time", async () => {
    const stage = await open({ pushPolicy: { hasPurr: true } });
    const answers = [register(stage, DEVICE), register(stage, DEVICE)];
    const purrs = answers.map(
      (text) => /\+sip\.pnspurr="([^"]+)"/u.exec(headerLine(text, "Feature-Caps"))?.[1] ?? "",
    );
    const ctid = stage.world.record(ALICE)?.bindings[0]?.ctid;
    expect(purrs.map((purr) => readPurr(purr, stage.world.ids))).toEqual([ctid, ctid]);
    expect(purrs[0]).not.toBe(purrs[1]);
    expect(stage.world.main.registers.join("")).not.toContain("pnspurr");
  });

  test("what the main registrar says of push is about midreg, and stays here; the rest goes on", async () => {
    const stage = await open();
    stage.world.main.extraHeaders = [
      'Feature-Caps: *;+sip.pns="apns"',
      "Feature-Caps: *;+g.3gpp.atcf",
    ];
    expect(headerLines(register(stage, DEVICE), "Feature-Caps")).toEqual([
      '*;+sip.pns="apns"',
      "*;+g.3gpp.atcf",
    ]);
  });

  test("without pn_enable nothing of it is looked at", async () => {
    const stage = await open({ policy: { push: undefined } });
    expect(headerLines(register(stage, DEVICE), "Feature-Caps")).toEqual([]);
    expect(pushOf(stage)).toEqual([""]);
  });

  test("a rule may switch it off", async () => {
    const rules = [{ match: { push: true }, policy: { push: undefined } }];
    const stage = await open({ rules });
    expect(headerLines(register(stage, DEVICE), "Feature-Caps")).toEqual([]);
  });
});
