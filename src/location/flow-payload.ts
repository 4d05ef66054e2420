/** What the tokens of a Path and of a dialog name: a flow (flow.ts), and the contact that it belongs to. */
export interface FlowPayload {
  readonly flow: string;
  /** Contact identifier; empty for none. */
  readonly ctid: string;
}

/** Writes it in base64url, every character of which may stand in the user part of a SIP URI as it is. */
export function writeFlowPayload({ flow, ctid }: FlowPayload): string {
  return btoa(`${ctid}|${flow}`).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The way back; throws for what is no base64url. */
export function readFlowPayload(text: string): FlowPayload {
  const body = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bar = body.indexOf("|");
  return { flow: body.slice(bar + 1), ctid: body.slice(0, bar) };
}
