// The job: the one flat document that the console, the command line and job files all speak. Parsed here, once.
import * as z from 'zod';
import { A_DURATION, durationOf } from '../contract/duration.ts';
import { FanoutError } from '../contract/errors.ts';
import { breakerSchema, canarySchema, rampSchema } from '../contract/guards.ts';
import { describeIssue } from '../contract/issues.ts';
import { limitsSchema } from '../contract/limits.ts';
import { parseLocation } from '../contract/location.ts';
import { type RecipeInput, recipeInputSchema, recipeJsonSchema } from '../recipe/recipe.ts';
import { ALL_ITEMS, MOST_CONCURRENCY } from './bounds.ts';
import { matcher } from './globs.ts';

export { ALL_ITEMS, MOST_CONCURRENCY } from './bounds.ts';
export { IMAGE_GLOB } from './image-glob.ts';

/** Most keys of a sample: Prepare holds twice as many in memory. */
const MOST_SAMPLE = 100_000;

function located<T>(read: (text: string) => T) {
  return (text: string, context: z.RefinementCtx): T => {
    try {
      return read(text);
    } catch (error) {
      context.issues.push({ code: 'custom', message: (error as Error).message, input: text });
      return z.NEVER;
    }
  };
}

const location = z.string().transform(located(parseLocation));
const globs = z
  .union(
    [
      z
        .string()
        .min(1)
        .transform((glob) => [glob]),
      z.array(z.string().min(1)),
    ],
    { error: 'expected a glob or a list of globs' },
  )
  .check((context) => {
    for (const glob of context.value) {
      try {
        matcher([glob]);
      } catch (error) {
        const message = `expected a glob, got ${JSON.stringify(glob)}: ${(error as Error).message}`;
        context.issues.push({ code: 'custom', message, input: context.value });
      }
    }
  });

/** A recipe, or where one lies: `s3://bucket/recipe.json`, which Prepare reads. */
const recipe = z
  .unknown()
  .superRefine((input, context) => {
    if (isRecipeReference(input)) return;
    for (const issue of recipeInputSchema.safeParse(input).error?.issues ?? []) {
      context.addIssue({ code: 'custom', path: [...issue.path], message: issue.message });
    }
  })
  .meta({
    anyOf: [recipeJsonSchema(), { type: 'string', pattern: '^s3://', description: 'Where the recipe lies.' }],
  }) as unknown as z.ZodType<RecipeInput | RecipeReference, RecipeInput | RecipeReference>;

export type RecipeReference = `s3://${string}`;

/** Whether a job's recipe is a reference to one. */
export function isRecipeReference(input: unknown): input is RecipeReference {
  return typeof input === 'string' && input.startsWith('s3://');
}

const duration = z.string().transform((text, context) => {
  const milliseconds = durationOf(text);
  if (milliseconds !== undefined) return milliseconds;
  context.issues.push({ code: 'custom', message: `expected ${A_DURATION}`, input: text });
  return z.NEVER;
});

