/** The connections that belong to a set of keys. */
export interface Connections {
  /** Takes no further request, and closes when those under way have ended. */
  retire(): void;
  /** Closes at once. */
  stop(): void;
}

/** What a sender works with: keys, what is made with them, and the connections that it is told over. */
export interface Access {
  /** Undefined when there is none yet. */
  readonly connections: Connections | undefined;
}

/**
 * Holds the access of a sender, and replaces it as a whole when the keys are read anew. What is under way goes on with
 * the access it began with.
 */
export class ReloadableAccess<T extends Access> {
  readonly #read: () => T;
  #current: T;

  /** `read` throws a `GatewayError` when a key cannot be used; so do this and `prepare`. */
  constructor(read: () => T) {
    this.#read = read;
    this.#current = read();
  }

  get current(): T {
    return this.#current;
  }

  /** Reads keys anew. Gives back what puts them into use. */
  prepare(): () => void {
    const next = this.#read();
    return () => {
      this.#current.connections?.retire();
      this.#current = next;
    };
  }

  stop(): void {
    this.#current.connections?.stop();
  }
}
