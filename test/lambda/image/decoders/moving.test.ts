// Animations of JPEG XL, frame by frame beside what libjxl's own decoder makes of them; and sequences of AVIF.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { FIRST } from '../../../../lambda/image/decoders/decoder.ts';
import { jxl } from '../../../../lambda/image/decoders/jxl.ts';
import { ticksPerSecond } from '../../../../lambda/image/decoders/jxl-header.ts';
import { sequenceLength } from '../../../../lambda/image/heif-sequence.ts';
import { closeIsolated } from '../../../../lambda/image/isolated.ts';
import { make, makeOne } from '../images.ts';

const VENV = resolve(import.meta.dirname, '../../../../.venv');
const SUITE = join(VENV, 'moving');
const isThere = existsSync(join(SUITE, '.whole'));
if (!isThere && process.env['CI'] === undefined) console.warn(`skipped: expected ${SUITE}; run scripts/judges.sh`);

const work = mkdtempSync(join(tmpdir(), 'image-fanout-moving-'));
afterAll(() => {
  closeIsolated();
  rmSync(work, { recursive: true, force: true });
});

/** Frames as Pillow shows them, as PNG files, and how long each stays. */
function framesOf(path: string): { readonly files: readonly string[]; readonly delay: readonly number[] } {
  const script = `
import json, sys
from PIL import Image
image = Image.open(sys.argv[1])
files, delay = [], []
for frame in range(1 if image.info.get("default_image") else 0, image.n_frames):
    image.seek(frame)
    image.load()
    files.append(f"{sys.argv[2]}.{frame}.png")
    image.convert("RGBA").save(files[-1])
    delay.append(round(image.info.get("duration", 0)))
print(json.dumps({"files": files, "delay": delay}))`;
  const target = join(work, path.split('/').at(-1) as string);
  const run = spawnSync(join(VENV, 'bin/python'), ['-c', script, path, target], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(run.stderr);
  return JSON.parse(run.stdout);
}

async function visible(input: Buffer | string, page = 0): Promise<Buffer> {
  const data = await sharp(input, { page }).ensureAlpha().toColourspace('srgb').raw({ depth: 'uchar' }).toBuffer();
  // What is wholly clear may have any colour.
  for (let at = 0; at < data.length; at += 4) if (data[at + 3] === 0) data.fill(0, at, at + 4);
  return data;
}

describe.skipIf(!isThere && process.env['CI'] === undefined)('a JPEG XL animation', () => {
  it.each(['star.gif', 'dispose_bgnd.gif', 'dispose_op_none_region.png', 'iss634.gif', 'cropped_traffic_light'])(
    '%s has the very frames and times',
    async (name) => {
      const body = readFileSync(join(SUITE, `${name}.jxl`));
      const theirs = framesOf(join(SUITE, `${name}.jxl.apng`));
      const made = await jxl.decode(body, () => {}, { ...FIRST, frames: true });
      expect(made.pages).toBe(theirs.files.length);
      expect(made.timing?.delay).toEqual(theirs.delay);
      for (const [page, file] of theirs.files.entries()) {
        expect((await visible(made.body, page)).equals(await visible(file)), `frame ${page}`).toBe(true);
      }
    },
  );

  it('becomes an animated WebP, or its first frame, or its frames', async () => {
    const body = readFileSync(join(SUITE, 'star.gif.jxl'));
    const { source, renditions } = await make(body, { format: 'webp' });
    expect(source).toMatchObject({ format: 'jxl', pages: 4 });
    expect(renditions[0]?.pages).toBe(4);
    expect((await makeOne(body, { format: 'png' })).pages).toBeUndefined();
    expect((await make(body, { format: 'png', pages: 'all' })).renditions).toHaveLength(4);
    await expect(make(body, { format: 'png', animated: 'fail' })).rejects.toMatchObject({ name: 'RecipeMismatch' });
    await expect(make(body, { format: 'webp' }, { frames: 3 })).rejects.toMatchObject({ name: 'TooManyFrames' });
  });

  it('says how long a tick is; a still picture says nothing', () => {
    expect(ticksPerSecond(readFileSync(join(SUITE, 'star.gif.jxl')))).toBe(100);
    expect(ticksPerSecond(readFileSync(join(SUITE, 'dispose_op_none_region.png.jxl')))).toBe(1000);
    for (const cut of [0, 2, 3, 5]) ticksPerSecond(readFileSync(join(SUITE, 'star.gif.jxl')).subarray(0, cut));
    const still = readFileSync(join(VENV, 'judged/splines.jxl'));
    expect(ticksPerSecond(still)).toBeUndefined();
  });
});

describe.skipIf(!isThere && process.env['CI'] === undefined)('an AVIF sequence', () => {
  const body = (): Buffer => readFileSync(join(SUITE, 'star.avifs'));

  it('gives the still picture in it, and how many frames it has', async () => {
    const { source, renditions } = await make(body(), { format: 'png' });
    expect(source).toEqual({ format: 'avif', width: 159, height: 159, pages: 5 });
    expect(sequenceLength(body())).toBe(5);
    const [first] = framesOf(join(SUITE, 'star.avifs')).files;
    const [a, b] = [await visible(renditions[0]?.body as Buffer), await visible(first as string)];
    let sum = 0;
    for (let at = 0; at < a.length; at++) sum += Math.abs((a[at] ?? 0) - (b[at] ?? 0));
    // libheif and libavif round limited range and spread chroma in ways of their own; another frame differs by dozens.
    expect(sum / a.length).toBeLessThan(3);
  });

  it('loses its other frames only where the recipe does not mind; an archive keeps it', async () => {
    for (const recipe of [
      { format: 'webp', animated: 'fail' },
      { format: 'png', pages: 'all' },
      { format: 'png', pages: 'fail' },
    ] as const) {
      await expect(make(body(), recipe)).rejects.toMatchObject({ name: 'RecipeMismatch' });
    }
    const archived = await makeOne(body(), { extends: 'archive', animated: 'fail' });
    expect(archived).toMatchObject({ contentType: 'image/avif', key: 'photo.jpg' });
    expect(archived.body.equals(body())).toBe(true);
  });

  it('without a still picture is refused by name', async () => {
    const without = Buffer.from(body());
    without.write('free', without.indexOf('meta'), 'latin1');
    await expect(make(without, { format: 'png' })).rejects.toMatchObject({ name: 'UnsupportedImage' });
  });
});
