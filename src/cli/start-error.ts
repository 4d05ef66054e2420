/** Something that keeps the appliance from starting: what, where and what to do, in one line. */
export class StartError extends Error {
  readonly code:
    | "DATA_UNUSABLE"
    | "SECRET_UNUSABLE"
    | "SECRET_REFUSED"
    | "CREDENTIAL_REFUSED"
    | "UPSTREAM_IS_MIDREG";

  constructor(code: StartError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StartError";
    this.code = code;
  }
}

/** Errors that say all there is to say carry a code; anything else is a fault of ours. */
export function saysAll(error: unknown): error is Error {
  return error instanceof Error && "code" in error;
}
