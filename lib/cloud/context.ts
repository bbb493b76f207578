// The stack's settings: one table of context keys, read and checked once.
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Node } from 'constructs';
import * as z from 'zod';
import { DEFAULT_FORMATS, type OptionalFormatName, parseFormats } from '../../lambda/contract/formats.ts';
import { type Location, parseLocation } from '../../lambda/contract/location.ts';
import { type JobInput, MOST_CONCURRENCY, parseJob } from '../../lambda/job/job.ts';
import { CONTEXT_PREFIX, STACK_NAME } from '../outputs.ts';

const place = z.string().transform((text, context): Location => {
  try {
    if (!text.startsWith('s3://')) throw new RangeError(`expected s3://bucket/prefix/, got ${text}`);
    return parseLocation(text);
  } catch (error) {
    context.issues.push({ code: 'custom', message: (error as Error).message, input: text });
    return z.NEVER;
  }
});
// `-c key=value` gives strings, cdk.json also numbers.
const whole = (least: number, most: number) => z.coerce.number().int().min(least).max(most);
const retentions = Object.values(RetentionDays).filter((days) => typeof days === 'number');

const kmsKey = z
  .string()
  .regex(/^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/, { error: 'expected the ARN of a KMS key' })
  .optional();

const yesOrNo = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]);

/** A job as JSON or, in cdk.json, as it is; what says which keys is the trigger's business. */
const uploadsJob = z.unknown().transform((value, context): JobInput => {
  try {
    const job: unknown = typeof value === 'string' ? JSON.parse(value) : value;
    parseJob(job);
    const own = Object.keys(job as object).filter((name) => ['source', 'keys', 'manifest', 'results'].includes(name));
    if (own.length > 0) throw new RangeError(`expected no ${own.join(', ')}: the trigger fills them in`);
    return job as JobInput;
  } catch (error) {
    context.issues.push({ code: 'custom', message: (error as Error).message, input: value });
    return z.NEVER;
  }
});

/** Every context key (after `image-fanout:`), what it sets, and its default: the documentation's table is checked against this one. */
export const contextSchema = z.strictObject({
  stackName: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9-]{0,127}$/)
    .default(STACK_NAME)
    .describe('Name of the stack.'),
  source: place
    .optional()
    .describe('An existing bucket to read images from, `s3://bucket/prefix/`. Else a new bucket.'),
  destination: place.optional().describe('An existing bucket to write to, `s3://bucket/prefix/`. Else a new bucket.'),
  results: place
    .optional()
    .describe('An existing bucket for runs and their accounts, `s3://bucket/prefix/`. Else a new bucket.'),
  formats: z
    .string()
    .transform((text, context): OptionalFormatName[] => {
      try {
        return parseFormats(text);
      } catch (error) {
        context.issues.push({ code: 'custom', message: (error as Error).message, input: text });
        return z.NEVER;
      }
    })
    .prefault(DEFAULT_FORMATS.join(','))
    .describe(
      'What the image function reads by packages of their own ([formats](docs/formats.md#placement)): some of `heic,jxl,jp2,pdf`, or `none`.',
    ),
  architecture: z.enum(['arm64', 'x86_64']).default('arm64').describe('Processor of the functions.'),
  memory: whole(512, 10_240).default(1769).describe('MB of the image function.'),
  largeMemory: whole(512, 10_240)
    .default(3008)
    .describe(
      'MB of the image function that is tried once more when memory ran out. Accounts that are new allow 3008 at most.',
    ),
  maxConcurrency: whole(1, MOST_CONCURRENCY)
    .default(100)
    .describe('`maxConcurrency` of a job that does not say; at most what is reserved.'),
  reservedConcurrency: whole(1, MOST_CONCURRENCY)
    .optional()
    .describe("Environments reserved for the image function, and its upper bound. Else the account's."),
  wholeAccountBytes: whole(0, 100_000_000_000)
    .default(4_000_000_000)
    .describe("Bytes of result files up to which one function makes a run's account; above, many make it in parts."),
  logRetentionDays: z.coerce
    .number()
    .refine((days) => retentions.includes(days), { error: `expected one of ${retentions.join(', ')}` })
    .default(30)
    .describe('Days for which logs are kept.'),
  logLevel: z
    .enum(['ALL', 'ERROR', 'FATAL', 'OFF'])
    .default('ERROR')
    .describe('What the state machine logs; `ALL` is several events per image.'),
  jobFiles: yesOrNo.default(false).describe('Whether a JSON job that lands in `jobs/` of the results starts.'),
  uploads: yesOrNo.default(false).describe('Whether images that land below the source start runs.'),
  uploadsJob: uploadsJob
    .prefault({ toleratedFailurePercentage: 100 })
    .describe('The job of uploads but for its keys, as JSON. By default one bad upload does not hold up the others.'),
  uploadsBatchSize: whole(1, 10_000).default(1000).describe('Most uploads in one run.'),
  uploadsWindowSeconds: whole(1, 300).default(60).describe('Seconds to gather uploads for one run.'),
  eventBridgeIsOn: yesOrNo
    .default(false)
    .describe(
      'Whether existing buckets send their events to EventBridge already. If not, the stack turns it on where a trigger needs it.',
    ),
  email: z
    .email()
    .optional()
    .describe(
      'Who is told by e-mail of each end that needs somebody, and by the alarms. Else nobody: subscribe to the topics.',
    ),
  monitoring: yesOrNo.default(true).describe('Whether there are a dashboard and alarms.'),
  kmsKey: kmsKey.describe(
    'ARN of the KMS key of existing buckets, and of what is created: buckets, topics, queues. Else keys that AWS manages.',
  ),
  sourceKmsKey: kmsKey.describe('ARN of the KMS key of the existing source, where it is another one. Else `kmsKey`.'),
  destinationKmsKey: kmsKey.describe('The same of the existing destination. Else `kmsKey`.'),
  resultsKmsKey: kmsKey.describe('The same of the existing results. Else `kmsKey`.'),
});

/** The settings, defaults filled in. */
export type Settings = z.output<typeof contextSchema>;

/** Reads the settings from the app's context. Throws an Error that lists every unknown key and bad value. */
export function readContext(node: Node): Settings {
  const all = node.getAllContext() as Record<string, unknown>;
  const ours = Object.fromEntries(
    Object.entries(all).flatMap(([key, value]) =>
      key.startsWith(CONTEXT_PREFIX) ? [[key.slice(CONTEXT_PREFIX.length), value]] : [],
    ),
  );
  const parsed = contextSchema.safeParse(ours);
  const problems = parsed.success ? [] : parsed.error.issues.flatMap((issue) => describe(issue, ours));
  // A slip such as `imagefanout:source` or `image-fanout.source` would otherwise be ignored.
  problems.push(
    ...Object.keys(all)
      .filter((key) => /^image[-_.]?fanout/i.test(key) && !key.startsWith(CONTEXT_PREFIX))
      .map((key) => `${key}: unknown key, expected it to start with ${CONTEXT_PREFIX}`),
  );
  if (!parsed.success || problems.length > 0)
    throw new Error(`The context has problems:\n${problems.map((line) => `  ${line}`).join('\n')}`);
  return parsed.data;
}

function describe(issue: z.core.$ZodIssue, ours: Record<string, unknown>): string[] {
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(contextSchema.shape).join(', ');
    return issue.keys.map((key) => `${CONTEXT_PREFIX}${key}: unknown key, expected one of ${known}`);
  }
  const key = issue.path.map(String).join('.');
  return [`${CONTEXT_PREFIX}${key}: ${issue.message}, got ${JSON.stringify(ours[key])}`];
}
