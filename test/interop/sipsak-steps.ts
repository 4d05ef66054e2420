import { deepStrictEqual } from "node:assert";
import { freePorts } from "../support/peers/free-ports.ts";
import { sipsakPing, sipsakRegister } from "./sipsak.ts";
import type { Step } from "./suite.ts";
import type { World } from "./world.ts";

/** sipsak as a third phone, and as the ping of a monitoring system. */
export function sipsakSteps(world: World): Step[] {
  return [
    {
      name: `sipsak registers by digest ${world.way}`,
      limitSec: 15,
      logs: ["sipsak-register", "midreg", "kamailio"],
      run: async () => {
        const [contactPort = 0] = await freePorts(1);
        const proxyPort = world.outboundPort;
        const options = { user: "erin", contactPort, proxyPort };
        deepStrictEqual(await sipsakRegister(world.stage, options), 0);
        return `Kamailio knows ${(await world.onlyBinding("erin")).contact}`;
      },
    },
    {
      name: `sipsak pings ${world.hasMidreg ? "midreg" : "Kamailio"} with OPTIONS`,
      limitSec: 15,
      logs: ["sipsak-ping", "midreg"],
      run: async () => {
        deepStrictEqual(await sipsakPing(world.stage, world.outboundPort), 0);
        return "";
      },
    },
  ];
}
