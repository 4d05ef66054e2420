import type { Commit } from "../ports.ts";
import type { CredentialChange } from "./credential-rows.ts";
import type { FromJournal, ToJournal } from "./journal-protocol.ts";

/** Changes of credentials on their way through the thread that owns the database, in the order they were asked for. */
export class CredentialLink {
  readonly #post: (message: ToJournal) => void;
  readonly #waiting: Commit[] = [];

  constructor(post: (message: ToJournal) => void) {
    this.#post = post;
  }

  write(change: CredentialChange, commit: Commit): void {
    this.#waiting.push(commit);
    this.#post({ kind: "credentials", change });
  }

  hear({ reason }: Extract<FromJournal, { kind: "credentials" }>): void {
    const commit = this.#waiting.shift();
    if (reason === "") commit?.committed();
    else commit?.failed(reason);
  }

  /** The thread has ended: what it was asked to do may be done or not. */
  fail(reason: string): void {
    for (const commit of this.#waiting.splice(0)) commit.failed(reason);
  }
}
