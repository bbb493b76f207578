// Image work in processes of its own: what ends such a process costs one key, is classed, and the run goes on by its own rules.
import { readdirSync, readFileSync } from 'node:fs';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closeIsolated } from '../../lambda/image/isolated.ts';
import { createTransform, type Transform } from '../../lambda/image/transform.ts';
import type { JobInput } from '../../lambda/job/job.ts';
import { makePlaces, type Places } from '../helpers/places.ts';
import { runJob, TINY, tinyImage, within } from './job-run.ts';

let places: Places;

beforeAll(async () => {
  places = await makePlaces('directories');
});
afterAll(async () => {
  closeIsolated();
  await places.close();
});

const isolated = createTransform({ isolate: true });
const MEGABYTE = 1024 * 1024;

/** Interlaced, so that it must be decoded as a whole: three bytes a pixel, and some time. */
function hugeImage(side: number): Promise<Buffer> {
  const image = sharp({ create: { width: side, height: side, channels: 3, background: 'red' } });
  return image.png({ progressive: true, compressionLevel: 1 }).toBuffer();
}

async function album(folder: string): Promise<void> {
  for (let index = 0; index < 6; index++) await places.put(`${folder}/${index}.jpg`, await tinyImage('jpeg', index));
}

describe('with --isolate', () => {
  test('an image that takes too much memory is ImageCrashed, and the run goes on while that is tolerated', async () => {
    await album('memory');
    await places.put('memory/2-huge.png', await hugeImage(8_000));
    const job: JobInput = { recipe: TINY, limits: { memory: 200 * MEGABYTE }, maxConcurrency: 2 };
    const tolerant = await runJob(
      within(places, 'memory'),
      { ...job, toleratedFailureCount: 1 },
      { transform: isolated },
    );
    expect(tolerant.code).toBe(3);
    expect(tolerant.summary.errors).toMatchObject([{ name: 'ImageCrashed', count: 1 }]);
    expect(tolerant.summary.errors[0]?.examples).toMatchObject([
      { key: 'memory/2-huge.png', message: expect.stringMatching(/its process took \d+ bytes of memory/) },
    ]);
    expect(tolerant.summary.counts).toMatchObject({ succeeded: 6, pending: 0 });
    const strict = await runJob(within(places, 'memory'), { ...job, existing: 'replace' }, { transform: isolated });
    expect(strict.code).toBe(2);
    expect(strict.summary.check.balanced).toBe(true);
  });

  test.skipIf(process.platform !== 'linux').each([
    ['once is mended by another try', 1, 0],
    ['again and again is ImageCrashed', Number.POSITIVE_INFINITY, 3],
  ])('a process that is killed %s', async (_, times, expected) => {
    const folder = `killed-${times}`;
    await album(folder);
    await places.put(`${folder}/victim.png`, await hugeImage(4_000));
    let kills = 0;
    // The first image is a small one: whoever holds much more than after that is at work on the victim's 48 MB.
    let least = Number.POSITIVE_INFINITY;
    const transform: Transform = async (input) => {
      if (input.key !== 'victim.png') {
        const made = await isolated(input);
        least = Math.min(least, ...workers().map(({ bytes }) => bytes));
        return made;
      }
      const watch = setInterval(() => {
        for (const { pid, bytes } of workers()) {
          if (kills >= times || bytes < least + 16 * MEGABYTE) continue;
          kills += 1;
          process.kill(pid, 'SIGKILL');
          clearInterval(watch);
        }
      }, 1);
      try {
        return await isolated(input);
      } finally {
        clearInterval(watch);
      }
    };
    const { summary, code, rows } = await runJob(
      within(places, folder),
      { recipe: TINY, maxConcurrency: 1, toleratedFailureCount: 1 },
      { transform },
    );
    expect(code).toBe(expected);
    expect(kills).toBe(times === 1 ? 1 : 2);
    expect(rows.map(({ status }) => status)).toEqual(
      rows.map(({ key }) => (key.endsWith('victim.png') && times > 1 ? 'failed' : 'succeeded')),
    );
    if (times > 1) {
      expect(summary.errors).toMatchObject([
        { name: 'ImageCrashed', examples: [{ message: expect.stringContaining('its process ended with SIGKILL') }] },
      ]);
    }
  });
});

/** This process's image processes, and what they hold of memory. */
function workers(): { readonly pid: number; readonly bytes: number }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .flatMap((pid) => {
      try {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        const parent = /^PPid:\t(\d+)$/m.exec(status)?.[1];
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        const bytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
        return Number(parent) === process.pid && command.includes('isolated-worker') ? [{ pid, bytes }] : [];
      } catch {
        return [];
      }
    });
}
