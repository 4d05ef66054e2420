/** What the SQLite store does when the file, the disk or its own thread lets it down. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { buildChange } from "../../src/location/change.ts";
import type { Commit } from "../../src/ports.ts";
import { StoreError } from "../../src/store/store-error.ts";
import type { LogLine } from "./fixtures.ts";
import {
  AOR,
  buildBinding,
  buildOptions,
  makeDirectory,
  openStore,
  put,
  readAll,
  WORKER,
} from "./fixtures.ts";

const NOBODY = 65_534;

/** A directory with a database that holds one binding. */
async function makeDatabase(): Promise<string> {
  const directory = makeDirectory();
  const store = await openStore(buildOptions(directory));
  await put(store, AOR, buildBinding("a"));
  await store.close();
  return directory;
}

/** Opens the database behind the store's back, until the test ends. */
function openBehind(directory: string): Database.Database {
  const db = new Database(buildOptions(directory).path);
  onTestFinished(() => {
    db.close();
  });
  return db;
}

/** How opening is refused: the code and the message, which has to be one line and to name the file. */
async function refusal(directory: string): Promise<string> {
  const error: unknown = await openStore(buildOptions(directory)).catch(
    (caught: unknown) => caught,
  );
  if (!(error instanceof StoreError)) return `no StoreError: ${String(error)}`;
  const { code, message } = error;
  return message.startsWith(`${directory}/midreg.db`)
    ? `${code} ${message}`
    : `no path: ${message}`;
}

/** Root may write everything, so it steps down. */
function stepDown(): void {
  if (process.getuid?.() !== 0) return;
  process.seteuid?.(NOBODY);
  onTestFinished(() => process.seteuid?.(0));
}

/** A worker that ends itself at a point of its work whenever the file `trap` is there. */
function makeMortalWorker(directory: string, point: string): { worker: URL; trap: string } {
  const [trap, script] = [join(directory, "trap"), join(directory, "worker.mjs")];
  writeFileSync(
    script,
    `import { existsSync, rmSync } from "node:fs";
     import { parentPort } from "node:worker_threads";
     const die = () => { rmSync(${JSON.stringify(trap)}); process.exit(1); };
     const isDue = (kind, point) =>
       kind === ${JSON.stringify(point)} && existsSync(${JSON.stringify(trap)});
     const post = parentPort.postMessage.bind(parentPort);
     parentPort.postMessage = (message) => isDue(message.kind, "written") ? die() : post(message);
     const on = parentPort.on.bind(parentPort);
     parentPort.on = (event, hear) =>
       on(event, (message) => isDue(message.kind, "write") ? die() : hear(message));
     await import(${JSON.stringify(WORKER.href)});`,
  );
  return { worker: new URL(`file://${script}`), trap };
}

