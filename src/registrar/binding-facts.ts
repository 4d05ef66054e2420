import type { Binding } from "../location/binding.ts";
import { parseFlow } from "../location/flow.ts";
import { type AddressGroups, addressGroups } from "../location/network.ts";
import { parseUri, uriParam } from "../sip/uri.ts";
import type { RegisterOrigin, RuleFacts } from "./rules.ts";

/**
 * The facts of a binding: as they were when its device registered, so that the rule which let it in can be found
 * again. Each is worked out when the first rule asks for it.
 */
export class BindingFacts implements RuleFacts {
  readonly aor: string;
  readonly #binding: Binding;
  #origin: RegisterOrigin | undefined;
  #domain: string | undefined;
  #groups: AddressGroups | undefined;
  #hasPush: boolean | undefined;

  constructor(aor: string, binding: Binding) {
    this.aor = aor;
    this.#binding = binding;
  }

  get origin(): RegisterOrigin {
    this.#origin ??= originOf(this.#binding.source);
    return this.#origin;
  }

  get domain(): string {
    this.#domain ??= parseUri(this.#binding.upstream.to)?.host.toLowerCase() ?? "";
    return this.#domain;
  }

  get userAgent(): string {
    return this.#binding.userAgent;
  }

  get groups(): AddressGroups {
    this.#groups ??= addressGroups(this.origin.address) ?? [];
    return this.#groups;
  }

  get hasPush(): boolean {
    this.#hasPush ??= hasProvider(this.#binding.contact);
    return this.#hasPush;
  }
}

function originOf(source: string): RegisterOrigin {
  const { listener: id = "", address = "" } = parseFlow(source) ?? {};
  return { listener: { id, protocol: id.slice(0, id.indexOf(":")) }, address };
}

/** RFC 8599 section 4.1.1. */
function hasProvider(contact: string): boolean {
  const uri = /pn-provider/iu.test(contact) ? parseUri(contact) : undefined;
  return uri !== undefined && uriParam(uri, "pn-provider") !== undefined;
}
