import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { COUNTERS, GAUGES, TIMINGS } from "../../src/metrics/catalogue.ts";
import { PrometheusMetrics } from "../../src/metrics/prometheus.ts";
import { MAX_SERIES } from "../../src/metrics/series-table.ts";
import type { CounterName, TimingName } from "../../src/ports.ts";

/** The lines of one metric in the exposition. */
async function linesOf(metrics: PrometheusMetrics, name: string): Promise<string[]> {
  const text = await metrics.render();
  const isOurs = new RegExp(`^(# (HELP|TYPE) )?midreg_${name}(_bucket|_sum|_count)?[ {]`, "u");
  return text.split("\n").filter((line) => isOurs.test(line));
}

const bucket = (bound: string, count: number): string =>
  `midreg_register_duration_seconds_bucket{le="${bound}",result="absorbed"} ${count}`;

const newMetrics = (): PrometheusMetrics => new PrometheusMetrics({ version: "1.2.3" });

describe("what Prometheus reads", () => {
  test("the version of midreg and of Node", async () => {
    expect(await linesOf(newMetrics(), "build_info")).toEqual([
      "# HELP midreg_build_info Version of midreg and of Node; always 1.",
      "# TYPE midreg_build_info gauge",
      `midreg_build_info{version="1.2.3",node="${process.version}"} 1`,
    ]);
  });

  test("counters, one series for each combination of labels", async () => {
    const metrics = newMetrics();
    metrics.counter("registers_total", { result: "absorbed", reason: "proven" }).n += 41;
    metrics.counter("registers_total", { reason: "proven", result: "absorbed" }).n += 1;
    metrics.counter("registers_total", { result: "forwarded" }).n += 1;
    expect(await linesOf(metrics, "registers_total")).toEqual([
      "# HELP midreg_registers_total REGISTER requests of phones, by what became of them: absorbed, forwarded, rejected, error.",
      "# TYPE midreg_registers_total counter",
      'midreg_registers_total{result="absorbed",reason="proven"} 42',
      'midreg_registers_total{result="forwarded"} 1',
    ]);
  });

  test("a counter without labels from the start", async () => {
    const metrics = newMetrics();
    expect((await linesOf(metrics, "usrloc_expired_total")).at(-1)).toBe(
      "midreg_usrloc_expired_total 0",
    );
    metrics.counter("usrloc_expired_total").n += 3;
    expect((await linesOf(metrics, "usrloc_expired_total")).at(-1)).toBe(
      "midreg_usrloc_expired_total 3",
    );
  });

  test("histograms with cumulative buckets, bounds included", async () => {
    const metrics = newMetrics();
    const timing = metrics.timing("register_duration_seconds", { result: "absorbed" });
    for (const seconds of [0, 0.0005, 0.0006, 0.25, 30, 31]) timing.observe(seconds);
    expect(await linesOf(metrics, "register_duration_seconds")).toEqual([
      "# HELP midreg_register_duration_seconds From receiving a REGISTER to sending its final answer (RFC 6076 registration request delay).",
      "# TYPE midreg_register_duration_seconds histogram",
      bucket("0.0005", 2),
      bucket("0.001", 3),
      bucket("0.0025", 3),
      bucket("0.005", 3),
      bucket("0.01", 3),
      bucket("0.025", 3),
      bucket("0.05", 3),
      bucket("0.1", 3),
      bucket("0.25", 4),
      bucket("0.5", 4),
      bucket("1", 4),
      bucket("2.5", 4),
      bucket("5", 4),
      bucket("10", 4),
      bucket("30", 5),
      bucket("+Inf", 6),
      'midreg_register_duration_seconds_sum{result="absorbed"} 61.2511',
      'midreg_register_duration_seconds_count{result="absorbed"} 6',
    ]);
  });

  test("a duration that is no duration counts as zero, so that the sum stays a number", async () => {
    const metrics = newMetrics();
    const timing = metrics.timing("storage_op_duration_seconds");
    for (const seconds of [Number.NaN, -1, -0]) timing.observe(seconds);
    const lines = await linesOf(metrics, "storage_op_duration_seconds");
    expect(lines.slice(-2)).toEqual([
      "midreg_storage_op_duration_seconds_sum 0",
      "midreg_storage_op_duration_seconds_count 3",
    ]);
  });

  test("gauges as they are at the moment of reading, the last reader of a series counting", async () => {
    const metrics = newMetrics();
    let contacts = 1;
    metrics.gauge("usrloc_contacts", {}, () => -1);
    metrics.gauge("usrloc_contacts", {}, () => contacts);
    contacts = 7;
    metrics.gauge("upstream_up", { upstream: 'sip:"h\\' }, () => 1);
    expect((await linesOf(metrics, "usrloc_contacts")).slice(2)).toEqual([
      "midreg_usrloc_contacts 7",
    ]);
    expect((await linesOf(metrics, "upstream_up")).slice(2)).toEqual([
      'midreg_upstream_up{upstream="sip:\\"h\\\\"} 1',
    ]);
  });

  test("counters that are kept elsewhere", async () => {
    const metrics = newMetrics();
    const drops = new Map([["udp:192.0.2.1:5060", 12]]);
    metrics.registerCounterReader("udp_drops_total", "Datagrams lost.", ["listener"], () =>
      [...drops].map(([listener, value]) => ({ labels: { listener }, value })),
    );
    drops.set("udp:[::1]:5060", 1);
    expect(await linesOf(metrics, "udp_drops_total")).toEqual([
      "# HELP midreg_udp_drops_total Datagrams lost.",
      "# TYPE midreg_udp_drops_total counter",
      'midreg_udp_drops_total{listener="udp:192.0.2.1:5060"} 12',
      'midreg_udp_drops_total{listener="udp:[::1]:5060"} 1',
    ]);
  });

  test.each([
    "process_cpu_seconds_total",
    "process_start_time_seconds",
    "process_resident_memory_bytes",
    "nodejs_eventloop_lag_p99_seconds",
    "nodejs_heap_size_used_bytes",
  ])("the process's own %s", async (name) => {
    expect(await newMetrics().render()).toMatch(new RegExp(`^${name} [0-9.e+-]+$`, "mu"));
  });

  test("every metric that is declared, with help and type, in the right format", async () => {
    const metrics = newMetrics();
    const text = await metrics.render();
    for (const name of [COUNTERS, TIMINGS, GAUGES].flatMap((catalogue) => Object.keys(catalogue))) {
      expect(text).toContain(`# TYPE midreg_${name} `);
    }
    expect(metrics.contentType).toBe("text/plain; version=0.0.4; charset=utf-8");
  });
});

