// The job's fields as options: one option per field, and from options (and a job file) back to a job.
import { readFile } from 'node:fs/promises';
import { definedOnly } from '../../lambda/contract/defined.ts';
import { FanoutError } from '../../lambda/contract/errors.ts';
import { parseJson } from '../../lambda/contract/text.ts';
import type { JobInput } from '../../lambda/job/job.ts';
import { type OptionSpec, type OptionValues, UsageError } from './command.ts';
import { parseDuration } from './duration.ts';

/** A field's name in kebab case. */
export type Kebab<S extends string> = S extends `${infer Head}${infer Rest}`
  ? `${Head extends Lowercase<Head> ? Head : `-${Lowercase<Head>}`}${Kebab<Rest>}`
  : S;

/** One option per field of the job, in kebab case: the compiler refuses a field that is missing here. */
export const JOB_OPTIONS = {
  source: { type: 'string', value: 'SRC', help: 'Where the images are: a directory or s3://bucket/prefix/.' },
  destination: { type: 'string', value: 'DST', help: 'Where the outputs go: a directory or s3://bucket/prefix/.' },
  manifest: {
    type: 'string',
    value: 'FILE',
    help: 'Instead of listing: a CSV, JSON, JSONL or text file of keys, or an S3 Inventory manifest.json, here or s3://; - for standard input.',
  },
  keys: { type: 'string', multiple: true, value: 'KEY', help: 'Instead of listing: one key of the source.' },
  first: { type: 'string', value: 'N', help: 'A try-out: a real run over the first N of the keys that are meant.' },
  sample: {
    type: 'string',
    value: 'N',
    help: 'A try-out: a real run over N of the keys that are meant, spread evenly over all, the same ones each time.',
  },
  recipe: {
    type: 'string',
    value: 'NAME|FILE',
    help: "A preset (see `recipe list`) or a recipe's .json file. Default: web.",
  },
  'max-concurrency': {
    type: 'string',
    value: 'N',
    help: 'Most keys in flight at once. Default: sized to the machine, or 100 on AWS.',
  },
  'tolerated-failure-count': {
    type: 'string',
    value: 'N',
    help: 'Failures that do not stop the run; one more does. Default: 0.',
  },
  'tolerated-failure-percentage': { type: 'string', value: 'N', help: 'The same as a share of all items, 0 to 100.' },
  'items-per-invocation': {
    type: 'string',
    value: 'N',
    help: 'Keys per invocation of the image function. Default: 1.',
  },
  canary: {
    type: 'boolean',
    help: 'Tries 100 keys, spread over all, before the rest; --no-canary does not. Default: where failures are tolerated and there are more than 10,000 keys.',
  },
  ramp: {
    type: 'string',
    multiple: true,
    value: 'NAME=N',
    help: 'Begins with few keys in flight, and grows as keys succeed: baseConcurrency, incrementFactor or numberOfSucceeded; `--ramp default` for 10, 2 and 100.',
  },
  breaker: {
    type: 'string',
    multiple: true,
    value: 'NAME=N',
    help: 'Stops a run whose last keys mostly fail by one class, whatever is tolerated: keys or percentage; `--breaker default` for 100 and 50.',
  },
  'max-cost': {
    type: 'string',
    value: 'DOLLARS',
    help: 'Most that the run may cost by list prices: on AWS all that it uses, here the requests to S3.',
  },
  deadline: {
    type: 'string',
    value: 'TIME',
    help: 'Starts nothing new after 90s, 15m, 1h30m, …; what is left is pending.',
  },
  existing: {
    type: 'string',
    value: 'WHAT',
    help: 'Outputs that are there: skip what is up to date, replace them, or fail. Default: skip.',
  },
  verify: { type: 'boolean', help: 'Look at every output before a key counts as up to date, over S3 too.' },
  'moved-from': {
    type: 'string',
    value: 'PLACE',
    help: 'Where the source was when earlier outputs were made, if it was moved or copied since.',
  },
  'unsafe-overwrites': {
    type: 'boolean',
    help: 'Run on a server that ignores conditional writes: two runs at once may then overwrite each other.',
  },
  include: {
    type: 'string',
    multiple: true,
    value: 'GLOB',
    help: 'Only keys that match, instead of image extensions where keys are listed. As in gitignore: *.jpg is in any folder, B/ is all that is in B. Case counts.',
  },
  exclude: { type: 'string', multiple: true, value: 'GLOB', help: 'Not the keys that match, read the same way.' },
  limits: {
    type: 'string',
    multiple: true,
    value: 'NAME=N',
    help: 'What one key may cost, such as bytes=10MB or milliseconds=90s: bytes, pixels, frames, dimension, milliseconds or memory.',
  },
  'allow-empty': { type: 'boolean', help: 'A run without a single item is fine.' },
  results: {
    type: 'string',
    value: 'PLACE',
    help: 'Where the account goes, in runs/ID/. Default: .image-fanout/ in the destination.',
  },
} as const satisfies Record<Kebab<keyof JobInput>, OptionSpec>;

