/** What the operator has decided about waking devices (RFC 8599), beyond what a registration goes by. */
export interface PushOptions {
  /** pn_trigger_interval: how long before its registration ends a device is woken to refresh it. */
  readonly triggerMs: number;
  /** pn_skip_pn_interval: a device that was heard so recently is awake; 0 for never. */
  readonly skipMs: number;
  /** pn_refresh_timeout: how long a request waits for the device that has been woken for it. */
  readonly wakeTimeoutMs: number;
  /** How long after a push to refresh the next one is sent; it doubles each time. */
  readonly refreshRetryMs: number;
  /** Pushes to refresh are brought forward at random by up to this. */
  readonly refreshSpreadMs: number;
  /** Pushes to refresh a second, at most. */
  readonly refreshRate: number;
  /** For how long a device can still be woken once its registration has ended. */
  readonly afterExpiryMs: number;
  /** What a caller is told while a device is being woken; 0 for nothing but 100. */
  readonly waitingStatus: 0 | 180 | 182;
  /** Providers whose devices are told when a call they were woken for is over before it has reached them. */
  readonly callOver: readonly string[];
  /** Whether providers are told who calls. */
  readonly tellsCaller: boolean;
  readonly budget: PushBudget;
}

/** How many pushes requests may cause; 0 for any number. */
export interface PushBudget {
  /** A minute, by the address in From. */
  readonly perCaller: number;
  /** A minute, by push resource. */
  readonly perDevice: number;
  /** A second. */
  readonly total: number;
}