describe("names follow Prometheus' customs", () => {
  test.each([
    ["counters end in _total", COUNTERS, /_total$/u],
    ["timings end in _seconds", TIMINGS, /_seconds$/u],
    ["gauges do not look like counters", GAUGES, /^(?!.*_total$)/u],
  ])("%s", (_, catalogue, pattern) => {
    for (const [name, { help, labels }] of Object.entries(catalogue)) {
      expect(name).toMatch(pattern);
      expect(name).toMatch(/^[a-z_]+$/u);
      expect(help).toMatch(/^[A-Z].*\.$/u);
      for (const label of labels) expect(label).toMatch(/^[a-z]+$/u);
    }
  });
});

describe("labels stay a bounded set", () => {
  test("an undeclared label or metric is a mistake in the program", () => {
    const metrics = newMetrics();
    const user = { user: "alice" };
    expect(() => metrics.counter("registers_total", user)).toThrow(TypeError);
    expect(() => metrics.timing("register_duration_seconds", user)).toThrow(TypeError);
    expect(() => metrics.gauge("usrloc_aors", user, () => 1)).toThrow(TypeError);
    expect(() => metrics.counter("no_such_total" as CounterName)).toThrow(TypeError);
    expect(() => metrics.timing("constructor" as TimingName)).toThrow(TypeError);
  });

  test.each([
    ["method", "REGISTER", "REGISTER"],
    ["method", "register", "other"],
    ["method", "EVIL", "other"],
    ["method", "__proto__", "other"],
    ["code", "200", "200"],
    ["code", "499", "4xx"],
    ["code", "699", "6xx"],
    ["code", "700", "other"],
    ["code", "099", "other"],
    ["code", "20", "other"],
    ["direction", "in", "in"],
  ])("%s %s from the wire is counted as %s", async (name, value, counted) => {
    const metrics = newMetrics();
    metrics.counter("sip_responses_total", { [name]: value }).n += 1;
    expect((await linesOf(metrics, "sip_responses_total")).slice(2)).toEqual([
      `midreg_sip_responses_total{${name}="${counted}"} 1`,
    ]);
  });

  test("whatever methods and codes come, the series do not multiply", async () => {
    const metrics = newMetrics();
    const any = fc.oneof(
      fc.string(),
      fc.integer().map(String),
      fc.integer({ min: 100, max: 699 }).map(String),
    );
    fc.assert(
      fc.property(any, any, (method, code) => {
        metrics.counter("sip_responses_total", { method, code }).n += 1;
      }),
      { numRuns: 2000 },
    );
    const lines = (await linesOf(metrics, "sip_responses_total")).slice(2);
    expect(lines.length).toBeLessThan(100);
    const counts = lines.map((line) => Number(line.split(" ").at(-1)));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(2000);
  });

  test("combinations beyond the cap are counted together as other, known ones still alone", async () => {
    const metrics = newMetrics();
    const count = (reason: string): void => {
      metrics.counter("sip_dropped_total", { reason }).n += 1;
    };
    for (let at = 0; at < MAX_SERIES + 7; at += 1) count(`r${at}`);
    count("r0");
    const lines = (await linesOf(metrics, "sip_dropped_total")).slice(2);
    expect(lines).toHaveLength(MAX_SERIES + 1);
    expect(lines[0]).toBe('midreg_sip_dropped_total{reason="r0"} 2');
    expect(lines.at(-1)).toBe('midreg_sip_dropped_total{reason="other"} 7');
  });

  test("the same labels give the same counter, to be kept by the hot path", () => {
    const metrics = newMetrics();
    const labels = { transport: "udp", reason: "x" };
    expect(metrics.counter("sip_dropped_total", labels)).toBe(
      metrics.counter("sip_dropped_total", { ...labels }),
    );
  });
});
