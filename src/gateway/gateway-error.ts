/** Why the push senders cannot work with what they were given; the message names the file and never shows its content. */
export class GatewayError extends Error {
  readonly code = "PUSH_PROVIDER_UNUSABLE";
}
