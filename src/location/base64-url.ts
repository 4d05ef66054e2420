/** Latin-1 texts in base64url, every character of which may stand in the user part of a SIP URI as it is. */
export function toBase64Url(text: string): string {
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The way back; throws for what is no base64url. */
export function fromBase64Url(text: string): string {
  return atob(text.replaceAll("-", "+").replaceAll("_", "/"));
}
