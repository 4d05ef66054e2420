/**
 * Where a device can be woken: the push resource of RFC 8599 section 6. All three are byte strings without escapes, white
 * space or control characters. Whoever knows them can wake the device, so they stay out of logs and pages.
 */
export interface PushDevice {
  /** pn-provider in lower case: "apns", "fcm", "webpush", or a name of the configuration. */
  readonly provider: string;
  /** pn-param as the device wrote it; empty when it gave none. */
  readonly param: string;
  /** pn-prid as the device wrote it. */
  readonly prid: string;
}

/** The form bindings keep, which is equal for equal devices. */
export function serializePush({ provider, param, prid }: PushDevice): string {
  return `${provider} ${param} ${prid}`;
}

/** The way back from serializePush; undefined for an empty text. */
export function parsePush(text: string): PushDevice | undefined {
  const [provider, param, prid] = text.split(" ");
  if (provider === undefined || param === undefined || prid === undefined) return undefined;
  return { provider, param, prid };
}
