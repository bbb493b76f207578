// A plan as lines of text: what there is, what will become of it, what it takes, what would be better.
import type { Estimate } from '../../lambda/estimate/intervals.ts';
import { BOUND_BY } from '../../lambda/plan/on-aws.ts';
import type { PlanReport } from '../../lambda/plan/report.ts';
import { REASONS_TO_MAKE, type ReasonToMake } from '../../lambda/process/up-to-date.ts';
import { printable } from '../../lambda/report/printable.ts';
import { skipWords } from '../../lambda/report/text.ts';
import { formatBytes, formatCount, formatDuration } from '../../lambda/report/units.ts';
import type { Where } from './plan-job.ts';

/** Formats and outputs that are named. */
const MOST_NAMED = 8;
/** Examples of each failure. */
const MOST_EXAMPLES = 2;

/** The lines, ending in a line feed. */
export function planText(report: PlanReport, where: Where): string {
  return `${planSections(report, where)
    .map((section) => section.join('\n'))
    .join('\n\n')}\n`;
}

/** The same by subject: the first line of each is its title, what is indented belongs to the line above. */
export function planSections(report: PlanReport, where: Where): string[][] {
  const sections = [
    listing(report),
    work(report),
    failures(report),
    outputs(report),
    ...(where === 'aws' ? [onAws(report), here(report)] : [here(report), onAws(report)]),
    advice(report),
    scale(report),
    notEstimated(report),
    ['Nothing was written.'],
  ];
  return sections.filter((section) => section.length > 0).map((section) => section.flatMap((line) => line.split('\n')));
}

function listing({ source, destination, listing: list, collisions, sample, failures: classes }: PlanReport): string[] {
  const { keys, complete, selected, bytes, skipped, formats, sizes } = list;
  const impossible = classes.reduce((sum, { error, sure }) => sum + (error === 'OutputCollision' ? 0 : sure), 0);
  const skips = Object.entries(skipped).map(([reason, count]) => `${formatCount(count)} ${skipWords(reason)}`);
  const more = formats.length - MOST_NAMED;
  const named = formats.slice(0, MOST_NAMED).map(({ format, keys: of }) => `${formatCount(of)} ${printable(format)}`);
  return [
    `From ${printable(source)} to ${printable(destination)}`,
    `  ${complete ? '' : 'the first '}${of(keys, 'key', 'keys')}, of which ${formatCount(selected + impossible)} are meant: ${formatBytes(bytes)}`,
    ...(skips.length === 0 ? [] : [`  left out: ${skips.join(', ')}`]),
    ...(formats.length === 0 ? [] : [`  by extension: ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`]),
    ...(sizes.max === 0
      ? []
      : [
          `  sizes: half below ${formatBytes(sizes.p50)}, nine of ten below ${formatBytes(sizes.p90)}, the largest ${formatBytes(sizes.max)}`,
        ]),
    `  ${of(collisions.outputs, 'output key', 'output keys')} that several sources would write${collisions.examples
      .slice(0, MOST_EXAMPLES)
      .map(({ output, sources }) => `\n    ${printable(output)} of ${sources.map(printable).join(' and ')}`)
      .join('')}`,
    `  ${of(sample.tried, 'key', 'keys')} tried in ${formatDuration(sample.seconds * 1000)}, of ${of(sample.strata, 'stratum', 'strata')} by format and size`,
  ];
}

function work({ keys: { lookedAt, upToDate, made, why }, lies }: PlanReport): string[] {
  const whys = Object.entries(why).map(
    ([reason, keys]) => `${counted(keys)} ${REASONS_TO_MAKE[reason as ReasonToMake]}`,
  );
  return [
    'What would become of them:',
    `  ${counted(made)} made${whys.length === 0 ? '' : `: ${whys.join('; ')}`}`,
    `  ${counted(upToDate)} up to date${lookedAt === 'all' ? '' : ', told from the sample'}`,
    ...(lies.keys.high > 0 && lies.examples.length > 0
      ? [
          `  ${counted(lies.keys)} with an extension that is not what the content is: ${lies.examples
            .slice(0, MOST_EXAMPLES)
            .map(({ key, is }) => `${printable(key)} is ${is}`)
            .join(', ')}`,
        ]
      : []),
  ];
}

function failures({ failures: classes, keys: { failed }, tolerance }: PlanReport): string[] {
  if (classes.length === 0) return [`Failures to expect: ${counted(failed)} by the sample`];
  const tolerated =
    tolerance.stops === 'no'
      ? 'the job tolerates that'
      : `${tolerance.stops === 'surely' ? 'the run would be stopped by them' : 'the run may be stopped by them'}`;
  return [
    `Failures to expect: ${counted(failed)}; ${tolerated}`,
    ...classes.flatMap(({ error, keys, sure, examples }) => [
      `  ${counted(keys)} ${printable(error)}${sure > 0 ? ` (${formatCount(sure)} for sure)` : ''}`,
      ...examples.slice(0, MOST_EXAMPLES).map(({ key, message }) => `    ${printable(key)}: ${printable(message)}`),
    ]),
  ];
}

