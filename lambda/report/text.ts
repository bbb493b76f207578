// The account in the terminal: the first failure on top, failures by class, and what to do about each.
import { styleText } from 'node:util';
import { directoryPath, isDirectory, type Location, objectUri } from '../contract/location.ts';
import type { SkipReason } from '../contract/outcome.ts';
import { shortened } from './item-row.ts';
import { printable } from './printable.ts';
import { RUN_STATUSES } from './status.ts';
import { type Cost, STAGES, type Summary } from './summary.ts';
import { formatBytes, formatCount, formatDollars, formatDuration } from './units.ts';

export interface TextOptions {
  /** Default: false. Whoever writes to a terminal asks for it, unless NO_COLOR is set. */
  readonly color?: boolean;
  /** The command that carries on. Default: `npx image-fanout run --resume`, or `redrive` for a run on AWS. */
  readonly resume?: string;
}

type Style = 'bold' | 'red' | 'green' | 'yellow' | 'dim';
type Paint = (style: Style, text: string) => string;

/** The whole account as lines of text, ending in a line feed. */
export function accountText(summary: Summary, options: TextOptions = {}): string {
  const paint: Paint = (style, text) => (options.color ? styleText(style, text, { validateStream: false }) : text);
  const sections = [
    firstFailure(summary, paint),
    reason(summary, paint),
    problems(summary, paint),
    [...headline(summary, paint), ...beyond(summary)],
    failures(summary, paint),
    skips(summary),
    pendings(summary, options.resume ?? resumeCommand(summary), paint),
    numbers(summary),
    costs(summary),
    [`Account: ${summary.report}`, ...pageLine(summary)],
  ];
  return `${sections
    .filter((section) => section.length > 0)
    .map((section) => section.join('\n'))
    .join('\n\n')}\n`;
}

/** The command that does what is pending or failed, and nothing else. */
export function resumeCommand({ run, job }: Pick<Summary, 'run' | 'job'>): string {
  return isOnAws(job) ? `npx image-fanout redrive ${word(run)}` : resumeHereCommand(job.results);
}

function isOnAws({ results, engine }: Summary['job']): boolean {
  return engine === undefined && !isDirectory(results) && !results.prefix.includes('.image-fanout/runs/');
}

/** The same for a run of this machine, by its folder. */
export function resumeHereCommand(results: Location): string {
  const folder = isDirectory(results)
    ? directoryPath(results) + results.prefix
    : `s3://${results.bucket}/${results.prefix}`;
  return `npx image-fanout run --resume ${word(folder)}`;
}

/** A word of a shell's command line, quoted where it has to be. */
function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * Why a run stopped, in one line, where no failed key says it: a manifest that could not be read to its end, a result file
 * that could not be written. Undefined for all other ends.
 */
export function stopReason({
  status,
  error,
  cause,
  job: { reader },
}: Pick<Summary, 'status' | 'error' | 'cause' | 'job'>): string | undefined {
  if (error === undefined || cause === undefined || status === 'stoppedByFailures') return undefined;
  const file =
    error === 'States.ItemReaderFailed' && 'key' in reader ? `${objectUri(reader.bucket, reader.key)}: ` : '';
  return oneLine(`${error}: ${file}${cause}`);
}

/** Where the page is, or why there is none. */
export function pageLine({ page, pageError }: Pick<Summary, 'page' | 'pageError'>): string[] {
  if (page !== undefined) return [`Page:    ${printable(page)}`];
  return pageError === undefined ? [] : [`Page:    none, ${oneLine(pageError)}`];
}

function firstFailure({ firstFailure: first }: Summary, paint: Paint): string[] {
  if (first === undefined) return [];
  return [
    `${paint('red', 'First failure:')} ${paint('bold', printable(first.key))}`,
    `  ${first.error}: ${oneLine(first.message)}`,
  ];
}

function reason(summary: Summary, paint: Paint): string[] {
  const why = stopReason(summary);
  return why === undefined ? [] : [`${paint('red', 'Stopped by:')} ${why}`];
}

