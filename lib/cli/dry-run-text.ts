// What a job would do, as lines of text.
import type { PreparedJob } from '../../lambda/job/prepared.ts';
import { REASONS_TO_MAKE, type ReasonToMake } from '../../lambda/process/up-to-date.ts';
import { printable } from '../../lambda/report/printable.ts';
import { skipWords } from '../../lambda/report/text.ts';
import { formatCount } from '../../lambda/report/units.ts';
import { failureLine } from './summary.ts';

/** Output keys shown for one key. */
const MOST_OUTPUTS = 3;

/** What would become of one key: a line of `--dry-run --json`. */
export type PlannedKey = { readonly index: number; readonly key: string } & (
  | {
      readonly action: 'process';
      readonly reasons: readonly ReasonToMake[];
      readonly outputs: readonly string[];
      /** Outputs whose keys only the image can tell. */
      readonly unknownOutputs: number;
    }
  | { readonly action: 'skip'; readonly reason: string }
  | { readonly action: 'fail'; readonly error: string; readonly message: string }
);

/** The answer of a dry run: but for the keys, the last line of its JSON. */
export interface DryRunPlan {
  readonly source: string;
  readonly destination: string;
  readonly counts: { readonly total: number; readonly process: number; readonly skip: number; readonly fail: number };
  /** Keys that would be processed by reason; one may have several. */
  readonly reasons: Partial<Readonly<Record<ReasonToMake, number>>>;
  /** Skipped keys by reason. */
  readonly skipped: Readonly<Record<string, number>>;
  /** The first keys that would be processed. */
  readonly examples: readonly PlannedKey[];
  /** The first keys that are sure to fail: output keys that are taken, keys that are none. */
  readonly failures: readonly PlannedKey[];
  readonly job: PreparedJob;
}

/** The lines, ending in a line feed. */
export function planText(plan: DryRunPlan): string {
  const { source, destination, counts, reasons, skipped, examples, failures } = plan;
  const list = (of: object, words: (name: string) => string) => {
    const parts = Object.entries(of).map(([name, count]) => `${formatCount(count)} ${words(name)}`);
    return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
  };
  const rest = (all: number, shown: number) => (all > shown ? [`    and ${formatCount(all - shown)} more`] : []);
  return [
    `From ${printable(source)} to ${printable(destination)}, of ${formatCount(counts.total)} keys:`,
    `  ${formatCount(counts.process)} would be processed${list(reasons, (name) => REASONS_TO_MAKE[name as ReasonToMake])}`,
    ...examples.flatMap(exampleLines),
    ...rest(counts.process, examples.length),
    `  ${formatCount(counts.skip)} would be skipped${list(skipped, skipWords)}`,
    `  ${formatCount(counts.fail)} would fail`,
    ...failures.flatMap(exampleLines),
    ...rest(counts.fail, failures.length),
    'Nothing was written.',
    '',
  ].join('\n');
}

function exampleLines(planned: PlannedKey): string[] {
  const key = printable(planned.key);
  if (planned.action === 'fail') return [`    ${key}`, `      ${failureLine(planned)}`];
  if (planned.action === 'skip') return [];
  const why = planned.reasons.map((reason) => REASONS_TO_MAKE[reason]).join(', ');
  return [`    ${key} → ${outputList(planned.outputs, planned.unknownOutputs)}${why === 'new' ? '' : ` (${why})`}`];
}

/** The first output keys; whoever wants all of them takes the JSON. */
function outputList(outputs: readonly string[], unknown: number): string {
  const shown = outputs.slice(0, MOST_OUTPUTS).map(printable);
  const more = outputs.length + unknown - shown.length;
  if (shown.length === 0) return `${more} outputs whose keys depend on the image`;
  return more === 0 ? shown.join(', ') : `${shown.join(', ')} and ${more} more`;
}
