// `plan`: counts the keys of a job, tries some of them for real, and tells what the run would take, cost and fail at.
import { writeFile } from 'node:fs/promises';
import { PRICED_REGIONS } from '../../lambda/estimate/prices.ts';
import { defineCommand, EXIT, UsageError } from './command.ts';
import { parseDuration } from './duration.ts';
import { JOB_FILE_OPTION, JOB_OPTIONS, jobInput } from './job-options.ts';

/** Milliseconds for which keys are tried, unless the options say. */
const SAMPLE_TIME = 120_000;

export const command = defineCommand({
  summary: 'Tells what a job would take, cost and fail at: counts all keys, tries some for real, writes nothing.',
  usage: ['plan SRC DST [options]', 'plan --job FILE [options]', 'plan --stack NAME [options]'],
  arguments: [0, 2],
  details: [
    'All keys are listed and compared, in bounded memory. A sample of them, by format and size, is read and made for real, and\nwhat was made is dropped. Numbers from the sample come with the interval that holds the truth in 95 of 100 samples.',
  ],
  options: {
    ...JOB_OPTIONS,
    ...JOB_FILE_OPTION,
    on: {
      type: 'string',
      value: 'WHERE',
      help: 'Where the job would run: aws or here. Default: here between directories, else aws.',
    },
    try: { type: 'string', value: 'N', help: 'Keys to try. Default: 200.' },
    'try-time': {
      type: 'string',
      value: 'TIME',
      help: 'How long they may be tried: 90s, 10m, … What has been tried by then is the sample. Default: 2m.',
    },
    seed: { type: 'string', value: 'N', help: 'Another sample for another number. Default: 1.' },
    'list-at-most': { type: 'string', value: 'N', help: 'Reads no more than so many keys of the list.' },
    count: {
      type: 'string',
      value: 'N',
      help: 'How many keys there are in truth, such as 2e9, where the list is a part of them: tells how to split the run.',
    },
    within: { type: 'string', value: 'TIME', help: 'With --count: within what time it is to be done. Default: 14d.' },
    region: { type: 'string', value: 'NAME', help: `Whose prices: ${PRICED_REGIONS.join(', ')}. Default: AWS_REGION.` },
    memory: { type: 'string', value: 'MB', help: "Of the image function. Default: the stack's, else 1769." },
    environments: {
      type: 'string',
      value: 'N',
      help: 'Lambda environments that the run may have at once. Default: what the stack has room for, else 1000.',
    },
    architecture: {
      type: 'string',
      value: 'CPU',
      help: "Of the image function: arm64 or x86_64. Default: the stack's, else arm64.",
    },
    stack: { type: 'string', value: 'NAME', help: 'A deployed stack: its places, memory and room are the defaults.' },
    json: { type: 'boolean', help: 'The plan as one JSON document.' },
    html: { type: 'string', value: 'FILE', help: 'Writes the plan as a page, too.' },
    quiet: { type: 'boolean', help: 'No progress.' },
  },
  async run(positionals, options) {
    const { on, json = false, quiet = false, html } = options;
    if (on !== undefined && on !== 'aws' && on !== 'here')
      throw new UsageError(`--on: expected aws or here, got ${on}`);
    const { architecture } = options;
    if (architecture !== undefined && architecture !== 'arm64' && architecture !== 'x86_64')
      throw new UsageError(`--architecture: expected arm64 or x86_64, got ${architecture}`);
    const time = (name: 'within' | 'try-time') =>
      options[name] === undefined ? undefined : parseDuration(name, options[name]);
    const within = time('within');
    const { planJob } = await import('./plan-job.ts');
    const { report, where } = await planJob({
      input: await jobInput(positionals, options),
      on,
      architecture,
      stack: options.stack,
      region: options.region,
      quiet: quiet || json,
      sample: wholeNumber('try', options.try, 1),
      sampleMilliseconds: time('try-time') ?? SAMPLE_TIME,
      seed: wholeNumber('seed', options.seed, 0),
      mostListed: wholeNumber('list-at-most', options['list-at-most'], 1),
      keys: wholeNumber('count', options.count, 1),
      within: within === undefined ? undefined : within / 1000,
      memory: wholeNumber('memory', options.memory, 128),
      environments: wholeNumber('environments', options.environments, 1),
    });
    const { planText } = await import('./plan-text.ts');
    if (html !== undefined) {
      const { planPage } = await import('./plan-page.ts');
      await writeFile(html, planPage(report, where));
    }
    process.stdout.write(json ? `${JSON.stringify(report, undefined, 2)}\n` : planText(report, where));
    return EXIT.succeeded;
  },
});

/** Reads `200` or `1e9`. Throws UsageError. */
function wholeNumber(option: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d+(\.\d+)?(e\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`--${option}: expected a whole number of at least ${least}, got ${JSON.stringify(text)}`);
  }
  return value;
}
