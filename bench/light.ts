// Light images: 3,000 JPEGs of 320 pixels to 128, by the job, a bare loop, a thread pool with Pillow; and when the engine's thread is full.
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ENVIRONMENT } from '../bin/environment.js';
import { RECIPE } from './harness/photo-race.ts';
import { gatherPhotos } from './harness/photos.ts';
import { IMAGE_FANOUT, timeProgram, works } from './harness/processes.ts';
import { judge, named, printRatios, printTable } from './harness/report.ts';
import { inTurn, median, speedRatios } from './harness/rounds.ts';
import { makeSmallPhotos } from './harness/small-photos.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    images: { type: 'string', default: '3000' },
    photos: { type: 'string', default: '60' },
  },
});
const [cores, rounds, count, photos] = [
  availableParallelism(),
  Number(values.rounds),
  Number(values.images),
  Number(values.photos),
];
const harness = (name: string) => resolve(import.meta.dirname, 'harness', name);

const work = await mkdtemp(join(tmpdir(), 'image-fanout-light-'));
try {
  const source = join(work, 'source');
  await makeSmallPhotos(source, count);
  const recipe = join(work, 'light.json');
  const { resize, ...rest } = JSON.parse(await readFile(RECIPE, 'utf8'));
  await writeFile(recipe, JSON.stringify({ ...rest, resize: { ...resize, width: 128, height: 128 } }));

  const fresh = async (name: string): Promise<string> => {
    const destination = join(work, name);
    await rm(destination, { recursive: true, force: true });
    await mkdir(destination);
    return destination;
  };
  const contender = (name: string, run: (destination: string) => Promise<unknown>) => ({
    name,
    async run() {
      const destination = await fresh(name.replaceAll(/\W+/g, '-'));
      const started = performance.now();
      await run(destination);
      return (performance.now() - started) / 1000;
    },
  });
  const loop = (destination: string, concurrency: number) =>
    timeProgram(process.execPath, [harness('light-loop.ts'), JSON.stringify({ source, destination, concurrency })], {
      env: { UV_THREADPOOL_SIZE: String(Math.max(4, concurrency)) },
    });
  const python = [process.env['PYTHON'] ?? 'python3', '/usr/bin/python3'].find((name) =>
    works(name, ['-c', 'import PIL']),
  );
  const measured = await inTurn(
    [
      contender('bare loop', (destination) => loop(destination, cores + 1)),
      contender('image-fanout', (destination) =>
        timeProgram(process.execPath, [IMAGE_FANOUT, 'run', source, destination, '--recipe', recipe, '--quiet']),
      ),
      ...(python === undefined
        ? []
        : [
            contender('Pillow in threads', async (destination) => {
              execFileSync(python, [harness('light.py'), source, destination, String(cores)]);
            }),
          ]),
    ],
    rounds,
  );
  console.log(`${count} JPEGs of 320 x 240 pixels to 128; ${cores} cores, ${rounds} rounds in turn, whole programs\n`);
  printRatios(measured, 'bare loop', count);

  const large = join(work, 'photos');
  await gatherPhotos(large, photos);
  const rows = [['', 'engine’s thread, ms a key', 'all, ms a key', 'full at so many cores']];
  const own = new Map<string, number>();
  for (const [name, from, by, keys] of [
    ['light', source, recipe, count],
    ['photos', large, RECIPE, photos],
  ] as const) {
    for (const threads of [0, 2]) {
      const destination = await fresh(`${name}-${threads}`);
      const { stdout } = await timeProgram(
        process.execPath,
        [harness('threaded-run.ts'), from, destination, by, String(threads)],
        { env: ENVIRONMENT },
      );
      const took = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { own: number; whole: number };
      own.set(`${name} ${threads}`, took.own / keys);
      rows.push([
        `${name}, ${threads === 0 ? 'one thread' : `${threads} more threads`}`,
        (took.own / keys).toFixed(2),
        (took.whole / keys).toFixed(2),
        (took.whole / took.own).toFixed(0),
      ]);
    }
  }
  console.log();
  printTable(rows);
  console.log();
  judge(
    'light images as a ratio to the bare loop',
    median(speedRatios(named(measured, 'image-fanout'), named(measured, 'bare loop'))),
    { atLeast: 0.93 },
  );
  judge('milliseconds of the engine’s thread a light image, with threads', own.get('light 2') ?? Number.NaN, {
    atMost: 0.3,
  });
} finally {
  await rm(work, { recursive: true, force: true });
}
