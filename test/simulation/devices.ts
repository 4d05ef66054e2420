/** The devices of a simulated world: what they register, and how they fare. */
import type { Phone } from "../support/phone.ts";
import type { World } from "../support/world.ts";
import { type Asked, bareUri } from "./account.ts";
import type { Random } from "./random.ts";

const KINDS = ["register", "remove", "mixed", "fetch", "star"] as const;
type Kind = (typeof KINDS)[number];

/** Lifetimes that devices ask for, in seconds. */
const LIFETIMES_SEC = [20, 60, 60, 200];

/** How often a phone sends credentials without having been asked. */
const CREDENTIALS = 0.7;

/** What the main registrar knows an intruder by. */
export const INTRUDER = "Subject: intruder";

/** A device: one phone, the contacts it registers, and where it is just now. */
export interface Device {
  readonly user: string;
  readonly phone: Phone;
  uris: readonly string[];
  /** Header parameters of its contact; empty for one that does not say which instance it is. */
  readonly instance: string;
  /** Those of one that registers a flow (RFC 5626), and is not woken; else empty. */
  readonly flow: string;
  /** URIs of its one contact with all tokens that it has had and will have; empty for one that stays as it is. */
  readonly aliases: string[];
  readonly lifetimeSec: number;
  place: string;
  callId: string;
  cseq: number;
  /** The last REGISTER, as it was sent. */
  last: string;
}

/** Told of every REGISTER before it leaves. */
export type Tell = (text: string, asked: Asked) => void;

export class Devices {
  readonly all: Device[] = [];
  readonly #random: Random;
  readonly #tell: Tell;
  readonly #answering: (phone: Phone) => void;
  #lastPort = 40_000;

  /** `answering` teaches a phone what to do with calls. */
  constructor(random: Random, tell: Tell, answering: (phone: Phone) => void) {
    this.#random = random;
    this.#tell = tell;
    this.#answering = answering;
  }

  /** One that can be woken has a token for each of its contacts. */
  add(world: World, user: string, contacts: number): void {
    const place = this.nextPlace();
    const params = ["", ";x=second;transport=udp"];
    const isWakable = this.#random.chance(0.5);
    const all = params.map((list, at) => {
      const uri = `sip:${user}@${place}${list}`;
      return isWakable ? withToken(uri, `${place}-${at}`) : uri;
    });
    const uris = all.slice(0, contacts);
    const hasInstance = isWakable && contacts === 1 && this.#random.chance(0.6);
    const isFlow = !isWakable && contacts === 1 && this.#random.chance(0.6);
    const phone = world.phone(user, place);
    this.#answering(phone);
    this.all.push({
      user,
      phone,
      uris,
      instance: hasInstance ? `;+sip.instance="<urn:x-device:${place}>"` : "",
      flow: isFlow ? `;+sip.instance="<urn:x-flow:${place}>";reg-id=1` : "",
      aliases: hasInstance ? [...uris] : [],
      lifetimeSec: this.#random.pick(LIFETIMES_SEC),
      place,
      callId: `call-${place}`,
      cseq: 0,
      last: "",
    });
  }

  any(): Device {
    return this.#random.pick(this.all);
  }

  /** An address and port that nobody has had before. */
  nextPlace(): string {
    this.#lastPort += 1;
    return `198.51.100.7:${this.#lastPort}`;
  }

  /** Sends one REGISTER of a random kind, and says which. */
  register(device: Device): string {
    const kinds = [...KINDS, "register", "register", "register", "register"] as const;
    return this.#registerAs(device, this.#random.pick<Kind>(kinds));
  }

