/**
 * GRUUs (RFC 5627) where devices share a contact upstream, and where registrations are mirrored.
 */
import { describe, expect, test } from "vitest";
import type { Mode } from "../../src/location/binding.ts";
import { contactsOf } from "../../src/sip/contact.ts";
import { paramValue, unquote } from "../../src/sip/params.ts";
import { buildInvite } from "../support/call-messages.ts";
import { answerTo, headerLine, responseOf } from "../support/messages.ts";
import type { Phone, RegisterOptions } from "../support/phone.ts";
import { SERVER_PLACE, World, type WorldOptions } from "../support/world.ts";

const AOR = "alice@sip.test";
const DESK = "urn:uuid:00000000-0000-4000-8000-00000000000d";
const MOBILE = "urn:uuid:00000000-0000-4000-8000-00000000000e";

interface Scene {
  readonly world: World;
  readonly desk: Phone;
  readonly mobile: Phone;
}

async function scene(mode: Mode, options: WorldOptions = {}): Promise<Scene> {
  const world = await World.start({ ...options, policy: { ...options.policy, mode } });
  const desk = world.phone("alice", "198.51.100.7:40000");
  return { world, desk, mobile: world.phone("alice", "198.51.100.8:40000") };
}

function register(
  { world }: Scene,
  phone: Phone,
  instance: string,
  options: RegisterOptions & { readonly params?: string } = {},
): void {
  phone.register({
    contact: `<sip:alice@${phone.place}>;+sip.instance="<${instance}>"${options.params ?? ""}`,
    headers: ["Supported: gruu"],
    ...options,
  });
  world.pass(1);
}

/** GRUUs by kind, of the contact at a phone's place in the last answer that a phone has got. */
function gruuOf(at: Phone, phone: Phone, name: "pub-gruu" | "temp-gruu"): string {
  const contacts = contactsOf(responseOf(at.last));
  if (contacts === undefined || contacts === "*") throw new Error("No contacts");
  const own = contacts.find(({ uri }) => uri.endsWith(phone.place));
  return unquote(paramValue(own?.params ?? "", name) ?? "");
}

let calls = 0;

/** Request-URIs of the INVITEs that each of the phones gets of one call, and the status that it has at once. */
function call({ world, desk, mobile }: Scene, uri: string): unknown[] {
  calls += 1;
  const before = [desk.requests.length, mobile.requests.length];
  const text = buildInvite({ uri, branch: `z9hG4bK-modes-${calls}` });
  world.main.send(text.replace("Call-ID: call-1", `Call-ID: modes-${calls}`), SERVER_PLACE);
  world.pass(0.1);
  const heard = [desk, mobile].map(({ requests }, at) => requests.length - (before[at] ?? 0));
  return [...heard, world.main.statuses.at(-1)];
}

describe.each<Mode>(["aor", "mirror"])("in mode %s", (mode) => {
  test("a GRUU is of one device, and its own", async () => {
    const all = await scene(mode);
    const { desk, mobile } = all;
    register(all, desk, DESK);
    register(all, mobile, MOBILE);
    expect(gruuOf(mobile, desk, "pub-gruu")).toBe(`sip:${AOR};gr=${DESK}`);
    expect(gruuOf(mobile, mobile, "pub-gruu")).toBe(`sip:${AOR};gr=${MOBILE}`);
    for (const name of ["pub-gruu", "temp-gruu"] as const) {
      expect(call(all, gruuOf(mobile, desk, name))).toEqual([1, 0, 100]);
      expect(call(all, gruuOf(mobile, mobile, name))).toEqual([0, 1, 100]);
    }
  });

  test("a registration that begins anew ends the temporary GRUUs of all flows of its instance", async () => {
    const all = await scene(mode);
    const { desk, mobile, world } = all;
    register(all, desk, DESK, { params: ";reg-id=1" });
    register(all, mobile, DESK, { params: ";reg-id=2" });
    const old = gruuOf(mobile, mobile, "temp-gruu");
    expect(call(all, old).at(-1)).toBe(100);
    register(all, mobile, DESK, { params: ";reg-id=2", callId: "after-a-reboot" });
    expect(call(all, old)).toEqual([0, 0, 404]);
    const bindings = world.record(AOR)?.bindings ?? [];
    expect(bindings).toHaveLength(2);
    expect(new Set(bindings.map(({ registeredAtMs }) => registeredAtMs)).size).toBe(1);
    // What the devices share upstream is one registration, for both of them.
    const numbers = new Set(bindings.map(({ upstream }) => upstream.cseq));
    expect(numbers.size).toBe(mode === "aor" ? 1 : 2);
    register(all, mobile, DESK, { params: ";reg-id=2", expires: 0, callId: "after-a-reboot" });
    expect(call(all, old)).toEqual([0, 0, 404]);
  });
});

describe("devices that share a contact upstream", () => {
  test("have GRUUs of midreg's own, whatever the main registrar gives the contact", async () => {
    const all = await scene("aor");
    const { world, desk } = all;
    world.main.answering = (text) => {
      world.main.answer(text);
      const contact = headerLine(text, "Contact").replace(
        ">;",
        '>;pub-gruu="sip:all@main.test;gr=x";',
      );
      return [answerTo(text, 200, "OK", { headers: [`Contact: ${contact}`] })];
    };
    register(all, desk, DESK);
    expect(gruuOf(desk, desk, "pub-gruu")).toBe(`sip:${AOR};gr=${DESK}`);
    expect(world.record(AOR)?.bindings[0]?.upstreamGruu).toBe("");
  });

  test("ring together for the contact that they share, and alone for a GRUU", async () => {
    const all = await scene("aor");
    const { world, desk, mobile } = all;
    register(all, desk, DESK);
    register(all, mobile, MOBILE);
    const [shared = ""] = world.main.contactsFor(`sip:${AOR}`);
    expect(call(all, shared)).toEqual([1, 1, 100]);
    expect(call(all, gruuOf(mobile, desk, "pub-gruu"))).toEqual([1, 0, 100]);
  });
});

test("a device that gives way to another of its instance is not brought back", async () => {
  const policy = { maxContacts: 1, maxContactsPolicy: "evict-oldest" as const };
  const all = await scene("contact", { policy });
  const { world, desk, mobile } = all;
  register(all, desk, DESK);
  // The Call-ID is another one, so the registration of the instance begins anew.
  register(all, mobile, DESK);
  const left = (world.record(AOR)?.bindings ?? []).map(({ contact }) => contact);
  expect(left).toEqual([`sip:alice@${mobile.place}`]);
  world.pass(1);
  expect(world.main.contactsFor(`sip:${AOR}`)).toHaveLength(1);
});
