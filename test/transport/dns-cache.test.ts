import { expect, test } from "vitest";
import { DnsCache } from "../../src/transport/dns-cache.ts";
import { MAX_QUERIES, MAX_WAITERS } from "../../src/transport/limits.ts";
import { RecordingModules } from "./recording-modules.ts";

/** A cache whose questions are answered by hand. */
function build(): { cache: DnsCache<string>; asked: Map<string, (records: string[]) => void> } {
  const asked = new Map<string, (records: string[]) => void>();
  const cache = new DnsCache<string>({
    type: "A",
    ask: async (name) =>
      new Promise((answer) => {
        asked.set(name, answer);
      }),
    ttlMs: () => 60_000,
    nowMs: () => 0,
    log: new RecordingModules().log,
  });
  return { cache, asked };
}

async function get(cache: DnsCache<string>, name: string): Promise<readonly string[]> {
  return new Promise((done) => {
    cache.get(name, done);
  });
}

test("a thousand queries run at a time; further names get nothing, at once, and are not remembered", async () => {
  const { cache, asked } = build();
  const first = Array.from({ length: MAX_QUERIES }, async (_, index) => get(cache, `n${index}`));
  expect(await get(cache, "late")).toEqual([]);
  expect(asked.has("late")).toBe(false);
  for (const [name, answer] of asked) answer([name]);
  expect((await Promise.all(first)).flat()).toHaveLength(MAX_QUERIES);
  const late = get(cache, "late");
  asked.get("late")?.(["192.0.2.1"]);
  expect(await late).toEqual(["192.0.2.1"]);
});

test("ten thousand callers wait for one name; further ones get nothing", async () => {
  const { cache, asked } = build();
  const answered: (readonly string[])[] = [];
  for (let count = 0; count < MAX_WAITERS; count += 1) {
    cache.get("busy", (records) => answered.push(records));
  }
  expect(answered).toEqual([]);
  cache.get("busy", (records) => answered.push(records));
  expect(answered).toEqual([[]]);
  asked.get("busy")?.(["192.0.2.1"]);
  await expect.poll(() => answered.length).toBe(MAX_WAITERS + 1);
  expect(answered.at(-1)).toEqual(["192.0.2.1"]);
});
