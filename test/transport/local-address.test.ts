import { networkInterfaces } from "node:os";
import { describe, expect, test } from "vitest";
import type { Target } from "../../src/ports.ts";
import type { ListenOptions } from "../../src/transport/listen-options.ts";
import { advertiseWildcards, localAddressToward } from "../../src/transport/local-address.ts";
import { RecordingModules } from "./recording-modules.ts";
import { HAS_IPV6 } from "./udp-peer.ts";

const LOOPBACK: Target = { protocol: "udp", address: "127.0.0.1", port: 5060 };
const LOOPBACK_6: Target = { protocol: "udp", address: "::1", port: 5060 };

/** The IPv4 addresses that others can reach; the default route leaves from one of them, if there is one. */
const OUTSIDE = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .filter(({ family, internal }) => family === "IPv4" && !internal)
  .map(({ address }) => address);

describe("the local address", () => {
  test("toward loopback is loopback", async () => {
    expect(await localAddressToward(LOOPBACK)).toBe("127.0.0.1");
  });

  test.skipIf(!HAS_IPV6)("toward IPv6 loopback is IPv6 loopback", async () => {
    expect(await localAddressToward(LOOPBACK_6)).toBe("::1");
  });

  test("toward an address that has no route is an error that says what to do", async () => {
    // Broadcasting needs a permission that the socket does not ask for, with or without a route.
    await expect(
      localAddressToward({ address: "255.255.255.255", port: 5060 }),
    ).rejects.toMatchObject({
      name: "TransportError",
      code: "NO_ROUTE",
      message: expect.stringMatching(/^no route to 255\.255\.255\.255:5060 \(E[A-Z]+\); /u),
    });
  });
});

describe("wildcard listeners", () => {
  const wildcard: ListenOptions = { address: "0.0.0.0", port: 5060 };

  test("get the address toward the main registrar, and it is logged", async () => {
    const { log, lines } = new RecordingModules();
    const [own = "127.0.0.1"] = OUTSIDE;
    const toward = { ...LOOPBACK, address: own };
    const [listener] = await advertiseWildcards([wildcard], toward, log);
    expect(listener).toEqual({ ...wildcard, advertised: { host: own } });
    expect(lines).toEqual([
      {
        level: "info",
        fields: { listener: "0.0.0.0", port: 5060, advertised: own, candidates: OUTSIDE },
        text: "advertised address chosen",
      },
    ]);
  });

  test("prefer an address that phones can reach to loopback, when there is one", async () => {
    const { log } = new RecordingModules();
    const [listener] = await advertiseWildcards([wildcard], LOOPBACK, log);
    const host = listener?.advertised?.host ?? "";
    expect([...OUTSIDE, "127.0.0.1"]).toContain(host);
    const anywhere = localAddressToward({ address: "192.0.2.1", port: 5060 });
    expect(host).toBe(await anywhere.catch(() => "127.0.0.1"));
  });

  test.skipIf(!HAS_IPV6)(
    "toward a main registrar of the other family take the default route",
    async () => {
      const { log } = new RecordingModules();
      const anywhere = localAddressToward({ address: "192.0.2.1", port: 5060 });
      const expected = await anywhere.catch(() => "NO_ROUTE");
      const outcome = await advertiseWildcards([wildcard], LOOPBACK_6, log).then(
        ([listener]) => listener?.advertised?.host,
        (error: { code: string }) => error.code,
      );
      expect(outcome).toBe(expected);
    },
  );

  test("and only they are changed", async () => {
    const { log, lines } = new RecordingModules();
    const others = [
      { address: "127.0.0.1", port: 5060 },
      { ...wildcard, advertised: { host: "sip.example.test" } },
    ];
    expect(await advertiseWildcards(others, LOOPBACK, log)).toEqual(others);
    expect(lines).toEqual([]);
  });
});
