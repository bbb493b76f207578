// Throughput: 60 camera photos to one 1024-pixel JPEG each, by the job, a bare loop around sharp, and what else is installed.
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { installedTools } from './harness/others.ts';
import { gatherPhotos } from './harness/photos.ts';
import { IMAGE_FANOUT, timeProgram } from './harness/processes.ts';
import { judge, named, printRatios } from './harness/report.ts';
import { type Contender, inTurn, median, speedRatios } from './harness/rounds.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '7' } } });
const COUNT = 60;
const RECIPE = resolve(import.meta.dirname, '../examples/recipes/photo-1024.json');
const TIMED_RUN = resolve(import.meta.dirname, 'harness/timed-run.ts');
const BARE_LOOP = resolve(import.meta.dirname, 'harness/bare-loop.ts');
/** The same pool for all who use Node.js: what the command line gives itself. */
const ENV = { UV_THREADPOOL_SIZE: String(16 + 2 * availableParallelism()) };

const work = await mkdtemp(join(tmpdir(), 'image-fanout-throughput-'));
const [source, warm] = [join(work, 'source'), join(work, 'warm')];
const from = await gatherPhotos(source, COUNT);
await gatherPhotos(warm, 1);
console.log(`${COUNT} photos from ${from}; ${availableParallelism()} cores, ${values.rounds} rounds in turn\n`);

try {
  const { concurrency, threads } = await sweep();
  console.log(`\nThe bare loop is best with ${concurrency} images at once, ${threads} libvips threads each\n`);
  const bare = { source, concurrency, vipsThreads: threads };
  const contenders: Contender[] = [
    timed('bare loop', ['--concurrency', String(concurrency), '--threads', String(threads)]),
    timed('image-fanout', ['--recipe', RECIPE]),
    program('bare loop, whole script', (_, destination) =>
      timeProgram(process.execPath, [BARE_LOOP, JSON.stringify({ ...bare, destination })], { env: ENV }),
    ),
    program('image-fanout, whole command', (_, destination) =>
      timeProgram(process.execPath, [IMAGE_FANOUT, 'run', source, destination, '--recipe', RECIPE, '--quiet']),
    ),
    ...installedTools().map(({ name, run }) => program(name, run)),
  ];
  const measured = await inTurn(contenders, Number(values.rounds));
  await compareOutputs();
  printRatios(measured, 'bare loop', COUNT);
  console.log(
    '\nOf the first two, only the job is timed, in a process that has done one photo; of the others, the process.',
  );
  const [ours, theirs] = [named(measured, 'image-fanout'), named(measured, 'bare loop')];
  judge('throughput as a ratio to the bare loop', median(speedRatios(ours, theirs)), { atLeast: 0.95 });
} finally {
  await rm(work, { recursive: true, force: true });
}

/** The bare loop's best: each setting twice, the faster one counts. */
async function sweep(): Promise<{ concurrency: number; threads: number }> {
  const cores = availableParallelism();
  const settings = [1, cores].flatMap((threads) =>
    [...new Set([1, 2, cores, cores + 1, 2 * cores, 4 * cores])].map((concurrency) => ({ concurrency, threads })),
  );
  const runs = settings.map(({ concurrency, threads }) =>
    timed(
      `${concurrency} at once, ${threads} threads each`,
      ['--concurrency', String(concurrency), '--threads', String(threads)],
      'bare loop',
    ),
  );
  const measured = await inTurn(runs, 2);
  const fastest = measured.map(({ seconds }) => Math.min(...seconds));
  for (const [at, { name }] of measured.entries()) {
    console.log(`sweep of the bare loop: ${name}: ${(COUNT / (fastest[at] ?? Number.NaN)).toFixed(1)} images/s`);
  }
  return settings[fastest.indexOf(Math.min(...fastest))] ?? { concurrency: cores, threads: 1 };
}

/** A contender that times itself, in a process of its own. */
function timed(name: string, options: readonly string[], who = name): Contender {
  return {
    name,
    async run() {
      const destination = await freshDestination(name);
      const args = [
        TIMED_RUN,
        '--who',
        who,
        '--warm',
        warm,
        '--source',
        source,
        '--destination',
        destination,
        ...options,
      ];
      const { stdout } = await timeProgram(process.execPath, args, { env: ENV });
      await expectAll(name, destination);
      return Number(stdout);
    },
  };
}

/** A contender of which the whole process is timed. */
function program(name: string, run: (source: string, destination: string) => Promise<unknown>): Contender {
  return {
    name,
    async run() {
      const destination = await freshDestination(name);
      const started = performance.now();
      await run(source, destination);
      const seconds = (performance.now() - started) / 1000;
      await expectAll(name, destination);
      return seconds;
    },
  };
}

function destinationOf(name: string): string {
  return join(work, name.replaceAll(/\W+/g, '-'));
}

async function freshDestination(name: string): Promise<string> {
  const destination = destinationOf(name);
  for (const directory of [destination, `${destination}-warm`]) {
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true });
  }
  return destination;
}

async function outputsIn(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.endsWith('.jpg')).sort();
}

async function expectAll(name: string, destination: string): Promise<void> {
  const { length } = await outputsIn(destination);
  if (length !== COUNT) throw new Error(`${name}: expected ${COUNT} outputs, got ${length}`);
}

/** Who is compared must have done the same work. */
async function compareOutputs(): Promise<void> {
  const [ours, theirs] = [destinationOf('image-fanout'), destinationOf('bare loop')];
  let alike = 0;
  for (const name of await outputsIn(theirs)) {
    const [own, other] = await Promise.all([ours, theirs].map((directory) => readFile(join(directory, name))));
    if (own !== undefined && other !== undefined && own.equals(other)) alike++;
  }
  console.log(`${alike} of ${COUNT} outputs of image-fanout and of the bare loop are the same bytes\n`);
}
