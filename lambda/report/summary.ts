// The summary of a run: the schema of summary.json and its type, for whoever writes, reads or shows it.
import * as z from 'zod';
import type { PreparedJob } from '../job/prepared.ts';
import { EXECUTION_STATUSES, RUN_STATUS_NAMES } from './status.ts';

/** 2: `status` is the run's own word, and Step Functions' is `executionStatus`. 3: what the page shows. */
export const SUMMARY_VERSION = 3;

const count = z.int().min(0);
/** Milliseconds, exact to three significant digits but for `max`. */
const percentiles = z.strictObject({ p50: z.number(), p90: z.number(), p99: z.number(), max: z.number() });
const keyed = { index: count, key: z.string() };
const series = z.array(z.number().min(0));
const timeline = z.strictObject({
  from: z.iso.datetime().describe('When the first step begins.'),
  step: z.number().describe('Length of a step in milliseconds.'),
  keys: series.describe('Keys that ended in each step, whatever became of them.'),
  failed: series,
  inFlight: series.describe('Children at work, on average over the step.'),
});
const dollars = z.number().min(0);

export const STAGES = ['read', 'transform', 'write', 'total'] as const;

const amount = z.number().min(0);
/** Dollars by component. */
const components = z.strictObject({
  lambda: amount,
  stepFunctions: amount,
  s3: amount,
  logs: amount,
  xray: amount,
  metrics: amount,
  kms: amount,
  eventBridge: amount,
  sns: amount,
});
const used = z.strictObject({
  invocations: count,
  gigabyteSeconds: amount,
  children: count,
  childGigabyteSeconds: amount,
  transitions: count,
  gets: count,
  puts: count,
  lists: count,
  logBytes: amount,
  traces: amount,
  metricHours: amount,
  kmsRequests: count,
  s3Events: count,
  publishes: count,
});

export const costSchema = z.strictObject({
  dollars: amount.describe('List price of what was used, in US dollars, without free tiers.'),
  components: components.describe('The same by service.'),
  used: used.describe('What was used of each service, in the units in which it is billed.'),
  prices: z.strictObject({
    region: z.string().describe('Whose prices these are.'),
    date: z.string(),
    architecture: z.enum(['arm64', 'x86_64']),
    standInFor: z.string().optional().describe("The run's own Region, where its prices are not known."),
  }),
  notKnown: z
    .array(z.strictObject({ what: z.string(), atMostDollars: amount.optional() }))
    .describe('What the records do not tell, and what it can have cost at most where that is known.'),
});

/** What a run on AWS cost, as far as it tells. */
export type Cost = z.output<typeof costSchema>;

