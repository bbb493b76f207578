// Drain: how long Ctrl-C takes while 16 photos of 12 megapixels are in flight to `web`, beside the slowest of those photos alone.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import type { Summary } from '../lambda/report/summary.ts';
import { judge } from './harness/report.ts';
import { median } from './harness/rounds.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    grace: { type: 'string', default: '10' },
    'max-concurrency': { type: 'string', default: '16' },
  },
});
const [rounds, grace] = [Number(values.rounds), Number(values.grace)];
const PROGRAM = resolve(import.meta.dirname, '../bin/image-fanout.js');
const PHOTOS = 16;

const folder = await mkdtemp(join(tmpdir(), 'image-fanout-drain-'));
const source = join(folder, 'photos');
await mkdir(source);
// Photos differ in what they cost: noise is the dearest there is, a blurred one costs what a smooth sky does.
for (let index = 0; index < PHOTOS; index += 1) {
  const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const;
  const made = sharp({ create: { width: 4000, height: 3000, channels: 3, background: 'grey', noise } });
  const photo = await (index % 4 === 0 ? made : made.blur(1 + (index % 4))).jpeg({ quality: 90 }).toBuffer();
  await writeFile(join(source, `${String(index).padStart(2, '0')}.jpg`), photo);
}

/** Runs the program, and interrupts it once `when` has come true; answers the milliseconds from there to its end. */
async function timed(argv: readonly string[], when?: () => Promise<boolean>): Promise<number> {
  let from = performance.now();
  const child = spawn(process.execPath, [PROGRAM, 'run', ...argv], { stdio: 'ignore' });
  const ended = new Promise((done) => child.once('close', done));
  if (when !== undefined) {
    while (!(await when())) await sleep(5);
    // Somewhere within an image, not at its start.
    await sleep(Math.random() * 500);
    from = performance.now();
    child.kill('SIGINT');
  }
  await ended;
  return performance.now() - from;
}

async function summaryIn(destination: string): Promise<Summary> {
  const runs = join(destination, '.image-fanout/runs');
  const [id = ''] = await readdir(runs);
  return JSON.parse(await readFile(join(runs, id, 'summary.json'), 'utf8')) as Summary;
}

try {
  const shares: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const destination = join(folder, `drained-${round}`);
    const written = async () => (await readdir(destination).catch(() => [])).some((name) => !name.startsWith('.'));
    const argv = [source, destination, '--recipe', 'web', '--quiet'];
    const drained = await timed(
      [...argv, '--max-concurrency', values['max-concurrency'], '--grace', `${grace}s`],
      written,
    );
    const { counts, check } = await summaryIn(destination);
    if (!check.balanced || counts.failed > 0) throw new Error(JSON.stringify({ counts, check }));
    // Alone, in turn with the drains: the same program, one key at a time, so that each has the machine to itself.
    const apart = join(folder, `alone-${round}`);
    await timed([source, apart, '--recipe', 'web', '--max-concurrency', '1', '--quiet']);
    const alone = (await summaryIn(apart)).slowest[0]?.milliseconds ?? 0;
    // The account has to be written after the grace, too.
    shares.push(drained / Math.min(1.5 * alone, grace * 1000 + 500));
    console.log(
      `round ${round + 1}: ${Math.round(drained)} ms, the slowest photo alone ${Math.round(alone)} ms; ${JSON.stringify(counts)}`,
    );
  }
  judge('drains as a share of what they may take (1.5 of the slowest alone, or the grace)', median(shares), {
    atMost: 1,
  });
  judge('the longest one', Math.max(...shares), { atMost: 1 });
} finally {
  await rm(folder, { recursive: true, force: true });
}
