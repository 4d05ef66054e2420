/** The admin listener could not be opened. The message is one line that names the address and the remedy. */
export class AdminError extends Error {
  override readonly name = "AdminError";
  readonly code: "ADMIN_PORT_IN_USE" | "ADMIN_LISTEN_FAILED";

  constructor(code: AdminError["code"], message: string, cause: unknown) {
    super(message, { cause });
    this.code = code;
  }
}