export const summarySchema = z.strictObject({
  version: z.literal(SUMMARY_VERSION),
  run: z.string(),
  status: z.enum(RUN_STATUS_NAMES).describe('How the run ended: one word per exit code and reason.'),
  executionStatus: z
    .enum(EXECUTION_STATUSES)
    .optional()
    .describe("Step Functions' own word for the execution; absent when no end is on record."),
  error: z.string().optional().describe("The execution's error, for example States.ExceedToleratedFailureThreshold."),
  cause: z.string().optional(),
  counts: z
    .strictObject({ total: count, succeeded: count, skipped: count, failed: count, pending: count })
    .describe('Keys by state. The four states add up to the total.'),
  skipped: z.record(z.string(), count).describe('Skipped keys by reason.'),
  check: z
    .strictObject({
      listed: count.optional().describe('Items that the engine listed; absent when nobody said.'),
      listingEnded: z
        .literal(false)
        .optional()
        .describe('There when the listing broke off: what comes after the listed items is not in the account.'),
      balanced: z.boolean().describe('Whether every listed key stands in the account exactly once.'),
      problems: z.array(z.string()).describe('What does not add up, one sentence each.'),
    })
    .describe('What the program found when it checked its own account.'),
  errors: z
    .array(
      z.strictObject({
        name: z.string(),
        count,
        transient: z.boolean(),
        hint: z.string(),
        examples: z.array(z.strictObject({ ...keyed, message: z.string() })),
      }),
    )
    .describe('Failures by class, the most frequent first, with the first keys in input order.'),
  firstFailure: z
    .strictObject({ ...keyed, error: z.string(), message: z.string(), at: z.iso.datetime().optional() })
    .optional()
    .describe('The failure that came first in time.'),
  bytes: z.strictObject({ in: count, out: count }).describe('Bytes downloaded and bytes written.'),
  outputs: z.strictObject({
    written: count,
    upToDate: count,
    keysNotListed: count
      .default(0)
      .describe('Keys whose outputs are counted and not listed by name: the answer of their batch would not have fit.'),
  }),
  time: z.strictObject({
    started: z.iso.datetime().optional(),
    ended: z.iso.datetime().optional(),
    wallMilliseconds: z.number().min(0),
    cpuMilliseconds: z.number().min(0).optional().describe("The process's CPU time; not known on AWS."),
    busyMilliseconds: z.number().min(0).describe('Time spent on keys, summed over all keys.'),
  }),
  milliseconds: z
    .partialRecord(z.enum(STAGES), percentiles)
    .describe('Percentiles over keys per stage; a stage that no key reached is absent.'),
  slowest: z.array(z.strictObject({ ...keyed, milliseconds: z.number() })),
  largest: z.array(z.strictObject({ ...keyed, bytes: count })).describe('The largest sources.'),
  distribution: z
    .strictObject({ bounds: series, read: series, transform: series, write: series, total: series })
    .describe('Keys by how long each stage took; `bounds` are upper ones in milliseconds, the last class has none.'),
  formats: z
    .array(z.strictObject({ format: z.string(), keys: count, bytesIn: count, bytesOut: count }))
    .describe('Keys that succeeded by what their sources are.'),
  renditions: z
    .array(
      z.strictObject({
        name: z.string(),
        format: z.string(),
        written: count,
        upToDate: count,
        bytes: count.describe('Written.'),
        bytesIn: count.describe('Of the sources of what was written.'),
      }),
    )
    .describe('Outputs by their name in the recipe and their format.'),
  price: z
    .strictObject({ total: dollars, lambda: dollars, stepFunctions: dollars, s3: dollars, logs: dollars })
    .optional()
    .describe("About what AWS takes for it, in US dollars, by the README's formula; absent when no bucket is in it."),
  throughput: z.strictObject({ keysPerSecond: z.number(), bytesInPerSecond: z.number() }),
  cost: costSchema.optional().describe('What it cost; absent for runs of a machine.'),
  versions: z.record(z.string(), z.string()).describe('Of node, sharp, libvips and every codec.'),
  definition: z.string().optional().describe('SHA-256 of the state machine definition.'),
  attempts: z
    .array(
      z.strictObject({
        folder: z.string(),
        complete: z.boolean().describe('Whether the attempt has ended, so that every item is on its record.'),
        records: count,
        torn: count.describe('Last lines that a killed process left unfinished.'),
        timeline: timeline.optional().describe('Of the last attempts.'),
      }),
    )
    .describe('The Map Run and its redrives, in order.'),
  page: z.string().optional().describe('The page to look at; absent when it could not be written.'),
  pageError: z.string().optional().describe('Why there is no page.'),
  itemParts: count
    .optional()
    .describe('How many parts the items are in, items/part-<n>.csv.zst and .jsonl.zst, where they are not one file.'),
  report: z.string().describe('Where summary.json, items.csv and items.jsonl are.'),
  job: z.custom<PreparedJob>((value) => value !== null && typeof value === 'object'),
});

/** What a run came to: the content of summary.json. */
export type Summary = z.output<typeof summarySchema>;

/** Names of the account's files in the run's folder. */
export const SUMMARY_FILE = 'summary.json';
export const ITEMS_CSV = 'items.csv';
export const ITEMS_JSONL = 'items.jsonl';
/** Name of a part of the items, from 0. */
export function itemsPart(part: number, extension: 'csv' | 'jsonl'): string {
  return `items/part-${String(part).padStart(5, '0')}.${extension}.zst`;
}
export const PAGE_FILE = 'report.html';
