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
const tally = { killed: 0, overS3: 0, changed: 0, beforeItsJobWasOnRecord: 0, tooLate: 0, made: [] as number[] };
const problems: string[] = [];
const server = await forkS3Server(['photos', 'renditions']);
try {
  const ground = await prepareKills(work, Number(values.images));
  const first = firstPhotos(ground);
  const all = [...ground.photos[0].keys()];
  console.log(
    `${ground.keys.length} photos; a run that nobody kills takes ${ground.seconds.toFixed(2)} s; seed ${values.seed}`,
  );
  // How long a run takes changes with what else the machine does, and is learnt.
  const pace: Record<string, number> = { 'in directories': ground.seconds, 'over S3': ground.seconds };
  for (let at = 0; tally.killed < wanted && problems.length < 50; at++) {
    const name = `run-${at}`;
    const overS3 = at % 2 === 1;
    const where = overS3 ? 'over S3' : 'in directories';
    const place = overS3
      ? await bucketsOn(server, name, join(work, name), first)
      : directoriesIn(join(work, name), first);
    // Mostly while images are worked on, sometimes while the program starts; every third continuation is killed, too.
    const moment = () => 1000 * (pace[where] as number) * (next() < 0.1 ? next() : mix(0.3, 1, next()));
    const delays = next() < 1 / 3 ? [moment(), moment()] : [moment()];
    const change = (): SourceChange => ({
      key: all[below(all.length)] as string,
      to: ([0, 1, 1, 'gone'] as const)[below(4)] ?? 1,
    });
    const changing = at % 4 >= 2;
    const changes = changing ? delays.map(() => Array.from({ length: 1 + below(12) }, change)) : [];
    const threads = at % 3 === 2 ? 2 : 0;
    const findings = await killAndResume(ground, place, delays, changes, threads);
    if (findings.tooLate) tally.tooLate++;
    else if (findings.made === undefined) tally.beforeItsJobWasOnRecord++;
    else tally.made.push(findings.made);
    pace[where] = (pace[where] as number) * (findings.tooLate ? 0.85 : findings.made === undefined ? 1.2 : 1);
    if (!findings.tooLate) {
      tally.killed++;
      if (overS3) tally.overS3++;
      if (changing) tally.changed++;
    }
    const when = delays.map((delay) => `${delay.toFixed(0)} ms`).join(' and ');
    const how = `${where}${threads === 0 ? '' : `, with ${threads} threads`}${changing ? `, ${JSON.stringify(changes)}` : ''}`;
    for (const problem of findings.problems) {
      problems.push(`run ${at} ${how}, killed after ${when}: ${problem}`);
      console.log(problems.at(-1));
    }
    await rm(join(work, name), { recursive: true, force: true });
    if (tally.killed % 20 === 0) console.log(`${tally.killed} killed, ${problems.length} problems`);
  }
} finally {
  await server.stop();
  await rm(work, { recursive: true, force: true });
}

const midway = tally.made.filter((outputs) => outputs > 0).length;
console.log(
  `\nkilled: ${tally.killed}, over S3: ${tally.overS3}, while the source changed: ${tally.changed}; before their job was on record: ${tally.beforeItsJobWasOnRecord}`,
);
console.log(`then before their first output: ${tally.made.length - midway}, midway: ${midway}`);
console.log(`ended before they could be killed (not counted): ${tally.tooLate}`);
judge('problems', problems.length, { atMost: 0 });
judge('runs killed midway, as a share', midway / tally.killed, { atLeast: 0.3 });
