import type { KeyMaterial } from "./key-material.ts";

/** The part of midreg.yaml that has midreg push to this server, by every provider. */
export function configSnippet({ files, apns }: KeyMaterial, origin: string): string {
  const ca = quote(files.ca);
  return [
    "push:",
    "  providers:",
    "    apns:",
    `      - key: ${quote(files.apnsKey)}`,
    `        key_id: ${apns.keyId}`,
    `        team_id: ${apns.teamId}`,
    `        endpoint: ${origin}`,
    `        sandbox_endpoint: ${origin}`,
    `        ca: ${ca}`,
    "    fcm:",
    `      - service_account: ${quote(files.serviceAccount)}`,
    `        endpoint: ${origin}`,
    `        ca: ${ca}`,
    "    webpush:",
    `      key: ${quote(files.vapidKey)}`,
    "      subject: mailto:nobody@example.com",
    `      hosts: ["${new URL(origin).host}"]`,
    "      allow_private: true",
    `      ca: ${ca}`,
    "    http:",
    "      - name: webhook",
    `        url: ${origin}/webhook`,
    `        secret: ${quote(files.webhookSecret)}`,
    `        ca: ${ca}`,
    "",
  ].join("\n");
}

/** YAML's double-quoted texts are JSON's. */
function quote(text: string): string {
  return JSON.stringify(text);
}
