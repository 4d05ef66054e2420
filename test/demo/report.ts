import { type Fleet, type FleetSample, percentile } from "../support/peers/fleet.ts";
import type { RegistrarCounters } from "../support/peers/legacy-registrar.ts";
import type { MidregCounters } from "../support/peers/midreg-process.ts";
import type { Terminal } from "../support/peers/terminal.ts";

/** What was seen when midreg was killed and started again. */
export interface Crash {
  readonly contactsBefore: number;
  readonly contactsAfter: number;
  readonly downMs: number;
  readonly killedAtMs: number;
  readonly readyAtMs: number;
  /** Users whose REGISTER was under way when it died: midreg has promised them nothing. */
  readonly unanswered: ReadonlySet<string>;
  /** What the registrar had heard by then. */
  readonly heard: RegistrarCounters;
}

interface Phase {
  readonly name: string;
  readonly sent: number;
  readonly heard: number;
  readonly samples: readonly FleetSample[];
}

/** Collects what the demo saw, checks it, prints it. */
export class Report {
  readonly #terminal: Terminal;
  readonly #phases: Phase[] = [];
  readonly #outcomes: (readonly [string, string])[] = [];
  #crash: Crash | undefined;
  #passed = 0;
  #failed = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  get isGood(): boolean {
    return this.#failed === 0;
  }

  check(name: string, isGood: boolean, detail: string): void {
    if (isGood) this.#passed += 1;
    else this.#failed += 1;
    const terminal = this.#terminal;
    terminal.line(
      isGood
        ? `  ${terminal.good("ok")} ${name}`
        : `  ${terminal.bad("FAILED")} ${name}: ${detail}`,
    );
  }

  /** Closes a phase: everything since the last one belongs to it. */
  phase(name: string, fleet: Fleet, heard: RegistrarCounters): void {
    const before = { sent: 0, heard: 0, samples: 0 };
    for (const phase of this.#phases) {
      before.sent += phase.sent;
      before.heard += phase.heard;
      before.samples += phase.samples.length;
    }
    this.#phases.push({
      name,
      sent: fleet.registers - before.sent,
      heard: heard.registers - before.heard,
      samples: fleet.samples.slice(before.samples),
    });
  }

  /** A line below the table. */
  note(name: string, text: string): void {
    this.#outcomes.push([name, text]);
  }

  /** Judges the restart by what the registrar and midreg had counted when the storm was over. */
  restart(crash: Crash, heard: RegistrarCounters, midreg: MidregCounters): void {
    this.#crash = crash;
    const { contactsBefore, contactsAfter, unanswered } = crash;
    const counts = `${contactsAfter} of ${contactsBefore}`;
    this.check("no binding was lost", contactsBefore === contactsAfter, counts);
    const again = Object.entries(heard.registersByUser).filter(
      ([user, registers]) => registers !== crash.heard.registersByUser[user],
    );
    const betrayed = again.filter(([user]) => !unanswered.has(user)).map(([user]) => user);
    this.check(
      "no phone with an answer in hand had to register anew",
      betrayed.length === 0,
      `the registrar heard again from ${betrayed.join(", ")}`,
    );
    this.check("refreshes are absorbed again", midreg.absorbed > 0, "none since the restart");
    const down = (crash.downMs / 1000).toFixed(1);
    const disturbed = this.#disturbed();
    const longestMs = Math.max(0, ...disturbed.map((sample) => sample.latencyMs));
    const phones = new Set(disturbed.map((sample) => sample.user)).size;
    this.#outcomes.push([
      "restart",
      `down ${down} s, ${counts} bindings back, ${midreg.absorbed} refreshes absorbed since, ` +
        `${again.length} forwarded; ${phones} phones waited up to ${duration(longestMs)}`,
    ]);
  }

  print(seconds: number): void {
    const terminal = this.#terminal;
    terminal.line();
    terminal.line(terminal.bold("result"));
    terminal.table([
      ["REGISTERs", "phones sent", "registrar heard", "reduction", "p50", "p99", "max"],
      ...this.#phases.map((phase) => this.#row(phase)),
      this.#row({
        name: "together",
        sent: this.#phases.reduce((sum, phase) => sum + phase.sent, 0),
        heard: this.#phases.reduce((sum, phase) => sum + phase.heard, 0),
        samples: this.#phases.flatMap((phase) => phase.samples),
      }),
    ]);
    terminal.line();
    for (const [name, text] of this.#outcomes) terminal.line(`  ${name.padEnd(9)}${text}`);
    const verdict = `${this.#passed} checks passed, ${this.#failed} failed, ${seconds.toFixed(0)} s`;
    terminal.line();
    terminal.line(this.isGood ? terminal.good(verdict) : terminal.bad(verdict));
    if (this.#crash !== undefined)
      terminal.line(
        "Next: npm run demo -- --without-midreg shows the same storm on the registrar alone.",
      );
  }

  #row(phase: Phase): string[] {
    const disturbed = new Set(this.#disturbed());
    const latencies = phase.samples
      .filter((sample) => !disturbed.has(sample))
      .map((sample) => sample.latencyMs);
    return [
      phase.name,
      String(phase.sent),
      String(phase.heard),
      `${(100 * (1 - phase.heard / Math.max(1, phase.sent))).toFixed(1)} %`,
      duration(percentile(latencies, 0.5)),
      duration(percentile(latencies, 0.99)),
      duration(Math.max(...latencies)),
    ];
  }

  // Latencies of phones that met a dead midreg say how long it was dead, nothing else.
  #disturbed(): readonly FleetSample[] {
    const crash = this.#crash;
    if (crash === undefined) return [];
    return this.#phases
      .flatMap((phase) => phase.samples)
      .filter(
        (sample) => sample.startedAtMs < crash.readyAtMs && sample.endedAtMs > crash.killedAtMs,
      );
  }
}

function duration(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}
