// Work in processes of their own: the same outputs, and an end on time, on memory, on an abort.
import { availableParallelism } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limitsSchema } from '../../../lambda/contract/limits.ts';
import { closeIsolated, transformIsolated } from '../../../lambda/image/isolated.ts';
import { createTransform } from '../../../lambda/image/transform.ts';
import { resolveRecipe } from '../../../lambda/recipe/recipe.ts';
import { children } from './children.ts';
import { make, makeOne } from './images.ts';

const MEGABYTE = 1024 * 1024;
const SMALL = Buffer.from(
  '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20" fill="#00ff00"/></svg>',
);

/** A few bytes that take librsvg much longer than anyone wants to wait: filters over a large area, many times. */
const SLOW = Buffer.from(
  `<svg xmlns="http://www.w3.org/2000/svg" width="3000" height="3000"><filter id="f"><feTurbulence baseFrequency="0.9" numOctaves="10"/><feGaussianBlur stdDeviation="50"/><feMorphology radius="40"/></filter>${'<rect width="3000" height="3000" filter="url(#f)"/>'.repeat(60)}</svg>`,
);

let photo: Buffer;
beforeAll(async () => {
  photo = await sharp({ create: { width: 200, height: 100, channels: 3, background: '#336699' } })
    .jpeg()
    .toBuffer();
});
afterAll(closeIsolated);

describe('isolated', () => {
  it('gives the same bytes as in this process', async () => {
    const input = { body: photo, key: 'a/photo.jpg', recipe: resolveRecipe('web'), limits: limitsSchema.parse({}) };
    const [here, apart] = await Promise.all([createTransform()(input), createTransform({ isolate: true })(input)]);
    const facts = ({ renditions, ...rest }: typeof here) => ({
      ...rest,
      renditions: renditions.map(({ milliseconds: _, body, ...rendition }) => ({
        ...rendition,
        body: body.toString('base64'),
      })),
    });
    expect(facts(apart)).toEqual(facts(here));
  });

  it('draws vectors, which are not read in this process', async () => {
    const { body } = await makeOne(SMALL, { format: 'png', resize: { width: 400 } });
    expect(await sharp(body).metadata()).toMatchObject({ width: 400, height: 200 });
    await expect(sharp(SMALL).png().toBuffer()).rejects.toThrow();
  });

  it('hands errors over with their class and facts', async () => {
    await expect(makeOne(SMALL, { format: 'png' }, { pixels: 100 })).rejects.toMatchObject({
      name: 'TooManyPixels',
      met: expect.stringContaining('800'),
    });
    await expect(
      makeOne(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><g></svg>'), { format: 'png' }),
    ).rejects.toMatchObject({ name: 'CorruptImage' });
  });

  it('ends what takes too long', async () => {
    await expect(makeOne(SLOW, { format: 'png' }, { milliseconds: 1500 })).rejects.toMatchObject({
      name: 'ImageTimeout',
    });
  });

  it('ends what takes too much memory, and goes on with the next key', async () => {
    await expect(makeOne(SLOW, { format: 'png' }, { memory: 128 * MEGABYTE })).rejects.toMatchObject({
      name: 'ImageCrashed',
      expected: expect.stringContaining('limits.memory'),
    });
    expect((await makeOne(SMALL, { format: 'png' })).width).toBe(40);
  });

  it('ends on an abort with its reason', async () => {
    const controller = new AbortController();
    const running = makeOne(SLOW, { format: 'png' }, {}, { signal: controller.signal });
    setTimeout(100).then(() => controller.abort(new Error('enough')));
    await expect(running).rejects.toThrow('enough');
  });

  it('survives a process that dies', async () => {
    const input = {
      body: SLOW,
      key: 'slow.svg',
      recipe: resolveRecipe({ format: 'png' }),
      limits: limitsSchema.parse({}),
    };
    const running = transformIsolated(input);
    for (const pid of await children()) process.kill(pid, 'SIGSEGV');
    await expect(running).rejects.toMatchObject({ name: 'ImageCrashed', met: expect.stringContaining('SIGSEGV') });
  });

  it.each([
    { when: 'at once', wait: 0 },
    { when: 'when its end is known', wait: 200 },
  ])('gives the next key another process for one that died while idle, $when', async ({ wait }) => {
    for (const signal of ['SIGKILL', 'SIGSEGV', 'SIGTERM']) {
      await makeOne(SMALL, { format: 'png' });
      const before = await children();
      expect(before.length).toBeGreaterThan(0);
      for (const pid of before) process.kill(pid, signal);
      if (wait > 0) await setTimeout(wait);
      expect((await makeOne(SMALL, { format: 'png' })).width).toBe(40);
      const after = await children();
      expect(after.filter((pid) => before.includes(pid))).toEqual([]);
    }
  });

  it('names a process that cannot be started', async () => {
    closeIsolated();
    const { execPath } = process;
    process.execPath = '/nowhere/node';
    try {
      await expect(makeOne(SMALL, { format: 'png' })).rejects.toMatchObject({
        name: 'ImageCrashed',
        met: expect.stringContaining('could not be started'),
      });
    } finally {
      process.execPath = execPath;
    }
    expect((await makeOne(SMALL, { format: 'png' })).width).toBe(40);
  });

  it('does not begin what was aborted while it waited for a process', async () => {
    const slow = { body: SLOW, key: 'slow.svg', recipe: resolveRecipe({ format: 'png' }) };
    const first = Array.from({ length: availableParallelism() }, () =>
      transformIsolated({ ...slow, limits: limitsSchema.parse({ milliseconds: 1000 }) }),
    );
    const controller = new AbortController();
    const waiting = transformIsolated({ ...slow, limits: limitsSchema.parse({}), signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    for (const running of first) await expect(running).rejects.toMatchObject({ name: 'ImageTimeout' });
  });

  it('reads no files and no network from a vector', async () => {
    const link = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="10" height="10">${['file:///work/shared/images/png/indexed.png', 'http://127.0.0.1:9/x.png', 'indexed.png'].map((href) => `<image width="10" height="10" xlink:href="${href}"/>`).join('')}</svg>`;
    const { body } = await makeOne(Buffer.from(link), { format: 'png' });
    expect((await sharp(body).stats()).channels.map(({ max }) => max)).toEqual([0, 0, 0, 0]);
  });

  it('takes many vectors without a process for each', async () => {
    await make(SMALL, { format: 'png' });
    const before = await children();
    for (let turn = 0; turn < 20; turn += 1) await makeOne(SMALL, { format: 'webp' });
    expect(await children()).toEqual(before);
  });
});
