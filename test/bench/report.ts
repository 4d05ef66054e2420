import type { CallsResult } from "./calls.ts";
import type { Reduction } from "./reduction.ts";
import type { Measured, ScenarioResult } from "./scenario-result.ts";
import type { WakesResult } from "./wakes.ts";

/** With fewer, what the process needs anyway outweighs the bindings. */
const MEANINGFUL_BINDINGS = 100_000;
/** Cores taken by strangers from which on rates and latencies are to be doubted. */
const NOISY_CORES = 0.3;

/** One figure with the echo's of the same run beside it. */
export interface Figure {
  readonly figure: string;
  readonly unit: string;
  readonly value: number;
  /** Absent where an echo has nothing to compare with. */
  readonly echo?: number;
  /** value divided by echo. */
  readonly ratio?: number;
  readonly aim?: string;
  readonly isReached?: boolean;
}

/** The figures that the benchmark is made for. */
export function listFigures(result: ScenarioResult): Figure[] {
  const { echoBefore, echoAfter, echoOpen, first, firstMany, refreshClosed, refreshOpen } = result;
  const echoRate = (echoBefore.perSecond + echoAfter.perSecond) / 2;
  const echoCpu = (echoBefore.cpuUs + echoAfter.cpuUs) / 2;
  return [
    compare("absorbed refresh, closed loop", "1/s", refreshClosed.perSecond, echoRate),
    limit(compare("absorbed refresh, CPU", "us", refreshClosed.cpuUs, echoCpu), { maxRatio: 3 }),
    { figure: "of it the main thread's", unit: "us", value: refreshClosed.mainThreadCpuUs },
    { figure: "besides, in the 2 s afterwards", unit: "us", value: result.aftermathCpuUs },
    ...latencies("absorbed refresh, closed loop", refreshClosed, echoBefore),
    { figure: "absorbed refresh, half rate", unit: "1/s", value: refreshOpen.perSecond },
    compare("absorbed refresh, half rate, CPU", "us", refreshOpen.cpuUs, echoOpen.cpuUs),
    ...latencies("absorbed refresh, half rate", refreshOpen, echoOpen).map((figure, index) =>
      index === 1 ? limit(figure, { max: 5_000 }) : figure,
    ),
    compare("first registration, closed loop", "1/s", first.perSecond, echoRate),
    limit(compare("first registration, CPU", "us", first.cpuUs, echoCpu), { maxRatio: 10 }),
    { figure: "of it the main thread's", unit: "us", value: first.mainThreadCpuUs },
    ...latencies("first registration, closed loop", first, echoBefore),
    ...further(result, echoRate, echoCpu),
    ...(firstMany === undefined
      ? []
      : [compare("first registration, the rest, CPU", "us", firstMany.cpuUs, echoCpu)]),
    ...memoryAndRestart(result),
  ];
}

/** What costs more, or less, than the plain refresh: another source, devices that share an address-of-record, digest. */
function further(result: ScenarioResult, echoRate: number, echoCpu: number): Figure[] {
  const { refreshMoved, aorFirst, aorRefresh, digestFirst, digestRefresh, echoBefore } = result;
  const moved = "refresh with a changed source";
  const digest = "digest: absorbed refresh";
  const shared = "aor mode with three devices per AoR: absorbed refresh";
  return [
    compare(`${moved}, closed loop`, "1/s", refreshMoved.perSecond, echoRate),
    compare(`${moved}, CPU`, "us", refreshMoved.cpuUs, echoCpu),
    ...latencies(`${moved}, closed loop`, refreshMoved, echoBefore),
    compare("aor mode: first registration, CPU", "us", aorFirst.cpuUs, echoCpu),
    compare(`${shared}, closed loop`, "1/s", aorRefresh.perSecond, echoRate),
    compare(`${shared}, CPU`, "us", aorRefresh.cpuUs, echoCpu),
    ...latencies(`${shared}, closed loop`, aorRefresh, echoBefore),
    compare("digest: first registration with its challenge, CPU", "us", digestFirst.cpuUs, echoCpu),
    compare(`${digest}, closed loop`, "1/s", digestRefresh.perSecond, echoRate),
    compare(`${digest}, CPU`, "us", digestRefresh.cpuUs, echoCpu),
    ...latencies(`${digest}, closed loop`, digestRefresh, echoBefore),
  ];
}

function memoryAndRestart({ memory, restart }: ScenarioResult): Figure[] {
  const figures = memory.map(({ when, bindings, rssBytesPerBinding: value }) => {
    const figure = { figure: `RSS per binding at ${bindings}, ${when}`, unit: "bytes", value };
    return bindings < MEANINGFUL_BINDINGS ? figure : limit(figure, { max: 1_300 });
  });
  if (restart === undefined) return figures;
  const name = `restart with ${restart.bindings} bindings`;
  return [...figures, limit({ figure: name, unit: "ms", value: restart.readyMs }, { max: 10_000 })];
}

