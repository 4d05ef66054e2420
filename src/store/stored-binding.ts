import type { Binding, Mode, UpstreamRegistration } from "../location/binding.ts";
import type { Interner } from "./interner.ts";
import { type BindingRow, readMode } from "./operation.ts";

/**
 * A binding as the working copy keeps it. Its own properties are exactly those of Binding, so that a
 * copy made by spreading carries nothing else. A refresh changes three numbers in place: at tens of
 * thousands a second new objects would fill the old generation with garbage.
 */
export class StoredBinding implements Binding {
  readonly ctid: string;
  readonly contact: string;
  readonly params: string;
  readonly q: number | undefined;
  readonly callId: string;
  cseq: number;
  expiresAtMs: number;
  updatedAtMs: number;
  readonly source: string;
  readonly path: string;
  readonly userAgent: string;
  readonly replay: string;
  readonly mode: Mode;
  readonly methods: string;
  readonly attr: string;
  readonly registeredAtMs: number;
  readonly upstreamGruu: string;
  readonly push: string;
  readonly upstream: UpstreamRegistration;
  readonly #aor: string;
  readonly #rowId: number;

  /** `aor` is the one copy that all bindings of the address-of-record share. */
  constructor(row: BindingRow, aor: string, interner: Interner) {
    this.ctid = row[2];
    this.contact = row[3];
    this.params = interner.intern(row[4]);
    this.q = row[5] ?? undefined;
    this.callId = row[6];
    this.cseq = row[23];
    this.expiresAtMs = row[24];
    this.updatedAtMs = row[25];
    this.source = row[7];
    this.path = interner.intern(row[8]);
    this.userAgent = interner.intern(row[9]);
    this.replay = interner.intern(row[10]);
    this.mode = readMode(row[18]);
    this.methods = interner.intern(row[19]);
    this.attr = interner.intern(row[20]);
    this.registeredAtMs = row[21];
    this.upstreamGruu = row[22];
    this.push = row[27];
    this.upstream = {
      upstream: interner.intern(row[26]),
      callId: row[11],
      cseq: row[12],
      expiresAtMs: row[13],
      contact: row[14],
      requestUri: interner.intern(row[15]),
      from: row[16],
      to: row[17] === row[16] ? row[16] : row[17],
    };
    this.#aor = aor;
    this.#rowId = row[0];
  }

  get aor(): string {
    return this.#aor;
  }

  /** Primary key of the binding's rows, and its place among the bindings of its AoR. */
  get rowId(): number {
    return this.#rowId;
  }

  refresh(cseq: number, expiresAtMs: number, updatedAtMs: number): void {
    this.cseq = cseq;
    this.expiresAtMs = expiresAtMs;
    this.updatedAtMs = updatedAtMs;
  }
}
