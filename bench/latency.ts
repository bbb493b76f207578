// Latency: the same photos with 100 ms before every read and every write; our default concurrency against the bare loop's best.
import { parseArgs } from 'node:util';
import { defaultConcurrency } from '../lib/cli/execute.ts';
import { photoRace } from './harness/photo-race.ts';
import { judge, named, printRatios } from './harness/report.ts';
import { inTurn, median, speedRatios } from './harness/rounds.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    photos: { type: 'string', default: '60' },
    latency: { type: 'string', default: '100' },
  },
});
const [rounds, count, latency] = [Number(values.rounds), Number(values.photos), Number(values.latency)];

await using race = await photoRace(count, latency);
console.log(
  `${count} photos from ${race.from}; ${latency} ms before every read and every write, ${rounds} rounds in turn`,
);
console.log(`Our default concurrency here: ${defaultConcurrency()}\n`);

const loop = await race.bestLoop([4, 8, 16, 32, 64].map((concurrency) => ({ concurrency, threads: 1 })));
const measured = await inTurn(
  [
    race.timed('bare loop', loop),
    race.timed('image-fanout', 'image-fanout'),
    race.timed('image-fanout, its own files as slow', 'image-fanout', { ownFiles: true }),
  ],
  rounds,
);

printRatios(measured, 'bare loop', count);
console.log(
  '\nThe bare loop has no job, no results and no account to write: about ten reads and writes more, whatever the number of photos.\n',
);
const ratio = median(speedRatios(named(measured, 'image-fanout'), named(measured, 'bare loop')));
judge('throughput at our default concurrency as a ratio to the bare loop at its best', ratio, { atLeast: 0.9 });
