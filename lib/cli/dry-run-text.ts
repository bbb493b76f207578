// What a job would do, as lines of text.
import type { PreparedJob } from '../../lambda/job/prepared.ts';
import { printable } from '../../lambda/report/printable.ts';
import { skipWords } from '../../lambda/report/text.ts';
import { formatCount } from '../../lambda/report/units.ts';
import { failureLine } from './summary.ts';

/** Output keys shown for one key. */
const MOST_OUTPUTS = 3;

/** The answer of a dry run: also its JSON document. */
export interface DryRunPlan {
  readonly source: string;
  readonly destination: string;
  readonly counts: { readonly total: number; readonly process: number; readonly skip: number; readonly fail: number };
  /** Skipped keys by reason. */
  readonly skipped: Readonly<Record<string, number>>;
  /** The first keys that would be processed, with their output keys; those that only the image can tell are counted. */
  readonly examples: readonly {
    readonly key: string;
    readonly outputs: readonly string[];
    readonly unknownOutputs: number;
  }[];
  /** All keys that are sure to fail: output keys that are taken, keys that are none. */
  readonly failures: readonly { readonly key: string; readonly error: string; readonly message: string }[];
  readonly job: PreparedJob;
}

/** The lines, ending in a line feed. */
export function planText({ source, destination, counts, skipped, examples, failures, job }: DryRunPlan): string {
  const skips = Object.entries(skipped).map(([reason, count]) => `${formatCount(count)} ${skipWords(reason)}`);
  const more = counts.process - examples.length;
  const pages = job.recipe.pages === 'all' && counts.process > 0;
  return [
    `From ${printable(source)} to ${printable(destination)}, of ${formatCount(counts.total)} keys:`,
    `  ${formatCount(counts.process)} would be processed`,
    ...examples.map(
      ({ key, outputs, unknownOutputs }) => `    ${printable(key)} → ${outputList(outputs, unknownOutputs)}`,
    ),
    ...(more > 0 ? [`    and ${formatCount(more)} more`] : []),
    ...(pages ? ['    (outputs of first pages: how many more there are only the images know)'] : []),
    `  ${formatCount(counts.skip)} would be skipped${skips.length === 0 ? '' : `: ${skips.join(', ')}`}`,
    `  ${formatCount(counts.fail)} would fail`,
    ...failures.flatMap(({ key, error, message }) => [
      `    ${printable(key)}`,
      `      ${failureLine({ error, message })}`,
    ]),
    'Nothing was written.',
    '',
  ].join('\n');
}

/** The first output keys; whoever wants all of them takes the JSON. */
function outputList(outputs: readonly string[], unknown: number): string {
  const shown = outputs.slice(0, MOST_OUTPUTS).map(printable);
  const more = outputs.length + unknown - shown.length;
  if (shown.length === 0) return `${more} outputs whose keys depend on the image`;
  return more === 0 ? shown.join(', ') : `${shown.join(', ')} and ${more} more`;
}
