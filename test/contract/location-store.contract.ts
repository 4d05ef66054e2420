/**
 * What every location store has to do, whatever it keeps its content in. A store's test calls
 * `testLocationStore` with a way to open an empty one.
 */
import * as fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import type { AorRecord, Binding, DeRegistration } from "../../src/location/binding.ts";
import type { AorChange } from "../../src/location/change.ts";
import { buildChange } from "../../src/location/change.ts";
import type { LocationStore } from "../../src/ports.ts";
import { AOR, buildBinding, buildDeRegistration, put, readAll, save } from "../store/fixtures.ts";

const OTHER_AOR = "sip:bob@example.com";
const ALL_BYTES = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join("");

const bindingAt = (ctid: string, source: string): Binding => buildBinding(ctid, { source });

export interface LocationStoreContract {
  readonly name: string;
  /** Opens an empty store; whoever opens it sees to closing it when the test ends. */
  readonly open: () => Promise<LocationStore>;
  /** Random histories to try; each opens a store. */
  readonly histories: number;
}

export function testLocationStore({ name, open, histories }: LocationStoreContract): void {
  describe(`${name} as a location store`, () => {
    let store: LocationStore;

    beforeEach(async () => {
      store = await open();
    });

    const contacts = (aor: string): string[] | undefined =>
      store.lookup(aor)?.bindings.map(({ ctid }) => ctid);

    test("an empty store knows nothing and can be written", () => {
      expect(readAll(store)).toEqual({ records: [], outbox: [] });
      expect(store.lookup(AOR)).toBeUndefined();
      expect(store.lookupCtid("a")).toBeUndefined();
      expect(store.deRegistration("a")).toBeUndefined();
      expect(store.hasSource("udp:192.0.2.1:5060<198.51.100.7:40000")).toBe(false);
      expect(store.status()).toEqual({
        isWritable: true,
        problem: "",
        aors: 0,
        bindings: 0,
        deRegistrations: 0,
      });
    });

    test("a saved binding is found by its address-of-record and by its ctid, unchanged", async () => {
      const binding = buildBinding("a", { q: 500, params: ';+sip.instance="<urn:x>"' });
      await put(store, AOR, binding);
      expect(store.lookup(AOR)).toEqual({ aor: AOR, bindings: [binding] });
      expect(store.lookupCtid("a")).toEqual({ aor: AOR, binding });
      expect([...store.records()]).toEqual([{ aor: AOR, bindings: [binding] }]);
    });

    test("values besides the location data are found by their keys, and an empty one is forgotten", async () => {
      const write = async (key: string, value: string): Promise<void> =>
        new Promise((resolve, reject) => {
          store.writeMeta(key, value, { committed: resolve, failed: reject });
        });
      await write("a:1", "x");
      await write("a:2", "y");
      await write("b:1", "z");
      await write("a:1", "new");
      expect(store.readMeta("a:1")).toBe("new");
      expect(new Map(store.metaOf("a:"))).toEqual(
        new Map([
          ["a:1", "new"],
          ["a:2", "y"],
        ]),
      );
      await write("a:1", "");
      expect(store.readMeta("a:1")).toBeUndefined();
      expect([...store.metaOf("")]).toHaveLength(2);
    });

    test("a copy of a stored binding made by spreading is a plain binding", async () => {
      await put(store, AOR, buildBinding("a"));
      const [binding] = store.lookup(AOR)?.bindings ?? [];
      expect({ ...binding }).toStrictEqual(buildBinding("a"));
    });

    test("a change is invisible until it is committed, and visible when that is said", async () => {
      let isCommitted = false;
      const seen = new Promise<AorRecord | undefined>((resolve, reject) => {
        store.save(buildChange(AOR, { put: [buildBinding("a")] }), {
          committed: () => {
            isCommitted = true;
            resolve(store.lookup(AOR));
          },
          failed: reject,
        });
      });
      expect(store.lookup(AOR) !== undefined).toBe(isCommitted);
      expect(store.status().bindings).toBe(isCommitted ? 1 : 0);
      expect((await seen)?.bindings).toHaveLength(1);
    });

    test("bindings keep the order in which they came, and a replaced one its place", async () => {
      await put(store, AOR, buildBinding("a"), buildBinding("b"));
      await put(store, AOR, buildBinding("c"));
      await put(store, AOR, buildBinding("b", { contact: "sip:new@198.51.100.7" }));
      expect(contacts(AOR)).toEqual(["a", "b", "c"]);
      expect(store.lookupCtid("b")?.binding.contact).toBe("sip:new@198.51.100.7");
      expect(store.status()).toMatchObject({ aors: 1, bindings: 3 });
    });

    test("a binding removed and put in one change goes to the end", async () => {
      await put(store, AOR, buildBinding("a"), buildBinding("b"));
      await save(store, buildChange(AOR, { remove: ["a"], put: [buildBinding("a", { cseq: 9 })] }));
      expect(contacts(AOR)).toEqual(["b", "a"]);
      expect(store.lookupCtid("a")?.binding.cseq).toBe(9);
    });

    test("a touch changes the three numbers and nothing else", async () => {
      await put(store, AOR, buildBinding("a"), buildBinding("b"));
      const touch = {
        ctid: "b",
        cseq: 2_147_483_647,
        expiresAtMs: 1_800_000_000_000,
        updatedAtMs: 5,
      };
      await save(store, buildChange(AOR, { touch: [touch] }));
      expect(store.lookup(AOR)?.bindings).toEqual([
        buildBinding("a"),
        buildBinding("b", { cseq: 2_147_483_647, expiresAtMs: 1_800_000_000_000, updatedAtMs: 5 }),
      ]);
    });

    test("a registration and the end of one keep the main registrar they belong to", async () => {
      const { upstream } = buildBinding("a");
      const second = { ...upstream, upstream: "second" };
      const owed = buildDeRegistration("x@second", { upstream: second });
      await save(
        store,
        buildChange(AOR, { put: [buildBinding("a", { upstream: second })], enqueue: [owed] }),
      );
      await save(
        store,
        buildChange(AOR, { touch: [{ ctid: "a", cseq: 9, expiresAtMs: 10, updatedAtMs: 5 }] }),
      );
      const binding = store.lookup(AOR)?.bindings[0];
      expect(binding).toMatchObject({ upstream: second, cseq: 9 });
      expect(store.bindingAt(binding?.source ?? "")).toBe(binding);
      expect([...store.deRegistrations()]).toEqual([owed]);
    });

    test("one change is applied in the order remove, put, touch, dequeue, enqueue", async () => {
      await put(store, AOR, buildBinding("a"), buildBinding("b"));
      await save(store, buildChange(AOR, { enqueue: [buildDeRegistration("x")] }));
      await save(store, {
        aor: AOR,
        remove: ["a", "b"],
        put: [buildBinding("b"), buildBinding("c")],
        touch: [
          { ctid: "a", cseq: 50, expiresAtMs: 1, updatedAtMs: 1 },
          { ctid: "b", cseq: 51, expiresAtMs: 2, updatedAtMs: 3 },
        ],
        dequeue: ["x"],
        enqueue: [buildDeRegistration("x", { attempts: 4 })],
      });
      expect(store.lookup(AOR)?.bindings).toEqual([
        buildBinding("b", { cseq: 51, expiresAtMs: 2, updatedAtMs: 3 }),
        buildBinding("c"),
      ]);
      expect([...store.deRegistrations()]).toEqual([buildDeRegistration("x", { attempts: 4 })]);
    });

    test("unknown ctids are ignored by touch, remove and dequeue, whoever else may have them", async () => {
      await put(store, AOR, buildBinding("a"));
      const touch = { ctid: "a", cseq: 9, expiresAtMs: 9, updatedAtMs: 9 };
      const strange = { touch: [touch], remove: ["a", "nobody"], dequeue: ["nobody"] };
      await save(store, buildChange(OTHER_AOR, strange));
      await save(store, buildChange(OTHER_AOR, { touch: [touch, { ...touch, ctid: "nobody" }] }));
      expect(readAll(store).records).toEqual([{ aor: AOR, bindings: [buildBinding("a")] }]);
    });

    test("an address-of-record goes with its last binding", async () => {
      await put(store, AOR, buildBinding("a"), buildBinding("b"));
      await save(store, buildChange(AOR, { remove: ["a"] }));
      expect(contacts(AOR)).toEqual(["b"]);
      await save(store, buildChange(AOR, { remove: ["b"] }));
      expect(store.lookup(AOR)).toBeUndefined();
      expect(store.lookupCtid("b")).toBeUndefined();
      expect([...store.records()]).toEqual([]);
      expect(store.status()).toMatchObject({ aors: 0, bindings: 0 });
    });

    test("a record that was looked up keeps its bindings while others come and go", async () => {
      await put(store, AOR, buildBinding("a"), buildBinding("b"));
      const record = store.lookup(AOR);
      await save(store, buildChange(AOR, { remove: ["a"], put: [buildBinding("c")] }));
      expect(record?.bindings.map(({ ctid }) => ctid)).toEqual(["a", "b"]);
    });

    test("a source is known as long as some binding has it", async () => {
      const [shared, moved] = ["udp:l<h:1", "udp:l<h:2"];
      await put(store, AOR, bindingAt("a", shared), bindingAt("b", shared));
      await put(store, OTHER_AOR, bindingAt("c", shared));
      await put(store, AOR, bindingAt("a", moved));
      await save(store, buildChange(OTHER_AOR, { remove: ["c"] }));
      expect([shared, moved].map((source) => store.hasSource(source))).toEqual([true, true]);
      await put(store, AOR, bindingAt("b", moved));
      expect([shared, moved].map((source) => store.hasSource(source))).toEqual([false, true]);
      await save(store, buildChange(AOR, { remove: ["a", "b"] }));
      expect(store.hasSource(moved)).toBe(false);
    });

    test("the outbox keeps one de-registration for each ctid, apart from the bindings", async () => {
      const first = buildDeRegistration("a");
      const later = buildDeRegistration("a", { attempts: 3, dueAtMs: 1_700_000_009_000 });
      await save(store, buildChange(AOR, { enqueue: [first, buildDeRegistration("b")] }));
      await save(store, buildChange(AOR, { enqueue: [later] }));
      expect(store.deRegistration("a")).toEqual(later);
      expect(store.status()).toMatchObject({ bindings: 0, deRegistrations: 2 });
      await save(store, buildChange(AOR, { dequeue: ["a"] }));
      expect(store.deRegistration("a")).toBeUndefined();
      expect([...store.deRegistrations()]).toEqual([buildDeRegistration("b")]);
    });

    test("every text keeps every byte, NUL and the upper half included", async () => {
      const text = {
        params: ALL_BYTES,
        path: ALL_BYTES,
        replay: ALL_BYTES,
        callId: ALL_BYTES,
        upstreamGruu: ALL_BYTES,
        push: ALL_BYTES,
      };
      const upstream = { ...buildBinding("a").upstream, from: ALL_BYTES, to: ALL_BYTES };
      const binding = buildBinding("a", { ...text, contact: ALL_BYTES, upstream });
      await put(store, ALL_BYTES, binding);
      expect(store.lookup(ALL_BYTES)).toEqual({ aor: ALL_BYTES, bindings: [binding] });
    });

    test.each([["__proto__"], ["constructor"], [""]])(
      "%j is a name like any other",
      async (key) => {
        await put(store, key, buildBinding(key, { source: key }));
        await save(store, buildChange(key, { enqueue: [buildDeRegistration(key)] }));
        expect(store.lookup(key)?.bindings).toHaveLength(1);
        expect(store.lookupCtid(key)?.aor).toBe(key);
        expect(store.hasSource(key)).toBe(true);
        expect(store.deRegistration(key)?.ctid).toBe(key);
      },
    );

    test("a value that cannot be stored fails the whole change and harms nothing", async () => {
      await put(store, AOR, buildBinding("a"));
      const broken = [
        { put: [buildBinding("b"), buildBinding("c", { expiresAtMs: Number.NaN })] },
        { put: [buildBinding("b"), buildBinding("c", { cseq: 1.5 })] },
        { touch: [{ ctid: "a", cseq: 2, expiresAtMs: Number.POSITIVE_INFINITY, updatedAtMs: 1 }] },
      ];
      const results = await Promise.allSettled(
        broken.map((parts) => save(store, buildChange(AOR, parts))),
      );
      expect(results.map(({ status }) => status)).toEqual(broken.map(() => "rejected"));
      expect(readAll(store).records).toEqual([{ aor: AOR, bindings: [buildBinding("a")] }]);
      await put(store, AOR, buildBinding("b"));
      expect(contacts(AOR)).toEqual(["a", "b"]);
    });

    test("many address-of-records saved at once are all committed", async () => {
      const names = Array.from({ length: 1000 }, (_, index) => `sip:${index}@example.com`);
      await Promise.all(names.map((aor, index) => put(store, aor, buildBinding(`c${index}`))));
      expect(store.status()).toMatchObject({ aors: 1000, bindings: 1000 });
      expect(names.every((aor) => store.lookup(aor)?.bindings.length === 1)).toBe(true);
    });

    test("a closed store refuses changes, and closing twice does no harm", async () => {
      await store.close();
      await store.close();
      await expect(put(store, AOR, buildBinding("a"))).rejects.toThrow("closed");
      expect(store.status().isWritable).toBe(false);
    });

    test("any history of changes ends as in the simplest possible model", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(anyChange(), { maxLength: 30 }), async (changes) => {
          const subject = await open();
          const model = new Model();
          for (const change of changes) {
            // oxlint-disable-next-line no-await-in-loop -- Changes of one address-of-record come one at a time.
            await save(subject, change);
            model.apply(change);
          }
          expect(readAll(subject)).toEqual(model.content());
          const { records } = model.content();
          const bindings = records.flatMap((record) => record.bindings);
          expect(subject.status()).toMatchObject({
            aors: records.length,
            bindings: bindings.length,
          });
          for (const source of SOURCES) {
            const isKnown = bindings.some((binding) => binding.source === source);
            expect(subject.hasSource(source)).toBe(isKnown);
          }
          await subject.close();
        }),
        { numRuns: histories },
      );
    });
  });
}

