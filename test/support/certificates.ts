import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Files of a certificate and its key, signed by the authority in `caFile`. */
export interface CertificatePaths {
  readonly certFile: string;
  readonly keyFile: string;
}

/** An authority of a test's own, in a temporary directory. Wants the openssl command. */
export class Certificates {
  readonly directory = mkdtempSync(join(tmpdir(), "midreg-tls-"));
  readonly caFile = join(this.directory, "ca.pem");
  readonly #caKey = join(this.directory, "ca.key");
  #count = 0;

  constructor() {
    const subject = [
      "-subj",
      "/CN=test authority",
      "-days",
      "2",
      "-addext",
      "basicConstraints=critical,CA:TRUE",
    ];
    run(["req", "-x509", ...NEW_KEY, "-keyout", this.#caKey, "-out", this.caFile, ...subject]);
  }

  /** The authority's certificate in PEM. */
  get ca(): string {
    return readFileSync(this.caFile, "utf8");
  }

  /** A certificate for DNS names, IP addresses and SIP URIs, good for so many days from now; it has expired with less than 0. */
  issue(names: readonly string[], days = 2): CertificatePaths {
    this.#count += 1;
    const base = join(this.directory, `leaf-${this.#count}`);
    const [certFile, keyFile, request] = [`${base}.pem`, `${base}.key`, `${base}.csr`];
    const kinds = names.map((name) => `${kindOf(name)}:${name}`);
    const extensions = `${base}.ext`;
    writeFileSync(extensions, `subjectAltName=${kinds.join(",")}\n`);
    run(["req", ...NEW_KEY, "-keyout", keyFile, "-out", request, "-subj", `/CN=${names[0] ?? ""}`]);
    const signer = [
      "-CA",
      this.caFile,
      "-CAkey",
      this.#caKey,
      "-CAcreateserial",
      "-days",
      String(days),
    ];
    run(["x509", "-req", "-in", request, ...signer, "-extfile", extensions, "-out", certFile]);
    return { certFile, keyFile };
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function kindOf(name: string): "URI" | "IP" | "DNS" {
  if (name.startsWith("sip:")) return "URI";
  return /^[\d.]+$|:/u.test(name) ? "IP" : "DNS";
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

function run(args: readonly string[]): void {
  execFileSync("openssl", args, { stdio: "pipe" });
}
