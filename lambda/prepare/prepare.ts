// Prepare: what starts a run in, one prepared job out, or InvalidJob with all that is wrong with it.

import { realpath } from 'node:fs/promises';
import { definedOnly } from '../contract/defined.ts';
import { OWN_FOLDER } from '../contract/environment.ts';
import { FanoutError } from '../contract/errors.ts';
import {
  directoryLocation,
  directoryPath,
  formatLocation,
  isDirectory,
  type Location,
  objectUri,
  parseObject,
  resolveReference,
} from '../contract/location.ts';
import { parseJson } from '../contract/text.ts';
import { guardsOf } from '../guard/of-job.ts';
import { rampedConcurrency } from '../guard/ramp.ts';
import { overlayReferences } from '../image/overlays.ts';
import { askedFor } from '../job/asked.ts';
import { ANY_GLOB, imageGlob, installedFormats } from '../job/image-glob.ts';
import { ALL_ITEMS, invalidJob, isRecipeReference, type Job, parseJob } from '../job/job.ts';
import {
  CANARY_FOLDER,
  type Deployment,
  ELSEWHERE_FILE,
  JOB_FILE,
  type PlanState,
  type PreparedJob,
  type PreparedState,
  type PrepareEvent,
  type Reader,
} from '../job/prepared.ts';
import { type Recipe, recipeInputSchema, resolveRecipe } from '../recipe/recipe.ts';
import type { OpenStore } from '../store/store.ts';
import { canaryOf } from './canary.ts';
import { capProblems } from './cap.ts';
import { placeProblems } from './guards.ts';
import { type DraftJob, type LinesReader, type ListDependencies, withList } from './key-list.ts';
import { manifestReader } from './manifest.ts';
import { probeProblems } from './probe.ts';
import { jobOf } from './trigger.ts';

const MOST_RECIPE_BYTES = 1024 * 1024;

export interface PrepareDependencies extends ListDependencies {
  /** Given by the embedded engine. */
  readonly engine?: 'embedded';
  /** What a job that says nothing means: the stack's places, or the command line's. */
  readonly defaults: {
    readonly source?: Location;
    readonly destination?: Location;
    /** The place for `runs/<id>/`. Default: `.image-fanout/` in the destination. */
    readonly results?: Location;
    readonly maxConcurrency: number;
    /** The glob of what can be read where the images are. Default: what is installed here. */
    readonly images?: string;
  };
  /** The places that this deployment may use; outside them a job is refused. Default: any. */
  readonly allowed?: {
    readonly source: readonly Location[];
    readonly destination: readonly Location[];
    readonly results: readonly Location[];
  };
  /**
   * Environments that the image function can have at once, at most: more invocations could only be throttled. Undefined
   * where nobody may know. Default: no bound.
   */
  readonly room?: () => Promise<number | undefined>;
  /** Asked when the job is about to be written: what the price of its run depends on. Default: it has none. */
  readonly deployment?: () => Deployment;
  /** Starts the guard of a run, by its ARN and when it began. Default: whoever runs the job guards it. */
  readonly startGuard?: (execution: string, since: string) => Promise<void>;
}

export type Prepare = (event: PrepareEvent) => Promise<PreparedState | PlanState>;

/**
 * Makes the handler: validates the job, fills in the defaults, refuses what is dangerous, writes the prepared job into the
 * run's folder and answers with the state that the workflow's paths point into. Throws InvalidJob that lists all problems.
 */
