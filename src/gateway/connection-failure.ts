const NO_TLS =
  "what listens at the provider's address does not speak TLS, or none that midreg does";
const NO_HTTP = "what listens at the provider's address does not speak the provider's protocol";
const NOT_TRUSTED = "the provider's certificate is not trusted; is ca right?";

/** What error codes of Node mean, as a closed set that ends up in metrics. */
const REASONS: Readonly<Record<string, readonly [reason: string, detail: string]>> = {
  ECONNREFUSED: ["connection-refused", "nobody listens at the provider's address"],
  ECONNRESET: ["connection-lost", "the provider has closed the connection"],
  EPIPE: ["connection-lost", "the provider has closed the connection"],
  ENOTFOUND: ["name-unknown", "the provider's name is not in the DNS"],
  EAI_AGAIN: ["name-unknown", "the provider's name could not be looked up"],
  ETIMEDOUT: ["no-answer", "the provider does not answer"],
  EHOSTUNREACH: ["no-route", "there is no way to the provider"],
  ENETUNREACH: ["no-route", "there is no way to the provider"],
  DEPTH_ZERO_SELF_SIGNED_CERT: ["certificate", NOT_TRUSTED],
  SELF_SIGNED_CERT_IN_CHAIN: ["certificate", NOT_TRUSTED],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ["certificate", NOT_TRUSTED],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ["certificate", NOT_TRUSTED],
  CERT_HAS_EXPIRED: ["certificate", "the provider's certificate has expired; is the clock right?"],
  CERT_NOT_YET_VALID: [
    "certificate",
    "the provider's certificate is not valid yet; is the clock right?",
  ],
  ERR_TLS_CERT_ALTNAME_INVALID: ["certificate", "the provider's certificate is for another name"],
  EPROTO: ["no-tls", NO_TLS],
  ERR_SSL_WRONG_VERSION_NUMBER: ["no-tls", NO_TLS],
  ERR_SSL_PACKET_LENGTH_TOO_LONG: ["no-tls", NO_TLS],
  ERR_HTTP2_ERROR: ["no-http", NO_HTTP],
  ADDRESS_REFUSED: ["address-refused", "the subscription is at a private address"],
};

/** Why a request has not been answered: a reason of a closed set, and what it means. */
export function connectionFailure(error: unknown): readonly [reason: string, detail: string] {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  // HTTP/1.1 has a code for each thing that its parser did not expect.
  if (code.startsWith("HPE_")) return ["no-http", NO_HTTP];
  const known = Object.hasOwn(REASONS, code) ? REASONS[code] : undefined;
  return known ?? ["connection-lost", "the connection to the provider has ended"];
}
