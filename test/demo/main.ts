/**
 * The demo: a few hundred phones, midreg, and a legacy registrar that is too slow for them. Everything
 * is real: processes, sockets, digest, a crash. Takes well under a minute.
 *
 *   npm run demo
 *   npm run demo -- --phones 500
 *   npm run demo -- --without-midreg     the same storm on the bare registrar, for comparison
 */
import { parseArgs } from "node:util";
import { Terminal } from "../support/peers/terminal.ts";
import { Demo } from "./demo.ts";

const { values } = parseArgs({
  options: {
    phones: { type: "string", default: "300" },
    "without-midreg": { type: "boolean", default: false },
  },
});

const terminal = new Terminal(1000);
const phones = Number(values.phones);
if (!Number.isInteger(phones) || phones < 2 || phones > 2000) {
  terminal.line("--phones wants a number from 2 to 2000");
  process.exit(2);
}
const demo = new Demo(terminal, { phones, hasMidreg: !values["without-midreg"] });
const isGood = await demo.run();
process.exit(isGood ? 0 : 1);
