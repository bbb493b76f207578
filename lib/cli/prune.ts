// `prune`: shows, and with --delete removes, outputs whose source is gone or that the recipe does not ask for any more.
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { FanoutError } from '../../lambda/contract/errors.ts';
import { directoryLocation, formatLocation } from '../../lambda/contract/location.ts';
import { parseJob } from '../../lambda/job/job.ts';
import type { PreparedJob } from '../../lambda/job/prepared.ts';
import { checkNotEmpty, prepareJob } from '../../lambda/prepare/prepare.ts';
import { openContext } from '../../lambda/process/process.ts';
import { resolveRecipe } from '../../lambda/recipe/recipe.ts';
import { lines } from '../../lambda/report/lines.ts';
import { openStores } from '../../lambda/store/open.ts';
import type { OpenStore } from '../../lambda/store/store.ts';
import { defineCommand, EXIT, type ExitCode, UsageError } from './command.ts';
import { watchInterrupts } from './interrupt.ts';
import { JOB_FILE_OPTION, JOB_OPTIONS, jobInput, recipeOf } from './job-options.ts';
import { deleteAll, liveRunIn, type Removed } from './prune-delete.ts';
import { type KeepReason, planPrune, type Removal, type RemoveReason } from './prune-plan.ts';
import { type PruneSummary, pruneText } from './prune-text.ts';
import { newRunId } from './run-id.ts';

/** Milliseconds for which a source that was not empty is taken for such. */
const LOOKED_AGAIN_AFTER = 5_000;

/** Outputs shown one by one. */
const MOST_EXAMPLES = 20;

/** The fields of a job that say what is asked for; which part of it one run was of, and how it went, is no matter. */
const FIELDS = ['source', 'destination', 'results', 'recipe', 'movedFrom', 'include', 'exclude', 'allowEmpty'] as const;

const { source, destination, results, recipe, include, exclude } = JOB_OPTIONS;

export const command = defineCommand({
  summary: 'Shows the outputs that a job does not ask for any more, and removes them when told to.',
  usage: ['prune SRC DST [options]', 'prune --job FILE [options]'],
  arguments: [0, 2],
  exits: { 2: 'an error ended it before all was removed: the account says what went', 130: 'interrupted' },
  details: [
    'An output goes when provenance proves that it was made of SRC, and its source is gone, or the recipe does not ask for it\nany more and all that it asks for of this source is there. Everything else stays: what others wrote, what was changed since,\nwhat is of other sources. Each is looked at again before it is removed. No prune while a run of DST is at work.',
  ],
  options: {
    source,
    destination,
    results,
    recipe,
    keep: {
      type: 'string',
      multiple: true,
      value: 'NAME|FILE',
      help: 'Another recipe whose outputs in DST are wanted, too.',
    },
    include,
    exclude,
    'moved-from': JOB_OPTIONS['moved-from'],
    'allow-empty': { type: 'boolean', help: 'A source without a single object is no mistake: all of its outputs go.' },
    ...JOB_FILE_OPTION,
    delete: { type: 'boolean', help: 'Removes them. Default: shows them.' },
    'dry-run': { type: 'boolean', help: 'Only shows them, as is the default.' },
    json: { type: 'boolean', help: 'A JSON line for each output that goes, and one for all.' },
  },
  async run(positionals, options) {
    const deletes = options.delete === true;
    if (deletes && options['dry-run'] === true) throw new UsageError('expected --delete or --dry-run, got both');
    const input = await jobInput(positionals, options);
    const asked = Object.fromEntries(
      Object.entries(input).filter(([field]) => FIELDS.some((known) => known === field)),
    );
    const keep = await Promise.all((options.keep ?? []).map(recipeOf));
    return await prune(asked, keep, { deletes, json: options.json === true });
  },
});

