import { serve } from "./child.ts";
import { WakeDevices, type WakeFleet, type WakePhase } from "./wake-devices.ts";

/** The main registrar and the sleeping devices as a process. */
const devices = new WakeDevices();

serve({
  open: async () => devices.open(),
  register: async (fleet: WakeFleet) => devices.register(fleet),
  run: async (phase: WakePhase) => devices.run(phase),
});
