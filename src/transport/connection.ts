import type { FlowEnd, Listener, Source } from "../ports.ts";

/** Why a connection has ended. */
export type CloseReason = FlowEnd;

/** What carries the bytes of a connection: a socket, or a WebSocket. */
export interface Wire {
  /** Bytes that wait for the peer to read. */
  readonly backlogBytes: number;
  /** Hands bytes over; `done` is called once, later, with the error if they could not leave. */
  write(bytes: string, done: (error: Error | undefined) => void): void;
  /** Ends it at once. */
  destroy(): void;
}

/** A connection that is open or being opened: TCP, TLS, WebSocket. */
export interface Connection extends Source {
  /** Name of it, unique also after a restart. */
  readonly connection: string;
  readonly listener: Listener;
  /** The name it was opened for; undefined for one that a peer has opened. */
  readonly domain: string | undefined;
  /** Whether midreg has opened it. */
  readonly isOutgoing: boolean;
  readonly wire: Wire;
  /** When it was opened, when anything was heard of it last, and since when a message is incomplete. */
  readonly openedAtMs: number;
  heardAtMs: number;
  partialSinceMs: number | undefined;
  /** Keep-alives that have been answered and whose answers have not left. */
  unreadPongs: number;
  /** How long it may be silent because keep-alives were promised on it; Infinity where none were. */
  keepAliveMs: number;
  /** Whether a message or a keep-alive has come on it, or midreg has opened it itself. */
  isProven: boolean;
}
