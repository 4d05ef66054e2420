/** How the devices for a call are chosen (OpenSIPS' lookup flags, Kamailio's registrar parameters). */
export interface LookupPolicy {
  /**
   * Whether all devices ring at once, only the most preferred one (no-branches; append_branches off), or one
   * group of equal preference after another.
   */
  readonly fork: "all" | "best" | "by-q";
  /** With by-q: how long a group may ring before the next one is tried; 0 for as long as it likes. */
  readonly ringMs: number;
  /** Devices whose Allow lacks the method are left out; those that gave none take everything. */
  readonly filtersMethods: boolean;
  /** Devices whose User-Agent it does not match are left out (ua-filtering); undefined lets all be called. */
  readonly userAgent: { matches(text: string): boolean } | undefined;
  /** Devices that took longer to answer their last ping are left out (max-ping-latency); 0 lets all be called. */
  readonly maxLatencyMs: number;
  /** Whether the device that answers pings fastest comes first, those never pinged last (sort-by-latency). */
  readonly sortsByLatency: boolean;
  /** For how long expired bindings are still called while the main registrar does not answer; 0 for never. */
  readonly serveExpiredMs: number;
  /** What a request gets for which there is no contact. */
  readonly noContactStatus: 404 | 480;
}
