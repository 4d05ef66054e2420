/** Headers that a 200 repeats (RFC 3261 sections 8.2.6.2 and 10.3), in full and compact form. */
const REPEATED = new Set(["via", "v", "from", "f", "call-id", "i", "cseq"]);

/** The 200 of a main registrar that says yes to every REGISTER; undefined when the text is not one. */
export function acceptRegister(request: string): string | undefined {
  if (!request.startsWith("REGISTER ")) return undefined;
  let answer = "SIP/2.0 200 OK\r\n";
  let contact = "";
  let expires = "3600";
  for (const line of request.split("\r\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).trimEnd().toLowerCase();
    if (REPEATED.has(name)) answer += `${line}\r\n`;
    else if (name === "to" || name === "t") answer += `${line};tag=main\r\n`;
    else if (name === "contact" || name === "m") contact = line;
    else if (name === "expires") expires = line.slice(colon + 1).trim();
  }
  return `${answer}${grantContact(contact, expires)}Content-Length: 0\r\n\r\n`;
}

/** The Contact line with its lifetime as asked for; empty when it is removed or absent. */
function grantContact(contact: string, expires: string): string {
  const own = /;expires=(\d+)/iu.exec(contact)?.[1];
  if (contact === "" || (own ?? expires) === "0") return "";
  return own === undefined ? `${contact};expires=${expires}\r\n` : `${contact}\r\n`;
}