  /** A device comes back that was pushed to: from where it was or from elsewhere, as it was or after a reboot. */
  wakeUp(device: Device): string {
    if (this.#random.chance(0.4)) this.change(device);
    return this.#registerAs(device, "register");
  }

  #registerAs(device: Device, kind: Kind): string {
    const random = this.#random;
    const { uris } = device;
    const unwanted = unwantedOf(kind, uris);
    const isNamed = kind !== "star" && kind !== "fetch";
    const wanted = isNamed ? uris.filter((uri) => !unwanted.includes(uri)) : [];
    // Most devices stay with their lifetime; some ask for another now and then.
    const own = random.chance(0.8) ? device.lifetimeSec : random.pick(LIFETIMES_SEC);
    const expires = kind === "star" ? 0 : own;
    const headers = random.chance(CREDENTIALS) ? ["Authorization: Digest x=y"] : [];
    device.cseq += 1;
    const text = this.#build(device, { kind, wanted, unwanted, expires, headers });
    this.#tell(text, { ...askedBy(device), kind, wanted, unwanted, expires, isIntruder: false });
    device.last = text;
    device.phone.send(text, device.place);
    return `${device.place} ${kind} ${uris[0]} for ${expires} s, CSeq ${device.cseq} of ${device.callId}`;
  }

  /** Somebody without credentials who has overheard everything, and sends from elsewhere. */
  intrude(device: Device): string {
    const random = this.#random;
    const kind = random.pick<Kind>(["register", "remove", "fetch", "star"]);
    const place = this.nextPlace();
    const uris = [random.pick([...device.uris, `sip:${device.user}@${place}`])];
    const unwanted = unwantedOf(kind, uris);
    const wanted = kind === "register" ? uris : [];
    const expires = kind === "star" ? 0 : 60;
    const thief = { ...device, place, cseq: device.cseq + random.pick([0, 1, 1000]) };
    const headers = [INTRUDER];
    const text = this.#build(thief, { kind, wanted, unwanted, expires, headers });
    this.#tell(text, { ...askedBy(thief), kind, wanted, unwanted, expires, isIntruder: true });
    device.phone.send(text, place);
    return `${place} ${kind} ${uris[0]} as an intruder, CSeq ${thief.cseq} of ${thief.callId}`;
  }

  /** The NAT in front of a device gives it another port, the device loses its memory, or its app gets a new token. */
  change(device: Device): string {
    if (device.instance !== "" && this.#random.chance(0.4)) return newToken(device);
    if (this.#random.chance(0.5)) {
      device.place = this.nextPlace();
      device.phone.moveTo(device.place);
      return `${device.uris[0]} moves to ${device.place}`;
    }
    device.callId = `call-${this.nextPlace()}`;
    device.cseq = this.#random.pick([0, 7]);
    return `${device.uris[0]} reboots to ${device.callId}`;
  }

  #build(device: Device, parts: Parts): string {
    const { phone, callId, cseq, place } = device;
    const { expires, headers } = parts;
    const support = device.flow !== "" ? ["Supported: outbound, path"] : [];
    return phone.buildRegister({
      callId,
      cseq,
      contact: contactOf(parts, device.instance + device.flow),
      expires,
      from: place,
      headers: [...headers, ...support],
    });
  }
}

interface Parts {
  readonly kind: Kind;
  readonly wanted: readonly string[];
  readonly unwanted: readonly string[];
  readonly expires: number;
  readonly headers: readonly string[];
}

function askedBy({
  user,
  place,
  callId,
  cseq,
  aliases,
}: Device): Pick<Asked, "user" | "places" | "callId" | "cseq" | "aliases"> {
  return { user, places: [place], callId, cseq, aliases };
}

/** The contacts that a REGISTER removes. */
function unwantedOf(kind: Kind, uris: readonly string[]): readonly string[] {
  if (kind === "remove") return uris;
  return kind === "mixed" ? uris.slice(1) : [];
}

function contactOf({ kind, wanted, unwanted }: Parts, instance: string): string {
  if (kind === "star") return "*";
  const removed = unwanted.map((uri) => `<${uri}>${instance};expires=0`);
  return [...wanted.map((uri) => `<${uri}>${instance}`), ...removed].join(", ");
}

function withToken(uri: string, token: string): string {
  return `${uri};pn-provider=apns;pn-param=TEAM123456.org.example.voip;pn-prid=${token}`;
}

function newToken(device: Device): string {
  const [uri = ""] = device.uris;
  const next = withToken(bareUri(uri), `${device.phone.place}-new-${device.aliases.length}`);
  device.aliases.push(next);
  device.uris = [next];
  return `${uri} becomes ${next}`;
}