/** The contract in its plainest form: scans instead of indexes. */
export class Model {
  #bindings: { aor: string; binding: Binding }[] = [];
  #outbox: DeRegistration[] = [];

  apply({ aor, remove, put: puts, touch, dequeue, enqueue }: AorChange): void {
    const isOwn = (entry: { aor: string; binding: Binding }, ctid: string): boolean =>
      entry.aor === aor && entry.binding.ctid === ctid;
    for (const ctid of remove) {
      this.#bindings = this.#bindings.filter((entry) => !isOwn(entry, ctid));
    }
    for (const binding of puts) {
      const index = this.#bindings.findIndex((entry) => isOwn(entry, binding.ctid));
      this.#bindings.splice(index === -1 ? this.#bindings.length : index, index === -1 ? 0 : 1, {
        aor,
        binding,
      });
    }
    for (const { ctid, ...numbers } of touch) {
      this.#bindings = this.#bindings.map((entry) =>
        isOwn(entry, ctid) ? { aor, binding: { ...entry.binding, ...numbers } } : entry,
      );
    }
    const forget = (ctids: readonly string[]): void => {
      this.#outbox = this.#outbox.filter(({ ctid }) => !ctids.includes(ctid));
    };
    forget(dequeue);
    for (const entry of enqueue) {
      forget([entry.ctid]);
      this.#outbox.push(entry);
    }
  }

  content(): ReturnType<typeof readAll> {
    const aors = [...new Set(this.#bindings.map(({ aor }) => aor))].toSorted();
    return {
      records: aors.map((aor) => ({
        aor,
        bindings: this.#bindings.filter((entry) => entry.aor === aor).map(({ binding }) => binding),
      })),
      outbox: this.#outbox.toSorted((a, b) => (a.ctid < b.ctid ? -1 : 1)),
    };
  }
}

const SOURCES = ["udp:l<h:1", "udp:l<h:2", "udp:l<h:3"];

/** Changes of a few address-of-records with a few contacts each, so that they meet often. */
export function anyChange(): fc.Arbitrary<AorChange> {
  const number = fc.nat();
  const text = fc.string({ unit: fc.nat({ max: 255 }).map((code) => String.fromCharCode(code)) });
  return fc.constantFrom("a", "b", "c").chain((aor) => {
    // As in reality, a ctid belongs to one address-of-record.
    const ctid = fc.constantFrom(`${aor}1`, `${aor}2`, `${aor}3`);
    const binding = fc
      .record({ ctid, contact: text, source: fc.constantFrom(...SOURCES), cseq: number })
      .map((parts) => buildBinding(parts.ctid, parts));
    const touch = fc.record({ ctid, cseq: number, expiresAtMs: number, updatedAtMs: number });
    const entry = fc
      .record({ ctid, attempts: number })
      .map((parts) => buildDeRegistration(parts.ctid, { ...parts, aor }));
    const few = { maxLength: 3 };
    const parts = fc.record({
      remove: fc.array(ctid, few),
      put: fc.array(binding, few),
      touch: fc.array(touch, few),
      dequeue: fc.array(ctid, few),
      enqueue: fc.array(entry, few),
    });
    const refresh = fc.array(touch, few).map((touches) => buildChange(aor, { touch: touches }));
    return fc.oneof(
      refresh,
      parts.map((some) => buildChange(aor, some)),
    );
  });
}
