/** How a main registrar in a simulated world misbehaves. */

import { contactsOf } from "../../src/sip/contact.ts";
import type { MainRegistrar } from "../support/main-registrar.ts";
import { answerTo, requestOf, statusOf } from "../support/messages.ts";
import type { VirtualClock } from "../support/virtual-clock.ts";
import { SERVER_PLACE } from "../support/world.ts";
import { INTRUDER } from "./devices.ts";
import type { Random } from "./random.ts";

const WHIMS = ["normal", "normal", "normal", "refusing", "late", "twice", "blind"] as const;

/** What the main registrar does by itself, as the ledger has to know it. */
export interface Watcher {
  /** It has done what a REGISTER asks. */
  changes(text: string): void;
  /** It has lost contacts. */
  forgets(contacts: Iterable<string>): void;
}

export class Whims {
  readonly #main: MainRegistrar;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #watcher: Watcher;
  #whim: (typeof WHIMS)[number] = "normal";

  constructor(
    parts: { readonly main: MainRegistrar; readonly clock: VirtualClock; readonly random: Random },
    watcher: Watcher,
  ) {
    this.#main = parts.main;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#watcher = watcher;
    this.#main.isStrict = true;
    this.#main.answering = (text) => this.#answer(text);
  }

  /** Changes its mood, and says to what. */
  change(): string {
    const random = this.#random;
    const main = this.#main;
    main.isSilent = random.chance(0.25);
    main.isChallenging = random.chance(0.25);
    main.maxExpiresSec = random.pick([100_000, 100_000, 40, 9, 3]);
    this.#whim = random.pick(WHIMS);
    const { isSilent, isChallenging, maxExpiresSec } = main;
    return JSON.stringify({ whim: this.#whim, isSilent, isChallenging, maxExpiresSec });
  }

  calmDown(): void {
    this.#whim = "normal";
    Object.assign(this.#main, { isSilent: false, isChallenging: false, maxExpiresSec: 100_000 });
  }

  /** The answers to a REGISTER that it has not seen before. */
  #answer(text: string): readonly string[] {
    const random = this.#random;
    if (text.includes(INTRUDER)) return [answerTo(text, 403, "Forbidden", { tag: "main" })];
    if (this.#whim === "refusing") return [this.#refuse(text)];
    if (this.#whim === "blind") return [this.#overlook(text)];
    const answer = this.#main.answer(text);
    if (statusOf(answer) === 200) this.#watcher.changes(text);
    if (this.#whim === "normal") return [answer];
    const delayMs = random.pick([500, 3000, 9000, 14_000]);
    this.#clock.later(delayMs, () => this.#main.send(answer, SERVER_PLACE));
    return this.#whim === "twice" ? [answer] : [];
  }

  #refuse(text: string): string {
    const status = this.#random.pick([403, 423, 500, 503]);
    const headers = status === 423 ? ["Min-Expires: 7200"] : [];
    return answerTo(text, status, "No", { tag: "main", headers });
  }

  /** Says 200, but registers nothing, and loses what it has had of the contacts. */
  #overlook(text: string): string {
    const { to } = requestOf(text);
    const contacts = contactsOf(requestOf(text));
    const lost =
      contacts === "*" ? this.#main.contactsFor(to.uri) : (contacts ?? []).map(({ uri }) => uri);
    for (const uri of lost) this.#main.drop(to.uri, uri);
    this.#watcher.forgets(lost);
    return answerTo(text, 200, "OK", { tag: "main" });
  }
}