describe("A database that cannot be opened is refused in one line that says what to do:", () => {
  test("a file of something else", async () => {
    const directory = makeDirectory();
    const content = "This was never a database. ".repeat(100);
    writeFileSync(buildOptions(directory).path, content);
    expect(await refusal(directory)).toMatch(
      /^STORE_CORRUPT .*damaged \(file is not a database\); restore.*$/u,
    );
    expect(readFileSync(buildOptions(directory).path, "utf8")).toBe(content);
  });

  test("an empty file, which SQLite itself would take for a new database", async () => {
    const directory = await makeDatabase();
    truncateSync(buildOptions(directory).path);
    expect(await refusal(directory)).toMatch(/^STORE_CORRUPT .*damaged \(the file is empty\).*$/u);
    expect(readFileSync(buildOptions(directory).path)).toHaveLength(0);
  });

  test("a write-ahead log whose database is gone", async () => {
    const directory = await makeDatabase();
    writeFileSync(`${buildOptions(directory).path}-wal`, "frames");
    rmSync(buildOptions(directory).path);
    expect(await refusal(directory)).toMatch(/^STORE_CORRUPT .*the file itself is gone.*$/u);
    expect(existsSync(buildOptions(directory).path)).toBe(false);
  });

  test("a page overwritten with garbage", async () => {
    const directory = await makeDatabase();
    const { path } = buildOptions(directory);
    const content = readFileSync(path);
    // Page 2 is the root of the first table.
    content.fill(0xff, 4096, 4096 + 512);
    writeFileSync(path, content);
    expect(await refusal(directory)).toMatch(/^STORE_CORRUPT .*the database is damaged.*$/u);
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  test("tables of another program", async () => {
    const directory = makeDirectory();
    openBehind(directory).exec("CREATE TABLE recipe (name TEXT)");
    expect(await refusal(directory)).toMatch(
      /^STORE_CORRUPT .*it holds tables of another program.*$/u,
    );
  });

  test("a schema of a newer midreg", async () => {
    const directory = await makeDatabase();
    openBehind(directory).pragma("user_version = 99");
    expect(await refusal(directory)).toMatch(
      /^STORE_TOO_NEW .*has schema 99, and this midreg knows schemas up to \d; start the newer midreg.*$/u,
    );
  });

  test.each([
    ["text that is not JSON", null, "[["],
    ["JSON of another kind", null, '{"put":1}'],
    ["an operation that does not exist", null, '[["drop",[]]]'],
    ["an operation named after a property of every object", null, '[["constructor",[]]]'],
    ["a row with a value missing", null, '[["remove",[1]]]'],
    ["a row with a value of a wrong type", null, '[["remove",["1","a"]]]'],
    ["refreshes cut short", Buffer.alloc(31), null],
    ["refreshes that are not numbers", Buffer.alloc(32, 0xff), null],
  ])("a journal that holds %s", async (_what, touches, changes) => {
    const directory = await makeDatabase();
    openBehind(directory).prepare("INSERT INTO journal VALUES (9, ?, ?)").run(touches, changes);
    expect(await refusal(directory)).toMatch(
      /^STORE_CORRUPT .*damaged \((the journal|it) holds.*$/u,
    );
  });

  test("a binding without its refresh row", async () => {
    const directory = await makeDatabase();
    openBehind(directory).exec("DELETE FROM refresh");
    expect(await refusal(directory)).toMatch(/^STORE_CORRUPT .*a binding has an unknown form.*$/u);
  });

  test("a database that another program is writing", async () => {
    const directory = await makeDatabase();
    openBehind(directory).exec("BEGIN IMMEDIATE");
    expect(await refusal(directory)).toMatch(/^STORE_LOCKED .*in use by another process.*$/u);
  });

  test("a second store on the same file in the same process", async () => {
    const directory = await makeDatabase();
    const store = await openStore(buildOptions(directory));
    expect(await refusal(directory)).toMatch(
      /^STORE_LOCKED .*give this one its own data directory.*$/u,
    );
    await put(store, AOR, buildBinding("b"));
    await store.close();
    await (await openStore(buildOptions(directory))).close();
  });

  test("a worker that is not there", async () => {
    const directory = await makeDatabase();
    const worker = new URL("no-such-worker.js", import.meta.url);
    await expect(openStore(buildOptions(directory, { worker }))).rejects.toMatchObject({
      code: "STORE_IO",
    });
    // Nothing is left locked.
    await (await openStore(buildOptions(directory))).close();
  });

  describe("without the permission to write,", () => {
    test("a file", async () => {
      const directory = await makeDatabase();
      chmodSync(directory, 0o777);
      chmodSync(`${buildOptions(directory).path}.lock`, 0o666);
      chmodSync(buildOptions(directory).path, 0o444);
      stepDown();
      expect(await refusal(directory)).toMatch(
        /^STORE_READONLY .*cannot be written \(.+\); let the user.*$/u,
      );
    });

    test("a directory with a database", async () => {
      const directory = await makeDatabase();
      chmodSync(directory, 0o555);
      onTestFinished(() => chmodSync(directory, 0o755));
      stepDown();
      expect(await refusal(directory)).toMatch(/^STORE_READONLY .*cannot be written.*$/u);
    });

    test("a directory that would have to be created", async () => {
      const directory = makeDirectory();
      const inner = join(directory, "closed");
      mkdirSync(inner, { mode: 0o555 });
      stepDown();
      expect(await refusal(join(inner, "data"))).toMatch(/^STORE_READONLY .*permission denied.*$/u);
    });
  });
});

test("a missing directory is created", async () => {
  const directory = join(makeDirectory(), "var", "lib");
  await put(await openStore(buildOptions(directory)), AOR, buildBinding("a"));
  expect(existsSync(buildOptions(directory).path)).toBe(true);
});

test("a full database fails saves, goes on reading, and loses nothing it acknowledged", async () => {
  const directory = makeDirectory();
  const log: LogLine[] = [];
  const limit = { maxSizeBytes: 200_000, foldAfterBytes: 50_000 };
  const store = await openStore(buildOptions(directory, limit), log);
  let saved = 0;
  const fill = async (): Promise<never> => {
    const aor = `sip:${saved}@example.com`;
    await put(store, aor, buildBinding(`c${saved}`, { replay: "x".repeat(2000) }));
    saved += 1;
    return fill();
  };
  await expect(fill()).rejects.toThrow(
    /no space left for the database \(database or disk is full\)/u,
  );
  expect(saved).toBeGreaterThan(10);
  expect(store.lookup(`sip:${saved}@example.com`)).toBeUndefined();
  expect(store.lookup("sip:0@example.com")?.bindings).toHaveLength(1);
  expect(store.status()).toMatchObject({ isWritable: false, bindings: saved });
  expect(store.status().problem).toMatch(/no space left/u);
  expect(log).toContainEqual(
    expect.objectContaining({ level: "error", text: "store cannot be written" }),
  );
  const content = readAll(store);
  await store.close();
  const again = await openStore(buildOptions(directory));
  expect(readAll(again)).toEqual(content);
  await put(again, AOR, buildBinding("a"));
});

test("a database locked while running fails saves, and is written again by itself afterwards", async () => {
  const directory = await makeDatabase();
  const log: LogLine[] = [];
  const store = await openStore(buildOptions(directory), log);
  const other = openBehind(directory);
  other.exec("BEGIN IMMEDIATE");
  await expect(put(store, AOR, buildBinding("b"))).rejects.toThrow(/in use by another process/u);
  expect(store.status()).toMatchObject({ isWritable: false, bindings: 1 });
  expect(store.status().problem).toMatch(/in use by another process/u);
  other.exec("ROLLBACK");
  await expect.poll(() => store.status().problem, { timeout: 5000 }).toBe("");
  expect(store.status().isWritable).toBe(true);
  expect(log.map(({ text }) => text)).toContain("store can be written again");
  await put(store, AOR, buildBinding("c"));
  expect(store.lookup(AOR)?.bindings.map(({ ctid }) => ctid)).toEqual(["a", "c"]);
});

test("with durability relaxed, what a locked database refused is written when it is free again", async () => {
  const directory = await makeDatabase();
  const store = await openStore(buildOptions(directory, { durability: "relaxed" }));
  const other = openBehind(directory);
  other.exec("BEGIN IMMEDIATE");
  await put(store, AOR, buildBinding("b"));
  await expect.poll(() => store.status().isWritable, { timeout: 5000 }).toBe(false);
  await put(store, AOR, buildBinding("c"));
  other.exec("ROLLBACK");
  await expect.poll(() => store.status().isWritable, { timeout: 5000 }).toBe(true);
  await store.close();
  const again = await openStore(buildOptions(directory));
  expect(again.lookup(AOR)?.bindings.map(({ ctid }) => ctid)).toEqual(["a", "b", "c"]);
});

test("folding that fails is reported while saves go on, and is taken up again", async () => {
  const directory = await makeDatabase();
  const store = await openStore(buildOptions(directory, { foldAfterMs: 50 }));
  const other = openBehind(directory);
  other.exec("CREATE TRIGGER stop BEFORE INSERT ON binding BEGIN SELECT RAISE(ABORT, 'no'); END");
  await put(store, AOR, buildBinding("b"));
  await put(store, AOR, buildBinding("c"));
  await expect.poll(() => store.status().problem, { timeout: 5000 }).toMatch(/\(no\)/u);
  expect(store.status().isWritable).toBe(true);
  await put(store, AOR, buildBinding("d"));
  other.exec("DROP TRIGGER stop");
  await expect.poll(() => store.status().problem, { timeout: 10_000 }).toBe("");
  await store.close();
  const again = await openStore(buildOptions(directory));
  expect(again.lookup(AOR)?.bindings.map(({ ctid }) => ctid)).toEqual(["a", "b", "c", "d"]);
});

test("more changes than may wait for the disk fail at once", async () => {
  const store = await openStore(buildOptions(makeDirectory()));
  const change = buildChange(AOR, { dequeue: ["nothing"] });
  const reasons = await new Promise<string[]>((resolve) => {
    const failed: string[] = [];
    let committed = 0;
    const countDown = (): void => {
      if (committed + failed.length === 40_000) resolve(failed);
    };
    const commit: Commit = {
      committed: () => {
        committed += 1;
        countDown();
      },
      failed: (reason) => {
        failed.push(reason);
        countDown();
      },
    };
    for (let index = 0; index < 40_000; index += 1) store.save(change, commit);
    expect(failed).toEqual([]);
  });
  expect(reasons).toHaveLength(40_000 - 32_768);
  expect(reasons[0]).toMatch(/too many changes wait for the disk/u);
  await put(store, AOR, buildBinding("a"));
});

describe("When the thread that writes dies,", () => {
  test.each([
    ["before it commits", "write"],
    ["after it has committed, before it can say so", "written"],
  ])("%s, the changes fail, are undone, and the next ones succeed", async (_when, point) => {
    const directory = makeDirectory();
    const { worker, trap } = makeMortalWorker(directory, point);
    const store = await openStore(buildOptions(directory, { worker }));
    await put(store, AOR, buildBinding("a"));
    writeFileSync(trap, "");
    const saves = [put(store, AOR, buildBinding("b")), put(store, "sip:x", buildBinding("x"))];
    const results = await Promise.allSettled(saves);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(store.status()).toMatchObject({ isWritable: false, bindings: 1 });
    expect(store.status().problem).toMatch(/the thread that writes the database has ended/u);
    await expect(put(store, AOR, buildBinding("b"))).rejects.toThrow(/has ended/u);
    await expect.poll(() => store.status().isWritable, { timeout: 5000 }).toBe(true);
    await put(store, AOR, buildBinding("c"));
    await store.close();
    const again = await openStore(buildOptions(directory));
    expect(again.lookup(AOR)?.bindings.map(({ ctid }) => ctid)).toEqual(["a", "c"]);
    expect(again.status()).toMatchObject({ aors: 1, bindings: 2 });
  });

  test("what durability relaxed has acknowledged already is written by the next one", async () => {
    const directory = makeDirectory();
    const { worker, trap } = makeMortalWorker(directory, "written");
    const store = await openStore(buildOptions(directory, { worker, durability: "relaxed" }));
    writeFileSync(trap, "");
    await put(store, AOR, buildBinding("a"));
    await expect.poll(() => existsSync(trap), { timeout: 5000 }).toBe(false);
    await expect.poll(() => store.status().isWritable, { timeout: 5000 }).toBe(true);
    await store.close();
    const again = await openStore(buildOptions(directory));
    expect(again.lookup(AOR)?.bindings).toEqual([buildBinding("a")]);
  });
});

test("a change of credentials that its thread dies over is answered, and the next one is stored", async () => {
  const directory = makeDirectory();
  const { worker, trap } = makeMortalWorker(directory, "credentials");
  const store = await openStore(buildOptions(directory, { worker }));
  writeFileSync(trap, "");
  const alice = { username: "alice", realm: "sip.test", algorithm: "MD5", ha1: "a1" };
  const add = async (): Promise<string> =>
    new Promise((resolve) => {
      const commit = { committed: () => resolve("committed"), failed: resolve };
      store.writeCredentials({ remove: undefined, put: [alice] }, commit);
    });
  expect(await add()).toContain("the thread that writes the database has ended");
  await vi.waitFor(async () => expect(await add()).toBe("committed"), 10_000);
});
