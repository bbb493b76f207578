// What a HEIC costs beside a JPEG: a photo of 12 megapixels to a JPEG of 1024 pixels, each in a process of its own.
// node bench/heic.ts [rounds, 5]   Needs scripts/judges.sh: pillow-heif writes the HEIC.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { limitsSchema } from '../lambda/contract/limits.ts';
import { transformHere } from '../lambda/image/here.ts';
import { formatOf } from '../lambda/image/source-format.ts';
import { resolveRecipe } from '../lambda/recipe/recipe.ts';

const PYTHON = new URL('../.venv/bin/python', import.meta.url).pathname;
const PHOTO = new URL('../../shared/images/photos/Dragonfly_by_Bolly.jpg', import.meta.url).pathname;
/** Most that HEIC may cost, as a multiple of JPEG. */
const MOST_RATIO = 25;
const MOST_MEGABYTES = 700;

const [first, path] = process.argv.slice(2);
if (first === 'measure' && path !== undefined) await measure(path, Number(process.argv[4]));
else compare(Number(first ?? 5));

/** In a process of its own: the median of the milliseconds of processor time, which a busy machine leaves alone, the first left out; and the peak of its memory. */
async function measure(path: string, rounds: number): Promise<void> {
  const body = readFileSync(path);
  const recipe = resolveRecipe({ format: 'jpeg', resize: { width: 1024 } });
  const limits = limitsSchema.parse({});
  const times: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const input = { body: Buffer.from(body), key: 'photo', recipe, limits };
    const start = process.cpuUsage();
    await transformHere(input, formatOf(input));
    const { user, system } = process.cpuUsage(start);
    times.push((user + system) / 1000);
  }
  const sorted = times.slice(1).sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  console.log(JSON.stringify({ first: times[0], median, megabytes: process.resourceUsage().maxRSS / 1024 }));
}

interface Measured {
  readonly first: number;
  readonly median: number;
  readonly megabytes: number;
}

function compare(rounds: number): void {
  if (!existsSync(PYTHON)) throw new Error(`expected ${PYTHON}; run scripts/judges.sh`);
  const work = mkdtempSync(join(tmpdir(), 'image-fanout-heic-'));
  try {
    const script = `
import sys
import pillow_heif
from PIL import Image
pillow_heif.register_heif_opener()
photo = Image.open(sys.argv[1]).convert("RGB").resize((4032, 3024), Image.LANCZOS)
photo.save(sys.argv[2] + "/photo.heic", quality=60)
photo.save(sys.argv[2] + "/photo.jpg", quality=85)`;
    execFileSync(PYTHON, ['-c', script, PHOTO, work]);
    const [jpeg, heic] = ['photo.jpg', 'photo.heic'].map((name): Measured => {
      const run = spawnSync(process.execPath, [import.meta.filename, 'measure', join(work, name), String(rounds)], {
        encoding: 'utf8',
      });
      if (run.status !== 0) throw new Error(run.stderr);
      return JSON.parse(run.stdout) as Measured;
    });
    if (jpeg === undefined || heic === undefined) throw new Error('nothing was measured');
    for (const [name, { first: cold, median, megabytes }] of Object.entries({ jpeg, heic })) {
      console.log(
        `${name}: ${median.toFixed(0)} ms of processor time, the first ${cold.toFixed(0)} ms, peak ${megabytes.toFixed(0)} MB`,
      );
    }
    const ratio = heic.median / jpeg.median;
    console.log(`ratio ${ratio.toFixed(1)} (at most ${MOST_RATIO}), peak at most ${MOST_MEGABYTES} MB`);
    process.exitCode = ratio <= MOST_RATIO && heic.megabytes <= MOST_MEGABYTES ? 0 : 1;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
