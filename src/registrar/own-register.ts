import type { UpstreamRegistration } from "../location/binding.ts";
import { fromTagOf } from "./upstream-identity.ts";

/** What a REGISTER of midreg's own says besides whom it is for and under which identity. */
interface OwnRegisterParts {
  /** Value of the Contact header. */
  readonly contact: string;
  readonly userAgent: string;
  /** Header lines that answer a challenge, each ended by CRLF; none when left out. */
  readonly credentials?: string;
  /** Further header lines, each ended by CRLF. */
  readonly lines?: string;
}

/** A REGISTER that midreg sends by itself for a registration it holds, without a Via. */
export function buildOwnRegister(
  { requestUri, to, from }: UpstreamRegistration,
  { callId, cseq }: { readonly callId: string; readonly cseq: number },
  { contact, userAgent, credentials = "", lines = "" }: OwnRegisterParts,
): string {
  return (
    `REGISTER ${requestUri} SIP/2.0\r\n` +
    "Max-Forwards: 70\r\n" +
    `From: <${from === "" ? to : from}>;tag=${fromTagOf(callId)}\r\n` +
    `To: <${to}>\r\n` +
    `Call-ID: ${callId}\r\n` +
    `CSeq: ${cseq} REGISTER\r\n` +
    `Contact: ${contact}\r\n${lines}` +
    `User-Agent: ${userAgent}\r\n${credentials}` +
    "Content-Length: 0\r\n\r\n"
  );
}
