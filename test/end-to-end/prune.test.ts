// What prune removes, as a property: exactly what provenance proves to be of the source and no longer asked for.
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Location } from '../../lambda/contract/location.ts';
import type { JobInput } from '../../lambda/job/job.ts';
import { parseJob } from '../../lambda/job/job.ts';
import { prepareJob } from '../../lambda/prepare/prepare.ts';
import { openContext } from '../../lambda/process/process.ts';
import { deleteAll, type Removed } from '../../lib/cli/prune-delete.ts';
import { type PrunePlan, planPrune, type Removal } from '../../lib/cli/prune-plan.ts';
import { makePlaces, type Places } from '../helpers/places.ts';
import { runJob, tinyImage, type Where, within } from './job-run.ts';

const recipe = (...outputs: { name: string; key: string }[]) =>
  ({ format: 'jpeg', resize: { width: 8 }, outputs }) as const satisfies JobInput['recipe'];

/** Keys that the recipe alone tells, and keys that only the image does; some stand in several. */
const RECIPES = {
  one: recipe({ name: 'a', key: '{name}-a.jpg' }),
  two: recipe({ name: 'a', key: '{name}-a.jpg' }, { name: 'b', key: '{name}-b.jpg' }),
  hashed: recipe({ name: 'b', key: '{name}-b.jpg' }, { name: 'h', key: '{name}-x{hash}.jpg' }),
  onlyHashed: recipe({ name: 'h', key: '{name}-x{hash}.jpg' }),
} as const;
const recipes = fc.constantFrom(...(Object.keys(RECIPES) as (keyof typeof RECIPES)[]));

async function planOf(where: Where, job: JobInput): Promise<PrunePlan & { readonly removals: readonly Removal[] }> {
  const { source, destination, open } = where;
  const dependencies = { open, defaults: { source, destination, maxConcurrency: 1 } };
  const prepared = await prepareJob(parseJob(job), 'prune', dependencies, destination);
  const { signal } = new AbortController();
  const removals: Removal[] = [];
  const contexts = [await openContext(prepared, open, signal)] as const;
  const plan = await planPrune({
    contexts: [contexts[0]],
    signal,
    remove: async (some) => void removals.push(...some),
  });
  return { ...plan, removals };
}

async function carryOut({ source, destination, open }: Where, removals: readonly Removal[]): Promise<Removed[]> {
  const done: Removed[] = [];
  await deleteAll(
    (async function* () {
      yield* removals;
    })(),
    {
      ...{ source: open(source.bucket), destination: open(destination.bucket) },
      ...{ signal: new AbortController().signal, check: async () => {}, onRemoved: (one) => void done.push(one) },
    },
  );
  return done;
}

async function outputsOf({ destination, open }: Where): Promise<Map<string, string>> {
  const store = open(destination.bucket);
  const found = new Map<string, string>();
  for await (const page of store.list(destination.prefix)) {
    for (const { key } of page) {
      const name = key.slice(destination.prefix.length);
      if (!name.startsWith('.image-fanout/')) found.set(name, (await store.read(key)).body.toString('hex'));
    }
  }
  return found;
}

