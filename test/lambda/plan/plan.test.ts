// A plan against the run it is of: what it counts is exact, what it tells holds the truth, and nothing is written.
import sharp from 'sharp';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTransform } from '../../../lambda/image/transform.ts';
import { type JobInput, parseJob } from '../../../lambda/job/job.ts';
import { makePlan, type PlanOptions } from '../../../lambda/plan/plan.ts';
import type { PlanReport } from '../../../lambda/plan/report.ts';
import { prepareJob } from '../../../lambda/prepare/prepare.ts';
import { openJobItems } from '../../../lib/cli/job-items.ts';
import { runJob } from '../../end-to-end/job-run.ts';
import { type Kind, makePlaces, type Places } from '../../helpers/places.ts';

const RECIPE = {
  outputs: [
    { name: 'small', format: 'webp', resize: { width: 60, withoutEnlargement: true }, key: '{dir}{name}-s.{format}' },
    { name: 'tiny', format: 'jpeg', resize: { width: 8 }, key: '{dir}{name}-t.{format}' },
  ],
} satisfies JobInput['recipe'];
const transform = createTransform();

let places: Places;
afterEach(() => places.close());

async function planOf(job: JobInput, options: Partial<PlanOptions> = {}): Promise<PlanReport> {
  const { source, destination, open } = places;
  const dependencies = { open, defaults: { source, destination, maxConcurrency: 4 } };
  const prepared = await prepareJob(parseJob(job), 'plan', dependencies, destination);
  const { signal } = new AbortController();
  const pages = async () => (await openJobItems(prepared, open, signal)).pages({ count: 0 });
  return await makePlan({ job: prepared, open, transform, pages, ...options });
}

/** Images of three formats and many sizes, by name. */
const images = new Map<string, Buffer>();
beforeAll(async () => {
  for (let at = 0; at < 12; at++) {
    const side = 20 + ((at * 37) % 120);
    const noise = { type: 'gaussian', mean: 120, sigma: 10 + at * 3 } as const;
    const picture = sharp({ create: { width: side, height: side, channels: 3, background: 'white', noise } });
    images.set(`${at}.jpg`, await picture.clone().jpeg().toBuffer());
    images.set(`${at}.png`, await picture.clone().png().toBuffer());
    images.set(`${at}.webp`, await picture.clone().webp().toBuffer());
  }
});

/** So many keys of the images in turn; every `broken`-th is cut short. */
async function put(count: number, broken: number): Promise<void> {
  const all = [...images];
  for (let at = 0; at < count; at++) {
    const [name, body] = all[at % all.length] as [string, Buffer];
    const cut = at % broken === broken - 1 ? body.subarray(0, body.length / 2) : body;
    await places.put(`f${at % 5}/${String(at).padStart(4, '0')}.${name.split('.')[1]}`, cut);
  }
}

