// Plans against the truth: over photos of many formats, twenty samples and one run; and the memory of a plan of ten million keys.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { limitsSchema } from '../lambda/contract/limits.ts';
import { directoryLocation } from '../lambda/contract/location.ts';
import { chanceFrom } from '../lambda/estimate/chance.ts';
import type { Estimate } from '../lambda/estimate/intervals.ts';
import { closeIsolated } from '../lambda/image/isolated.ts';
import { createTransform } from '../lambda/image/transform.ts';
import { IMAGE_GLOB } from '../lambda/job/image-glob.ts';
import { parseJob } from '../lambda/job/job.ts';
import { createSelection } from '../lambda/job/selection.ts';
import { takeCensus } from '../lambda/plan/census.ts';
import { makePlan } from '../lambda/plan/plan.ts';
import type { PlanReport } from '../lambda/plan/report.ts';
import { draw } from '../lambda/plan/strata.ts';
import { prepareJob } from '../lambda/prepare/prepare.ts';
import { resolveRecipe } from '../lambda/recipe/recipe.ts';
import { openStores } from '../lambda/store/open.ts';
import { openJobItems } from '../lib/cli/job-items.ts';
import { runJob } from '../test/end-to-end/job-run.ts';
import { preparedJob } from '../test/helpers/prepared-job.ts';
import { judge, printTable } from './harness/report.ts';

const IMAGES = resolve(import.meta.dirname, '../../shared/images');
/** Folders of images that are read, and one of such as are not. */
const SOUND = ['photos', 'png', 'webp', 'gif', 'tiff', 'jpeg', 'orientation', 'icc-colour'];
const BROKEN = 'broken';
const { values } = parseArgs({
  options: {
    keys: { type: 'string', default: '2000' },
    seeds: { type: 'string', default: '20' },
    sample: { type: 'string', default: '200' },
    recipe: { type: 'string', default: 'thumbnail' },
    listed: { type: 'string', default: '10000000' },
    /** Larger images are left out: they would be most of the time of this bench. */
    bytes: { type: 'string', default: '1500000' },
    /** `memory` or `truth` alone. */
    part: { type: 'string' },
    /** What a process that this bench starts does: `census`. */
    act: { type: 'string' },
  },
});

if (values.act === 'census') await census(Number(values.listed));
else {
  if (values.part !== 'truth') await memory();
  if (values.part !== 'memory') await truth();
}

/** Keys as cameras and people name them, page by page: nothing else is read. */
async function* pages(keys: number) {
  const chance = chanceFrom(3);
  const extensions = ['jpg', 'jpg', 'jpg', 'JPG', 'png', 'webp', 'heic', 'txt'];
  for (let at = 0; at < keys; at += 1000) {
    yield Array.from({ length: Math.min(1000, keys - at) }, (_, place) => {
      const number = at + place;
      // One of a thousand has the name of the one before, with another extension.
      const name = number % 1000 === 999 ? number - 1 : number;
      const extension = number % 1000 === 999 ? 'tif' : extensions[number % extensions.length];
      const Size = Math.floor(20_000 * 400 ** chance());
      const Key = `photos/2026/${String(name >> 12).padStart(6, '0')}/IMG_${String(name).padStart(9, '0')}.${extension}`;
      const Etag = '"0123456789abcdef0123456789abcdef"';
      return { value: { Key, Size, Etag, LastModified: 1_700_000_000, StorageClass: 'STANDARD' } };
    });
  }
}

async function census(keys: number): Promise<void> {
  const job = preparedJob('/tmp', 'runs/bench/', {
    recipe: resolveRecipe('web'),
    include: [IMAGE_GLOB],
    limits: limitsSchema.parse({}),
  });
  const context = { job, selection: createSelection(job.include, job.exclude) };
  const begun = performance.now();
  const found = await takeCensus(pages(keys), { context, chance: chanceFrom(1), room: 200 });
  const drawn = draw(found.strata, 200, chanceFrom(2)).reduce((sum, { sample }) => sum + sample.length, 0);
  const { keys: listed, selected, collisions } = found;
  process.stdout.write(
    JSON.stringify({
      ...{ listed, selected, drawn, collisions: collisions.keys, seconds: (performance.now() - begun) / 1000 },
      megabytes: process.resourceUsage().maxRSS / 1024,
    }),
  );
}