function problems({ check }: Summary, paint: Paint): string[] {
  if (check.balanced) return [];
  return [paint('red', 'This account does not add up:'), ...check.problems.map((problem) => `  ${oneLine(problem)}`)];
}

/** That not all is in the account, where the listing broke off; none where nothing was listed. */
export function unlisted({ check, counts, error }: Pick<Summary, 'check' | 'counts' | 'error'>): string | undefined {
  if (check.listingEnded !== false || counts.total === 0) return undefined;
  const first = counts.total === 1 ? 'the first item' : `the first ${formatCount(counts.total)} items`;
  const how = error === 'States.ItemReaderFailed' ? 'could be read' : 'was read';
  return `Only ${first} of the listing ${how}: what comes after is not in this account`;
}

function beyond(summary: Summary): string[] {
  const sentence = unlisted(summary);
  return sentence === undefined ? [] : [sentence];
}

function headline({ run, status, counts, check, error, job }: Summary, paint: Paint): string[] {
  const { exitCode, meaning } = RUN_STATUSES[status];
  const color: Style = exitCode === 0 ? 'green' : exitCode === 3 || status === 'notFinished' ? 'yellow' : 'red';
  const why = error === undefined || status === 'stoppedByDeadline' ? '' : `, ${printable(error)}`;
  const parts = (['succeeded', 'skipped', 'failed', 'pending'] as const).map(
    (state) => `${formatCount(counts[state])} ${state}`,
  );
  const checked = check.balanced ? ', each accounted for' : '';
  return [
    `Run ${run}: ${paint(color, meaning)} (${status}${why})`,
    `${formatCount(counts.total)} ${counts.total === 1 ? 'key' : 'keys'}${checked}: ${parts.join(', ')}`,
    ...partOf(job),
  ];
}

/** That a run is a try-out, and of what. */
export function partOf({ part }: Summary['job']): string[] {
  if (part?.sample !== undefined) {
    const { sample, of = sample } = part;
    return [
      `A try-out: a sample of ${formatCount(Math.min(sample, of))} of the ${formatCount(of)} keys that are meant, spread evenly`,
    ];
  }
  if (part?.first !== undefined) return [`A try-out: the first ${formatCount(part.first)} keys that are meant`];
  return [];
}

function failures({ errors }: Summary, paint: Paint): string[] {
  return errors.flatMap(({ name, count, transient, hint, examples }, place) => [
    ...(place === 0 ? ['Failures by class:'] : []),
    `  ${paint('bold', name)}  ${formatCount(count)}${transient ? '  (transient)' : ''}`,
    ...examples.slice(0, 3).map(({ key, message }) => `    ${printable(key)}: ${oneLine(message)}`),
    ...(count > Math.min(3, examples.length)
      ? [paint('dim', `    and ${formatCount(count - Math.min(3, examples.length))} more in items.csv`)]
      : []),
    `    What to do: ${hint}`,
  ]);
}

const SKIP_WORDS: Readonly<Record<SkipReason, string>> = {
  upToDate: 'up to date',
  folderMarker: 'folder markers',
  excluded: 'excluded',
  notIncluded: 'not included',
  notCurrent: 'old versions or delete markers',
  outsideSource: 'outside the source',
};

/** A reason to skip as a person reads it. */
export function skipWords(reason: string): string {
  return SKIP_WORDS[reason as SkipReason] ?? reason;
}

function skips({ skipped }: Summary): string[] {
  const reasons = Object.entries(skipped).sort(([, a], [, b]) => b - a);
  if (reasons.length === 0) return [];
  return ['Skipped:', ...reasons.map(([reason, count]) => `  ${formatCount(count)} ${skipWords(reason)}`)];
}

/** Whether there is something that a resume would do. Of a run that listed nothing, a new one is as good. */
export function isLeft({ status, counts, executionStatus }: Pick<Summary, 'status' | 'counts' | 'executionStatus'>) {
  if (status === 'notStarted') return false;
  return executionStatus !== 'SUCCEEDED' || counts.failed + counts.pending > 0;
}

