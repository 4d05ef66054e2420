import { MemoryStore } from "../../src/store/memory-store.ts";
import { testLocationStore } from "../contract/location-store.contract.ts";

testLocationStore({
  name: "The memory store",
  open: () => Promise.resolve(new MemoryStore()),
  histories: 200,
});
