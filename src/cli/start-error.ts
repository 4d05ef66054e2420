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