function outputs({ outputs: all, bytesOut, storage }: PlanReport): string[] {
  if (all.length === 0) return [];
  const more = all.length - MOST_NAMED;
  return [
    `Outputs: ${weighed(bytesOut)}, ${dollars(storage.dollarsPerMonth)} a month in S3 Standard`,
    ...all
      .slice(0, MOST_NAMED)
      .map(({ name, objects, bytes }) => `  ${printable(name)}: ${counted(objects)} objects, ${weighed(bytes)}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

function onAws({ aws }: PlanReport): string[] {
  const { settings, run, costs } = aws;
  return [
    `On AWS (${aws.region}${aws.pricesOf === aws.region ? '' : `, at the prices of ${aws.pricesOf}`}), ${settings.maxConcurrency} at once, ${settings.itemsPerInvocation} a call, ${settings.memory} MB ${aws.architecture}:`,
    `  ${lasting(aws.seconds)}: ${BOUND_BY[run.bottleneck]}`,
    `  ${dollars(aws.dollars)}: Lambda ${money(costs.lambda)}, Step Functions ${money(costs.stepFunctions)}, S3 ${money(costs.s3)}, logs ${money(costs.logs)}`,
  ];
}

function here({ here: { processors, seconds, dollars: price }, cpuSeconds }: PlanReport): string[] {
  return [
    `Here, on ${processors} processors:`,
    `  ${lasting(seconds)} (${lasting(cpuSeconds)} of CPU time)${price.value > 0 ? `, ${dollars(price)} for requests to S3` : ''}`,
  ];
}

function advice({ advice: all }: PlanReport): string[] {
  if (all.length === 0) return [];
  return [
    'What would be better:',
    ...all.map((one) => {
      const change = `  ${one.setting} ${shown(one.better)} instead of ${shown(one.now)}`;
      if (one.saves === undefined) return `${change}: ${one.why}`;
      const { dollars: money_, seconds } = one.saves;
      const saved = [
        Math.abs(money_) < 0.005 ? '' : money_ > 0 ? `saves ${money(money_)}` : `costs ${money(-money_)} more`,
        Math.abs(seconds) < 1
          ? ''
          : seconds > 0
            ? `saves ${formatDuration(seconds * 1000)}`
            : `takes ${formatDuration(-seconds * 1000)} longer`,
      ].filter((part) => part !== '');
      return `${change}: ${[saved.join(', '), one.why].filter((part) => part !== '').join('; ')}`;
    }),
  ];
}

function scale({ scale: plan }: PlanReport): string[] {
  if (plan === undefined) return [];
  return [
    `For ${formatCount(plan.keys)} keys: ${formatCount(plan.runs)} runs of ${formatCount(plan.keysPerRun)} keys`,
    ...plan.ways.map(({ by, how, fits }) => `  ${fits ? '' : 'not '}by ${by}: ${how}`),
    ...plan.options.map(
      ({ accounts, environments, atOnce, maxConcurrency, seconds, dollars: price }) =>
        `  ${formatCount(accounts)} ${accounts === 1 ? 'account' : 'accounts'} with ${formatCount(environments)} environments, ${formatCount(atOnce)} ${atOnce === 1 ? 'run' : 'runs'} at once with ${formatCount(maxConcurrency)} in flight: ${formatDuration(seconds * 1000)}, ${money(price)}`,
    ),
    ...(plan.request === ''
      ? ['  no quota has to be raised']
      : ['  The request for quotas:', ...plan.request.split('\n').map((line) => `    ${line}`)]),
  ];
}

function notEstimated({ notEstimated: all }: PlanReport): string[] {
  return [
    'Not estimated:',
    ...all.map(({ what, keys }) => `  ${keys === undefined ? '' : `${formatCount(keys)} `}${what}`),
  ];
}

function of(count: number, one: string, several: string): string {
  return `${formatCount(count)} ${count === 1 ? one : several}`;
}

function shown(value: number): string {
  return formatCount(Number(value.toPrecision(4)));
}

/** `1,234 (1,100 to 1,400)`, or the number alone when it is known. */
function ranged({ value, low, high }: Estimate, format: (value: number) => string): string {
  const [middle, least, most] = [value, low, high].map(format) as [string, string, string];
  return least === most ? middle : `${middle} (${least} to ${most})`;
}

function counted(estimate: Estimate): string {
  return ranged(estimate, (value) => formatCount(Math.round(value)));
}

function weighed(estimate: Estimate): string {
  return ranged(estimate, (bytes) => formatBytes(Math.round(bytes)));
}

function lasting(estimate: Estimate): string {
  return ranged(estimate, (seconds) => formatDuration(seconds * 1000));
}

function dollars(estimate: Estimate): string {
  return ranged(estimate, money);
}

function money(amount: number): string {
  if (amount > 0 && amount < 0.005) return '< $0.01';
  const digits = amount < 100 ? 2 : 0;
  return `$${amount.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}
