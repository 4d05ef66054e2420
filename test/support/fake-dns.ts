import type { RemoteInfo, Socket } from "node:dgram";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { AddressInfo, Server } from "node:net";
import { createServer } from "node:net";
import type { Answer, Packet, Question } from "dns-packet";
import {
  decode,
  encode,
  RECURSION_AVAILABLE,
  streamDecode,
  streamEncode,
  TRUNCATED_RESPONSE,
} from "dns-packet";

/** What the server does with a question: answer, refuse, keep silent, or misbehave. */
export type Behaviour =
  | readonly Answer[]
  | "NXDOMAIN"
  | "SERVFAIL"
  | "silent"
  /** Random bytes with the right id. */
  | "garbage"
  /** An answer cut off in the middle of a record. */
  | "cut off";

const RCODES = { SERVFAIL: 2, NXDOMAIN: 3 } as const;
const MAX_UDP_BYTES = 1232;

/** A DNS server on loopback, UDP and TCP, with a zone that tests write into. */
export class FakeDns {
  /** "host:port", as a resolver wants it. */
  readonly server: string;
  /** Behaviour by "TYPE name"; names that are in no key do not exist. */
  readonly zone = new Map<string, Behaviour>();
  /** The questions so far, "TYPE name". */
  readonly queries: string[] = [];
  readonly #udp: Socket;
  readonly #tcp: Server;

  private constructor(udp: Socket, tcp: Server) {
    this.#udp = udp;
    this.#tcp = tcp;
    this.server = `127.0.0.1:${udp.address().port}`;
    udp.on("message", (bytes, peer) => {
      this.#hearUdp(bytes, peer);
    });
    tcp.on("connection", (connection) => {
      connection.on("error", () => connection.destroy());
      connection.on("data", (bytes) => {
        const answer = this.#answer(streamDecode(bytes));
        if (answer !== undefined) connection.write(streamEncode(answer));
      });
    });
  }

  /** Takes a free TCP port; where another process has the UDP port of that number, another one. */
  static async start(attempts = 10): Promise<FakeDns> {
    const tcp = createServer().listen(0, "127.0.0.1");
    await once(tcp, "listening");
    const udp = createSocket("udp4");
    try {
      const listening = once(udp, "listening");
      udp.bind((tcp.address() as AddressInfo).port, "127.0.0.1");
      await listening;
      return new FakeDns(udp, tcp);
    } catch (error) {
      udp.close();
      tcp.close();
      if (attempts <= 1) throw error;
      return FakeDns.start(attempts - 1);
    }
  }

  async close(): Promise<void> {
    const closed = [once(this.#udp, "close"), once(this.#tcp, "close")];
    this.#udp.close();
    this.#tcp.close();
    await Promise.all(closed);
  }

  /** Questions of one kind so far. */
  count(question: string): number {
    return this.queries.filter((query) => query === question).length;
  }

  #hearUdp(bytes: Buffer, peer: RemoteInfo): void {
    const query = decode(bytes);
    const answer = this.#answer(query);
    if (answer === undefined) return;
    const whole = encode(answer);
    const reply =
      whole.length <= MAX_UDP_BYTES
        ? spoil(whole, this.#find(query))
        : encode({ ...answer, answers: [], flags: TRUNCATED_RESPONSE | RECURSION_AVAILABLE });
    this.#udp.send(reply, peer.port, peer.address);
  }

  #find(query: Packet): Behaviour {
    const [question] = query.questions ?? [];
    if (question === undefined) return "SERVFAIL";
    const listed = this.zone.get(keyOf(question));
    if (listed !== undefined) return listed;
    const isKnown = [...this.zone.keys()].some((key) => key.endsWith(` ${question.name}`));
    return isKnown ? [] : "NXDOMAIN";
  }

  #answer(query: Packet): Packet | undefined {
    const { id = 0, questions = [] } = query;
    this.queries.push(...questions.map(keyOf));
    const behaviour = this.#find(query);
    if (behaviour === "silent") return undefined;
    const rcode = behaviour === "SERVFAIL" || behaviour === "NXDOMAIN" ? RCODES[behaviour] : 0;
    const answers = typeof behaviour === "string" ? [] : behaviour;
    return { type: "response", id, flags: RECURSION_AVAILABLE | rcode, questions, answers };
  }
}

function keyOf({ type, name }: Question): string {
  return `${type} ${name.toLowerCase()}`;
}

function spoil(whole: Buffer, behaviour: Behaviour): Buffer {
  if (behaviour === "garbage") return Buffer.concat([whole.subarray(0, 2), Buffer.alloc(60, 0xc3)]);
  if (behaviour !== "cut off") return whole;
  // The header promises an answer that the packet does not hold.
  const cut = Buffer.from(whole);
  cut.writeUInt16BE(1, 6);
  return cut;
}

/** Records for a zone. */
export function a(name: string, address: string, ttl = 300): Answer {
  return { type: "A", name, ttl, data: address };
}

export function aaaa(name: string, address: string, ttl = 300): Answer {
  return { type: "AAAA", name, ttl, data: address };
}

export function cname(name: string, target: string, ttl = 300): Answer {
  return { type: "CNAME", name, ttl, data: target };
}

export function srv(
  name: string,
  data: { priority: number; weight: number; port: number; target: string },
): Answer {
  return { type: "SRV", name, ttl: 300, data };
}

export function naptr(
  name: string,
  data: { order: number; preference: number; services: string; replacement: string },
): Answer {
  return { type: "NAPTR", name, ttl: 300, data: { flags: "s", regexp: "", ...data } };
}
