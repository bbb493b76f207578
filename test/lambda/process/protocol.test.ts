// The protocol of a key's outputs: after a kill at any write, with recipes and sources that change, "up to date" is true.
import fc from 'fast-check';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Outcome } from '../../../lambda/contract/outcome.ts';
import { framesTiffOf } from '../../../lambda/image/decoders/carrier.ts';
import { transform } from '../../../lambda/image/transform.ts';
import type { JobInput } from '../../../lambda/job/job.ts';
import type { ProcessEvent } from '../../../lambda/job/prepared.ts';
import { createPrepare } from '../../../lambda/prepare/prepare.ts';
import { createProcess } from '../../../lambda/process/process.ts';
import type { RecipeInput } from '../../../lambda/recipe/recipe.ts';
import type { OpenStore, Store } from '../../../lambda/store/store.ts';
import { eventOf, outcomesFrom, states } from '../../helpers/child.ts';
import { KINDS, makePlaces, type Places } from '../../helpers/places.ts';

/** Recipes that share output keys, with different marks: each output's width tells which recipe made it. */
const OUTPUTS = [['a', 'b'], ['a', 'b'], ['b', 'a', 'c'], ['a'], ['c', 'b'], ['a', 'b', 'c', 'd']] as const;
const recipeOf = (recipe: number): RecipeInput => ({
  outputs: (OUTPUTS[recipe] ?? []).map((name) => ({
    name,
    key: `{dir}{name}-${name}.png`,
    format: 'png',
    resize: { width: 10 + recipe },
  })),
});

/** Sources of one size and many colours: the colour tells which version an output was made of. */
const image = (version: number) =>
  sharp({ create: { width: 60, height: 40, channels: 3, background: { r: (version * 37) % 256, g: 90, b: version } } })
    .png()
    .toBuffer();

