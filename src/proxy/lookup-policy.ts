/** How the devices for a call are chosen (OpenSIPS' lookup flags, Kamailio's registrar parameters). */
export interface LookupPolicy {
  /** Only the most preferred device rings (no-branches; append_branches off). */
  readonly isBestOnly: boolean;
  /** Devices whose Allow lacks the method are left out; those that gave none take everything. */
  readonly filtersMethods: boolean;
  /** For how long expired bindings are still called while the main registrar does not answer; 0 for never. */
  readonly serveExpiredMs: number;
}