/** Where a job comes from besides its fields. */
export const JOB_FILE_OPTION = {
  job: { type: 'string', value: 'FILE', help: 'A job as a JSON file; options override its fields.' },
} as const;

export type JobOptions = OptionValues<typeof JOB_OPTIONS & typeof JOB_FILE_OPTION>;

/**
 * The job as written, for `parseJob`: the file's fields, and over them the options and SRC DST. Numbers that are none
 * stay text, so that `parseJob` lists them with all other problems. Throws UsageError or InvalidJob.
 */
export async function jobInput(positionals: readonly string[], options: JobOptions): Promise<Record<string, unknown>> {
  const [source, destination] = places(positionals, options);
  const file = options.job === undefined ? {} : await readJobFile(options.job);
  if (options.deadline !== undefined) parseDuration('deadline', options.deadline);
  const limits = pairsOf('limits', options.limits, 'bytes=50000000');
  return {
    ...file,
    ...definedOnly({
      source,
      destination,
      results: options.results,
      manifest: options.manifest,
      keys: options.keys,
      first: numberOf(options.first),
      sample: numberOf(options.sample),
      recipe: options.recipe === undefined ? undefined : await recipeOf(options.recipe),
      maxConcurrency: numberOf(options['max-concurrency']),
      toleratedFailureCount: numberOf(options['tolerated-failure-count']),
      toleratedFailurePercentage: numberOf(options['tolerated-failure-percentage']),
      itemsPerInvocation: numberOf(options['items-per-invocation']),
      canary: options.canary,
      ramp: guardOf('ramp', options.ramp, 'baseConcurrency=10', file),
      breaker: guardOf('breaker', options.breaker, 'percentage=50', file),
      maxCost: numberOf(options['max-cost']),
      deadline: options.deadline,
      existing: options.existing,
      verify: options.verify,
      movedFrom: options['moved-from'],
      unsafeOverwrites: options['unsafe-overwrites'],
      include: options.include,
      exclude: options.exclude,
      limits: limits === undefined ? undefined : { ...(file['limits'] as object | undefined), ...limits },
      allowEmpty: options['allow-empty'],
    } satisfies Record<keyof JobInput, unknown>),
  };
}

function places(positionals: readonly string[], options: JobOptions): [string | undefined, string | undefined] {
  const [source, destination] = positionals;
  if (positionals.length === 1) throw new UsageError(`expected SRC and DST, got ${source} only`);
  if (source !== undefined && options.source !== undefined) throw new UsageError(`expected SRC or --source, got both`);
  if (destination !== undefined && options.destination !== undefined) {
    throw new UsageError(`expected DST or --destination, got both`);
  }
  return [source ?? options.source, destination ?? options.destination];
}

async function readJobFile(path: string): Promise<Record<string, unknown>> {
  const value = await readJson('job', path);
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new FanoutError(
      'InvalidJob',
      `--job ${path}: expected a JSON object, got ${Array.isArray(value) ? 'an array' : JSON.stringify(value)}`,
    );
  }
  return value as Record<string, unknown>;
}

/** A preset's name as it is, a .json file as the recipe in it. Throws InvalidJob. */
export async function recipeOf(value: string): Promise<unknown> {
  return /\.json$/i.test(value) && !value.startsWith('s3://') ? await readJson('recipe', value) : value;
}

/** Reads a JSON file that an option names. Throws InvalidJob with the file's name. */
export async function readJson(option: string, path: string): Promise<unknown> {
  try {
    return parseJson(await readFile(path, 'utf8'));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reasons: Readonly<Record<string, string>> = { ENOENT: 'there is none', EISDIR: 'that is a directory' };
    const met = reasons[code ?? ''];
    const reason =
      error instanceof SyntaxError
        ? `expected JSON: ${message}`
        : met === undefined
          ? message
          : `expected a file, but ${met}`;
    throw new FanoutError('InvalidJob', `--${option} ${path}: ${reason}`, { cause: error });
  }
}

function numberOf(text: string | undefined): number | string | undefined {
  return text !== undefined && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/** The fields of a guard over those of the job file; `default` stands for none. */
function guardOf(
  option: 'ramp' | 'breaker',
  pairs: readonly string[] | undefined,
  example: string,
  file: Readonly<Record<string, unknown>>,
): Record<string, unknown> | undefined {
  const given = pairsOf(
    option,
    pairs?.filter((pair) => pair !== 'default'),
    `${example}, or default`,
  );
  return given && { ...(file[option] as object | undefined), ...given };
}

function pairsOf(
  option: string,
  pairs: readonly string[] | undefined,
  example: string,
): Record<string, unknown> | undefined {
  return (
    pairs &&
    Object.fromEntries(
      pairs.map((pair) => {
        const at = pair.indexOf('=');
        if (at < 1) throw new UsageError(`--${option}: expected NAME=N such as ${example}, got ${pair}`);
        const name = pair.slice(0, at);
        return [name, numberOf(pair.slice(at + 1))];
      }),
    )
  );
}