export function createPrepare(dependencies: PrepareDependencies): Prepare {
  const { open } = dependencies;
  return async ({ input, execution }) => {
    const started = await jobOf(input, open, dependencies.defaults.images ?? imageGlob(installedFormats()));
    const asked = askedFor(started.job);
    const job = parseJob(asked.job);
    const draft = await draftJob(job, execution.name, dependencies);
    const { results, source } = draft;
    if (started.bucket !== undefined && started.bucket !== source.bucket) {
      throw invalidJob([`source: expected an event of the bucket ${source.bucket}, got one of ${started.bucket}`]);
    }
    // S3 itself keeps them, and there the function has no right but to write: servers elsewhere are asked.
    const embedded = dependencies.engine === 'embedded';
    const problems = embedded && !asked.plan ? await probeProblems(draft, open, job.unsafeOverwrites) : [];
    if (problems.length > 0) throw invalidJob(problems);
    const listed = await withList(draft, job, results, dependencies);
    const prepared: PreparedJob = {
      ...listed,
      ...(asked.plan ? {} : definedOnly({ canary: await canaryOf(listed, job.canary, dependencies) })),
      ...definedOnly({ deployment: dependencies.deployment?.() }),
    };
    // A plan says what it would cost: that is no reason to refuse it.
    const tooDear = asked.plan ? [] : await capProblems(prepared, dependencies);
    if (tooDear.length > 0) throw invalidJob(tooDear);
    await open(results.bucket).write(results.prefix + JOB_FILE, Buffer.from(`${JSON.stringify(prepared, null, 2)}\n`), {
      contentType: 'application/json',
    });
    await noteElsewhere(prepared, dependencies);
    if (asked.plan) return planState(prepared, embedded);
    const state = preparedState(prepared);
    // Before anything is begun: a run that asks for a guard does not go without.
    if (state.guards !== undefined && execution.id !== undefined) {
      await dependencies.startGuard?.(execution.id, execution.startTime);
    }
    return state;
  };
}

/** What leads to the plan. On AWS the image function makes it, which reads listings, keys and JSONL. Throws InvalidJob. */
function planState({ reader, results }: PreparedJob, embedded: boolean): PlanState {
  if (!embedded && (reader.kind === 'CSV' || reader.kind === 'JSON' || reader.kind === 'S3_INVENTORY')) {
    throw invalidJob([
      `plan: expected a listing, keys, JSONL or plain text, got ${reader.kind}: image-fanout plan --manifest reads it`,
    ]);
  }
  return {
    reader: { kind: 'PLAN' },
    canary: { kind: 'NONE' },
    run: { bucket: results.bucket, key: results.prefix + JOB_FILE },
  };
}

/** Whoever looks for a run by its name, as the report on its end does, looks where a deployment's results usually are. */
async function noteElsewhere({ run, results }: PreparedJob, { open, defaults, allowed }: PrepareDependencies) {
  const usual = defaults.results;
  if (allowed === undefined || usual === undefined) return;
  const folder = { bucket: usual.bucket, prefix: `${usual.prefix}runs/${run}/` };
  if (folder.bucket === results.bucket && folder.prefix === results.prefix) return;
  await open(folder.bucket).write(folder.prefix + ELSEWHERE_FILE, Buffer.from(JSON.stringify({ results })), {
    contentType: 'application/json',
  });
}

/** The state after Prepare, made of a prepared job: also how a recorded run is taken up again. */
export function preparedState(job: PreparedJob): PreparedState {
  const { reader, keys, toleratedFailureCount, toleratedFailurePercentage, itemsPerInvocation, results } = job;
  const guards = guardsOf(job);
  // A bucket as a whole: an empty Prefix in ItemReader was found nowhere, in no documentation and no recording.
  const whole = reader.kind === 'LIST' && reader.prefix === '' && !isDirectory(reader);
  return {
    reader: whole ? { kind: 'BUCKET', bucket: reader.bucket } : reader,
    ...(keys === undefined ? {} : { keys }),
    maxConcurrency: guards.ramp === undefined ? job.maxConcurrency : rampedConcurrency(guards.ramp, 0),
    toleratedFailureCount,
    toleratedFailurePercentage,
    itemsPerInvocation,
    ...(Object.keys(guards).length === 0 ? {} : { guards }),
    canary: canaryState(job),
    run: { bucket: results.bucket, key: results.prefix + JOB_FILE },
    results: { bucket: results.bucket, prefix: results.prefix.replace(/\/$/, '') },
  };
}

function canaryState({ canary, maxConcurrency, results }: PreparedJob): PreparedState['canary'] {
  if (canary === undefined) return { kind: 'NONE' };
  return {
    ...{ kind: 'CANARY', ...canary, maxConcurrency, toleratedFailureCount: ALL_ITEMS },
    prefix: `${results.prefix}${CANARY_FOLDER}`.replace(/\/$/, ''),
  };
}

