import type { AorRecord, Binding } from "../location/binding.ts";
import { contactKey, matchContact } from "../location/match-contact.ts";
import { withoutPush } from "../location/push-params.ts";
import { isSameUri } from "../sip/compare-uri.ts";
import type { PushParam } from "./push-policy.ts";
import { pushKeyOfUri } from "./push-request.ts";

/** What a contact that may be pushed to is recognised by. */
interface PushedIdentity {
  readonly uri: string;
  /** Contact header parameters as written. */
  readonly params: string;
  /** Empty for a contact without a push resource (push-request.ts). */
  readonly pushKey: string;
}

/**
 * The binding of a contact where devices are pushed to: by its push parameters, compared exactly, whatever address it
 * has (pn_ct_match_params); else that of the same instance, whose token is a new one (RFC 8599 section 4.1.3); else
 * by its URI. There, push parameters that only one of the two has do not count: a removal comes without them (section
 * 4.1.2), and a device may begin or cease to ask for push.
 */
export function findPushed(
  record: AorRecord | undefined,
  asked: PushedIdentity,
  matchParams: readonly PushParam[],
): Binding | undefined {
  if (record === undefined) return undefined;
  const { bindings } = record;
  const same = bindings.find(({ contact }) => contact === asked.uri);
  if (same !== undefined) return same;
  const keys = new Map(bindings.map((one) => [one, pushKeyOfUri(one.contact, matchParams)]));
  const isKeyless = (one: Binding): boolean => keys.get(one) === "";
  if (asked.pushKey === "") {
    const plain = bindings.filter(isKeyless);
    return matchContact({ aor: record.aor, bindings: plain }, asked.uri) ?? findBare(record, asked);
  }
  return (
    bindings.find((one) => keys.get(one) === asked.pushKey) ??
    bindings.find((one) => !isKeyless(one) && isSameInstance(one, asked)) ??
    findBare({ aor: record.aor, bindings: bindings.filter(isKeyless) }, asked)
  );
}

function isSameInstance({ contact: uri, params }: Binding, asked: PushedIdentity): boolean {
  const key = contactKey(asked, "instance");
  return key !== undefined && key === contactKey({ uri, params }, "instance");
}

/** The binding whose URI is the same but for push parameters. */
function findBare({ bindings }: AorRecord, { uri }: PushedIdentity): Binding | undefined {
  const bare = withoutPush(uri);
  if (bare === undefined) return undefined;
  return bindings.find(({ contact }) => {
    const other = withoutPush(contact);
    return other !== undefined && isSameUri(other, bare);
  });
}
