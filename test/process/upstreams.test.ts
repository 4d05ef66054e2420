import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { statusOf } from "../support/messages.ts";
import { RealProcess } from "../support/real-process.ts";
import { waitUntil } from "../support/wait-until.ts";
import { afterwards, makeDirectory } from "./left-over.ts";
import { MidregRun } from "./midreg-run.ts";
import { WirePhone } from "./wire-phone.ts";
import { WireRegistrar } from "./wire-registrar.ts";

// Some seconds is what most take; the machine may be busy with other things.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const SOON = { timeoutMs: 60_000, everyMs: 20 };
const NOBODY = "sip:127.0.0.1:9";

async function openRegistrar(): Promise<WireRegistrar> {
  const registrar = await WireRegistrar.openRegistrar();
  afterwards(async () => registrar.close());
  return registrar;
}

/** A file of configuration in a directory of its own. */
function writeConfig(yaml: string): string {
  const path = join(makeDirectory(), "midreg.yaml");
  writeFileSync(path, yaml);
  return path;
}

test.concurrent.each([
  ["the default one", "upstream", (place: string) => ({ upstream: `sip:${place}`, yaml: "" })],
  [
    "one with a name",
    "upstreams.berlin",
    (place: string) => ({
      upstream: NOBODY,
      yaml: `upstreams: [{ name: berlin, uri: "sip:${place}" }]\n`,
    }),
  ],
  [
    "one with a name, where midreg listens at all addresses",
    "upstreams.berlin",
    (place: string) => ({
      upstream: NOBODY,
      yaml: `upstreams: [{ name: berlin, uri: "sip:${place}" }]\nlisten: "udp:0.0.0.0:${place.split(":")[1]}"\n`,
    }),
  ],
])(
  "a main registrar that is midreg itself is refused at the start: %s",
  async (_, setting, build) => {
    const midreg = await RealProcess.prepare({ upstream: NOBODY });
    afterwards(async () => midreg.dispose());
    const place = `127.0.0.1:${midreg.sipPort}`;
    const { upstream, yaml } = build(place);
    const listen = yaml.includes("listen:") ? [] : ["--listen", `udp:${place}`];
    const flags = ["--upstream", upstream, "--admin", "off", "--data", makeDirectory(), ...listen];
    const run = new MidregRun(["--config", writeConfig(yaml), ...flags]);
    afterwards(async () => run.dispose());
    expect(await run.ended()).toEqual({ code: 1, signal: null });
    expect(run.stderr).toBe(
      `midreg: ${setting}: ${place} is a listener of midreg itself; name the main registrar instead\n`,
    );
  },
);

interface Checks {
  readonly status: number;
  readonly checks: Readonly<Record<string, unknown>>;
}

async function readiness(midreg: RealProcess): Promise<Checks> {
  const response = await midreg.get("/readyz");
  const { checks } = (await response.json()) as { checks: Checks["checks"] };
  return { status: response.status, checks };
}

test("two main registrars are told apart by health, by the API, and once one of them is gone", async () => {
  const [main, berlin] = [await openRegistrar(), await openRegistrar()];
  const upstream = `sip:127.0.0.1:${main.port}`;
  const data = makeDirectory();
  const config = writeConfig(
    `upstreams:
  - { name: berlin, uri: "sip:127.0.0.1:${berlin.port}", timeout: 1s }
  - { name: nowhere, uri: "sip:registrar.invalid" }
rules: [{ name: to berlin, match: { aor: "bob*" }, set: { upstream: berlin } }]
dns: { servers: ["127.0.0.1:9"] }
`,
  );
  const midreg = await RealProcess.prepare({ upstream, dataDir: data, args: ["--config", config] });
  afterwards(async () => midreg.dispose());
  await midreg.start();
  const openPhone = async (user: string): Promise<WirePhone> => {
    const phone = await WirePhone.openPhone(user, midreg.sipPort);
    afterwards(async () => phone.close());
    return phone;
  };
  const [alice, bob] = [await openPhone("alice"), await openPhone("bob")];
  expect(statusOf(await alice.register())).toBe(200);
  expect(statusOf(await bob.register())).toBe(200);
  expect(
    [main, berlin].map((one) => [alice, bob].map(({ address }) => one.countOf(address))),
  ).toEqual([
    [1, 0],
    [0, 1],
  ]);
  const list = (await (await midreg.get("/api/v1/aors?view=full")).json()) as {
    aors: { aor: string; contacts: { upstream: { name: string } }[] }[];
  };
  const names = list.aors.map(({ aor, contacts }) => [aor.slice(0, 3), contacts[0]?.upstream.name]);
  expect(names).toEqual([
    ["ali", "main"],
    ["bob", "berlin"],
  ]);
  expect(await readiness(midreg)).toMatchObject({
    status: 200,
    checks: {
      upstream: { ok: true },
      "upstream:berlin": { ok: true, informational: true, detail: "" },
      "upstream:nowhere": { ok: false, informational: true, detail: "name not resolved" },
    },
  });

  // Berlin does not answer any more: bob's de-registration is owed to it.
  berlin.isDeafTo = () => true;
  const aor = encodeURIComponent(list.aors[1]?.aor ?? "");
  const url = `http://127.0.0.1:${midreg.adminPort}/api/v1/aors/${aor}`;
  expect((await fetch(url, { method: "DELETE" })).status).toBe(200);
  const isSilent = async (): Promise<boolean> => {
    const { checks } = await readiness(midreg);
    return !(checks["upstream:berlin"] as { ok: boolean }).ok;
  };
  await waitUntil("berlin is known to be silent", isSilent, SOON);
  expect(await readiness(midreg)).toMatchObject({
    status: 200,
    checks: {
      upstream: { ok: true },
      "upstream:berlin": { ok: false, detail: "the main registrar does not answer" },
    },
  });
  await midreg.kill();

  const places = ["--data", data, "--listen", "udp:127.0.0.1:0", "--admin", "off"];
  const without = new MidregRun(["--upstream", upstream, ...places]);
  afterwards(async () => without.dispose());
  const text = "main registrar is not configured any more; de-registrations at it are dropped";
  expect(await without.logged(text)).toMatchObject({
    level: "warn",
    upstream: "berlin",
    dropped: 1,
  });
  expect(main.countOf(bob.address)).toBe(0);
});