async function memory(): Promise<void> {
  const keys = Number(values.listed);
  const child = spawn(process.execPath, [import.meta.filename, '--act', 'census', '--listed', values.listed], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  await new Promise((done) => child.on('close', done));
  const { megabytes, seconds, collisions, listed, selected, drawn } = JSON.parse(text) as Record<string, number>;
  console.log(
    `${listed} keys listed, ${selected} meant, ${drawn} drawn, ${collisions} collide: ${seconds?.toFixed(0)} s, ${megabytes?.toFixed(0)} MB`,
  );
  judge('MB resident at most', megabytes ?? Number.NaN, { atMost: 500 });
  // Each thousandth key, but for those whose neighbour is no image.
  const expected = Array.from({ length: Math.floor(keys / 1000) }, (_, at) => (at * 1000 + 998) % 8 !== 7).filter(
    Boolean,
  );
  judge('collisions missed or made up', Math.abs((collisions ?? 0) - expected.length), { atMost: 0 });
}

/** Images repeated to so many keys, 3 % of them broken ones; some of them meet at one output key. */
async function gather(directory: string, keys: number) {
  const chance = chanceFrom(11);
  const load = async (folder: string) =>
    await Promise.all(
      (await readdir(join(IMAGES, folder)))
        .filter((name) => extname(name) !== '')
        .sort()
        .map(async (name) => ({ extension: extname(name), body: await readFile(join(IMAGES, folder, name)) })),
    );
  const sound = (await Promise.all(SOUND.map(load))).flat().filter(({ body }) => body.length <= Number(values.bytes));
  const broken = await load(BROKEN);
  for (let at = 0; at < keys; at++) {
    const from = at % 100 < 3 ? broken : sound;
    const { extension, body } = from[Math.floor(chance() * from.length)] as (typeof sound)[number];
    const folder = join(directory, `f${at % 20}`);
    await mkdir(folder, { recursive: true });
    // Two of a hundred have the name of another one, and mostly another extension.
    const name = at % 50 === 49 ? at - 20 : at;
    await writeFile(join(folder, `${String(name).padStart(6, '0')}${extension}`), body);
  }
}

async function truth(): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'image-fanout-bench-plan-'));
  const stores = openStores();
  try {
    await gather(join(root, 'source'), Number(values.keys));
    const where = {
      source: directoryLocation(join(root, 'source')),
      destination: directoryLocation(join(root, 'destination')),
      open: stores.open,
    };
    const { recipe } = values;
    const job = await prepareJob(
      parseJob({ recipe }),
      'plan',
      { ...where, defaults: { ...where, maxConcurrency: 4 } },
      directoryLocation(root),
    );
    const { signal } = new AbortController();
    const planOf = async (seed: number, sample: number) =>
      await makePlan({
        ...{ job, seed, sample, open: stores.open, transform: createTransform() },
        pages: async () => (await openJobItems(job, stores.open, signal)).pages({ count: 0 }),
      });
    // The truth of time is a plan that tries every key: one at a time, as the sample is.
    const before = await planOf(0, 1e6);
    const plans: PlanReport[] = [];
    for (let seed = 1; seed <= Number(values.seeds); seed++) plans.push(await planOf(seed, Number(values.sample)));
    const after = await planOf(0, 1e6);
    const { summary } = await runJob(where, { recipe: recipe as 'web', toleratedFailurePercentage: 100 });
    // The machine is not the same all the time: the truth is what it took before and after.
    const cpu = [before.cpuSeconds.value, after.cpuSeconds.value].sort((a, b) => a - b) as [number, number];
    const meet = new Set(summary.errors.filter(({ name }) => name === 'OutputCollision').map(({ count }) => count));
    const columns = {
      failures: [summary.counts.failed, ({ keys }) => keys.failed],
      bytes: [summary.bytes.out, ({ bytesOut }) => bytesOut],
      'CPU seconds': [(cpu[0] + cpu[1]) / 2, ({ cpuSeconds }) => cpuSeconds],
    } satisfies Record<string, [number, (plan: (typeof plans)[number]) => Estimate]>;
    console.log(
      `${summary.counts.total} keys, ${summary.counts.failed} failed, ${[...meet]} for collisions; ${values.sample} tried; all of them take ${cpu.map((one) => one.toFixed(1)).join(' and ')} s of CPU time`,
    );
    const rows = Object.entries(columns).map(([name, [value, of]]) => {
      const inside = plans.filter((plan) => of(plan).low <= value && value <= of(plan).high).length;
      const width = plans.reduce((sum, plan) => sum + (of(plan).high - of(plan).low) / 2 / value, 0) / plans.length;
      const off = plans.reduce((sum, plan) => sum + of(plan).value / value - 1, 0) / plans.length;
      return { name, value, inside, width, off };
    });
    printTable([
      ['', 'truth', 'within', 'half the interval', 'off on average'],
      ...rows.map(({ name, value, inside, width, off }) => [
        name,
        value.toFixed(1),
        `${inside} of ${plans.length}`,
        `${(width * 100).toFixed(1)} %`,
        `${(off * 100).toFixed(1)} %`,
      ]),
    ]);
    for (const { name, inside } of rows)
      judge(`${name}: share of intervals that hold`, inside / plans.length, { atLeast: 0.9 });
    const exact = plans.filter(
      ({ listing, collisions }) =>
        listing.keys === summary.counts.total && collisions.keys === after.collisions.keys && meet.size <= 1,
    );
    judge('plans with keys and collisions exact', exact.length / plans.length, { atLeast: 1 });
  } finally {
    closeIsolated();
    await stores.close();
    await rm(root, { recursive: true });
  }
}
