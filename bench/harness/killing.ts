// One run that is killed with kill -9, perhaps its continuation too, and then carried on to its end: what went wrong, if anything.
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { directoriesIn, type KillPlace } from './kill-place.ts';
import { IMAGE_FANOUT, type ProgramOptions, runProgram } from './processes.ts';
import { type AccountItem, accountOf, keysOnRecord, outputsOf, runsOf } from './run-record.ts';
import { smallPhotos } from './small-photos.ts';

/** Two renditions per key, so that a kill can fall between them. */
const OUTPUTS = ['small.webp', 'tiny.jpeg'];
const RECIPE = {
  outputs: [
    { name: 'small', format: 'webp', resize: { width: 160 }, key: '{dir}{name}-{output}.{format}' },
    { name: 'tiny', format: 'jpeg', resize: { width: 64 }, key: '{dir}{name}-{output}.{format}' },
  ],
};
const FOREIGN = { path: 'notes of mine.txt', text: 'not the program’s' };

export interface KillGround {
  readonly jobFile: string;
  /** Keys in input order. */
  readonly keys: readonly string[];
  /** Two versions of each photo, of `keys` and of some more. */
  readonly photos: readonly [ReadonlyMap<string, Buffer>, ReadonlyMap<string, Buffer>];
  /** The outputs' digests, per version of their source, of runs that nobody killed. */
  readonly reference: readonly [ReadonlyMap<string, string>, ReadonlyMap<string, string>];
  /** How long such a run takes. */
  readonly seconds: number;
}

export interface KillFindings {
  /** Outputs that were there when the run was killed for the last time; undefined when not even its job was on record. */
  readonly made?: number;
  /** The process had ended by itself before it could be killed. */
  readonly tooLate: boolean;
  /** One sentence each; empty when all that was promised held. */
  readonly problems: readonly string[];
}

/** What becomes of a source between a kill and the resume: another version, none, or one that was not there. */
export interface SourceChange {
  readonly key: string;
  readonly to: 0 | 1 | 'gone';
}

/** Makes `count` photos below `work` (and `spare` more, for sources that are added), and runs the job once per version without killing it. */
export async function prepareKills(work: string, count: number, spare = 4): Promise<KillGround> {
  const photos = [await smallPhotos(count + spare, 0), await smallPhotos(count + spare, 1)] as const;
  const jobFile = join(work, 'job.json');
  const job = { recipe: RECIPE, maxConcurrency: 4, toleratedFailureCount: 1000 };
  await writeFile(jobFile, JSON.stringify(job));
  const reference: Map<string, string>[] = [];
  let took = 0;
  for (const [version, bytes] of photos.entries()) {
    const place = directoriesIn(join(work, `reference-${version}`), bytes);
    const { code, stderr, seconds } = await start(jobFile, place);
    if (code !== 0) throw new Error(`The run that nobody kills ended with ${code}: ${stderr}`);
    took = seconds;
    reference.push(outputsOf(place.destination));
  }
  const [first, second] = reference as [Map<string, string>, Map<string, string>];
  const same = [...first].filter(([path, digest]) => second.get(path) === digest);
  if (first.size !== 2 * (count + spare) || same.length > 0)
    throw new Error(`Expected ${2 * (count + spare)} outputs, all other in the other version, got ${first.size}`);
  return { jobFile, keys: [...photos[0].keys()].slice(0, count), photos, reference: [first, second], seconds: took };
}

/** The first versions of the photos that a run begins with. */
export function firstPhotos({ keys, photos }: KillGround): ReadonlyMap<string, Buffer> {
  return new Map(keys.map((key) => [key, photos[0].get(key) as Buffer]));
}

/**
 * Kills a run after each of `delays` (milliseconds; from the second on its continuation), changes the source after each
 * kill, and then lets it end. `threads` are those of the run, beside the engine's own.
 */
