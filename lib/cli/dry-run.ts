// `run --dry-run`: goes through all items as a run would, and says what would become of each; writes nothing anywhere.
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { FanoutError, toFanoutError } from '../../lambda/contract/errors.ts';
import { directoryLocation, formatLocation, objectUri } from '../../lambda/contract/location.ts';
import { type Item, itemOf, keyOf } from '../../lambda/job/item.ts';
import { parseJob } from '../../lambda/job/job.ts';
import type { PreparedJob } from '../../lambda/job/prepared.ts';
import { prepareJob } from '../../lambda/prepare/prepare.ts';
import { collision, decide } from '../../lambda/process/outputs.ts';
import { openContext } from '../../lambda/process/process.ts';
import { skipReason } from '../../lambda/process/process-key.ts';
import { type JobContext, planOf, type ReasonToMake, whyToMake } from '../../lambda/process/up-to-date.ts';
import { comparableKeys, staticOutputKeys } from '../../lambda/recipe/keys.ts';
import { openStores } from '../../lambda/store/open.ts';
import type { OpenStore } from '../../lambda/store/store.ts';
import { EXIT, type ExitCode } from './command.ts';
import { type DryRunPlan, type PlannedKey, planText } from './dry-run-text.ts';
import { defaultConcurrency } from './execute.ts';
import { itemsFor, openJobItems } from './job-items.ts';
import { createOwners, type Owners } from './output-owners.ts';
import { newRunId } from './run-id.ts';
import { withStandardInput } from './standard-input.ts';

/** Keys looked at together: each costs a request or two. */
const LOOKS_AT_ONCE = 32;

/** Keys shown one by one. */
const MOST_EXAMPLES = 10;
const MOST_FAILURES = 20;

