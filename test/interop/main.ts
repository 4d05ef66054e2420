/**
 * The interop suite: Kamailio as main registrar, midreg in front of it, and sipp, baresip, Linphone and sipsak
 * as phones. Wants the Debian packages that .ci/run installs.
 *
 *   npm run interop
 *   npm run interop -- --only TEXT         steps with TEXT in their name, and those that others need
 *   npm run interop -- --without-midreg   the same phones on Kamailio itself: shows whose fault a failure is
 */
import { parseArgs } from "node:util";
import { Stage } from "../support/peers/stage.ts";
import { Terminal } from "../support/peers/terminal.ts";
import { callSteps } from "./call-steps.ts";
import { edgeSteps } from "./edge-steps.ts";
import { linphoneSteps } from "./linphone-steps.ts";
import { modeSteps } from "./mode-steps.ts";
import { pushSteps } from "./push-steps.ts";
import { resolverSteps } from "./resolver-steps.ts";
import { sippSteps } from "./sipp-steps.ts";
import { sipsakSteps } from "./sipsak-steps.ts";
import { Suite } from "./suite.ts";
import { transportSteps } from "./transport-steps.ts";
import { World } from "./world.ts";

const { values } = parseArgs({
  options: {
    "without-midreg": { type: "boolean", default: false },
    only: { type: "string", default: "" },
  },
});
const stage = new Stage("midreg-interop");
const suite = new Suite(stage, new Terminal(5000));
const world = new World(stage, !values["without-midreg"]);
const steps = [
  ...world.startSteps(),
  ...sippSteps(world),
  ...callSteps(world),
  ...linphoneSteps(world),
  ...sipsakSteps(world),
  ...world.stopSteps(),
  ...modeSteps(world),
  ...transportSteps(world),
  ...resolverSteps(world),
  ...pushSteps(world),
  ...edgeSteps(world),
];
await suite.run(
  steps.filter(({ name, isVital }) => isVital === true || name.includes(values.only)),
);
process.exit(suite.conclude() ? 0 : 1);
