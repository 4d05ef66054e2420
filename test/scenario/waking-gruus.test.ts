/** GRUUs (RFC 5627) of devices that sleep, beyond the end of their registration too. */
import { describe, expect, test } from "vitest";
import type { Mode } from "../../src/location/binding.ts";
import { contactsOf } from "../../src/sip/contact.ts";
import { paramValue, unquote } from "../../src/sip/params.ts";
import { answerTo, headerLine, responseOf } from "../support/messages.ts";
import type { Phone } from "../support/phone.ts";
import { AOR, AWAKE, answers, BED, contactOf, DESK, got, SleepWorld } from "../support/sleepers.ts";
import type { WorldOptions } from "../support/world.ts";

const INSTANCE = '+sip.instance="<urn:uuid:00000000-0000-4000-8000-00000000000d>"';
const OTHER = '+sip.instance="<urn:uuid:00000000-0000-4000-8000-00000000000e>"';
const GRUU = { headers: ["Supported: gruu"] };

function sleeperAt(sleep: SleepWorld, place = BED, instance = INSTANCE): Phone {
  return sleep.sleeper(place, { ...GRUU, contact: `${contactOf(place, place)};${instance}` });
}

function gruuOf(phone: Phone, name: string): string {
  const contacts = contactsOf(responseOf(phone.last));
  if (contacts === undefined || contacts === "*") throw new Error("no contacts");
  const own = contacts.find(({ uri }) => uri.includes(phone.place));
  return unquote(paramValue(own?.params ?? "", name) ?? "");
}

/** A device that has slept beyond the end of its registration, and what its GRUU of a kind was. */
async function asleep(
  name: string,
  options: WorldOptions,
): Promise<{ readonly sleep: SleepWorld; readonly phone: Phone; readonly gruu: string }> {
  const sleep = await SleepWorld.start(options);
  const phone = sleeperAt(sleep);
  const gruu = gruuOf(phone, name);
  expect(gruu).not.toBe("");
  sleep.pass(1200);
  sleep.gateway.sent.length = 0;
  return { sleep, phone, gruu };
}

describe.each<Mode>(["contact", "aor"])("in mode %s", (mode) => {
  describe.each(["pub-gruu", "temp-gruu"])(
    "the %s of a device whose registration has ended",
    (name) => {
      test("wakes it, and leads to where it comes back", async () => {
        const { sleep, phone, gruu } = await asleep(name, { policy: { mode } });
        sleep.call({ contact: gruu });
        expect(sleep.pushes).toEqual(["call"]);
        expect(sleep.heard()).toEqual([100]);
        const moved = sleep.world.phone("alice", AWAKE);
        answers(moved, 180, 200);
        moved.register({
          ...GRUU,
          contact: `${contactOf(AWAKE, "new")};${INSTANCE}`,
          callId: "new",
        });
        sleep.pass(0.5);
        expect([got(phone), got(moved)].map((calls) => calls.length)).toEqual([0, 1]);
        expect(sleep.heard()).toEqual([100, 180, 200]);
      });

      test("ends with 480 when it does not come", async () => {
        const { sleep, gruu } = await asleep(name, { policy: { mode } });
        sleep.call({ contact: gruu });
        sleep.pass(10);
        expect(sleep.heard()).toEqual([100, 480]);
      });

      test("wakes no other device of the user", async () => {
        const sleep = await SleepWorld.start({ policy: { mode } });
        const phone = sleeperAt(sleep);
        const gruu = gruuOf(phone, name);
        sleeperAt(sleep, DESK, OTHER);
        sleep.pass(1200);
        sleep.gateway.sent.length = 0;
        sleep.call({ contact: gruu });
        expect(sleep.gateway.sent.map(({ device }) => device.prid)).toEqual([BED]);
      });

      test("leads nowhere for what nobody is woken for, and once the registration upstream has ended", async () => {
        const { sleep, phone, gruu } = await asleep(name, { policy: { mode } });
        const away = name === "pub-gruu" ? 480 : 404;
        sleep.call({ contact: gruu, method: "OPTIONS" });
        expect(sleep.heard("call-1", "OPTIONS")).toEqual([away]);
        sleep.pass(2500);
        sleep.gateway.sent.length = 0;
        sleep.call({ contact: gruu });
        expect([sleep.heard(), sleep.pushes, got(phone)]).toEqual([[away], [], []]);
      });

      test("is as it was where devices are not woken beyond their end", async () => {
        const options = { policy: { mode }, push: { afterExpiryMs: 0 } };
        const { sleep, gruu } = await asleep(name, options);
        sleep.call({ contact: gruu });
        expect(sleep.heard()).toEqual([name === "pub-gruu" ? 480 : 404]);
        expect(sleep.pushes).toEqual([]);
      });
    },
  );

  test("a temporary GRUU of the time before ends when the device comes back", async () => {
    const { sleep, phone, gruu } = await asleep("temp-gruu", { policy: { mode } });
    phone.register({ ...GRUU, contact: `${contactOf(BED, BED)};${INSTANCE}`, callId: "anew" });
    sleep.pass(0.5);
    sleep.call({ contact: gruu });
    expect(sleep.heard()).toEqual([404]);
  });

  test("a flow of the device that is valid still comes before one that is not", async () => {
    const sleep = await SleepWorld.start({ policy: { mode } });
    const old = sleeperAt(sleep);
    const gruu = gruuOf(old, "pub-gruu");
    sleep.pass(1200);
    const desk = sleep.world.phone("alice", DESK);
    // It has no token of its own, so that it is never asleep.
    desk.register({ contact: `<sip:alice@${DESK}>;${INSTANCE}`, expires: 600 });
    sleep.pass(1);
    sleep.gateway.sent.length = 0;
    sleep.call({ contact: gruu });
    expect([got(old).length, got(desk).length, sleep.pushes]).toEqual([0, 1, []]);
  });
});

describe("in mirror mode", () => {
  test.each(["pub-gruu", "temp-gruu"])("the %s of a device that sleeps wakes it", async (name) => {
    const sleep = await SleepWorld.start({ policy: { mode: "mirror" } });
    const phone = sleeperAt(sleep);
    sleep.call({ contact: gruuOf(phone, name) });
    expect(sleep.pushes).toEqual(["call"]);
    phone.register({ contact: `${contactOf(BED, BED)};${INSTANCE}`, callId: "woken" });
    sleep.pass(0.5);
    expect(got(phone)).toHaveLength(1);
  });
});

test("a GRUU that the main registrar has given wakes the device as well", async () => {
  const sleep = await SleepWorld.start();
  const { main } = sleep.world;
  const given = "sip:alice@sip.test;gr=given-upstream";
  main.answering = (text) => {
    main.answer(text);
    const contact = headerLine(text, "Contact").replace(">;", `>;pub-gruu="${given}";`);
    return [answerTo(text, 200, "OK", { headers: [`Contact: ${contact}`] })];
  };
  const phone = sleeperAt(sleep);
  expect(gruuOf(phone, "pub-gruu")).toBe(given);
  sleep.pass(1200);
  expect(sleep.world.record(AOR)?.bindings).toHaveLength(1);
  sleep.gateway.sent.length = 0;
  sleep.call({ contact: given });
  expect(sleep.pushes).toEqual(["call"]);
});
