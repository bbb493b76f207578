// One child execution: keys in, renditions written, outcomes out; on directories and on S3.
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FanoutError } from '../../../lambda/contract/errors.ts';
import type { Outcome } from '../../../lambda/contract/outcome.ts';
import { transform } from '../../../lambda/image/transform.ts';
import type { JobInput } from '../../../lambda/job/job.ts';
import type { ProcessEvent } from '../../../lambda/job/prepared.ts';
import { createPrepare } from '../../../lambda/prepare/prepare.ts';
import { createProcess, type Process } from '../../../lambda/process/process.ts';
import type { RecipeInput } from '../../../lambda/recipe/recipe.ts';
import type { OpenStore } from '../../../lambda/store/store.ts';
import { eventOf as eventIn, outcomesFrom, states } from '../../helpers/child.ts';
import { type Kind, makePlaces, type Places } from '../../helpers/places.ts';

const JPEG = {
  outputs: [{ name: 'small', key: '{dir}{name}.{format}', format: 'jpeg', resize: { width: 32 } }],
} satisfies RecipeInput;
const TWO = {
  outputs: [
    { name: 'a', key: '{dir}{name}-a.{format}', format: 'jpeg', resize: { width: 32 } },
    { name: 'b', key: '{dir}{name}-b.{format}', format: 'webp', resize: { width: 16 } },
  ],
} satisfies RecipeInput;

const image = (red: number, width = 64) =>
  sharp({ create: { width, height: 48, channels: 3, background: { r: red, g: 120, b: 40 } } })
    .jpeg()
    .toBuffer();