async function prune(
  input: Record<string, unknown>,
  keep: readonly unknown[],
  { deletes, json }: { readonly deletes: boolean; readonly json: boolean },
): Promise<ExitCode> {
  const stores = openStores();
  const scratch = await mkdtemp(join(tmpdir(), 'image-fanout-'));
  const stop = new AbortController();
  using _ = watchInterrupts({ drain: () => stop.abort(), abort: () => process.exit(EXIT.interrupted) });
  try {
    const { open } = stores;
    const id = newRunId();
    const job = await prepareJob(
      parseJob(input),
      id,
      { open, defaults: { maxConcurrency: 1 } },
      directoryLocation(scratch),
    );
    const check = checksOf(job, open, input['allowEmpty'] === true);
    await check();
    const planFile = join(scratch, 'planned.jsonl');
    const plan = await makePlan(job, keep, open, planFile, stop.signal);
    await check();
    const { examples, ...found } = plan;
    const start: PruneSummary = {
      ...{
        version: 1,
        prune: id,
        source: formatLocation(job.source),
        destination: formatLocation(job.destination),
        deletes,
      },
      ...found,
    };
    const print = (removal: Removal | Removed) => void process.stdout.write(`${JSON.stringify(removal)}\n`);
    if (!deletes || plan.planned.count === 0) {
      if (json) for await (const removal of readLines<Removal>(planFile)) print(removal);
      process.stdout.write(json ? `${JSON.stringify(start)}\n` : pruneText(start, examples));
      return EXIT.succeeded;
    }
    const end = await carryOut(job, start, {
      open,
      planFile,
      scratch,
      check,
      signal: stop.signal,
      print: json ? print : () => {},
    });
    process.stdout.write(json ? `${JSON.stringify(end)}\n` : pruneText(end, examples));
    if (end.error !== undefined) return stop.signal.aborted ? EXIT.interrupted : EXIT.stopped;
    return EXIT.succeeded;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.stderr.write('image-fanout prune: stopped; nothing was removed\n');
    return EXIT.interrupted;
  } finally {
    await stores.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

/** What must hold for anything to be removed, at first and ever again. Throws RunIsLive or InvalidJob. */
function checksOf(job: PreparedJob, open: OpenStore, allowEmpty: boolean): () => Promise<void> {
  const live = liveRunIn(open, job);
  let looked = 0;
  return async () => {
    // A disk that is not mounted, or a bucket that is being moved, is no reason to remove all that was made of it.
    if (!allowEmpty && Date.now() - looked > LOOKED_AGAIN_AFTER) await checkNotEmpty(job.source, open);
    looked = Date.now();
    const run = await live();
    if (run !== undefined) {
      throw new FanoutError(
        'RunIsLive',
        `The run ${run} is at work in ${formatLocation(job.destination)}; wait for its end, and try again`,
      );
    }
  };
}

interface MadePlan {
  readonly looked: number;
  readonly planned: { readonly count: number; readonly bytes: number };
  readonly reasons: Partial<Record<RemoveReason, number>>;
  readonly kept: Partial<Record<KeepReason, number>>;
  readonly examples: readonly Removal[];
}

async function makePlan(
  job: PreparedJob,
  keep: readonly unknown[],
  open: OpenStore,
  planFile: string,
  signal: AbortSignal,
): Promise<MadePlan> {
  const recipes = keep.map((one) => resolveRecipe(one as never));
  const first = await openContext(job, open, signal);
  const others = await Promise.all(recipes.map((one) => openContext({ ...job, recipe: one }, open, signal)));
  const file = createWriteStream(planFile);
  const written = finished(file);
  written.catch(() => undefined);
  const planned = { count: 0, bytes: 0 };
  const reasons: Partial<Record<RemoveReason, number>> = {};
  const examples: Removal[] = [];
  const { looked, kept } = await planPrune({
    contexts: [first, ...others],
    signal,
    async remove(removals) {
      for (const removal of removals) {
        planned.count += 1;
        planned.bytes += removal.bytes;
        reasons[removal.reason] = (reasons[removal.reason] ?? 0) + 1;
        if (examples.length < MOST_EXAMPLES) examples.push(removal);
        if (!file.write(`${JSON.stringify(removal)}\n`)) await once(file, 'drain');
      }
    },
  });
  file.end();
  await written;
  return { looked, planned, reasons, kept, examples };
}

interface CarryOut {
  readonly open: OpenStore;
  readonly planFile: string;
  readonly scratch: string;
  readonly check: () => Promise<void>;
  readonly signal: AbortSignal;
  readonly print: (removed: Removed) => void;
}

/** Removes what is planned, with an account of it: the plan before anything goes, and then what has gone. */
async function carryOut(job: PreparedJob, start: PruneSummary, how: CarryOut): Promise<PruneSummary> {
  const { open, planFile, scratch, check, signal, print } = how;
  const account = {
    bucket: job.results.bucket,
    prefix: `${job.results.prefix.slice(0, -`runs/${job.run}/`.length)}prunes/${job.run}/`,
  };
  const store = open(account.bucket);
  await store.save(`${account.prefix}planned.jsonl`, createReadStream(planFile), { contentType: 'application/jsonl' });
  const doneFile = join(scratch, 'removed.jsonl');
  const done = createWriteStream(doneFile);
  const removed = { count: 0, bytes: 0, keptAfterAll: 0 };
  let error: string | undefined;
  try {
    await deleteAll(readLines<Removal>(planFile), {
      ...{ source: open(job.source.bucket), destination: open(job.destination.bucket), signal, check },
      onRemoved(one) {
        done.write(`${JSON.stringify(one)}\n`);
        print(one);
        if (one.result === 'kept') removed.keptAfterAll += 1;
        else {
          removed.count += 1;
          removed.bytes += one.bytes;
        }
      },
    });
    if (signal.aborted) error = 'interrupted';
  } catch (thrown) {
    error = `${(thrown as Error).name}: ${(thrown as Error).message}`;
  }
  done.end();
  await finished(done);
  await store.save(`${account.prefix}removed.jsonl`, createReadStream(doneFile), { contentType: 'application/jsonl' });
  const summary = { ...start, removed, ...(error === undefined ? {} : { error }), account: formatLocation(account) };
  await store.write(`${account.prefix}summary.json`, Buffer.from(`${JSON.stringify(summary, undefined, 2)}\n`), {
    contentType: 'application/json',
  });
  return summary;
}

async function* readLines<T>(file: string): AsyncGenerator<T> {
  for await (const batch of lines(createReadStream(file))) for (const line of batch) yield JSON.parse(line) as T;
}