describe.each(KINDS)('on %s', (kind) => {
  let places: Places;
  let runs = 0;
  beforeAll(async () => {
    places = await makePlaces(kind);
  });
  afterAll(async () => {
    await places.close();
  });

  async function run(
    keys: readonly string[],
    job: JobInput,
    open: OpenStore = places.open,
    event: Partial<ProcessEvent> = {},
  ): Promise<Outcome[]> {
    runs += 1;
    const full = { ...(await eventOf(places, keys, `run-${runs}`, job)), ...event };
    return outcomesFrom(createProcess({ open, transform }), full);
  }

  /** As a killed process leaves it: after so many changes at the destination, none takes place any more. */
  function killedAfter(changes: number): OpenStore {
    let left = changes;
    const guarded = async <T>(action: () => Promise<T>): Promise<T> => {
      if (left <= 0) throw new Error('killed');
      left -= 1;
      return await action();
    };
    return (bucket) => {
      const store = places.open(bucket);
      return {
        ...store,
        write: (...args: Parameters<Store['write']>) => guarded(() => store.write(...args)),
        invalidate: (...args: Parameters<Store['invalidate']>) => guarded(() => store.invalidate(...args)),
        remove: (...args: Parameters<Store['remove']>) => guarded(() => store.remove(...args)),
      };
    };
  }

  async function looks(key: string): Promise<{ width: number; red: number; blue: number }> {
    const { body } = await places.open(places.destination.bucket).read(places.destination.prefix + key);
    const { data, info } = await sharp(body).raw().toBuffer({ resolveWithObject: true });
    return { width: info.width, red: data[0] ?? -1, blue: data[2] ?? -1 };
  }

  test('each output is of the last recipe and source, whichever were killed before, at any write', {
    timeout: 300_000,
  }, async () => {
    const attempt = fc.record({
      recipe: fc.nat({ max: OUTPUTS.length - 1 }),
      newSource: fc.boolean(),
      changes: fc.oneof(fc.nat({ max: 6 }), fc.constant(99)),
      removed: fc.option(fc.constantFrom('a', 'b', 'c')),
    });
    let examples = 0;
    let version = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(attempt, { minLength: 2, maxLength: 6 }), async (attempts) => {
        examples += 1;
        const name = `p${examples}`;
        const put = async () => {
          version += 1;
          await places.put(`${name}.png`, await image(version));
        };
        await put();
        for (const { recipe, newSource, changes, removed } of attempts) {
          if (newSource) await put();
          // Over S3 a missing output that is not the mark is seen with `verify` only; a directory looks at all.
          if (removed !== null && kind === 'directories') {
            await places.removeOutput(`${name}-${removed}.png`).catch(() => undefined);
          }
          await run([`${name}.png`], { recipe: recipeOf(recipe) }, killedAfter(changes));
        }
        const last = attempts.at(-1)?.recipe ?? 0;
        const first = attempts[0]?.recipe ?? 0;
        for (const recipe of [last, first]) {
          const [state] = states(await run([`${name}.png`], { recipe: recipeOf(recipe) }));
          expect(['succeeded', 'upToDate']).toContain(state);
          for (const output of OUTPUTS[recipe] ?? []) {
            const expected = { width: 10 + recipe, red: (version * 37) % 256, blue: version % 256 };
            expect(await looks(`${name}-${output}.png`), `${output} of recipe ${recipe}`).toEqual(expected);
          }
          expect(states(await run([`${name}.png`], { recipe: recipeOf(recipe) }))).toEqual(['upToDate']);
        }
      }),
      { numRuns: 25 },
    );
  });

  test('a mark is untrue as soon as one of its outputs is about to change, and says all of them once it is true', async () => {
    await places.put('mark.png', await image(3));
    const store = places.open(places.destination.bucket);
    const full = (name: string) => `${places.destination.prefix}mark-${name}.png`;
    const provenance = async (name: string) => (await store.head(full(name)))?.provenance;
    await run(['mark.png'], { recipe: recipeOf(5) });
    expect(await provenance('d')).toMatchObject({ outputs: ['a', 'b', 'c', 'd'].map(full) });
    expect(await provenance('a')).toMatchObject({ mark: full('d') });
    const before = await store.read(full('d'));
    // Killed after the first change: recipe 3 has one output, `a`, and another mark.
    expect(states(await run(['mark.png'], { recipe: recipeOf(3) }, killedAfter(1)))).toEqual(['UnexpectedError']);
    expect(await provenance('d')).toMatchObject({ fingerprint: 'stale' });
    expect((await store.read(full('d'))).body).toEqual(before.body);
    expect(states(await run(['mark.png'], { recipe: recipeOf(5) }))).toEqual(['succeeded']);
    expect(states(await run(['mark.png'], { recipe: recipeOf(5) }))).toEqual(['upToDate']);
  });

  test('a lost output is made again: always in a directory, with verify over S3', async () => {
    await places.put('lost.png', await image(4));
    const recipe = recipeOf(1);
    await run(['lost.png'], { recipe });
    await places.removeOutput('lost-a.png');
    if (kind !== 'directories') expect(states(await run(['lost.png'], { recipe }))).toEqual(['upToDate']);
    const job = kind !== 'directories' ? { recipe, verify: true } : { recipe };
    expect(states(await run(['lost.png'], job))).toEqual(['succeeded']);
    expect(await looks('lost-a.png')).toMatchObject({ width: 11 });
    expect(states(await run(['lost.png'], job))).toEqual(['upToDate']);
  });

  describe('of a source of several pages', () => {
    const paged: RecipeInput = {
      pages: 'all',
      outputs: [
        { name: 'a', format: 'png', key: '{dir}{name}-a{page}.png', resize: { width: 8 } },
        { name: 'b', format: 'png', key: '{dir}{name}-b{page}.png' },
      ],
      manifest: { key: '{dir}{name}.json' },
    };
    const pagesOf = (count: number, blue: number): Buffer =>
      framesTiffOf({
        ...({ width: 12, height: 12, channels: 3, depth: 8, orientation: 1 } as const),
        frames: Array.from({ length: count }, (_, page) =>
          Buffer.from(Array.from({ length: 144 }, () => [page, 0, blue]).flat()),
        ),
      });

    test('all are made, up to date, and made again when one is lost or a kill came between', async () => {
      const keys = ['doc.tif'];
      await places.put('doc.tif', pagesOf(3, 1));
      for (const changes of [0, 1, 3, 6]) await run(keys, { recipe: paged }, killedAfter(changes));
      await run(keys, { recipe: paged });
      const [outcome] = await run(keys, { recipe: paged });
      expect(outcome).toMatchObject({ status: 'skipped', reason: 'upToDate' });
      const made = [...(await places.outputs()).keys()].filter((key) => key.startsWith('doc'));
      expect(made.sort()).toEqual(
        [...[1, 2, 3].flatMap((page) => [`doc-a${page}.png`, `doc-b${page}.png`]), 'doc.json'].sort(),
      );
      await places.removeOutput('doc-a3.png');
      const job = kind !== 'directories' ? { recipe: paged, verify: true } : { recipe: paged };
      expect(states(await run(keys, job))).toEqual(['succeeded']);
      expect(await looks('doc-a3.png')).toMatchObject({ red: 2, width: 8 });
      expect(states(await run(keys, job))).toEqual(['upToDate']);
    });

    test('a new version with fewer pages is made anew, its manifest lists what it has, and the account what is left over', async () => {
      const keys = ['fewer.tif'];
      await places.put('fewer.tif', pagesOf(4, 1));
      await run(keys, { recipe: paged });
      await places.put('fewer.tif', pagesOf(2, 2));
      const [outcome] = await run(keys, { recipe: paged });
      const full = (name: string): string => places.destination.prefix + name;
      expect(outcome).toMatchObject({
        status: 'succeeded',
        leftover: ['fewer-a3.png', 'fewer-b3.png', 'fewer-a4.png', 'fewer-b4.png'].map(full),
      });
      expect(await looks('fewer-b2.png')).toEqual({ width: 12, red: 1, blue: 2 });
      const store = places.open(places.destination.bucket);
      const fingerprintOf = async (name: string) => (await store.head(full(name)))?.provenance?.fingerprint;
      expect(await fingerprintOf('fewer-b4.png')).not.toBe(await fingerprintOf('fewer-b2.png'));
      const manifest = JSON.parse(String((await places.outputs()).get('fewer.json')));
      expect(manifest.outputs).toHaveLength(4);
      expect(states(await run(keys, { recipe: paged }))).toEqual(['upToDate']);
      // And back: what is there of the first version is taken for what it is.
      await places.put('fewer.tif', pagesOf(4, 1));
      const [again] = await run(keys, { recipe: paged });
      expect(again?.status).toBe('succeeded');
      expect(again).not.toHaveProperty('leftover');
      for (const page of [1, 2, 3, 4])
        expect(await looks(`fewer-b${page}.png`)).toEqual({ width: 12, red: page - 1, blue: 1 });
    });

    test('a page at the key of another source is an OutputCollision, and harms none', async () => {
      const recipe: RecipeInput = { pages: 'all', format: 'png', key: '{dir}{name}{page}.png' };
      await places.put('col/x.tif', pagesOf(11, 3));
      await places.put('col/x1.tif', pagesOf(1, 9));
      const outcomes = await run(['col/x.tif', 'col/x1.tif'], { recipe, toleratedFailureCount: 10 });
      expect(states(outcomes).sort()).toEqual(['OutputCollision', 'succeeded']);
    });

    test('a single output of a single page is up to date as well', async () => {
      const recipe: RecipeInput = { pages: 'all', format: 'png' };
      await places.put('single.tif', pagesOf(1, 3));
      expect(states(await run(['single.tif'], { recipe }))).toEqual(['succeeded']);
      expect(states(await run(['single.tif'], { recipe, verify: true }))).toEqual(['upToDate']);
    });
  });

  test('several outputs that may not be written are one failure of their key, and no key beside it is harmed', async () => {
    const recipe = recipeOf(5);
    const store = places.open(places.destination.bucket);
    for (const name of ['a', 'b', 'd']) {
      await store.write(`${places.destination.prefix}foreign-${name}.png`, Buffer.from('precious'));
    }
    await places.put('foreign.png', await image(5));
    await places.put('beside.png', await image(6));
    const outcomes = await run(['foreign.png', 'beside.png'], { recipe, toleratedFailureCount: 10 });
    expect(states(outcomes)).toEqual(['OutputExists', 'succeeded']);
    expect((await places.outputs()).get('foreign-a.png')?.toString()).toBe('precious');
    expect((await places.outputs()).has('foreign-c.png')).toBe(false);
  });

  test('two sources of several outputs each that meet are one success and one OutputCollision', async () => {
    for (const folder of ['m1', 'm2', 'm3']) {
      await places.put(`${folder}/x.png`, await image(7));
      await places.put(`${folder}/x.gif`, await image(8));
    }
    const keys = ['m1', 'm2', 'm3'].flatMap((folder) => [`${folder}/x.png`, `${folder}/x.gif`]);
    const outcomes = await run(keys, { recipe: recipeOf(5), toleratedFailureCount: 10 });
    for (const pair of [outcomes.slice(0, 2), outcomes.slice(2, 4), outcomes.slice(4, 6)]) {
      expect(states(pair).sort()).toEqual(['OutputCollision', 'succeeded']);
    }
  });

  test('a key that fails leaves its output key to a good sibling, at the same time and in any order', async () => {
    for (const [turn, order] of [
      ['x.png', 'x.gif'],
      ['x.gif', 'x.png'],
    ].entries()) {
      await places.put(`s${turn}/x.png`, 'no image');
      await places.put(`s${turn}/x.gif`, await image(9));
      const keys = order.map((key) => `s${turn}/${key}`);
      const outcomes = await run(keys, { recipe: recipeOf(1), toleratedFailureCount: 10 });
      const by = Object.fromEntries(keys.map((key, place) => [key.slice(3), states(outcomes)[place]]));
      expect(by).toEqual({ 'x.png': 'NotAnImage', 'x.gif': 'succeeded' });
    }
  });

  describe('a recorded ETag', () => {
    const key = 'recorded.png';
    const recipe = recipeOf(3);
    async function upToDateBy(kindOfReader: 'LIST' | 'CSV', event: Partial<ProcessEvent>): Promise<string> {
      const { source, destination, open } = places;
      await places.put(key, await image(11));
      await run([key], { recipe });
      const before = (await open(source.bucket).head(source.prefix + key))?.etag;
      version += 13;
      await places.put(key, await image(version));
      const prepare = createPrepare({ open, defaults: { source, destination, maxConcurrency: 4 } });
      runs += 1;
      const state = await prepare({ input: { recipe }, execution: { name: `run-${runs}`, startTime: '' } });
      const store = open(state.run.bucket);
      const job = JSON.parse((await store.read(state.run.key)).body.toString());
      job.reader = kindOfReader === 'LIST' ? job.reader : { kind: 'CSV', bucket: source.bucket, key: 'keys.csv' };
      await store.write(state.run.key, Buffer.from(JSON.stringify(job)));
      const item = { Key: source.prefix + key, key: source.prefix + key, ETag: before, Etag: before };
      const { outcomes } = await createProcess({ open, transform })({
        Items: [{ index: 0, item }],
        ...event,
        BatchInput: { run: state.run, ...event.BatchInput },
      });
      return String(states(outcomes)[0]);
    }
    let version = 20;
    const long = new Date(Date.now() - 7_200_000).toISOString();

    test('is believed when this execution has listed it', async () => {
      const now = new Date().toISOString();
      const event = { BatchInput: { started: now, redrives: 0 } } as unknown as ProcessEvent;
      expect(await upToDateBy('LIST', event)).toBe('upToDate');
    });
    test.each<[string, 'LIST' | 'CSV', object]>([
      ["a user's CSV", 'CSV', {}],
      ['a child that is redriven', 'LIST', { redrives: 1 }],
      ['a redrive', 'LIST', { BatchInput: { redrives: 1 } }],
      ['a listing of two hours ago', 'LIST', { BatchInput: { started: long } }],
    ])('is not believed of %s', async (_name, reader, event) => {
      expect(await upToDateBy(reader, event as Partial<ProcessEvent>)).toBe('succeeded');
    });
  });
});
