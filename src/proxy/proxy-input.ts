import type { Binding } from "../location/binding.ts";
import type { GruuTarget } from "../location/gruu.ts";
import type { SipRequest } from "../sip/message.ts";
import type { Uri } from "../sip/uri.ts";
import type { DialogToken, IsMac } from "./dialog-token.ts";
import type { LookupPolicy } from "./lookup-policy.ts";

/** A listener as others reach it. */
export interface Side {
  /** host:port. */
  readonly sentBy: string;
  readonly protocol: "udp" | "tcp" | "tls" | "ws" | "wss";
}

/** Who sent a request, by its source address. */
export type Sender = "upstream" | "device" | "stranger";

/** Everything the routing of a request other than REGISTER depends on. */
export interface ProxyInput {
  readonly request: SipRequest;
  readonly sender: Sender;
  /** The flow the request came on (location/flow.ts). */
  readonly source: string;
  /** The side that a flow is on; undefined when its listener is gone. */
  readonly sideOf: (flow: string) => Side | undefined;
  /** Name of the main registrar that sent the request, or that one from a device goes to. */
  readonly upstream: string;
  /** The side that faces it. */
  readonly upstreamSide: Side;
  /** Host part (and port) that takes the place of midreg's own in a Request-URI. */
  readonly upstreamHost: string;
  readonly isOwnHost: (host: string, port: number | undefined) => boolean;
  /** Whether a host and port are the main registrar's. */
  readonly isUpstreamHost: (host: string, port: number | undefined) => boolean;
  readonly mac: (text: string) => string;
  /** Whether a mac was made of a text here. */
  readonly isMac: IsMac;
  /** The contact identifier in a URI of ours; undefined when there is none. */
  readonly ctidOf: (uri: string) => string | undefined;
  /** The binding of the device that has sent the request, going by its From and its flow. */
  readonly callerBinding: () => Binding | undefined;
  /**
   * The bindings that the main registrar means by a URI of ours, most preferred first: the one with a contact
   * identifier, or all of an address-of-record whose devices share a contact, with all their flows. Empty when there
   * are none, or they have expired.
   */
  readonly targetsOf: (uri: string) => readonly Binding[];
  /** All flows of the device that a binding is one of, itself included. */
  readonly flowsOf: (binding: Binding) => readonly Binding[];
  /**
   * How devices are chosen for a call to these bindings of a Request-URI, most preferred first, and what happens where there
   * are none: a rule may have a say in it.
   */
  readonly lookupFor: (targets: readonly Binding[], uri: string) => LookupPolicy;
  /** Whether there is a way to the device: its connection has not ended, and pings have not found it dead. */
  readonly isReachable: (binding: Binding) => boolean;
  /** Whether a flow has not ended, as far as is known. */
  readonly isFlowOpen: (flow: string) => boolean;
  /** How long the device took to answer its last ping; undefined where that is not known. */
  readonly latencyMsOf: (binding: Binding) => number | undefined;
  /** The binding with a contact identifier, unless it has expired. */
  readonly bindingOf: (ctid: string) => Binding | undefined;
  /** What a GRUU of midreg's stands for; undefined when the URI is none. */
  readonly gruuTarget: (uri: Uri) => GruuTarget | undefined;
  /** The address-of-record that a contact identifier belongs to; undefined when nothing is stored of it. */
  readonly aorOf: (ctid: string) => string | undefined;
  /** Whether the device of a binding has to be woken before the request is sent to it (RFC 8599). */
  readonly isAsleep: (binding: Binding) => boolean;
}

/** A token of midreg's own that belongs to the dialog of a request. */
export interface OpenedToken {
  readonly token: DialogToken;
  /** Whether the request comes from the side that created the dialog. */
  readonly isFromInitiator: boolean;
}

/** Where a request goes next. */
export type NextHop =
  /** Back on the flow of a device. */
  | { readonly kind: "flow"; readonly flow: string }
  /** To whatever the URI resolves to, from the listener of the flow. */
  | { readonly kind: "uri"; readonly uri: string; readonly flow: string | undefined }
  | { readonly kind: "upstream"; readonly upstream: string };

/** Why a request was not routed. Each has its status in decide-request.ts. */
export type RefusalReason =
  | "stranger"
  | "unknown-contact"
  | "flow-failed"
  | "unknown-gruu"
  | "gruu-away"
  | "method-not-allowed"
  | "no-dialog"
  | "foreign-route"
  | "forged-token"
  | "too-many-hops"
  | "loop"
  | "max-breadth"
  | "bad-extension"
  | "unsupported-scheme"
  | "malformed-route";

/** The request without a Via of midreg's own, and where it goes. */
export interface RelayBranch {
  readonly text: string;
  readonly nextHop: NextHop;
  /** The binding it leads to; undefined when it leads to none. */
  readonly ctid?: string;
  /** The device it leads to, whichever of its bindings comes first; undefined where it has no instance to tell by. */
  readonly device?: string | undefined;
  /** Other flows of the same device, tried one by one when those before are dead (RFC 5626 section 7). */
  readonly others?: readonly RelayBranch[];
  /** There when the device has to be woken first; then another branch takes the place of this one. */
  readonly asleep?: Sleeper;
  /** There when the device can be woken, in case that all its flows turn out to be dead. */
  readonly wakeable?: Sleeper;
}

/** A device that a request is for, and that has to be woken for it. */
export interface Sleeper {
  /** Its bindings as they are now, the most recently refreshed first. */
  readonly flows: readonly [Binding, ...Binding[]];
  /** Whether the request goes along the Path of its registration. */
  readonly usesPath: boolean;
  /** Whether it follows the route of its dialog, to the flow of the device. */
  readonly isInDialog: boolean;
  /** Whether the request has gone over its flows already, in vain. */
  readonly isLost?: boolean;
}

export type ProxyDecision =
  | {
      readonly kind: "relay";
      readonly direction: "to-device" | "to-upstream";
      /** Whether its sender looks for other flows itself, and is told when this one is gone (RFC 5626 section 5.3.1). */
      readonly isEdge?: boolean | undefined;
      /** Ways to send it at the same time, at least one. */
      readonly branches: readonly RelayBranch[];
      /** Groups of ways to try one after another when those before have failed. */
      readonly later: ReadonlyArray<readonly RelayBranch[]>;
      /** How long a group may ring before the next one is tried; 0 for as long as it likes. */
      readonly ringMs: number;
      /** How many branches there may be at once (RFC 5393 section 5.3.3). */
      readonly breadth: number;
      /** What the request was routed by, digested: tells loops from spirals (RFC 5393 section 4.2.1). */
      readonly mark: string;
    }
  | {
      readonly kind: "respond";
      readonly reason: RefusalReason | "options";
      /** The contact that the main registrar forgets now, if it does. */
      readonly disowned?: string | undefined;
      readonly status: number;
      readonly phrase: string;
      /** Header lines, each ended by CRLF. */
      readonly headers: string;
    };
