/**
 * The walk along the reference (spec/mid-registrar-behaviour.md): each row with what the reference does, whether
 * midreg does the same or why it does not, and a check that midreg does what the row says of it.
 */
// oxlint-disable vitest/valid-title -- titles come from the rows.
import { describe, expect, test } from "vitest";
import type { Binding } from "../../../src/location/binding.ts";
import type { RegisterPolicy } from "../../../src/registrar/register-policy.ts";
import { headerLine, message } from "../../support/messages.ts";
import type { Phone, RegisterOptions } from "../../support/phone.ts";
import { SERVER_PLACE, World, type WorldOptions } from "../../support/world.ts";

export const ALICE = "alice@sip.test";
const ALICE_URI = "sip:alice@sip.test";
export const PLACE = "198.51.100.7:40000";
const OTHER_PLACE = "198.51.100.8:40000";
export const CONTACT = `<sip:alice@${PLACE}>`;

export interface Row {
  /** Section and row of the spec. */
  readonly id: string;
  /** What the reference does. */
  readonly reference: string;
  /** "equal", or why midreg differs. */
  readonly midreg: string;
  readonly check: () => Promise<void> | void;
}

/** Runs the rows of a section as tests. */
export function walk(section: string, rows: readonly Row[]): void {
  describe(section, () => {
    test("has each row once", () => {
      const ids = rows.map(({ id, reference }) => `${id} ${reference}`);
      expect(new Set(ids).size).toBe(ids.length);
    });

    test.each(rows.map((row) => [row.id, row.reference, verdictOf(row), row.check] as const))(
      "%s: %s [%s]",
      async (_id, _reference, _verdict, check) => {
        await check();
        expect.hasAssertions();
      },
    );
  });
}

function verdictOf({ midreg }: Row): string {
  return midreg === "equal" ? midreg : `different: ${midreg}`;
}

/** What became of a REGISTER: absorbed, forwarded, or refused here, and the status the phone heard. */
export type Outcome = `${"A" | "F" | "E"} ${number}`;

/** A world with a phone of alice's, for one row. */
export class Stage {
  readonly world: World;
  readonly phone: Phone;
  readonly other: Phone;
  readonly stranger: Phone;

  private constructor(world: World) {
    this.world = world;
    this.phone = world.phone("alice", PLACE);
    this.other = world.phone("alice", OTHER_PLACE);
    this.stranger = world.phone("alice", "203.0.113.66:5060");
  }

  static async open(
    policy: Partial<RegisterPolicy> = {},
    options: WorldOptions = {},
  ): Promise<Stage> {
    return new Stage(await World.start({ ...options, policy }));
  }

  /** Sends a REGISTER, waits for what comes of it, and says so. */
  register(options: RegisterOptions = {}, phone = this.phone): Outcome {
    const { registers } = this.world.main;
    const before = { registers: registers.length, responses: phone.responses.length };
    phone.register(options);
    this.world.pass(0.5);
    const status = phone.responses.length > before.responses ? phone.lastStatus : 0;
    if (registers.length > before.registers) return `F ${status}`;
    return status < 300 ? `A ${status}` : `E ${status}`;
  }

  /** The same, once for each of these. */
  each(all: readonly RegisterOptions[], phone = this.phone): Outcome[] {
    return all.map((options) => this.register(options, phone));
  }

  /** The REGISTER that the main registrar has got last. */
  get sent(): string {
    return this.world.main.registers.at(-1) ?? "";
  }

  /** A header of that. */
  sentHeader(name: string): string {
    return headerLine(this.sent, name);
  }

  /** How many the main registrar has got. */
  get forwarded(): number {
    return this.world.main.registers.length;
  }

  /** A header of the answer the phone got last. */
  told(name: string, phone = this.phone): string {
    return headerLine(phone.last, name);
  }

  /** Contacts that the main registrar holds. */
  get held(): readonly string[] {
    return this.world.main.contactsFor(ALICE_URI);
  }

  get bindings(): readonly Binding[] {
    return this.world.record(ALICE)?.bindings ?? [];
  }

  get contacts(): readonly string[] {
    return this.bindings.map(({ contact }) => contact);
  }

  /** A request from the main registrar; the status it has heard since, 0 for none. */
  call(uri: string, { method = "MESSAGE", from = "" } = {}): number {
    const { main } = this.world;
    const text = message(
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP ${from === "" ? main.place : from};branch=z9hG4bK-${this.world.clock.nowMs()};rport`,
      "From: <sip:bob@sip.test>;tag=b",
      `To: <${ALICE_URI}>`,
      `Call-ID: ${this.world.clock.nowMs()}`,
      `CSeq: 1 ${method}`,
      "Content-Length: 0",
    );
    const heard = main.responses.length;
    if (from === "") main.send(text, SERVER_PLACE);
    else this.world.network.send(text, from, SERVER_PLACE);
    this.world.pass(0.2);
    return main.responses.length > heard ? (main.statuses.at(-1) ?? 0) : 0;
  }
}
