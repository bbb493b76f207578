// Runs killed with kill -9 at random moments and carried on with --resume: every promise about them, counted; nothing may go wrong.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { mix, random } from '../examples/samples/noise.ts';
import { killAndResume, prepareKills } from './harness/killing.ts';
import { judge } from './harness/report.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '200' },
    images: { type: 'string', default: '80' },
    seed: { type: 'string', default: '1' },
  },
});
const wanted = Number(values.runs);
const next = random(Number(values.seed));

const work = await mkdtemp(join(tmpdir(), 'image-fanout-kill-'));
const tally = { killed: 0, beforeItsJobWasOnRecord: 0, tooLate: 0, onRecord: [] as number[] };
const problems: string[] = [];
try {
  const ground = await prepareKills(work, Number(values.images));
  console.log(
    `${ground.keys.length} photos; a run that nobody kills takes ${ground.seconds.toFixed(2)} s; seed ${values.seed}`,
  );
  for (let at = 0; tally.killed < wanted && problems.length < 50; at++) {
    const destination = join(work, `run-${at}`);
    // Mostly while images are worked on, sometimes while the program starts; every third continuation is killed, too.
    const moment = () => 1000 * ground.seconds * (next() < 0.1 ? next() : mix(0.3, 1, next()));
    const delays = next() < 1 / 3 ? [moment(), moment()] : [moment()];
    const findings = await killAndResume(ground, destination, delays);
    if (findings.tooLate) tally.tooLate++;
    else if (findings.onRecord === undefined) tally.beforeItsJobWasOnRecord++;
    else tally.onRecord.push(findings.onRecord);
    if (!findings.tooLate) tally.killed++;
    const when = delays.map((delay) => `${delay.toFixed(0)} ms`).join(' and ');
    problems.push(...findings.problems.map((problem) => `run ${at}, killed after ${when}: ${problem}`));
    await rm(destination, { recursive: true, force: true });
    if (tally.killed % 20 === 0) console.log(`${tally.killed} killed, ${problems.length} problems`);
  }
} finally {
  await rm(work, { recursive: true, force: true });
}

const midway = tally.onRecord.filter((keys) => keys > 0).length;
console.log(
  `\nkilled before their job was on record: ${tally.beforeItsJobWasOnRecord}, then without any key: ${tally.onRecord.length - midway}, midway: ${midway}`,
);
console.log(`ended before they could be killed (not counted): ${tally.tooLate}`);
for (const problem of problems.slice(0, 20)) console.log(problem);
judge('problems', problems.length, { atMost: 0 });
judge('runs killed midway, as a share', midway / tally.killed, { atLeast: 0.3 });
