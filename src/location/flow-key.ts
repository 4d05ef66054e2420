/** What names one flow of one device toward a registrar (RFC 5626 section 6). */
import { paramValue } from "../sip/params.ts";
import { instanceOf } from "./match-contact.ts";

/** RFC 5626 section 10: reg-id goes from 1 to 2**31 - 1. */
const MAX_REG_ID = 2_147_483_647;

/** Nearly all contacts have none, and need no second look. */
const LIKELY = /reg-id/iu;

/** The reg-id of a contact from its header parameters: undefined for none, NaN for one that is no reg-id. */
export function regIdOf(params: string): number | undefined {
  if (params === "" || !LIKELY.test(params)) return undefined;
  const value = paramValue(params, "reg-id");
  if (value === undefined) return undefined;
  const regId = /^\d+$/u.test(value) ? Number(value) : Number.NaN;
  return regId >= 1 && regId <= MAX_REG_ID ? regId : Number.NaN;
}

/**
 * The instance and reg-id of a contact in comparable form. Undefined when it lacks one of them: a reg-id without an
 * instance means nothing, and an instance without a reg-id names a device and no flow of it.
 */
export function flowKeyOf(params: string): string | undefined {
  const regId = regIdOf(params);
  if (regId === undefined || Number.isNaN(regId)) return undefined;
  const instance = instanceOf(params);
  return instance === undefined ? undefined : `${instance} ${regId}`;
}

/** Whether the main registrar has taken a binding as a flow by itself, and keeps its Path (registrar/edge.ts). */
export function isFlowUpstream({ replay }: { readonly replay: string }): boolean {
  return replay !== "" && replay.includes("Require: outbound\r\n");
}
