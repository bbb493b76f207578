// Start-up: how long --help takes, beside a bare Node.js, and how soon a run over 100,000 files has its first image under way.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { IMAGE_FANOUT, timeProgram, works } from './harness/processes.ts';
import { judge, named, spread } from './harness/report.ts';
import { inTurn, median, speedRatios } from './harness/rounds.ts';
import { outputsOf } from './harness/run-record.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '11' }, files: { type: 'string', default: '100000' } },
});

const timed = (name: string, args: string[]) => ({
  name,
  run: async () => (await timeProgram(process.execPath, args)).seconds,
});
const measured = await inTurn(
  [
    timed('node', ['-e', '0']),
    timed('help', [IMAGE_FANOUT, '--help']),
    timed('run help', [IMAGE_FANOUT, 'run', '--help']),
  ],
  Number(values.rounds),
);
const [node, help, runHelp] = ['node', 'help', 'run help'].map((name) => named(measured, name));
if (node === undefined || help === undefined || runHelp === undefined) throw new Error('Not all were measured');
for (const { name, seconds } of measured) console.log(`${name}: ${spread(seconds, 3)} s`);
console.log(`--help takes ${spread(speedRatios(node, help))} times as long as node -e 0\n`);

const files = Number(values.files);
const layouts = { 'one file': [1, 1], 'one folder': [files, files], 'folders of 1,000': [files, 1000] } as const;
let slowest = 0;
for (const [layout, [count, perFolder]] of Object.entries(layouts)) {
  const seconds = await firstOutput(count, perFolder);
  slowest = Math.max(slowest, median(seconds));
  console.log(`first output, ${count} files, ${layout}: ${spread(seconds, 3)} s after the program was started`);
}

console.log('');
judge('seconds of --help', median(help.seconds), { atMost: 0.35 });
judge('seconds to the first output, which is later than the first image under way', slowest, { atMost: 1 });

/** Seconds from starting the program until the first output is there, five times. */
async function firstOutput(count: number, perFolder: number): Promise<number[]> {
  const work = await mkdtemp(join(tmpdir(), 'image-fanout-startup-'));
  try {
    const source = join(work, 'source');
    const image = await sharp({ create: { width: 64, height: 48, channels: 3, background: '#48a' } })
      .jpeg()
      .toBuffer();
    for (let at = 0; at < count; at += 1000) {
      const folder = join(source, String(Math.floor(at / perFolder)).padStart(4, '0'));
      await mkdir(folder, { recursive: true });
      const names = Array.from(
        { length: Math.min(1000, count - at) },
        (_, next) => `${String(at + next).padStart(7, '0')}.jpg`,
      );
      await Promise.all(names.map((name) => writeFile(join(folder, name), image)));
    }
    // Files that people have are on the disk: writing these out meanwhile would keep the run's own files waiting.
    works('sync', []);
    const seconds: number[] = [];
    for (let round = 0; round < 5; round++) {
      seconds.push(await untilFirstOutput(source, join(work, `destination-${round}`)));
    }
    return seconds;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function untilFirstOutput(source: string, destination: string): Promise<number> {
  const started = performance.now();
  const args = [IMAGE_FANOUT, 'run', source, destination, '--recipe', 'thumbnail', '--quiet'];
  const run = spawn(process.execPath, args, { stdio: 'inherit' });
  const ended = new Promise((resolve) => run.once('exit', resolve));
  try {
    while (outputsOf(destination).size === 0) {
      if (run.exitCode !== null) throw new Error(`The run ended with ${run.exitCode} and without an output`);
      if (performance.now() - started > 60_000) throw new Error('No output within a minute');
      await sleep(5);
    }
    return (performance.now() - started) / 1000;
  } finally {
    run.kill('SIGKILL');
    await ended;
  }
}