export async function killAndResume(
  ground: KillGround,
  place: KillPlace,
  delays: readonly number[],
  changes: readonly (readonly SourceChange[])[] = [],
  threads = 0,
): Promise<KillFindings> {
  const problems: string[] = [];
  const source = new Sources(ground, place, changes.flat());
  let made: number | undefined;
  let versions = new Map<string, string>();
  let tooLate = false;
  await place.putForeign(FOREIGN.path, FOREIGN.text);
  await source.begin();

  const look = async (): Promise<string> => {
    const destination = await place.look();
    problems.push(...partialOutputs(ground, destination), ...(await rewritten(place, versions)));
    return destination;
  };
  for (const [at, delay] of delays.entries()) {
    const kill = new AbortController();
    const running = next(ground, place, await place.look(), threads, { kill: kill.signal });
    await Promise.race([sleep(delay), running]);
    kill.abort();
    const { signal, code, stderr } = await running;
    tooLate = signal !== 'SIGKILL';
    if (tooLate && code !== 0 && code !== 3) problems.push(`A run that was not killed ended with ${code}: ${stderr}`);
    const destination = await look();
    const [folder] = runsOf(destination);
    if (folder !== undefined) {
      made = outputsOf(destination).size - 1;
      const keys = keysOnRecord(folder)
        .filter(({ status }) => status === 'succeeded')
        .flatMap(({ outputs }) => outputs);
      versions = await place.versions(keys.map((key) => place.pathOf(key)));
    }
    // Nothing of a run that had ended is carried on.
    if (!tooLate) for (const change of changes[at] ?? []) await source.change(change);
  }

  const { code, stderr } = await next(ground, place, await place.look(), threads, {});
  problems.push(...badAccount(ground, source, await look(), code, stderr));
  return { ...(made === undefined ? {} : { made }), tooLate, problems };
}

/** The source as it is and was. */
class Sources {
  readonly #ground: KillGround;
  readonly #place: KillPlace;
  /** What is there. */
  readonly now = new Map<string, 0 | 1>();
  /** Of each key, the version that each ETag names. */
  readonly etags = new Map<string, 0 | 1>();
  /** Keys that were not there all the time. */
  readonly restless = new Set<string>();
  /** Keys that are changed at some time. */
  readonly #toChange: ReadonlySet<string>;

  constructor(ground: KillGround, place: KillPlace, changes: readonly SourceChange[]) {
    this.#ground = ground;
    this.#place = place;
    this.#toChange = new Set(changes.map(({ key }) => key));
  }

  /** Only what will change has to be told apart by its ETag. */
  async begin(): Promise<void> {
    for (const key of this.#ground.keys) {
      this.now.set(key, 0);
      if (this.#toChange.has(key)) await this.#put(key, 0);
    }
  }

  async change({ key, to }: SourceChange): Promise<void> {
    if (to === 'gone' || !this.now.has(key)) this.restless.add(key);
    if (to !== 'gone') return await this.#put(key, to);
    this.now.delete(key);
    await this.#place.remove(key);
  }

  async #put(key: string, version: 0 | 1): Promise<void> {
    this.now.set(key, version);
    const etag = await this.#place.put(key, this.#ground.photos[version].get(key) as Buffer);
    this.etags.set(`${key} ${etag}`, version);
  }

  /** The version of a source that the account names. */
  versionOf({ key, source }: AccountItem): 0 | 1 | undefined {
    return this.#toChange.has(key) ? this.etags.get(`${key} ${source?.etag}`) : 0;
  }
}

/** Starts the job, or carries on what is on record of it. */
function next(
  { jobFile }: KillGround,
  place: KillPlace,
  destination: string,
  threads: number,
  options: ProgramOptions,
) {
  const [folder] = runsOf(destination);
  if (folder === undefined) return start(jobFile, place, threads, options);
  const args = ['run', '--resume', place.destination, '--quiet', '--threads', String(threads)];
  return runProgram(process.execPath, [IMAGE_FANOUT, ...args], { ...options, env: place.env });
}

function start(jobFile: string, { source, destination, env }: KillPlace, threads = 0, options: ProgramOptions = {}) {
  const args = ['run', source, destination, '--job', jobFile, '--quiet', '--threads', String(threads)];
  return runProgram(process.execPath, [IMAGE_FANOUT, ...args], { ...options, env });
}

