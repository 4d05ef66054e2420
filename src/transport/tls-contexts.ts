import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  createSecureContext,
  rootCertificates,
  type SecureContext,
  type SecureVersion,
} from "node:tls";
import { TransportError } from "./transport-error.ts";

/** A certificate with its key, as files in PEM. */
interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface TlsOptions {
  /** The first one serves names that no certificate is for, and those who name none. */
  readonly certificates: readonly CertificateFiles[];
  /** Certificates of the authorities that peers' certificates are checked against; the system's when left out. */
  readonly caFile: string | undefined;
  /** Whether peers who connect are asked for a certificate, and refused without a good one. */
  readonly clientCertificate: "none" | "request" | "require";
  readonly minVersion: Extract<SecureVersion, "TLSv1.2" | "TLSv1.3">;
  /** Whether a peer that midreg connects to has to prove its name (RFC 5922). */
  readonly verifiesServers: boolean;
}

interface Loaded {
  readonly certificate: X509Certificate;
  readonly files: CertificateFiles;
  readonly pem: Pem;
  readonly context: SecureContext;
}

interface Pem {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
}

/** The certificates, as they are in the files at the moment; read anew without a connection noticing. */
export class TlsContexts {
  readonly options: TlsOptions;
  #loaded: readonly Loaded[] = [];
  #ca: string | undefined;

  /** Throws a `TransportError` that names the file at fault. */
  constructor(options: TlsOptions) {
    this.options = options;
    this.reload();
  }

  /** Reads all files again. When one of them is no good it throws, and everything stays as it was. */
  reload(): void {
    const { caFile, certificates, minVersion } = this.options;
    const ca = caFile === undefined ? undefined : readPem(caFile);
    this.#loaded = certificates.map((files) => load(files, ca, minVersion));
    this.#ca = ca;
  }

  /** The context for a server name; the first certificate's when no other is for it. */
  contextFor(name: string): SecureContext | undefined {
    const fitting = this.#loaded.find(
      ({ certificate }) => name !== "" && certificate.checkHost(name) !== undefined,
    );
    return (fitting ?? this.#loaded[0])?.context;
  }

  /** The first certificate, for the default of a server; empty when there is none. */
  get defaultPem(): Partial<Pem> {
    return this.#loaded[0]?.pem ?? {};
  }

  /** What midreg shows of itself where it connects, and whom it believes. */
  get client(): { readonly secureContext: SecureContext } {
    const [first] = this.#loaded;
    if (first !== undefined) return { secureContext: first.context };
    const { minVersion } = this.options;
    return {
      secureContext: createSecureContext({ minVersion, ca: this.#ca ?? [...rootCertificates] }),
    };
  }

  /** When each certificate ends, by the name of its file, in seconds since the epoch. */
  expiries(): ReadonlyArray<{ readonly file: string; readonly atSec: number }> {
    return this.#loaded.map(({ certificate, files }) => ({
      file: files.certFile,
      atSec: Date.parse(certificate.validTo) / 1000,
    }));
  }
}

function load(files: CertificateFiles, ca: string | undefined, minVersion: SecureVersion): Loaded {
  const cert = readPem(files.certFile);
  const key = readPem(files.keyFile);
  try {
    const certificate = new X509Certificate(cert);
    const pem = { cert, key, ...(ca === undefined ? {} : { ca }) };
    return { certificate, files, pem, context: createSecureContext({ ...pem, minVersion }) };
  } catch (cause) {
    const what = `${files.certFile} and ${files.keyFile} are no certificate with its key in PEM`;
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new TransportError("TLS_BAD_CERTIFICATE", `${what}: ${detail}`, { cause });
  }
}

function readPem(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new TransportError("TLS_BAD_CERTIFICATE", `cannot read ${file}: ${detail}`, { cause });
  }
}