/**
 * Everything that Prepare decides, for a dry run: writes nothing but a list of keys into `lists`, a place of its own, where
 * the job asks for one. Throws InvalidJob.
 */
export async function prepareJob(
  job: Job,
  run: string,
  dependencies: PrepareDependencies,
  lists: Location,
): Promise<PreparedJob> {
  return await withList(await draftJob(job, run, dependencies), job, lists, dependencies);
}

async function draftJob(
  job: Job,
  run: string,
  { open, engine, defaults, allowed, room }: PrepareDependencies,
): Promise<DraftJob> {
  const problems: string[] = [];
  const noting = async <T>(field: string, read: () => Promise<T> | T): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      problems.push(...problemsOf(field, error));
      return undefined;
    }
  };

  const typed = job.source ?? defaults.source;
  const source = typed === undefined ? undefined : await realSource(typed);
  const destination = job.destination ?? defaults.destination;
  if (source === undefined) problems.push('source: expected s3://bucket/prefix/ or a directory, got nothing');
  if (destination === undefined) problems.push('destination: expected s3://bucket/prefix/ or a directory, got nothing');
  const recipe = await noting('recipe', () => readRecipe(job.recipe, open));
  if (source === undefined || destination === undefined) throw invalidJob(problems);

  const place = job.results ??
    defaults.results ?? { bucket: destination.bucket, prefix: destination.prefix + OWN_FOLDER };
  const results = { bucket: place.bucket, prefix: `${place.prefix}runs/${run}/` };
  const misplaced = [
    ...notAllowed('source', source, allowed?.source),
    ...notAllowed('destination', destination, allowed?.destination),
    ...notAllowed('results', results, allowed?.results),
    ...(await placeProblems({ source, destination, results })),
  ];
  problems.push(...misplaced);
  // Where this deployment may not look, it does not.
  if (recipe !== undefined) problems.push(...(await missingWatermarks(recipe, destination, open)));
  const reader =
    misplaced.length > 0
      ? undefined
      : await noting(job.manifest === undefined ? 'source' : 'manifest', () => readerOf(job, source, open));
  if (problems.length > 0 || recipe === undefined || reader === undefined) throw invalidJob(problems);
  const asked = job.maxConcurrency ?? defaults.maxConcurrency;
  const most = (await room?.()) ?? Number.POSITIVE_INFINITY;
  if (most < 1) {
    throw invalidJob([
      'maxConcurrency: expected the image function to have room for at least 1 invocation, got 0: raise its reserved concurrency',
    ]);
  }

  const {
    existing,
    verify,
    include,
    exclude,
    limits,
    itemsPerInvocation,
    toleratedFailureCount,
    toleratedFailurePercentage,
    ramp,
    breaker,
    maxCost,
    deadline,
  } = job;
  return {
    version: 1,
    run,
    ...(engine === undefined ? {} : { engine }),
    source,
    ...aliasesOf(source, [typed, job.movedFrom]),
    destination,
    results,
    reader,
    ...(job.keys === undefined ? {} : { keys: job.keys }),
    ...(typeof job.recipe === 'string' ? { preset: job.recipe } : {}),
    recipe,
    existing,
    ...(verify ? { verify } : {}),
    include: include ?? [isListing(reader) ? (defaults.images ?? imageGlob(installedFormats())) : ANY_GLOB],
    exclude,
    limits,
    maxConcurrency: Math.min(asked, most),
    ...(asked > most ? { maxConcurrencyAsked: asked } : {}),
    // Step Functions fails the run when either bound is exceeded: the one that nobody set must never be. Neither set: zero.
    toleratedFailureCount: toleratedFailureCount ?? (toleratedFailurePercentage === undefined ? 0 : ALL_ITEMS),
    toleratedFailurePercentage: toleratedFailurePercentage ?? 100,
    itemsPerInvocation,
    ...definedOnly({ ramp, breaker, maxCost, deadline }),
  };
}