/** Whatever is visible must be whole, and must be one of the outputs. */
function partialOutputs({ reference }: KillGround, destination: string): string[] {
  const outputs = outputsOf(destination);
  const problems = [...outputs].flatMap(([path, digest]) => {
    if (path === FOREIGN.path) return [];
    if (!reference[0].has(path)) return [`${path} is visible, but is no output`];
    return reference.some((outputs) => outputs.get(path) === digest)
      ? []
      : [`${path} is visible with other bytes than it must have`];
  });
  const foreign = createHash('sha256').update(FOREIGN.text).digest('hex');
  return outputs.get(FOREIGN.path) === foreign ? problems : [...problems, `${FOREIGN.path} is not as it was`];
}

/** Outputs of keys on record must have been left alone. */
async function rewritten(place: KillPlace, versions: ReadonlyMap<string, string>): Promise<string[]> {
  const now = await place.versions([...versions.keys()]);
  const changed = [...versions].filter(([path, version]) => now.get(path) !== version);
  return changed.map(([path]) => `${path} was on record, and was written again`);
}

function badAccount(
  ground: KillGround,
  source: Sources,
  destination: string,
  code: number | null,
  stderr: string,
): string[] {
  const runs = runsOf(destination);
  const [folder] = runs;
  if (folder === undefined || runs.length !== 1)
    return [`Expected one run on record, got ${runs.length}; it ended with ${code}: ${stderr}`];
  const problems: string[] = [];

  const times = Map.groupBy(keysOnRecord(folder), ({ key }) => key);
  for (const [key, records] of times)
    if (records.length > 1) problems.push(`${key} is on record ${records.length} times`);

  const { status, counts, balanced, problems: own, items, attempt } = accountOf(folder);
  if (!balanced) problems.push(`The account does not balance: ${own.join('; ')}`);
  if (counts.pending > 0) problems.push(`${counts.pending} keys are pending at the end`);
  const expected = counts.failed === 0 ? ['succeeded', 0] : ['succeededWithFailures', 3];
  if (status !== expected[0] || code !== expected[1])
    problems.push(`With ${counts.failed} failed the run ended as ${status} with ${code}: ${stderr}`);

  // What was there all the time is listed, and nothing else but what was there at some time.
  const keys = items.map(({ key }) => keyIn(key));
  const sorted = [...new Set(keys)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  if (sorted.join('\n') !== keys.join('\n')) problems.push('The items are not keys in input order, each once');
  const listed = new Set(keys);
  for (const key of ground.keys)
    if (!listed.has(key) && !source.restless.has(key)) problems.push(`${key} is not in the account`);
  const outputs = outputsOf(destination);
  for (const item of items) {
    const key = keyIn(item.key);
    if (!source.now.has(key) && !source.restless.has(key)) problems.push(`${key} is in the account`);
    problems.push(...badItem(ground, source, outputs, { ...item, key }, attempt));
  }
  return problems;

  function keyIn(key: string): string {
    return key.slice(key.indexOf('folder '));
  }
}

/** Each output of a key is made of the version that the account names. */
function badItem(
  { reference }: KillGround,
  source: Sources,
  outputs: ReadonlyMap<string, string>,
  item: AccountItem,
  lastAttempt: number,
): string[] {
  const { key, status, reason, error, attempt } = item;
  const paths = OUTPUTS.map((output) => key.replace(/\.jpg$/, `-${output}`));
  const isMadeOf = (version: 0 | 1) => paths.every((path) => outputs.get(path) === reference[version].get(path));
  if (status === 'succeeded') {
    const version = source.versionOf(item);
    if (version === undefined) return [`${key} is made of a source that never was`];
    return isMadeOf(version) ? [] : [`${key} is not made of the source that the account names`];
  }
  if (status === 'skipped' && reason === 'upToDate') {
    if (attempt === lastAttempt && !source.now.has(key)) return [`${key} is up to date with a source that is gone`];
    const versions = attempt === lastAttempt ? [source.now.get(key) as 0 | 1] : [0 as const, 1 as const];
    return versions.some(isMadeOf) ? [] : [`${key} is said to be up to date, and is not`];
  }
  if (status === 'failed' && error === 'SourceNotFound' && source.restless.has(key)) return [];
  return [`${key} is ${status}: ${error ?? reason}`];
}