/** Shows what a job would do, with `json` as a line for each key and one for them all. Exit code 2 when some key is sure to fail. Throws InvalidJob. */
export async function dryRun(given: Record<string, unknown>, { json }: { readonly json: boolean }): Promise<ExitCode> {
  await using list = await withStandardInput(given);
  const stores = openStores();
  // Only for the list of a sample, and the like.
  const scratch = await mkdtemp(join(tmpdir(), 'image-fanout-'));
  try {
    const defaults = { maxConcurrency: defaultConcurrency() };
    const dependencies = { open: stores.open, defaults, itemsOf: itemsFor(stores.open) };
    const job = await prepareJob(parseJob(list.input), newRunId(), dependencies, directoryLocation(scratch));
    const lines = createOutput(process.stdout);
    const plan = await makePlan(job, stores.open, json ? (key) => lines.write(`${JSON.stringify(key)}\n`) : undefined);
    const { examples: _, failures: __, ...end } = plan;
    await lines.write(json ? `${JSON.stringify(end)}\n` : planText(plan));
    return plan.counts.fail > 0 ? EXIT.stopped : EXIT.succeeded;
  } finally {
    await stores.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

type Look = { readonly index: number; readonly key: string } & (
  | { readonly skip: string }
  | {
      readonly outputs: readonly string[];
      readonly unknown: number;
      readonly why: readonly ReasonToMake[];
      readonly failure?: FanoutError;
    }
);

/** Goes through all keys, and tells of each in input order. Memory follows the keys, by some 100 bytes each: their outputs may meet. */
async function makePlan(
  job: PreparedJob,
  open: OpenStore,
  tell: (key: PlannedKey) => Promise<void> = async () => {},
): Promise<DryRunPlan> {
  const { signal } = new AbortController();
  const context = await openContext(job, open, signal);
  const limit = pLimit(LOOKS_AT_ONCE);
  const { prefix } = job.source;
  const { keysOf } = comparableKeys(job.recipe);
  const owners = createOwners((key) => keysOf(key.slice(prefix.length)));
  const counts = { total: 0, process: 0, skip: 0, fail: 0 };
  const skipped: Record<string, number> = {};
  const reasons: Partial<Record<ReasonToMake, number>> = {};
  const examples: PlannedKey[] = [];
  const failures: PlannedKey[] = [];

  const planned = (look: Look): PlannedKey => {
    const { index, key } = look;
    if ('skip' in look) return { index, key, action: 'skip', reason: look.skip };
    const { outputs, unknown: unknownOutputs, why } = look;
    const failure = look.failure ?? claim(owners, key, job);
    return failure === undefined
      ? { index, key, action: 'process', reasons: why, outputs, unknownOutputs }
      : { index, key, action: 'fail', error: failure.name, message: failure.message };
  };
  const note = (key: PlannedKey): void => {
    counts.total += 1;
    counts[key.action] += 1;
    if (key.action === 'skip') skipped[key.reason] = (skipped[key.reason] ?? 0) + 1;
    else if (key.action === 'fail' && failures.length < MOST_FAILURES) failures.push(key);
    else if (key.action === 'process') {
      for (const reason of key.reasons) reasons[reason] = (reasons[reason] ?? 0) + 1;
      if (examples.length < MOST_EXAMPLES) examples.push(key);
    }
  };

  const { pages } = await openJobItems(job, open, signal);
  for await (const page of pages({ count: 0 })) {
    const looks = page.map(({ value }, place) => limit(() => lookAt(context, value, counts.total + place, signal)));
    for (const look of await Promise.all(looks)) {
      const key = planned(look);
      note(key);
      await tell(key);
    }
  }
  return {
    source: formatLocation(job.source),
    destination: formatLocation(job.destination),
    counts,
    reasons,
    skipped,
    examples,
    failures,
    job,
  };
}

/** Writes lines as fast as the reader takes them. */
function createOutput(stream: NodeJS.WriteStream): { write(text: string): Promise<void> } {
  return {
    async write(text) {
      if (stream.write(text) || stream.destroyed) return;
      // It rejects when the reader goes away, which is no error of this program's.
      await once(stream, 'drain').catch(() => undefined);
    },
  };
}

async function lookAt(context: JobContext, value: unknown, index: number, signal: AbortSignal): Promise<Look> {
  const { job } = context;
  const key = keyOf(value, job.reader.kind);
  try {
    const item = itemOf(value, job.reader.kind);
    const skip = skipReason(context, item);
    return skip === undefined ? await lookAtOutputs(context, item, index, signal) : { index, key, skip };
  } catch (error) {
    return { index, key, outputs: [], unknown: 0, why: [], failure: toFanoutError(error) };
  }
}

async function lookAtOutputs(context: JobContext, item: Item, index: number, signal: AbortSignal): Promise<Look> {
  const { job, destination } = context;
  const { key } = item;
  if (item.bytes !== undefined && item.bytes > job.limits.bytes) {
    throw new FanoutError('TooManyBytes', `"${key}" has ${item.bytes} bytes; the limit is ${job.limits.bytes}.`);
  }
  // Perhaps a name that is not UTF-8, which no program of Node.js's can open by its text.
  if (key.includes('\ufffd')) (await context.source.open(key, { signal })).destroy();
  // What is not in a listing may not be there, and of that no size is known.
  const bytes = item.bytes ?? (await context.source.head(key, { signal }))?.bytes;
  if (bytes === undefined) throw new FanoutError('SourceNotFound', `"${key}" is not there.`);
  if (bytes === 0) throw new FanoutError('NotAnImage', `"${key}" is empty.`);
  const relative = key.slice(job.source.prefix.length);
  const { uri: source, uris } = planOf(context, item);
  const why = await whyToMake(context, item, signal);
  if (why.length === 0) return { index, key, skip: 'upToDate' };
  const all = staticOutputKeys(job.recipe, relative);
  const outputs = all.flatMap((output) => (output.key === undefined ? [] : [job.destination.prefix + output.key]));
  for (const output of outputs) {
    const head = await destination.head(output, { signal });
    decide(output, head, { source, fingerprint: '', run: job.run }, job.existing, uris);
  }
  return { index, key, outputs, unknown: all.length - outputs.length, why };
}

/** Two sources with one output key: the second one would fail. A key that is named twice is one source. */
function claim(owners: Owners, key: string, { source, destination }: PreparedJob): FanoutError | undefined {
  const taken = owners.claim(key);
  if (taken === undefined) return undefined;
  return collision(destination.prefix + taken.output, objectUri(source.bucket, key), taken.owner);
}
