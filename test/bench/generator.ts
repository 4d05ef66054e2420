import { serve } from "./child.ts";
import { type Fleet, LoadGenerator, type Phase } from "./load-generator.ts";

/** The load generator as a process: `open` a fleet, `run` phases, `close`. */
const fleets = new Map<"open", LoadGenerator>();

serve({
  async open(fleet: Fleet) {
    fleets.set("open", await LoadGenerator.open(fleet));
  },
  async run(phase: Phase) {
    const generator = fleets.get("open");
    if (generator === undefined) throw new Error("no fleet is open");
    return generator.run(phase);
  },
  close() {
    fleets.get("open")?.close();
  },
});
