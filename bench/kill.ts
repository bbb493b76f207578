// Runs killed with kill -9 at random moments and carried on with --resume: on directories and over S3, the source changing in half of them; nothing may go wrong.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { mix, random } from '../examples/samples/noise.ts';
import { forkS3Server } from '../test/helpers/s3-server.ts';
import { bucketsOn, directoriesIn } from './harness/kill-place.ts';
import { firstPhotos, killAndResume, prepareKills, type SourceChange } from './harness/killing.ts';
import { judge } from './harness/report.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '300' },
    images: { type: 'string', default: '80' },
    seed: { type: 'string', default: '1' },
  },
});
const wanted = Number(values.runs);
const next = random(Number(values.seed));
const below = (bound: number) => Math.floor(next() * bound);

const work = await mkdtemp(join(tmpdir(), 'image-fanout-kill-'));
const tally = { killed: 0, overS3: 0, changed: 0, beforeItsJobWasOnRecord: 0, tooLate: 0, onRecord: [] as number[] };
const problems: string[] = [];
const server = await forkS3Server(['photos', 'renditions']);
try {
  const ground = await prepareKills(work, Number(values.images));
  const first = firstPhotos(ground);
  const all = [...ground.photos[0].keys()];
  console.log(
    `${ground.keys.length} photos; a run that nobody kills takes ${ground.seconds.toFixed(2)} s; seed ${values.seed}`,
  );
  for (let at = 0; tally.killed < wanted && problems.length < 50; at++) {
    const name = `run-${at}`;
    const overS3 = at % 2 === 1;
    const place = overS3
      ? await bucketsOn(server, name, join(work, name), first)
      : directoriesIn(join(work, name), first);
    // Mostly while images are worked on, sometimes while the program starts; every third continuation is killed, too.
    const moment = () => 1000 * ground.seconds * (next() < 0.1 ? next() : mix(0.3, 1, next()));
    const delays = next() < 1 / 3 ? [moment(), moment()] : [moment()];
    const change = (): SourceChange => ({
      key: all[below(all.length)] as string,
      to: ([0, 1, 1, 'gone'] as const)[below(4)] ?? 1,
    });
    const changing = at % 4 >= 2;
    const changes = changing ? delays.map(() => Array.from({ length: 1 + below(12) }, change)) : [];
    const findings = await killAndResume(ground, place, delays, changes);
    if (findings.tooLate) tally.tooLate++;
    else if (findings.onRecord === undefined) tally.beforeItsJobWasOnRecord++;
    else if (!overS3) tally.onRecord.push(findings.onRecord);
    if (!findings.tooLate) {
      tally.killed++;
      if (overS3) tally.overS3++;
      if (changing) tally.changed++;
    }
    const when = delays.map((delay) => `${delay.toFixed(0)} ms`).join(' and ');
    const where = `${overS3 ? 'over S3' : 'in directories'}${changing ? `, ${JSON.stringify(changes)}` : ''}`;
    problems.push(...findings.problems.map((problem) => `run ${at} ${where}, killed after ${when}: ${problem}`));
    await rm(join(work, name), { recursive: true, force: true });
    if (tally.killed % 20 === 0) console.log(`${tally.killed} killed, ${problems.length} problems`);
  }
} finally {
  await server.stop();
  await rm(work, { recursive: true, force: true });
}

const midway = tally.onRecord.filter((keys) => keys > 0).length;
console.log(
  `\nkilled: ${tally.killed}, over S3: ${tally.overS3}, while the source changed: ${tally.changed}; before their job was on record: ${tally.beforeItsJobWasOnRecord}`,
);
console.log(`in directories without any key on record: ${tally.onRecord.length - midway}, midway: ${midway}`);
console.log(`ended before they could be killed (not counted): ${tally.tooLate}`);
for (const problem of problems.slice(0, 20)) console.log(problem);
judge('problems', problems.length, { atMost: 0 });
judge('runs in directories killed midway, as a share', midway / tally.onRecord.length, { atLeast: 0.3 });