/** What a source is known by: a directory's real path, so that a link to it is no other source. */
async function realSource(location: Location): Promise<Location> {
  if (!isDirectory(location)) return location;
  // What cannot be resolved is not there: `placeProblems` says so.
  const real = await realpath(directoryPath(location)).catch(() => undefined);
  return real === undefined ? location : { ...directoryLocation(real), prefix: location.prefix };
}

function aliasesOf(source: Location, places: readonly (Location | undefined)[]): Pick<PreparedJob, 'sourceAliases'> {
  const others = places.filter(
    (place) => place !== undefined && (place.bucket !== source.bucket || place.prefix !== source.prefix),
  );
  return others.length === 0 ? {} : { sourceAliases: others as readonly Location[] };
}

/** Whether keys come from a listing, of which only images are meant; others have been named, and are all meant. */
function isListing({ kind }: DraftJob['reader']): boolean {
  return kind === 'LIST' || kind === 'S3_INVENTORY';
}

/** A preset's name and an inline recipe are as they are; `s3://bucket/recipe.json` is read. */
async function readRecipe(input: Job['recipe'], open: OpenStore): Promise<Recipe> {
  if (!isRecipeReference(input)) return resolveRecipe(input);
  const { bucket, key } = parseObject(input);
  const { body } = await open(bucket).read(key, { maxBytes: MOST_RECIPE_BYTES });
  let document: unknown;
  try {
    document = parseJson(body.toString());
  } catch (error) {
    throw new RangeError(`expected JSON in ${input}, got ${(error as Error).message}`);
  }
  const parsed = recipeInputSchema.safeParse(document);
  if (!parsed.success)
    throw new RangeError(`${input}: ${parsed.error.issues.map((issue) => issue.message).join('; ')}`);
  return resolveRecipe(parsed.data);
}

/** Watermarks that are not there. One that Prepare may not look at is left to the image function, which may. */
async function missingWatermarks(recipe: Recipe, destination: Location, open: OpenStore): Promise<string[]> {
  const missing = overlayReferences(recipe).map(async (reference): Promise<string[]> => {
    try {
      const { bucket, key } = resolveReference(reference, destination);
      if ((await open(bucket).head(key)) !== undefined) return [];
      return [`recipe: expected the watermark ${reference} at ${objectUri(bucket, key)}, got nothing`];
    } catch (error) {
      return error instanceof FanoutError && error.name === 'AccessDenied' ? [] : problemsOf('recipe', error);
    }
  });
  return (await Promise.all(missing)).flat();
}

async function readerOf(job: Job, source: Location, open: OpenStore): Promise<Reader | LinesReader> {
  if (job.keys !== undefined) return { kind: 'KEYS' };
  if (job.manifest !== undefined) return await manifestReader(job.manifest, source.bucket, open, job);
  if (!job.allowEmpty) await checkNotEmpty(source, open);
  return { kind: 'LIST', bucket: source.bucket, prefix: source.prefix };
}

/** Throws a RangeError when there is nothing below a source. */
export async function checkNotEmpty(source: Location, open: OpenStore): Promise<void> {
  for await (const page of open(source.bucket).list(source.prefix, { atMost: 1 })) {
    if (page.length > 0) return;
  }
  throw new RangeError(
    `expected at least one object below ${formatLocation(source)}, got none (allowEmpty: true if that is fine)`,
  );
}

/** A place must lie in one of the allowed ones. */
function notAllowed(field: string, place: Location, allowed: readonly Location[] | undefined): string[] {
  if (allowed === undefined) return [];
  const fits = allowed.some(({ bucket, prefix }) => bucket === place.bucket && place.prefix.startsWith(prefix));
  if (fits) return [];
  const places = allowed.map(formatLocation).join(' or ');
  return [
    `${field}: expected a place in ${places}, which is what this deployment may use, got ${formatLocation(place)}`,
  ];
}

/** Problems of one field; what is transient or unexpected is thrown on, for a retry or a bug report. */
function problemsOf(field: string, error: unknown): string[] {
  if (error instanceof RangeError) return [`${field}: ${error.message}`];
  if (error instanceof FanoutError && !error.transient) return [`${field}: ${error.name}: ${error.message}`];
  throw error;
}
