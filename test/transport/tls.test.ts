import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type ConnectionOptions, connect, createServer, type TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Listener } from "../../src/ports.ts";
import { SipTransport } from "../../src/transport/sip-transport.ts";
import { TlsContexts } from "../../src/transport/tls-contexts.ts";
import { TransportError } from "../../src/transport/transport-error.ts";
import { type CertificatePaths, Certificates } from "../support/certificates.ts";
import { OPTIONS, StreamFixture } from "./stream-fixture.ts";

let certificates: Certificates;
let others: Certificates;
let fixture: StreamFixture;

beforeAll(() => {
  certificates = new Certificates();
  others = new Certificates();
});
afterAll(() => {
  certificates.remove();
  others.remove();
});
beforeEach(() => {
  fixture = new StreamFixture(certificates);
});
afterEach(async () => fixture.close());

/** Connects; resolves to the socket, or to the code of what went wrong. */
async function tryConnect(
  { port }: Listener,
  options: ConnectionOptions = {},
): Promise<TLSSocket | string> {
  return new Promise((resolve) => {
    const ca = certificates.ca;
    const socket = connect({ host: "127.0.0.1", port, ca, ...options });
    socket.once("secureConnect", () => resolve(socket));
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

async function connected(listener: Listener, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = await tryConnect(listener, options);
  if (typeof socket === "string") throw new Error(socket);
  fixture.adopt(socket);
  return socket;
}

async function nameShownTo(listener: Listener, options: ConnectionOptions): Promise<string> {
  const socket = await connected(listener, { ...options, checkServerIdentity: () => undefined });
  const { CN } = socket.getPeerCertificate().subject;
  return String(CN);
}

/** Files that can be written again. */
function replaceable(name: string): CertificatePaths & { replace(by: string): void } {
  const { certFile, keyFile } = certificates.issue([name]);
  const paths = {
    certFile: join(certificates.directory, `live-${name}.pem`),
    keyFile: join(certificates.directory, `live-${name}.key`),
  };
  const copy = (from: CertificatePaths): void => {
    copyFileSync(from.certFile, paths.certFile);
    copyFileSync(from.keyFile, paths.keyFile);
  };
  copy({ certFile, keyFile });
  return { ...paths, replace: (by) => copy(certificates.issue([by])) };
}

function pem({ certFile, keyFile }: CertificatePaths): ConnectionOptions {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) };
}

/** Whether a message gets through: in TLS 1.3 a client hears of its refusal only after the handshake. */
async function isHeard(
  clientCertificate: "none" | "request" | "require",
  options: ConnectionOptions,
): Promise<boolean> {
  const { listener } = await fixture.start(["tls"], {}, { clientCertificate });
  const socket = await tryConnect(listener, options);
  if (typeof socket === "string") return false;
  const peer = fixture.adopt(socket);
  peer.send(OPTIONS);
  await Promise.race([fixture.received(1), peer.isClosedByServer()]);
  return fixture.inbox.received.length === 1;
}

/** Codes of the warnings in the log. */
function warnings(): unknown[] {
  return fixture.modules.lines
    .filter(({ level }) => level === "warn")
    .map(({ fields }) => fields["code"]);
}

/** Sends to a server with that certificate; gives the code that it fails with, and closes the server. */
async function failureAt(
  { certFile, keyFile }: CertificatePaths,
  domain?: string,
): Promise<unknown> {
  const { transport, listener } = await fixture.start(["tls"]);
  const shown = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
  const server = await fixture.listen(createServer(shown), "secureConnection");
  const target = { protocol: "tls", address: "127.0.0.1", port: server.port, domain } as const;
  return new Promise((resolve) => {
    transport.send(OPTIONS, listener, target, resolve);
  });
}

describe("a main registrar that is not believed", () => {
  test.each([
    ["is from nobody who is", () => others.issue(["127.0.0.1"]), undefined, /VERIFY|SELF_SIGNED/u],
    ["is for another name", () => certificates.issue(["a.test"]), "b.test", /ALTNAME_INVALID/u],
    ["has expired", () => certificates.issue(["127.0.0.1"], -1), undefined, /CERT_HAS_EXPIRED/u],
  ] as const)("since its certificate %s: the log says so, once", async (_, issue, domain, code) => {
    const issued = issue();
    expect(await failureAt(issued, domain)).toMatch(code);
    expect(warnings()).toEqual([expect.stringMatching(code)]);
    const [line] = fixture.modules.lines.filter(({ level }) => level === "warn");
    expect(line).toMatchObject({
      text: "no TLS with a peer",
      fields: { address: "127.0.0.1", domain, reason: expect.stringMatching(/certificate/iu) },
    });
  });
});

describe("several certificates", () => {
  test.each([
    ["the one that is for the name", "two.test", "two.test"],
    ["the one with a wildcard for it", "deep.three.test", "*.three.test"],
    ["the first one where none is for the name", "unknown.test", "one.test"],
    ["the first one to who names none", "", "one.test"],
  ])("show %s", async (_, servername, shown) => {
    const listed = ["one.test", "two.test", "*.three.test"].map((name) =>
      certificates.issue([name]),
    );
    const { listener } = await fixture.start(["tls"], {}, { certificates: listed });
    expect(await nameShownTo(listener, { servername })).toBe(shown);
  });
});

describe("a certificate that is read anew", () => {
  test("is shown from the next connection on, and those that are open go on", async () => {
    const files = replaceable("before.test");
    const start = await fixture.start(["tls"], {}, { certificates: [files] });
    const { transport, listener } = start;
    const peer = fixture.adopt(await connected(listener, { checkServerIdentity: () => undefined }));
    files.replace("after.test");
    transport.reload();
    expect(await nameShownTo(listener, { servername: "after.test" })).toBe("after.test");
    expect(await nameShownTo(listener, { servername: "" })).toBe("after.test");
    peer.send(OPTIONS);
    await fixture.received(1);
    expect(peer.isClosed).toBe(false);
  });

  test("keeps the protocol floor", async () => {
    const files = replaceable("floor.test");
    const settings = { certificates: [files], minVersion: "TLSv1.3" as const };
    const { transport, listener } = await fixture.start(["tls"], {}, settings);
    transport.reload();
    for (const servername of ["floor.test", ""]) {
      const old = { maxVersion: "TLSv1.2" as const, servername };
      // oxlint-disable-next-line no-await-in-loop
      expect(await tryConnect(listener, old)).toMatch(/PROTOCOL_VERSION|ECONNRESET/u);
    }
  });

  test("and is none is refused, and the old one stays", async () => {
    const files = replaceable("stays.test");
    const { transport, listener } = await fixture.start(["tls"], {}, { certificates: [files] });
    copyFileSync(certificates.issue(["x.test"]).keyFile, files.keyFile);
    expect(() => transport.reload()).toThrow(TransportError);
    expect(await nameShownTo(listener, { servername: "stays.test" })).toBe("stays.test");
  });
});

describe("the protocol floor", () => {
  test.each([
    ["TLSv1.2", "TLSv1.1", false],
    ["TLSv1.2", "TLSv1.2", true],
    ["TLSv1.3", "TLSv1.2", false],
    ["TLSv1.3", "TLSv1.3", true],
  ] as const)("%s, met by %s: let in %s", async (minVersion, offered, isLetIn) => {
    const { listener } = await fixture.start(["tls"], {}, { minVersion });
    const options = {
      minVersion: offered,
      maxVersion: offered,
      // OpenSSL offers the old versions at its lowest level only.
      ciphers: "DEFAULT:@SECLEVEL=0",
    };
    const outcome = await tryConnect(listener, options);
    if (typeof outcome !== "string") fixture.adopt(outcome);
    expect(typeof outcome === "string" ? outcome : outcome.getProtocol()).toMatch(
      isLetIn ? offered : /PROTOCOL|VERSION|ECONNRESET|NO_CIPHERS/u,
    );
  });
});

describe("ciphers", () => {
  test.each(["NULL-SHA256", "AECDH-AES256-SHA", "ADH-AES256-GCM-SHA384", "PSK-AES256-CBC-SHA"])(
    "that hide nothing, or prove nobody, are not agreed on: %s",
    async (ciphers) => {
      const { listener } = await fixture.start(["tls"]);
      const options = { maxVersion: "TLSv1.2", rejectUnauthorized: false } as const;
      const weak = { ...options, ciphers: `${ciphers}:@SECLEVEL=0` };
      expect(await tryConnect(listener, weak)).toMatch(/HANDSHAKE_FAILURE|NO_CIPHER|ECONNRESET/u);
      const strong = await tryConnect(listener, options);
      expect(typeof strong === "string" ? strong : fixture.adopt(strong).isClosed).toBe(false);
    },
  );
});

describe("a certificate of who connects", () => {
  test.each([
    ["none", "no certificate", true],
    ["request", "no certificate", true],
    ["require", "no certificate", false],
    ["require", "one of another authority", false],
    ["require", "one of the authority", true],
  ] as const)("with %s: %s is let in: %s", async (policy, what, isLetIn) => {
    const shown = {
      "no certificate": (): ConnectionOptions => ({}),
      "one of another authority": () => pem(others.issue(["phone.test"])),
      "one of the authority": () => pem(certificates.issue(["phone.test"])),
    }[what]();
    expect(await isHeard(policy, shown)).toBe(isLetIn);
  });

  test("may be asked for at one listener, and not at others", async () => {
    const tls = new TlsContexts({
      certificates: [certificates.issue(["127.0.0.1"])],
      caFile: certificates.caFile,
      clientCertificate: "none",
      minVersion: "TLSv1.2",
      verifiesServers: true,
    });
    const place = { protocol: "tls", address: "127.0.0.1", port: 0 } as const;
    const listeners = [place, { ...place, clientCertificate: "require" } as const];
    const { log, metrics } = fixture.modules;
    const transport = new SipTransport({ listeners }, { log, metrics, tls });
    await transport.start(fixture.inbox);
    const shown = pem(certificates.issue(["main.test"]));
    const heard: boolean[] = [];
    for (const [at, options] of [
      [0, {}],
      [1, {}],
      [1, shown],
    ] as const) {
      const before = fixture.inbox.received.length;
      // oxlint-disable-next-line no-await-in-loop
      const peer = fixture.adopt(await connected(transport.listeners[at] as Listener, options));
      peer.send(OPTIONS);
      // oxlint-disable-next-line no-await-in-loop
      await Promise.race([fixture.received(before + 1), peer.isClosedByServer()]);
      heard.push(fixture.inbox.received.length > before);
    }
    await transport.stop();
    expect(heard).toEqual([true, false, true]);
  });

  test("that is refused is a line in the log, with the reason", async () => {
    const shown = pem(others.issue(["phone.test"]));
    expect(await isHeard("require", shown)).toBe(false);
    expect(await isHeard("require", {})).toBe(false);
    await expect
      .poll(warnings)
      .toEqual([
        expect.stringMatching(/UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|SELF_SIGNED/u),
        expect.stringMatching(/PEER_DID_NOT_RETURN_A_CERTIFICATE/u),
      ]);
  });

  test("is asked of main registrars by their own rule: one that proves no name is not sent to", async () => {
    const { transport, listener } = await fixture.start(["tls"]);
    const { certFile, keyFile } = others.issue(["127.0.0.1"]);
    const shown = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
    const server = await fixture.listen(createServer(shown), "secureConnection");
    const target = { protocol: "tls", address: "127.0.0.1", port: server.port } as const;
    const failed = await new Promise((resolve) => {
      transport.send(OPTIONS, listener, target, resolve);
    });
    expect(failed).toMatch(/UNABLE_TO_VERIFY|SELF_SIGNED/u);
    expect(server.peers.map(({ heard }) => heard).join("")).toBe("");
  });
});
