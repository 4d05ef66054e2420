import { expect, test } from "vitest";
import { percentile } from "./fleet.ts";
import { parseMetrics, total } from "./metrics.ts";

const EXPOSITION = `# HELP midreg_registers_total REGISTERs by outcome
# TYPE midreg_registers_total counter
midreg_registers_total{result="absorbed",reason="proven"} 40
midreg_registers_total{reason="retransmission, \\"late\\"",result="absorbed"} 2
midreg_registers_total{result="forwarded",reason="new"} 3
midreg_usrloc_contacts 7
midreg_register_duration_seconds_bucket{le="+Inf"} 1.5e+3

not a sample
`;

test.each([
  { name: "midreg_registers_total", labels: {}, sum: 45 },
  { name: "midreg_registers_total", labels: { result: "absorbed" }, sum: 42 },
  { name: "midreg_registers_total", labels: { reason: 'retransmission, \\"late\\"' }, sum: 2 },
  { name: "midreg_usrloc_contacts", labels: {}, sum: 7 },
  { name: "midreg_register_duration_seconds_bucket", labels: { le: "+Inf" }, sum: 1500 },
  { name: "midreg_usrloc_contacts", labels: { domain: "a" }, sum: 0 },
  { name: "midreg_unheard_of", labels: {}, sum: 0 },
])("$name with $labels adds up to $sum", ({ name, labels, sum }) => {
  expect(total(parseMetrics(EXPOSITION), name, labels)).toBe(sum);
});

test.each([
  { numbers: [3, 1, 2], part: 0.5, is: 2 },
  { numbers: [3, 1, 2], part: 0.99, is: 3 },
  { numbers: [5], part: 1, is: 5 },
  { numbers: [], part: 0.5, is: Number.NaN },
])("the $part percentile of $numbers is $is", ({ numbers, part, is }) => {
  expect(percentile(numbers, part)).toBe(is);
});