function latencies(name: string, own: Measured, echo: Measured): Figure[] {
  return [
    compare(`${name}, p50`, "us", own.latencyUs.p50, echo.latencyUs.p50),
    compare(`${name}, p99`, "us", own.latencyUs.p99, echo.latencyUs.p99),
    compare(`${name}, p99.9`, "us", own.latencyUs.p999, echo.latencyUs.p999),
  ];
}

function compare(figure: string, unit: string, value: number, echo: number): Figure {
  return { figure, unit, value, echo, ratio: value / echo };
}

function limit(figure: Figure, aim: { maxRatio: number } | { max: number }): Figure {
  if ("max" in aim) {
    return { ...figure, aim: `under ${aim.max} ${figure.unit}`, isReached: figure.value < aim.max };
  }
  const isReached = figure.ratio !== undefined && figure.ratio <= aim.maxRatio;
  return { ...figure, aim: `at most ${aim.maxRatio} x echo`, isReached };
}

/** Says so when other work on the machine has disturbed the measurement; empty when it has not. */
export function describeNoise(result: ScenarioResult): string {
  const { echoBefore, first, refreshClosed, refreshOpen, echoAfter, echoOpen } = result;
  const phases = [echoBefore, first, refreshClosed, refreshOpen, echoAfter, echoOpen];
  const others = Math.max(...phases.map(({ othersCores }) => othersCores));
  const stolen = Math.max(...phases.map(({ stolenCores }) => stolenCores));
  if (others + stolen < NOISY_CORES) return "";
  return `Disturbed: others kept up to ${others.toFixed(2)} cores busy, ${stolen.toFixed(2)} were stolen.`;
}

/** Lays the figures out as text, a line each. */
export function formatTable(figures: readonly Figure[]): string {
  const rows = figures.map(({ figure, unit, value, echo, ratio, aim, isReached }) => [
    figure,
    `${formatNumber(value)} ${unit}`,
    echo === undefined ? "" : formatNumber(echo),
    ratio === undefined ? "" : ratio.toFixed(2),
    aim === undefined ? "" : `${aim}: ${isReached === true ? "reached" : "missed"}`,
  ]);
  return formatRows([["figure", "midreg", "echo", "ratio", "aim"], ...rows]);
}

/** The same for what the main registrar is spared. */
export function formatReductions(reductions: readonly Reduction[]): string {
  const rows = reductions.map((one) => [
    `${one.mode} mode, ${one.outgoingExpiresSec} s upstream`,
    one.registersIn.toLocaleString("en-US"),
    one.registersOut.toLocaleString("en-US"),
    `${one.reductionPercent.toFixed(1)} %`,
    one.refused === 0 ? "" : `${one.refused} phones were refused`,
  ]);
  return formatRows([["REGISTERs", "in", "out", "reduction", ""], ...rows]);
}

/** What calls cost, a row for each proxy. */
export function formatCalls({ figures, echoCpuUs }: CallsResult): string {
  const rows = figures.map(({ proxy, cpuUs, ratio, highestPerSec }) => [
    proxy,
    `${cpuUs.toFixed(0)} us`,
    ratio.toFixed(1),
    `${highestPerSec} /s`,
    "",
  ]);
  const echo = `to the echo's ${echoCpuUs.toFixed(1)} us`;
  return formatRows([["calls through", "CPU each", "ratio", "without a failure", echo], ...rows]);
}

/** What it takes to wake devices, beside an echoed datagram. */
export function formatWakes({ highestPerSec, cpuUs, calm, echo, runs }: WakesResult): string {
  const ms = (figure: string, us: number, echoUs: number): Figure =>
    compare(figure, "ms", us / 1_000, echoUs / 1_000);
  const shares =
    calm === undefined
      ? []
      : [
          compare("a wake, CPU at half rate", "us", calm.cpuUs, echo.cpuUs),
          { figure: "the latencies are those at", unit: "1/s", value: calm.perSec },
          ...(["p50", "p99"] as const).flatMap((part) => [
            ms(`INVITE to push, ${part}`, calm.inviteToPushUs[part], echo.latencyUs[part]),
            ms(`REGISTER to INVITE, ${part}`, calm.registerToInviteUs[part], echo.latencyUs[part]),
            ms(`midreg's share, ${part}`, calm.shareUs[part], echo.latencyUs[part]),
          ]),
        ];
  const table = formatTable([
    { figure: "wakes without a failure", unit: "1/s", value: highestPerSec },
    compare("a wake, CPU at its least", "us", cpuUs, echo.cpuUs),
    ...shares,
  ]);
  const others = Math.max(0, ...runs.map(({ othersCores }) => othersCores));
  if (others < NOISY_CORES) return table;
  return `${table}\n\nDisturbed: others kept up to ${others.toFixed(2)} cores busy.`;
}

/** Pads the columns to the same width; all but the first and the last are aligned to the right. */
function formatRows(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths?.[column] ?? 0;
          return column === 0 || column === row.length - 1
            ? cell.padEnd(width)
            : cell.padStart(width);
        })
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function formatNumber(value: number): string {
  return value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString("en-US");
}
