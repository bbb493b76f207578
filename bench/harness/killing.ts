// One run that is killed with kill -9, perhaps its continuation too, and then carried on to its end: what went wrong, if anything.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { IMAGE_FANOUT, type ProgramOptions, runProgram } from './processes.ts';
import { accountOf, keysOnRecord, outputsOf, type RecordedKey, runsOf, versionsOf } from './run-record.ts';
import { makeSmallPhotos } from './small-photos.ts';

/** Two renditions per key, so that a kill can fall between them. */
const RECIPE = {
  outputs: [
    { name: 'small', format: 'webp', resize: { width: 160 }, key: '{dir}{name}-{output}.{format}' },
    { name: 'tiny', format: 'jpeg', resize: { width: 64 }, key: '{dir}{name}-{output}.{format}' },
  ],
};

export interface KillGround {
  readonly jobFile: string;
  readonly source: string;
  readonly keys: readonly string[];
  /** The outputs of a run that nobody killed. */
  readonly reference: ReadonlyMap<string, string>;
  /** How long that run took. */
  readonly seconds: number;
}

export interface KillFindings {
  /** Keys on record when the run was killed for the last time; undefined when it had not got that far. */
  readonly onRecord?: number;
  /** The process had ended by itself before it could be killed. */
  readonly tooLate: boolean;
  /** One sentence each; empty when all that was promised held. */
  readonly problems: readonly string[];
}

/** Makes `count` photos below `work`, and runs the job on them once without killing it. */
export async function prepareKills(work: string, count: number): Promise<KillGround> {
  const source = join(work, 'source');
  const keys = await makeSmallPhotos(source, count);
  const jobFile = join(work, 'job.json');
  await writeFile(jobFile, JSON.stringify({ source, recipe: RECIPE, maxConcurrency: 4 }));
  const destination = join(work, 'reference');
  const { code, stderr, seconds } = await start({ jobFile }, destination);
  if (code !== 0) throw new Error(`The run that nobody kills ended with ${code}: ${stderr}`);
  const reference = outputsOf(destination);
  if (reference.size !== 2 * count) throw new Error(`Expected ${2 * count} outputs, got ${reference.size}`);
  return { jobFile, source, keys, reference, seconds };
}

/** Kills a run after each of `delays` (milliseconds; from the second on its continuation), then lets it end. */
export async function killAndResume(
  ground: KillGround,
  destination: string,
  delays: readonly number[],
): Promise<KillFindings> {
  const problems: string[] = [];
  let recorded: RecordedKey[] | undefined;
  let versions = new Map<string, string>();
  let tooLate = false;

  for (const delay of delays) {
    const kill = new AbortController();
    const running = next(ground, destination, { kill: kill.signal });
    await Promise.race([sleep(delay), running]);
    kill.abort();
    const { signal, code, stderr } = await running;
    tooLate = signal !== 'SIGKILL';
    if (tooLate && code !== 0) problems.push(`A run that was not killed ended with ${code}: ${stderr}`);
    problems.push(...partialOutputs(ground, destination), ...rewritten(destination, versions));
    const [folder] = runsOf(destination);
    if (folder !== undefined) {
      recorded = keysOnRecord(folder);
      const paths = recorded.filter(({ status }) => status === 'succeeded').flatMap(({ outputs }) => outputs);
      versions = versionsOf(destination, paths);
    }
  }

  const { code, stderr } = await next(ground, destination, {});
  if (code !== 0) problems.push(`The continued run ended with ${code}: ${stderr}`);
  problems.push(
    ...differences(ground, destination),
    ...rewritten(destination, versions),
    ...badAccount(ground, destination),
  );
  return { ...(recorded && { onRecord: recorded.length }), tooLate, problems };
}

/** Starts the job, or carries on what is on record of it. */
function next({ jobFile }: Pick<KillGround, 'jobFile'>, destination: string, options: ProgramOptions) {
  const [folder] = runsOf(destination);
  if (folder === undefined) return start({ jobFile }, destination, options);
  return runProgram(process.execPath, [IMAGE_FANOUT, 'run', '--resume', folder, '--quiet'], options);
}

function start({ jobFile }: Pick<KillGround, 'jobFile'>, destination: string, options: ProgramOptions = {}) {
  const args = ['run', '--job', jobFile, '--destination', destination, '--quiet'];
  return runProgram(process.execPath, [IMAGE_FANOUT, ...args], options);
}

/** Whatever is visible must be whole, and must be one of the outputs. */
function partialOutputs({ reference }: KillGround, destination: string): string[] {
  return [...outputsOf(destination)].flatMap(([path, digest]) => {
    const expected = reference.get(path);
    if (expected === undefined) return [`${path} is visible, but is no output`];
    return digest === expected ? [] : [`${path} is visible with other bytes than it must have`];
  });
}

function differences(ground: KillGround, destination: string): string[] {
  const there = outputsOf(destination);
  const missing = [...ground.reference.keys()].filter((path) => !there.has(path));
  return [...partialOutputs(ground, destination), ...missing.map((path) => `${path} is missing at the end`)];
}

/** Outputs of keys on record must have been left alone. */
function rewritten(destination: string, versions: ReadonlyMap<string, string>): string[] {
  const now = versionsOf(destination, [...versions.keys()]);
  const changed = [...versions].filter(([path, version]) => now.get(path) !== version);
  return changed.map(([path]) => `${path} was on record, and was written again`);
}

function badAccount({ keys }: KillGround, destination: string): string[] {
  const runs = runsOf(destination);
  const [folder] = runs;
  if (folder === undefined || runs.length !== 1) return [`Expected one run on record, got ${runs.length}`];
  const problems: string[] = [];

  const times = Map.groupBy(keysOnRecord(folder), ({ key }) => key);
  for (const [key, records] of times)
    if (records.length > 1) problems.push(`${key} is on record ${records.length} times`);

  const { status, counts, balanced, problems: own, items } = accountOf(folder);
  if (status !== 'succeeded') problems.push(`The account says ${status}`);
  if (!balanced) problems.push(`The account does not balance: ${own.join('; ')}`);
  const { total, succeeded, skipped, failed, pending } = counts;
  if (total !== keys.length || succeeded + skipped !== total || failed + pending !== 0) {
    problems.push(`Expected ${keys.length} keys, all done, got ${JSON.stringify(counts)}`);
  }
  if (items.map(({ key }) => key).join('\n') !== keys.join('\n'))
    problems.push('The items are not the keys in input order');
  return problems;
}