function pendings(summary: Summary, resume: string, paint: Paint): string[] {
  if (!isLeft(summary)) return [];
  const { counts } = summary;
  if (summary.executionStatus === 'SUCCEEDED' && isOnAws(summary.job)) {
    // An execution that succeeded, whatever it tolerated, is none that Step Functions redrives.
    return [`To do the ${formatCount(counts.failed)} that failed: start the job again; what is up to date is skipped`];
  }
  const left = counts.pending + counts.failed;
  const what =
    left === 0
      ? 'To carry on'
      : `To do the ${formatCount(left)} that ${left === 1 ? 'is' : 'are'} pending or failed, and nothing else`;
  return [`${what}:`, `  ${paint('bold', resume)}`];
}

function numbers({ bytes, outputs, time, throughput, milliseconds, slowest, attempts }: Summary): string[] {
  const cpu = time.cpuMilliseconds === undefined ? '' : `, ${formatDuration(time.cpuMilliseconds)} of CPU`;
  const upToDate = outputs.upToDate === 0 ? '' : `, ${formatCount(outputs.upToDate)} were up to date`;
  const redrives = attempts.length > 1 ? `, in ${attempts.length} attempts` : '';
  const stages = STAGES.flatMap((stage) => {
    const of = milliseconds[stage];
    if (of === undefined) return [];
    const [p50, p90, p99, max] = [of.p50, of.p90, of.p99, of.max].map(formatDuration);
    return [`  ${stage.padEnd(9)} p50 ${p50}, p90 ${p90}, p99 ${p99}, max ${max}`];
  });
  const slow = slowest.slice(0, 3).map(({ key, milliseconds: ms }) => `  ${formatDuration(ms)}  ${printable(key)}`);
  return [
    ...(outputs.keysNotListed === 0
      ? []
      : [`Of ${formatCount(outputs.keysNotListed)} keys the outputs are not listed by name: their batch had too many`]),
    `Read ${formatBytes(bytes.in)}, wrote ${formatBytes(bytes.out)} in ${formatCount(outputs.written)} outputs${upToDate}`,
    `Took ${formatDuration(time.wallMilliseconds)}${cpu}${redrives}: ${throughput.keysPerSecond} keys/s, ${formatBytes(throughput.bytesInPerSecond)}/s`,
    ...(stages.length > 0 ? ['Per key:', ...stages] : []),
    ...(slow.length > 0 ? ['Slowest:', ...slow] : []),
  ];
}

/** The services of a cost, as a person reads them. */
export const COMPONENTS: Readonly<Record<keyof Cost['components'], string>> = {
  lambda: 'Lambda',
  stepFunctions: 'Step Functions',
  s3: 'S3 requests',
  logs: 'logs',
  xray: 'X-Ray',
  metrics: 'metrics',
  kms: 'KMS',
  eventBridge: 'EventBridge',
  sns: 'SNS',
};

/** What it cost by component, and what that does not hold. */
function costs({ cost }: Summary): string[] {
  if (cost === undefined) return [];
  const { dollars, components, prices, notKnown } = cost;
  const parts = (Object.entries(components) as [keyof Cost['components'], number][])
    .filter(([, amount]) => amount > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([name, amount]) => `${COMPONENTS[name]} ${formatDollars(amount)}`);
  const whose = prices.standInFor === undefined ? '' : `, as those of ${prices.standInFor} are not known here`;
  const hidden = notKnown.filter(({ atMostDollars = 0 }) => atMostDollars >= 0.005);
  return [
    `Cost: ${formatDollars(dollars)}, at list prices of ${prices.region}, ${prices.date}${whose}`,
    `  ${parts.join(', ')}`,
    ...hidden.map(({ what, atMostDollars = 0 }) => `  Not in it: ${what}; ${formatDollars(atMostDollars)} at most`),
  ];
}

function oneLine(text: string): string {
  return shortened(printable(text.replace(/\s*\n\s*/g, ' ')), 300);
}