/** The job as a person writes it. Every field is optional here: which must be there depends on what the stack or command line names. */
export const jobSchema = z.strictObject({
  source: location
    .optional()
    .describe(
      "Where the images are: s3://bucket/prefix/, or a directory (embedded engine). Default: the stack's source.",
    ),
  manifest: z
    .string()
    .optional()
    .describe(
      'Instead of listing: a CSV (header row with a column "key"), JSON array, JSONL or plain text (.txt, one a line) of keys, or an S3 Inventory manifest.json. Default: none.',
    ),
  keys: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('Instead of listing: keys of the source bucket or paths below the source directory. Default: none.'),
  destination: location
    .optional()
    .describe(
      "Where the outputs go: s3://bucket/prefix/, or a directory (embedded engine). Default: the stack's destination.",
    ),
  results: location
    .optional()
    .describe(
      "Where the account goes, in runs/<id>/. Default: the stack's results bucket, or .image-fanout/ in the destination.",
    ),
  recipe: recipe.default('web').describe("A preset's name, the recipe itself, or s3://bucket/recipe.json."),
  maxConcurrency: z
    .int()
    .min(1)
    .max(MOST_CONCURRENCY)
    .optional()
    .describe('Most invocations at once. Default: 100 on AWS, sized to the machine here.'),
  toleratedFailureCount: z
    .int()
    .min(0)
    .max(ALL_ITEMS)
    .optional()
    .describe('Failures allowed before the run stops; one more stops it. Default: 0.'),
  toleratedFailurePercentage: z
    .number()
    .min(0)
    .max(100)
    .optional()
    .describe('The same as a share of all items. Default: not used.'),
  first: z
    .int()
    .min(1)
    .max(ALL_ITEMS)
    .optional()
    .describe('A try-out: only so many of the keys that are meant, the first ones. Default: all keys.'),
  sample: z
    .int()
    .min(1)
    .max(MOST_SAMPLE)
    .optional()
    .describe(
      'A try-out: so many of the keys that are meant, spread evenly over all of them, the same ones each time. Default: all keys.',
    ),
  itemsPerInvocation: z.int().min(1).max(1000).default(1).describe('Keys per invocation of the image function.'),
  canary: z
    .union([z.boolean(), canarySchema], { error: 'expected true, false or { "keys": 1 to 1000 }' })
    .optional()
    .describe(
      'Whether some keys, spread over all, are tried before the rest: more failures among them than the whole run tolerates in share end it as `stoppedByCanary`. true, false, or `{"keys": 50}`. Default: 100 keys, where failures are tolerated and there are more than 10,000 keys.',
    ),
  ramp: rampSchema
    .optional()
    .describe(
      'Begins with few invocations at once, and grows as keys succeed: `{}`, or what differs from its defaults. Default: none.',
    ),
  breaker: breakerSchema
    .optional()
    .describe(
      'Stops a run whose last keys mostly fail by one class, whatever is tolerated: `{}`, or what differs from its defaults. Default: none.',
    ),
  maxCost: z
    .number()
    .positive()
    .optional()
    .describe(
      'Most US dollars that the run may cost, by list prices: on AWS all that it uses, here the requests to S3. Default: no cap.',
    ),
  deadline: duration
    .optional()
    .describe('Starts nothing new after 90s, 15m, 1h30m, …; what is left is pending. Default: none.'),
  existing: z
    .enum(['skip', 'replace', 'fail'])
    .default('skip')
    .describe('Outputs that are there: skip what is up to date, replace them, or fail.'),
  verify: z
    .boolean()
    .default(false)
    .describe(
      'Whether every output is looked at before a key counts as up to date; else, over S3, only the one that is written last. Default: false.',
    ),
  movedFrom: location
    .optional()
    .describe(
      'Where the source was when earlier outputs were made, if it was moved or its bucket copied since: what was made from there is not made again. Default: none.',
    ),
  unsafeOverwrites: z
    .boolean()
    .default(false)
    .describe(
      'Whether to run on an S3 server that ignores conditional writes, where two runs at once may overwrite each other. Default: false.',
    ),
  include: globs
    .optional()
    .describe(
      'Globs on keys below the source, as gitignore reads them; what matches none is skipped. Default: image extensions, in any case, where keys are listed; every key that is named in keys or a manifest.',
    ),
  exclude: globs
    .default([])
    .describe('Globs on keys below the source, as gitignore reads them; what matches one is skipped.'),
  limits: limitsSchema.prefault({}).describe('What one key may cost.'),
  allowEmpty: z.boolean().default(false).describe('Whether a run without a single item is fine.'),
});

/** A job as written: what the console, a job file or the command line's options hold. */
export type JobInput = z.input<typeof jobSchema>;

/** A valid job, defaults filled in, but for those that the stack or the command line knows. */
export type Job = z.output<typeof jobSchema>;

/** The JSON Schema of the job, for editors. */
export function jobJsonSchema(): unknown {
  return z.toJSONSchema(jobSchema, { io: 'input', unrepresentable: 'any' });
}

/**
 * Reads a job. Throws InvalidJob whose message lists all problems, one a line: the field, what was expected, what was given.
 */
export function parseJob(input: unknown): Job {
  const parsed = jobSchema.safeParse(input);
  const problems = parsed.success
    ? []
    : parsed.error.issues.flatMap((issue) => describeIssue(issue, input, knownFields));
  if (parsed.success) {
    const { manifest, keys, first, sample } = parsed.data;
    if (manifest !== undefined && keys !== undefined)
      problems.push('manifest, keys: expected one of the two, got both');
    if (first !== undefined && sample !== undefined) problems.push('first, sample: expected one of the two, got both');
  }
  if (problems.length > 0 || !parsed.success) throw invalidJob(problems);
  return parsed.data;
}

/** The fields that hold fields of their own. */
export const NESTED: Readonly<Record<string, z.ZodObject>> = {
  limits: limitsSchema,
  ramp: rampSchema,
  breaker: breakerSchema,
};

function knownFields(path: readonly PropertyKey[]): readonly string[] | undefined {
  if (path.length === 0) return Object.keys(jobSchema.shape);
  const nested = NESTED[String(path[0])];
  return nested === undefined ? undefined : Object.keys(nested.shape);
}

/** The error that lists problems of a job, one a line. */
export function invalidJob(problems: readonly string[]): FanoutError {
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  return new FanoutError(
    'InvalidJob',
    `The job has ${count}:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
  );
}