describe.each(['directories', 'S3'] satisfies Kind[])('a plan between %s', (kind) => {
  it('holds what the run then does, for many samples; counts exactly; writes nothing', async () => {
    places = await makePlaces(kind);
    await put(180, 30);
    // Two sources of one output key, one that is empty, one that lies, one that is left out.
    await places.put('f0/0000.png', images.get('0.png') ?? '');
    await places.put('empty.jpg', '');
    await places.put('liar.gif', images.get('3.png') ?? '');
    await places.put('notes.txt', 'x');
    const reports: PlanReport[] = [];
    for (let seed = 1; seed <= 6; seed++) reports.push(await planOf({ recipe: RECIPE }, { seed, sample: 60 }));
    // Not even the directory is there.
    if (kind === 'S3') expect(await places.outputs()).toEqual(new Map());
    else await expect(places.outputs()).rejects.toMatchObject({ name: 'BucketNotFound' });
    const { summary, rows } = await runJob(places, { recipe: RECIPE, toleratedFailurePercentage: 100 });

    const held = { failed: 0, bytes: 0, objects: 0, made: 0 };
    const within = (value: number, { low, high }: { low: number; high: number }) =>
      Number(low <= value && value <= high);
    for (const report of reports) {
      expect(report.listing).toMatchObject({ keys: summary.counts.total, complete: true, skipped: summary.skipped });
      expect(report.collisions).toMatchObject({ keys: 1, outputs: 1 });
      expect(report.collisions.examples[0]?.sources.toSorted()).toEqual(['f0/0000.jpg', 'f0/0000.png']);
      expect(report.sample.tried).toBe(60);
      expect(report.keys).toMatchObject({ lookedAt: 'all', upToDate: { value: 0, low: 0, high: 0 } });
      expect(report.tolerance.stops).toBe('surely');
      const ofClass = (error: string) => report.failures.find((one) => one.error === error);
      expect(ofClass('OutputCollision')).toMatchObject({ sure: 1, keys: { value: 1 } });
      expect(ofClass('NotAnImage')?.sure).toBe(1);
      for (const { error, examples } of report.failures) {
        for (const { key } of examples) {
          const row = rows.find((one) => one.key === key || one.key.endsWith(`/${key}`));
          // Which of two that meet comes first is the run's to say.
          if (error !== 'OutputCollision') expect(row).toMatchObject({ status: 'failed', error });
        }
      }
      held.failed += within(summary.counts.failed, report.keys.failed);
      held.made += within(summary.counts.succeeded, report.keys.made);
      held.bytes += within(summary.bytes.out, report.bytesOut);
      const objects = report.outputs.reduce(
        (sum, one) => [sum[0] + one.objects.low, sum[1] + one.objects.high] as const,
        [0, 0] as readonly [number, number],
      );
      held.objects += within(summary.outputs.written, { low: objects[0], high: objects[1] });
    }
    for (const count of Object.values(held)) expect(count).toBeGreaterThanOrEqual(5);
  });

  it('is certain where all keys are tried', async () => {
    places = await makePlaces(kind);
    await put(30, 10);
    const report = await planOf({ recipe: RECIPE }, { sample: 1000 });
    const { summary } = await runJob(places, { recipe: RECIPE, toleratedFailurePercentage: 100 });
    const known = (value: number) => ({ value, low: value, high: value });
    expect(report.sample.tried).toBe(30);
    expect(report.keys.failed).toEqual(known(summary.counts.failed));
    expect(report.keys.made).toEqual(known(summary.counts.succeeded));
    expect(report.bytesOut).toEqual(known(summary.bytes.out));
    expect(report.bytesIn).toEqual(known(summary.bytes.in));
    expect(report.cpuSeconds.value).toBeGreaterThan(0);
    expect(report.aws.dollars.low).toBe(report.aws.dollars.high);
  });

  it('tells what would be made again, and why', async () => {
    places = await makePlaces(kind);
    await put(24, 1000);
    await runJob(places, { recipe: RECIPE });
    // Only a directory is looked at key by key.
    const lookedAt = kind === 'S3' ? 'sample' : 'all';
    const again = await planOf({ recipe: RECIPE }, { sample: 1000 });
    expect(again.keys).toMatchObject({ lookedAt, upToDate: { value: 24 }, made: { value: 0 } });
    expect(again.aws.run.usage.puts).toBe(0);
    const other = { outputs: RECIPE.outputs.map((output) => ({ ...output, resize: { width: 9 } })) };
    const recipe = await planOf({ recipe: other }, { sample: 1000 });
    expect(recipe.keys.why).toMatchObject({ recipeChanged: { value: 24 } });
    const replaced = await planOf({ recipe: RECIPE, existing: 'replace' }, { sample: 1000 });
    expect(replaced.keys.why).toMatchObject({ replace: { value: 24 } });
    const failing = await planOf({ recipe: RECIPE, existing: 'fail' }, { sample: 1000 });
    expect(failing.failures).toMatchObject([{ error: 'OutputExists', keys: { value: 24 }, sure: 0 }]);
    await places.removeOutput('f0/0000-t.jpg');
    const incomplete = await planOf({ recipe: RECIPE, verify: true }, { sample: 1000 });
    expect(incomplete.keys.upToDate.value).toBe(23);
  });
});

