import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { makeSelfSigned } from "./self-signed.ts";

/** What midreg is given to push with, as files, and what the provider checks it against. */
export interface KeyMaterial {
  readonly files: {
    readonly ca: string;
    readonly apnsKey: string;
    readonly serviceAccount: string;
    readonly vapidKey: string;
    readonly webhookSecret: string;
  };
  readonly tls: { readonly cert: string; readonly key: string };
  readonly apns: { readonly publicKey: KeyObject; readonly keyId: string; readonly teamId: string };
  readonly fcm: {
    readonly publicKey: KeyObject;
    readonly clientEmail: string;
    readonly projectId: string;
  };
  /** The public key as it is in `k` of a VAPID header: an uncompressed point in base64url. */
  readonly vapidPublicKey: string;
  readonly webhookSecret: string;
}

const APNS = { keyId: "MIDREGKEY1", teamId: "MIDREGTEAM" } as const;
const FCM = {
  clientEmail: "midreg@midreg-dev.iam.gserviceaccount.example",
  projectId: "midreg-dev",
} as const;

const DAY_MS = 86_400_000;

/** Makes what is missing in the directory, and goes on with what is there. `origin` is where the server listens. */
export function openKeyMaterial(directory: string, origin: string, nowMs: number): KeyMaterial {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const at = (name: string): string => resolve(join(directory, name));
  const files = {
    ca: at("ca.pem"),
    apnsKey: at(`AuthKey_${APNS.keyId}.p8`),
    serviceAccount: at("service-account.json"),
    vapidKey: at("vapid.pem"),
    webhookSecret: at("webhook.secret"),
  };
  const tls = openTls(files.ca, at("server.key"), nowMs);
  const apnsKey = keep(files.apnsKey, newEcKey);
  const vapid = keep(files.vapidKey, newEcKey);
  const rsaPem = keep(at("service-account.key"), newRsaKey);
  // Written each time, since the port may be another one.
  writeSecret(files.serviceAccount, serviceAccount(rsaPem, origin));
  return {
    files,
    tls,
    apns: { ...APNS, publicKey: createPublicKey(apnsKey) },
    fcm: { ...FCM, publicKey: createPublicKey(rsaPem) },
    vapidPublicKey: pointOf(vapid),
    webhookSecret: keep(files.webhookSecret, () => randomBytes(24).toString("hex")).trim(),
  };
}

function openTls(certFile: string, keyFile: string, nowMs: number): KeyMaterial["tls"] {
  const key = keep(keyFile, newEcKey);
  const known = existsSync(certFile) ? readFileSync(certFile, "utf8") : "";
  if (known !== "" && isUsable(known, key, nowMs)) return { cert: known, key };
  const cert = makeSelfSigned(createPrivateKey(key), nowMs);
  writeFileSync(certFile, cert);
  return { cert, key };
}

function isUsable(cert: string, key: string, nowMs: number): boolean {
  try {
    const certificate = new X509Certificate(cert);
    const isFresh = Date.parse(certificate.validTo) > nowMs + DAY_MS;
    return isFresh && certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

function keep(file: string, make: () => string): string {
  if (!existsSync(file)) writeSecret(file, make());
  return readFileSync(file, "utf8");
}

function writeSecret(file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600 });
}

function newEcKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

function newRsaKey(): string {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

function serviceAccount(privateKey: string, origin: string): string {
  const account = {
    type: "service_account",
    project_id: FCM.projectId,
    private_key_id: "midreg-dev-1",
    private_key: privateKey,
    client_email: FCM.clientEmail,
    token_uri: `${origin}/token`,
  };
  return `${JSON.stringify(account, undefined, 2)}\n`;
}

/** SEC 1 section 2.3.3: 4, then both coordinates, which are the last 65 bytes of the DER. */
function pointOf(privatePem: string): string {
  const der = createPublicKey(privatePem).export({ type: "spki", format: "der" });
  return der.subarray(-65).toString("base64url");
}
