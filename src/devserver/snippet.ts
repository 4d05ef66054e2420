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

/** How phones register to be pushed to by it, as comments. */
export function exampleContacts({ apns, fcm }: KeyMaterial, origin: string): string {
  const subscription = encodeURIComponent(`${origin}/push/phone-1`);
  const resources = [
    `pn-provider=apns;pn-param=${apns.teamId}.org.example.phone.voip;pn-prid=00fc13adff78512e`,
    `pn-provider=fcm;pn-param=${fcm.projectId};pn-prid=phone-1-token`,
    `pn-provider=webpush;pn-prid=${subscription}`,
    "pn-provider=webhook;pn-prid=phone-1-token",
  ];
  const lines = resources.map((resource) => `#   <sip:alice@10.0.0.7;${resource}>\n`);
  return `# Contacts of phones that are woken, with tokens of your own:\n${lines.join("")}`;
}

/** YAML's double-quoted texts are JSON's. */
function quote(text: string): string {
  return JSON.stringify(text);
}