describe('a plan', () => {
  it('tells extensions that lie', async () => {
    places = await makePlaces('directories');
    await places.put('a.jpg', images.get('1.png') ?? '');
    await places.put('b.png', images.get('1.png') ?? '');
    const { lies } = await planOf({ recipe: RECIPE });
    expect(lies).toEqual({
      keys: { value: 1, low: 1, high: 1 },
      examples: [{ key: 'a.jpg', claims: 'jpeg', is: 'png' }],
    });
  });

  it('names what it cannot tell: a list that was not read to its end, a Region without prices, keys that only images tell', async () => {
    places = await makePlaces('directories');
    await put(12, 100);
    const hashed = { outputs: [{ name: 'h', format: 'webp', resize: { width: 8 }, key: '{hash}.{format}' }] } as const;
    const report = await planOf({ recipe: hashed }, { mostListed: 5, region: 'mars-north-1' });
    expect(report.listing).toMatchObject({ keys: 5, complete: false });
    const told = report.notEstimated.map(({ what }) => what).join('\n');
    expect(told).toContain('after the last one that was listed');
    expect(told).toContain('prices in mars-north-1: those of us-east-1 stand in');
    expect(report.notEstimated).toContainEqual({
      what: 'collisions at 1 outputs of each key, whose keys only the image tells',
      keys: 5,
    });
    expect(report.aws).toMatchObject({ region: 'mars-north-1', pricesOf: 'us-east-1' });
  });

  it('takes what was tried until then, when its time is up', async () => {
    places = await makePlaces('directories');
    await put(40, 100);
    const report = await planOf({ recipe: RECIPE }, { sampleMilliseconds: 0 });
    expect(report.sample.tried).toBeLessThan(40);
    expect(report.notEstimated.some(({ what, keys }) => what.includes('none was tried') && (keys ?? 0) > 0)).toBe(true);
  });

  it('is that of a job without a key, too', async () => {
    places = await makePlaces('directories');
    await places.put('notes.txt', 'x');
    const report = await planOf({ recipe: RECIPE });
    expect(report.keys.made.value).toBe(0);
    expect(report.aws.dollars.value).toBeGreaterThanOrEqual(0);
    expect(report.failures).toEqual([]);
  });

  it('is of the keys that are named, too', async () => {
    places = await makePlaces('S3');
    await put(6, 100);
    const report = await planOf({ recipe: RECIPE, keys: ['in/f0/0000.jpg', 'in/gone.jpg'] });
    expect(report.listing.keys).toBe(2);
    expect(report.failures).toMatchObject([
      { error: 'SourceNotFound', keys: { value: 1 }, examples: [{ key: 'in/gone.jpg' }] },
    ]);
  });

  it('tells how to split what is too much for one run', async () => {
    places = await makePlaces('directories');
    await put(40, 100);
    const { scale } = await planOf({ recipe: RECIPE }, { keys: 3e9, within: 3 * 86_400 });
    expect(scale).toMatchObject({ keys: 3e9, runs: 30, keysPerRun: 1e8 });
    const [first, ...others] = scale?.options ?? [];
    expect(first?.accounts).toBe(1);
    expect(Math.min(...others.map(({ seconds }) => seconds))).toBeLessThan(first?.seconds ?? 0);
    expect(scale?.request).toContain('3,000,000,000 images');
    expect(scale?.quotas.some(({ service }) => service === 'Amazon S3')).toBe(true);
    expect(scale?.ways.map(({ by }) => by).toSorted()).toEqual(['account', 'inventory', 'prefix']);
  });
});
