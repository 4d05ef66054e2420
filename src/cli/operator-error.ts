/** Why an operation could not be carried out, in one line that says what to do. */
export class OperatorError extends Error {
  override readonly name = "OperatorError";
  readonly code: "UNREACHABLE" | "REFUSED" | "NOT_FOUND" | "USAGE";

  constructor(code: OperatorError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
