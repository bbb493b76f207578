// Throughput: 60 camera photos to one 1024-pixel JPEG each, by the job, a bare loop around sharp, and what else is installed.
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { installedTools } from './harness/others.ts';
import { bareLoopEnvironment, photoRace, RECIPE } from './harness/photo-race.ts';
import { packaged, timeProgram } from './harness/processes.ts';
import { judge, named, printRatios } from './harness/report.ts';
import { inTurn, median, speedRatios } from './harness/rounds.ts';

const { values } = parseArgs({
  options: {
    // The ratio of one round is known to some percent: fewer would not tell 0.94 from 0.96.
    rounds: { type: 'string', default: '15' },
    'without-tools': { type: 'boolean', default: false },
    photos: { type: 'string', default: '60' },
  },
});
const [cores, rounds, count] = [availableParallelism(), Number(values.rounds), Number(values.photos)];
const BARE_LOOP = resolve(import.meta.dirname, 'harness/bare-loop.ts');

await using race = await photoRace(count);
const program = await packaged(race.work);
console.log(`${count} photos from ${race.from}; ${cores} cores, ${rounds} rounds in turn\n`);

const concurrencies = [...new Set([1, 2, cores, cores + 1, 2 * cores, 4 * cores])];
const loop = await race.bestLoop(
  [...new Set([1, cores])].flatMap((threads) => concurrencies.map((concurrency) => ({ concurrency, threads }))),
);

const measured = await inTurn(
  [
    race.timed('bare loop', loop),
    race.timed('image-fanout', 'image-fanout'),
    race.program('bare loop, whole script', (source, destination) => {
      const setting = { source, destination, concurrency: loop.concurrency, vipsThreads: loop.threads, latency: 0 };
      return timeProgram(process.execPath, [BARE_LOOP, JSON.stringify(setting)], { env: bareLoopEnvironment(loop) });
    }),
    race.program('image-fanout, whole command', (source, destination) =>
      timeProgram(process.execPath, [program, 'run', source, destination, '--recipe', RECIPE, '--quiet']),
    ),
    ...(values['without-tools'] ? [] : installedTools()).map(({ name, run }) => race.program(name, run)),
  ],
  rounds,
);

printRatios(measured, 'bare loop', count);
const alike = await race.alike('image-fanout', 'bare loop');
console.log(`\nOf the first two the job is timed, in a process that is warm; of the others the whole process.`);
console.log(`${alike} of ${count} outputs of image-fanout and of the bare loop are the same bytes.\n`);
const ratio = median(speedRatios(named(measured, 'image-fanout'), named(measured, 'bare loop')));
judge('throughput as a ratio to the bare loop', ratio, { atLeast: 0.95 });
const whole = median(
  speedRatios(named(measured, 'image-fanout, whole command'), named(measured, 'bare loop, whole script')),
);
judge('the whole command of the package as a ratio to the whole script', whole, { atLeast: 0.92 });
