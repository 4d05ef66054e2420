/** The part of dns-packet that the fake DNS server uses; the package comes without types. */
declare module "dns-packet" {
  export interface Question {
    readonly type: string;
    readonly name: string;
  }
  export interface Answer {
    readonly type: string;
    readonly name: string;
    readonly ttl: number;
    readonly data: unknown;
  }
  export interface Packet {
    readonly type?: "query" | "response";
    readonly id?: number;
    readonly flags?: number;
    readonly questions?: readonly Question[];
    readonly answers?: readonly Answer[];
  }
  export const RECURSION_DESIRED: number;
  export const RECURSION_AVAILABLE: number;
  export const TRUNCATED_RESPONSE: number;
  export function encode(packet: Packet): Buffer;
  export function decode(bytes: Buffer): Packet;
  export function streamEncode(packet: Packet): Buffer;
  export function streamDecode(bytes: Buffer): Packet;
}