describe.each<Kind>(['directories', 'S3'])('process on %s', (kind) => {
  let places: Places;
  let runs = 0;

  beforeAll(async () => {
    places = await makePlaces(kind);
  });
  afterAll(async () => {
    await places.close();
  });

  /** Runs the keys as one child of a new run (or of the run named), and tells what became of each. */
  async function run(
    keys: readonly string[],
    job: JobInput = {},
    name = `run-${++runs}`,
    handler: Process = createProcess({ open: places.open, transform }),
  ): Promise<Outcome[]> {
    return outcomesFrom(handler, await eventOf(keys, name, job));
  }

  const eventOf = (keys: readonly string[], name: string, job: JobInput = {}): Promise<ProcessEvent> =>
    eventIn(places, keys, name, { recipe: JPEG, ...job });

  test('writes what the recipe asks for and tells of it in item order', async () => {
    await places.put('first/a b+ä.jpg', await image(1));
    await places.put('first/c.JPG', await image(2));
    const outcomes = await run(['first/c.JPG', 'first/', 'first/notes.txt', 'first/a b+ä.jpg'], {
      include: ['*.jpg', '*.JPG'],
    });
    expect(states(outcomes)).toEqual(['succeeded', 'folderMarker', 'notIncluded', 'succeeded']);
    const outputs = await places.outputs();
    expect([...outputs.keys()]).toEqual(['first/a b+ä.jpg', 'first/c.jpg']);
    expect(outcomes[0]).toMatchObject({
      index: 0,
      key: `${places.source.prefix}first/c.JPG`,
      source: { format: 'jpeg', width: 64, height: 48 },
      outputs: [
        {
          name: 'small',
          key: `${places.destination.prefix}first/c.jpg`,
          bytes: outputs.get('first/c.jpg')?.length,
          width: 32,
          height: 24,
        },
      ],
    });
  });

  test('finds up to date what an earlier run wrote, and works again when source, recipe or wish changes', async () => {
    await places.put('again/a.jpg', await image(3));
    expect(states(await run(['again/a.jpg']))).toEqual(['succeeded']);
    expect(states(await run(['again/a.jpg']))).toEqual(['upToDate']);
    expect(states(await run(['again/a.jpg'], { existing: 'replace' }))).toEqual(['succeeded']);
    expect(states(await run(['again/a.jpg'], { existing: 'fail' }))).toEqual(['OutputExists']);
    const other: RecipeInput = { ...JPEG, extract: { left: 0, top: 0, width: 20, height: 20 } };
    expect(states(await run(['again/a.jpg'], { recipe: other }))).toEqual(['succeeded']);
    await places.put('again/a.jpg', await image(4, 80));
    expect(states(await run(['again/a.jpg'], { recipe: other }))).toEqual(['succeeded']);
    expect(states(await run(['again/a.jpg'], { recipe: other }))).toEqual(['upToDate']);
  });

  test('tells the whole outcome again when a child is delivered twice', async () => {
    await places.put('twice/a.jpg', await image(5));
    for (const existing of ['skip', 'replace', 'fail'] as const) {
      const [first] = await run(['twice/a.jpg'], { existing: 'replace' }, `twice-${existing}`);
      const [second] = await run(
        ['twice/a.jpg'],
        { existing },
        `twice-${existing}`,
        createProcess({ open: places.open, transform }),
      );
      expect(second?.status).toBe('succeeded');
      const { ms: _, outputs, ...facts } = second as Outcome & { status: 'succeeded' };
      expect(first).toMatchObject(facts);
      expect(outputs).toMatchObject([{ upToDate: true }]);
    }
  });

  test('never overwrites what it did not write, unless told to', async () => {
    await places.put('foreign/a.jpg', await image(6));
    const store = places.open(places.destination.bucket);
    await store.write(`${places.destination.prefix}foreign/a.jpg`, Buffer.from('precious'));
    expect(states(await run(['foreign/a.jpg']))).toEqual(['OutputExists']);
    expect((await places.outputs()).get('foreign/a.jpg')?.toString()).toBe('precious');
    expect(states(await run(['foreign/a.jpg'], { existing: 'replace' }))).toEqual(['succeeded']);
  });

  test.each([
    ['one after the other', 1],
    ['at once', 2],
  ])('finds two sources that meet at one key, %s, whichever comes first', async (_name, atOnce) => {
    for (const [turn, order] of [
      ['x.jpg', 'x.png'],
      ['x.png', 'x.jpg'],
    ].entries()) {
      const folder = `meet-${atOnce}-${turn}`;
      await places.put(`${folder}/x.jpg`, await image(7));
      await places.put(
        `${folder}/x.png`,
        await sharp(await image(8))
          .png()
          .toBuffer(),
      );
      const keys = order.map((key) => `${folder}/${key}`);
      const name = `run-${folder}`;
      const handler = createProcess({ open: places.open, transform });
      const job = { toleratedFailureCount: 2 };
      const outcomes =
        atOnce === 2
          ? await run(keys, job, name, handler)
          : [...(await run(keys.slice(0, 1), job, name, handler)), ...(await run(keys.slice(1), job, name, handler))];
      expect(states(outcomes).sort()).toEqual(['OutputCollision', 'succeeded']);
    }
  });

  test('writes nothing when one of several outputs may not be written', async () => {
    await places.put('all/a.jpg', await image(9));
    const store = places.open(places.destination.bucket);
    await store.write(`${places.destination.prefix}all/a-b.webp`, Buffer.from('precious'));
    expect(states(await run(['all/a.jpg'], { recipe: TWO }))).toEqual(['OutputExists']);
    expect([...(await places.outputs()).keys()].filter((key) => key.startsWith('all/'))).toEqual(['all/a-b.webp']);
  });

  test('makes all outputs again when the one that is written last is missing', async () => {
    await places.put('partly/a.jpg', await image(10));
    expect(states(await run(['partly/a.jpg'], { recipe: TWO }))).toEqual(['succeeded']);
    const whole = await places.outputs();
    await places.removeOutput('partly/a-b.webp');
    const [outcome] = await run(['partly/a.jpg'], { recipe: TWO });
    expect(outcome).toMatchObject({ status: 'succeeded', outputs: [{ name: 'a', upToDate: true }, { name: 'b' }] });
    expect(await places.outputs()).toEqual(whole);
  });

  test('says what is wrong with each bad key, and goes on while failures are tolerated', async () => {
    await places.put('bad/text.jpg', 'not an image');
    await places.put('bad/empty.jpg', '');
    await places.put('bad/cut.jpg', (await image(11, 2000)).subarray(0, 800));
    await places.put('bad/good.jpg', await image(12));
    const keys = ['text', 'empty', 'cut', 'gone', 'good'].map((name) => `bad/${name}.jpg`);
    const outcomes = await run(keys, { toleratedFailureCount: 10 });
    expect(states(outcomes)).toEqual(['NotAnImage', 'NotAnImage', 'TruncatedImage', 'SourceNotFound', 'succeeded']);
  });

  test('starts no more keys of a batch after the first failure when none is tolerated', async () => {
    const good = Array.from({ length: 12 }, (_, index) => `stop/${index}.jpg`);
    await places.put('stop/bad.jpg', 'not an image');
    for (const key of good) await places.put(key, await image(13));
    const outcomes = states(await run(['stop/bad.jpg', ...good]));
    expect(outcomes[0]).toBe('NotAnImage');
    expect(outcomes.filter((state) => state === 'pending').length).toBeGreaterThan(5);
    expect(outcomes.filter((state) => state === 'NotAnImage')).toHaveLength(1);
  });

  test('finishes the image of a batch that was begun before the first failure, and begins none after it', async () => {
    const keys = Array.from({ length: 8 }, (_, index) => `halt/${index}.jpg`);
    for (const key of keys) await places.put(key, await image(14));
    const failing = Promise.withResolvers<void>();
    let begun = 0;
    const handler = createProcess({
      open: places.open,
      imageConcurrency: 2,
      async transform(input) {
        begun += 1;
        if (begun === 2) {
          failing.resolve();
          throw new FanoutError('CorruptImage', 'broken');
        }
        await failing.promise;
        await new Promise((resolve) => setTimeout(resolve, 30));
        return await transform(input);
      },
    });
    const outcomes = states(await run(keys, {}, 'halt', handler)).sort();
    expect(outcomes).toEqual(['CorruptImage', ...Array(6).fill('pending'), 'succeeded']);
    expect(begun).toBe(2);
  });

  test('gives back the keys that it has no time for, and another call does these and tells of all', async () => {
    const keys = Array.from({ length: 6 }, (_, index) => `cut/${index}.jpg`);
    for (const key of keys) await places.put(key, await image(15));
    let begun = 0;
    const handler = createProcess({
      open: places.open,
      imageConcurrency: 1,
      async transform(input) {
        begun += 1;
        await new Promise((resolve) => setTimeout(resolve, 100));
        return await transform(input);
      },
    });
    const event = await eventOf(keys, 'cut');
    // Of its time, five seconds are kept for what has begun.
    const soon = () => Date.now() + 5000 + 250;
    const call = (given: ProcessEvent, last: number) =>
      handler(given, { time: { until: soon(), last } }).then(
        ({ outcomes }) => ({ outcomes, error: undefined }),
        (error: Error) => ({ outcomes: [], error }),
      );
    const first = await call(event, Date.now() + 300_000);
    expect(first.error).toMatchObject({
      name: 'Batch.Cut',
      message: expect.stringMatching(/of 6 keys of the batch are left/),
    });
    expect(begun).toBeLessThan(6);
    const cut = { Error: 'Batch.Cut', Cause: JSON.stringify({ errorMessage: first.error?.message }) };
    const { outcomes } = await handler({ ...event, cut });
    expect(outcomes.map(({ index, status }) => [index, status])).toEqual(keys.map((_, index) => [index, 'succeeded']));
    expect(begun).toBe(6);
    // With no life left for another call, what was not begun has failed, and says why.
    begun = 0;
    const late = await call(await eventOf(keys, 'too late', { existing: 'replace' }), Date.now());
    expect(late.error).toMatchObject({ name: 'ImageTimeout', message: expect.stringContaining('itemsPerInvocation') });
    expect(late.error?.message).toContain('"succeeded"');
  });

  test('holds a key to its limits and names limit and value', async () => {
    await places.put('limits/a.jpg', await image(14, 500));
    const [pixels] = await run(['limits/a.jpg'], { limits: { pixels: 1000 } });
    expect(pixels).toMatchObject({
      error: 'TooManyPixels',
      expected: expect.stringContaining('1000'),
      met: expect.stringContaining('24000'),
    });
    const [bytes] = await run(['limits/a.jpg'], { limits: { bytes: 10 } });
    expect(bytes).toMatchObject({ error: 'TooManyBytes', expected: expect.stringContaining('10') });
  });

  test('ends a key that takes too long, queueing not counted', async () => {
    await places.put('slow/a.jpg', await image(15));
    const never = createProcess({ open: places.open, transform: () => new Promise(() => {}) });
    expect(states(await run(['slow/a.jpg'], { limits: { milliseconds: 100 } }, 'slow-1', never))).toEqual([
      'ImageTimeout',
    ]);
    const slow = createProcess({
      open: places.open,
      imageConcurrency: 1,
      transform: async (input) => {
        await new Promise((resolve) => setTimeout(resolve, 150));
        return await transform(input);
      },
    });
    await places.put('slow/b.jpg', await image(16));
    await places.put('slow/c.jpg', await image(16));
    await places.put('slow/d.jpg', await image(16));
    const keys = ['slow/a.jpg', 'slow/b.jpg', 'slow/c.jpg', 'slow/d.jpg'];
    expect(states(await run(keys, { limits: { milliseconds: 400 } }, 'slow-2', slow))).toEqual(
      keys.map(() => 'succeeded'),
    );
  });

  test("has each key's own time: the wait for a processor is no part of it", async () => {
    const keys = ['queue/a.jpg', 'queue/b.jpg', 'queue/c.jpg'];
    for (const key of keys) await places.put(key, await image(18));
    let first = true;
    const held = createProcess({
      open: places.open,
      imageConcurrency: 1,
      transform: async (input) => {
        if (first) {
          first = false;
          await new Promise((resolve) => setTimeout(resolve, 2_000));
        }
        return await transform(input);
      },
    });
    const outcomes = await run(keys, {}, 'queue-1', held);
    const times = outcomes.map((outcome) => (outcome.status === 'succeeded' ? outcome.ms : undefined));
    for (const ms of times) expect(ms?.total).toBeCloseTo((ms?.read ?? 0) + (ms?.transform ?? 0) + (ms?.write ?? 0), 0);
    // One was held; the others waited as long, and it is not their time.
    expect(times.filter((ms) => (ms?.transform ?? 0) >= 1_990)).toHaveLength(1);
  });

  test('gives up at once when told to', async () => {
    await places.put('abort/a.jpg', await image(17));
    const handler = createProcess({ open: places.open, transform: () => new Promise(() => {}) });
    const prepare = createPrepare({
      open: places.open,
      defaults: { source: places.source, destination: places.destination, maxConcurrency: 4 },
    });
    const key = `${places.source.prefix}abort/a.jpg`;
    const state = await prepare({ input: { recipe: JPEG, keys: [key] }, execution: { name: 'abort', startTime: '' } });
    const controller = new AbortController();
    const running = handler(
      { BatchInput: { run: state.run }, Items: [{ index: 0, item: key }] },
      { signal: controller.signal },
    );
    setTimeout(() => controller.abort(new Error('enough')), 20);
    await expect(running).rejects.toThrow('enough');
  });

  test('leaves what has not begun when it is to stop, and what a stop does not wait for; ends what has begun', async () => {
    const keys = Array.from({ length: 4 }, (_, index) => `halted/${index}.jpg`);
    for (const [index, key] of keys.entries()) await places.put(key, await image(index));
    const stopping = new AbortController();
    let begun = 0;
    const handler = createProcess({
      open: places.open,
      imageConcurrency: 2,
      mostAwaited: 1,
      async transform(input) {
        begun += 1;
        // Both images that may be worked on at once are, one key reads or waits, and one has not had its turn.
        if (begun === 2) stopping.abort();
        while (!stopping.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
        return transform(input);
      },
    });
    const outcomes = await run(keys, {}, 'stopped', (event) => handler(event, { stopping: stopping.signal }));
    expect(begun).toBe(2);
    expect(states(outcomes).sort()).toEqual(['pending', 'pending', 'pending', 'succeeded']);
    const outputs = [...(await places.outputs()).keys()].filter((key) => key.startsWith('halted/'));
    expect(outputs).toEqual(keys.filter((_, index) => outcomes[index]?.status === 'succeeded'));
    // Nothing but what was done is kept: a child of which nothing was begun says so.
    const none = handler(await eventOf(keys, 'stopped-before'), { stopping: stopping.signal });
    await expect(none).rejects.toMatchObject({ name: 'Execution.NotStarted' });
  });
});

test('asks for a source while its mark is looked at, once keys had to be made, and no more once one is up to date', async () => {
  const places = await makePlaces('S3');
  const keys = Array.from({ length: 12 }, (_, index) => `early/${String(index).padStart(2, '0')}.jpg`);
  for (const key of keys) await places.put(key, await image(1));
  const order: string[] = [];
  const name = (key: string) => key.slice(-6, -4);
  const open: OpenStore = (bucket) => {
    const store = places.open(bucket);
    return {
      ...store,
      async head(key, options) {
        order.push(`look ${name(key)}`);
        const head = await store.head(key, options);
        order.push(`looked ${name(key)}`);
        return head;
      },
      read(key, options) {
        if (key.includes('early/')) order.push(`read ${name(key)}`);
        return store.read(key, options);
      },
    };
  };
  const handler = createProcess({ open, transform });
  const event = await eventIn(places, keys, 'early', { recipe: JPEG });
  const one = (given: ProcessEvent, place: number) =>
    outcomesFrom(handler, { ...given, Items: given.Items.slice(place, place + 1) });
  for (const place of keys.keys()) expect(states(await one(event, place))).toEqual(['succeeded']);
  const before = (first: string, second: string) => order.indexOf(first) < order.indexOf(second);
  expect(before('looked 00', 'read 00')).toBe(true);
  expect(before('read 11', 'looked 11')).toBe(true);
  // Another run finds all of it up to date: one source is read for nothing, and it holds no room.
  order.length = 0;
  const again = await eventIn(places, keys, 'early-again', { recipe: JPEG });
  for (const place of keys.keys()) expect(states(await one(again, place))).toEqual(['upToDate']);
  expect(order.filter((what) => what.startsWith('read'))).toEqual(['read 00']);
  await places.close();
});

test('the clock of a batch stands only while all of its keys queue', async () => {
  const places = await makePlaces('directories');
  const keys = ['a.jpg', 'b.jpg'];
  for (const key of keys) await places.put(key, await image(1));
  const told: string[] = [];
  const clock = { pause: () => told.push('pause'), resume: () => told.push('resume') };
  const free = Promise.withResolvers<void>();
  let working = 0;
  // One image at a time: the first call of another batch holds the gate, so that both keys queue until it ends.
  const handler = createProcess({
    open: places.open,
    imageConcurrency: 1,
    transform: async (input) => {
      working += 1;
      if (working === 1) await free.promise;
      return await transform(input);
    },
  });
  const { source, destination, open } = places;
  const prepare = createPrepare({ open, defaults: { source, destination, maxConcurrency: 4 } });
  await places.put('c.jpg', await image(2));
  const input = { recipe: JPEG, keys: ['c.jpg', ...keys] };
  const { run } = await prepare({ input, execution: { name: 'clock', startTime: '' } });
  const batch = (names: string[]) => ({ BatchInput: { run }, Items: names.map((item, index) => ({ index, item })) });
  const first = handler(batch(['c.jpg']));
  await expect.poll(() => working).toBe(1);
  const second = handler(batch(keys), { clock });
  await expect.poll(() => told.at(-1)).toBe('pause');
  free.resolve();
  await Promise.all([first, second]);
  expect(told.at(-1)).toBe('resume');
  await places.close();
});
