import { readFlowPayload, writeFlowPayload } from "../location/flow-payload.ts";

/**
 * The user part of a Record-Route of midreg's own. It names the device's flow and is sealed together
 * with the dialog it was made for, so that requests inside the dialog can be routed without state, from
 * wherever they come, and so that nobody can make one up or carry one over to another call.
 */
export interface DialogToken {
  /** Whether the device was called ("callee") or placed the call ("caller"). */
  readonly role: "callee" | "caller";
  /** Flow of the device when the dialog was made (location/flow.ts). */
  readonly flow: string;
  /** Its contact identifier, to find its present flow; empty when it is not known. */
  readonly ctid: string;
  /** There when the main registrar has this flow by itself and is told when it is gone (RFC 5626 section 5.3.1). */
  readonly isEdge?: true;
}

/** What a dialog-creating request says of its dialog. */
export interface DialogSeal {
  readonly callId: string;
  /** Tag of whoever sent the request that created the dialog. */
  readonly initiatorTag: string;
}

type Mac = (text: string) => string;
/** Whether a keyed digest of a text is genuine. */
export type IsMac = (text: string, mac: string) => boolean;

const ROLE = { callee: "d", caller: "o" } as const;

/** Writes a token; every character may stand in the user part of a SIP URI as it is. */
export function buildDialogToken(token: DialogToken, seal: DialogSeal, mac: Mac): string {
  const letter = ROLE[token.role];
  const payload = (token.isEdge === true ? letter.toUpperCase() : letter) + writeFlowPayload(token);
  return `${payload}.${mac(sealedText(payload, seal))}`;
}

/** 80 bits of digest in base64url. */
const FORM = /^[doDO][\w-]+\.[\w-]{14}$/u;

/** Whether the user part of a URI looks like a token, genuine or not. */
export function hasTokenForm(user: string): boolean {
  return FORM.test(user);
}

/** Reads a token and checks that it was made here for this dialog; undefined when it was not. */
export function openDialogToken(
  text: string,
  seal: DialogSeal,
  isMac: IsMac,
): DialogToken | undefined {
  const dot = text.indexOf(".");
  const payload = text.slice(0, dot);
  if (dot < 2 || !isMac(sealedText(payload, seal), text.slice(dot + 1))) return undefined;
  const [letter = ""] = payload;
  const role = letter.toLowerCase() === ROLE.callee ? "callee" : "caller";
  const token = { role, ...readFlowPayload(payload.slice(1)) } as const;
  return letter === letter.toUpperCase() ? { ...token, isEdge: true } : token;
}

/**
 * The line breaks keep it apart from all else that is sealed with the same key: no header value holds one. To tags of
 * stateless answers are made of what anybody may choose, and everybody can read them.
 */
function sealedText(payload: string, { callId, initiatorTag }: DialogSeal): string {
  return `\ndialog\n${payload}\0${callId}\0${initiatorTag}`;
}