describe.each(['directories', 'S3'] as const)('in %s', (kind) => {
  let places: Places;
  let cases = 0;
  beforeAll(async () => {
    places = await makePlaces(kind);
  });
  afterAll(() => places.close());

  const put = (where: Where, place: Location, name: string, body: Buffer | string) =>
    where.open(place.bucket).write(place.prefix + name, Buffer.from(body));
  const fresh = async () => {
    if (kind === 'S3') return { places, where: within(places, `case-${++cases}`), close: async () => {} };
    const own = await makePlaces(kind);
    return { places: own, where: own as Where, close: own.close };
  };

  test('exactly what is of the source and no longer asked for goes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(recipes, { minLength: 1, maxLength: 2 }),
        recipes,
        fc.subarray(['a', 'b', 'c'] as const),
        fc.subarray(['a', 'b', 'c'] as const),
        fc.subarray(['a', 'd'] as const),
        async (before, last, gone, changed, broken) => {
          const { where, places: own, close } = await fresh();
          try {
            const red = { a: 10, b: 60, c: 110, d: 160 };
            for (const name of ['a', 'b', 'c', 'd'] as const)
              await put(where, where.source, `${name}.jpg`, await tinyImage('jpeg', red[name]));
            for (const name of before) await runJob(where, { recipe: RECIPES[name] });
            // Others: of nobody, of another source, of ours and changed since.
            await put(where, where.destination, 'nobody-a.jpg', 'by nobody');
            if (kind === 'S3') {
              const elsewhere = { bucket: 'photos', prefix: `other-${cases}/` };
              await put(where, elsewhere, 'z.jpg', await tinyImage());
              await runJob({ ...where, source: elsewhere }, { recipe: RECIPES.two });
            }
            const prefix = kind === 'S3' ? where.source.prefix.slice(3) : '';
            for (const name of gone) await own.removeSource(`${prefix}${name}.jpg`);
            for (const name of changed)
              if (!gone.includes(name))
                await put(where, where.source, `${name}.jpg`, await tinyImage('jpeg', red[name] + 20));
            for (const name of broken)
              if (name === 'd' || !gone.includes(name)) await put(where, where.source, `${name}.jpg`, 'no image');
            const { rows } = await runJob(where, { recipe: RECIPES[last], toleratedFailureCount: 9 });
            const failed = rows.filter(({ status }) => status === 'failed').map(({ key }) => key.at(-5) as string);
            const changedByHand = [...(await outputsOf(where)).keys()].find((name) => name.startsWith('c-'));
            if (changedByHand !== undefined) await put(where, where.destination, changedByHand, 'by hand');

            const there = await outputsOf(where);
            // What a first run of the job would write.
            const asked = new Set(
              rows.flatMap((row) => (row.status === 'succeeded' ? row.outputs.map(({ key }) => key) : [])),
            );
            const upToDate = rows.filter(({ status }) => status === 'skipped').map(({ key }) => key.at(-5) as string);
            const plan = await planOf(where, { recipe: RECIPES[last] });
            const done = await carryOut(where, plan.removals);
            expect(done.every(({ result }) => result === 'removed')).toBe(true);
            const left = await outputsOf(where);
            for (const [name, bytes] of left) expect(bytes).toBe(there.get(name));

            for (const name of there.keys()) {
              const letter = name[0] as string;
              const isForeign = name.startsWith('nobody') || name.startsWith('z-') || name === changedByHand;
              const isGone = (gone as readonly string[]).includes(letter);
              const isAsked = asked.has(where.destination.prefix + name);
              const because = `${name} before ${before.join()} last ${last} gone ${gone.join()} changed ${changed.join()} broken ${broken.join()}`;
              if (isForeign || isAsked || failed.includes(letter))
                expect(left.has(name), because).toBe(!isGone || isForeign);
              else if (isGone) expect(left.has(name), because).toBe(false);
              else if (!upToDate.includes(letter) && letter !== 'c') expect(left.has(name), because).toBe(false);
            }
            expect((await planOf(where, { recipe: RECIPES[last] })).removals).toEqual([]);
            // Nothing that was asked for is missing: a run has nothing to do but for what failed and what was changed.
            const again = await runJob(where, { recipe: RECIPES[last], toleratedFailureCount: 9 });
            for (const row of again.rows) {
              const letter = row.key.at(-5) as string;
              if (letter !== 'c' && !failed.includes(letter) && last !== 'onlyHashed')
                expect(row.status, row.key).toBe('skipped');
            }
          } finally {
            await close();
          }
        },
      ),
      { numRuns: kind === 'S3' ? 8 : 12 },
    );
  }, 240_000);

  test('what changes between the plan and the removal stays', async () => {
    const { where, places: own, close } = await fresh();
    try {
      for (const name of ['a', 'b', 'c', 'd']) await put(where, where.source, `${name}.jpg`, await tinyImage());
      await runJob(where, { recipe: RECIPES.one });
      const prefix = kind === 'S3' ? where.source.prefix.slice(3) : '';
      for (const name of ['a', 'b', 'c']) await own.removeSource(`${prefix}${name}.jpg`);
      const { removals, kept } = await planOf(where, { recipe: RECIPES.one });
      expect(removals.map(({ key, reason }) => [key.at(-7), reason]).sort()).toEqual([
        ['a', 'sourceGone'],
        ['b', 'sourceGone'],
        ['c', 'sourceGone'],
      ]);
      expect(kept).toEqual({ askedFor: 1 });
      await put(where, where.source, 'a.jpg', await tinyImage());
      await put(where, where.destination, 'b-a.jpg', 'by hand');
      const done = await carryOut(where, removals);
      expect(done.map(({ key, result, why }) => [key.at(-7), result, why]).sort()).toEqual([
        ['a', 'kept', 'sourceChanged'],
        ['b', 'kept', 'outputChanged'],
        ['c', 'removed', undefined],
      ]);
      expect([...(await outputsOf(where)).keys()].sort()).toEqual(['a-a.jpg', 'b-a.jpg', 'd-a.jpg']);
      // A version that is not the one that is named is not removed, nor is what is not ours.
      const store = where.open(where.destination.bucket);
      const key = `${where.destination.prefix}d-a.jpg`;
      expect(await store.remove(key, { etag: '0'.repeat(32) })).toBe(false);
      const foreign = await store.head(`${where.destination.prefix}b-a.jpg`);
      expect(await store.remove(`${where.destination.prefix}b-a.jpg`, { etag: foreign?.etag ?? '' })).toBe(false);
      expect(await store.remove(`${where.destination.prefix}gone.jpg`, { etag: '0'.repeat(32) })).toBe(false);
      expect(await store.remove(key, { etag: (await store.head(key))?.etag ?? '' })).toBe(true);
      expect(await store.head(key)).toBeUndefined();
    } finally {
      await close();
    }
  }, 60_000);
});
