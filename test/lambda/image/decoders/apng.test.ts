// Animated PNG: every frame of the conformance suite beside those of apngdis and Pillow, and through the image room's door.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { apng } from '../../../../lambda/image/decoders/apng.ts';
import { chunk } from '../../../../lambda/image/decoders/carrier.ts';
import { FIRST } from '../../../../lambda/image/decoders/decoder.ts';
import { closeIsolated } from '../../../../lambda/image/isolated.ts';
import { make, makeOne } from '../images.ts';

afterAll(closeIsolated);

const VENV = resolve(import.meta.dirname, '../../../../.venv');
const SUITE = join(VENV, 'apng');
const isThere = existsSync(join(SUITE, '.whole'));
if (!isThere && process.env['CI'] === undefined) console.warn(`skipped: expected ${SUITE}; run scripts/judges.sh`);

const ALL = { ...FIRST, frames: true };

async function rgba(input: Buffer | string, page = 0): Promise<Buffer> {
  return sharp(input, { page }).ensureAlpha().toColourspace('srgb').raw({ depth: 'uchar' }).toBuffer();
}

/** The largest difference in levels; of what is wholly clear in both, none. */
function distance(a: Buffer, b: Buffer): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let most = 0;
  for (let at = 0; at < a.length; at += 4) {
    if (a[at + 3] === 0 && b[at + 3] === 0) continue;
    for (let channel = 0; channel < 4; channel++)
      most = Math.max(most, Math.abs((a[at + channel] ?? 0) - (b[at + channel] ?? 0)));
  }
  return most;
}

describe.skipIf(!isThere && process.env['CI'] === undefined)('frames of animated PNGs', () => {
  it('are those of apngdis over the whole conformance suite', { timeout: 120_000 }, async () => {
    const differing: string[] = [];
    let compared = 0;
    const names = readdirSync(SUITE).filter((name) => name.endsWith('.png') && !/_frame\d+\.png$/.test(name));
    for (const name of names) {
      const body = readFileSync(join(SUITE, name));
      // apngdis begins to count after a control chunk that stands too early; Pillow agrees with us.
      if (!apng.takes(body) || name === 'fctl_actl.png') continue;
      const made = await apng.decode(body, () => {}, ALL).catch((error: Error) => error);
      if (made instanceof Error) {
        // Damaged on purpose: no pixels in a frame, more frames announced than there, chunks in disorder.
        expect([
          'chunk_no_fdat',
          'syntax_num_frames_high',
          'syntax_num_frames_invalid',
          'sequence_reorder_chunk',
        ]).toContain(name.replace('.png', ''));
        continue;
      }
      const theirs = readdirSync(SUITE).filter((file) => file.startsWith(`${name.replace('.png', '')}_frame`));
      for (let page = 0; page < made.pages; page++) {
        const judge = theirs.find((file) => new RegExp(`_frame0*${page + 1}\\.png$`).test(file));
        if (judge === undefined) differing.push(`${name}: apngdis has no frame ${page + 1}`);
        else if (distance(await rgba(made.body, page), await rgba(join(SUITE, judge))) > 1)
          differing.push(`${name}: frame ${page + 1}`);
        compared += 1;
      }
    }
    expect(differing).toEqual([]);
    expect(compared).toBeGreaterThan(200);
  });

  it('have the times that Pillow tells', async () => {
    const script =
      'import sys\nfrom PIL import Image\nim = Image.open(sys.argv[1])\nfor n in range(im.n_frames):\n im.seek(n)\n im.load()\n print(im.info.get("duration"))';
    for (const name of ['delay.png', 'delay_round.png', 'delay_zero_denom.png', 'delay_zero_numer.png']) {
      const path = join(SUITE, name);
      const { timing } = await apng.decode(readFileSync(path), () => {}, ALL);
      const told = spawnSync(join(VENV, 'bin/python'), ['-c', script, path], { encoding: 'utf8' }).stdout.trim();
      // Pillow counts the picture for other readers, which has no time.
      const times = told.split('\n').filter((time) => time !== 'None');
      expect(timing?.delay, name).toEqual(times.map(Number));
    }
  });
});

interface FrameInput {
  readonly colour: readonly [number, number, number, number];
  readonly dispose?: number;
  readonly blend?: number;
  readonly rect?: readonly [width: number, height: number, left: number, top: number];
  readonly delay?: number;
}

/** An animated PNG of 8 x 8 pixels, each frame of one colour; `hidden` is a picture for other readers only. */
function animation(
  frames: readonly FrameInput[],
  hidden?: readonly [number, number, number, number],
  more: Buffer[] = [],
) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(8, 0);
  header.writeUInt32BE(8, 4);
  header.set([8, 6, 0, 0, 0], 8);
  const control = Buffer.alloc(8);
  control.writeUInt32BE(frames.length, 0);
  control.writeUInt32BE(3, 4);
  const parts = [Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header), ...more, chunk('acTL', control)];
  if (hidden !== undefined) parts.push(chunk('IDAT', pixels(8, 8, hidden)));
  let number = 0;
  for (const [place, { colour, dispose = 0, blend = 0, rect = [8, 8, 0, 0], delay = 100 }] of frames.entries()) {
    const data = Buffer.alloc(26);
    for (const [at, value] of [number++, ...rect].entries()) data.writeUInt32BE(value, at * 4);
    data.writeUInt16BE(delay, 20);
    data.writeUInt16BE(1000, 22);
    data.set([dispose, blend], 24);
    parts.push(chunk('fcTL', data));
    const body = pixels(rect[0], rect[1], colour);
    if (place === 0 && hidden === undefined) parts.push(chunk('IDAT', body));
    else {
      const numbered = Buffer.alloc(4);
      numbered.writeUInt32BE(number++);
      parts.push(chunk('fdAT', Buffer.concat([numbered, body])));
    }
  }
  return Buffer.concat([...parts, chunk('IEND', Buffer.alloc(0))]);
}

function pixels(width: number, height: number, colour: readonly number[]): Buffer {
  const row = Buffer.from([0, ...Array.from({ length: width }, () => colour).flat()]);
  return deflateSync(Buffer.concat(Array.from({ length: height }, () => row)));
}

const [RED, GREEN, BLUE] = [
  [255, 0, 0, 255],
  [0, 255, 0, 255],
  [0, 0, 255, 255],
] as const;
const CORNER = [4, 4, 4, 4] as const;

async function at(body: Buffer, page: number, x: number, y: number): Promise<number[]> {
  const data = await rgba(body, page);
  const { width } = await sharp(body).metadata();
  return [...data.subarray((y * width + x) * 4, (y * width + x) * 4 + 4)];
}

describe('an animated PNG', () => {
  const three = animation([
    { colour: RED },
    { colour: GREEN, rect: CORNER, dispose: 2, delay: 250 },
    { colour: BLUE, rect: [2, 2, 0, 0] },
  ]);

  it.each(['webp', 'gif'] as const)('becomes an animated %s, frame by frame, with its times', async (format) => {
    const { source, renditions } = await make(three, { format, webp: { lossless: true } });
    expect(source).toEqual({ format: 'apng', width: 8, height: 8, pages: 3 });
    const { body, pages } = renditions[0] as (typeof renditions)[number];
    expect(pages).toBe(3);
    const { delay, loop } = await sharp(body).metadata();
    expect({ delay, loop }).toEqual({ delay: [100, 250, 100], loop: 3 });
    expect([await at(body, 1, 6, 6), await at(body, 1, 0, 0)]).toEqual([[...GREEN], [...RED]]);
    // The second frame is taken away again before the third.
    expect([await at(body, 2, 6, 6), await at(body, 2, 0, 0)]).toEqual([[...RED], [...BLUE]]);
  });

  it('is resized and blurred frame by frame', async () => {
    const recipe = { format: 'webp', webp: { lossless: true }, resize: { width: 4, kernel: 'nearest' } } as const;
    const { body, width, height, pages } = await makeOne(three, recipe);
    expect({ width, height, pages }).toEqual({ width: 4, height: 4, pages: 3 });
    expect(await at(body, 1, 3, 3)).toEqual([...GREEN]);
  });

  it('gives its first frame where a format holds no animation, or the recipe says first; or fails', async () => {
    for (const recipe of [{ format: 'png' }, { format: 'webp', animated: 'first' }] as const) {
      const { source, renditions } = await make(three, recipe);
      expect(source.pages).toBe(3);
      expect(renditions[0]?.pages).toBeUndefined();
    }
    await expect(make(three, { format: 'png', animated: 'fail' })).rejects.toMatchObject({ name: 'RecipeMismatch' });
    await expect(make(three, { format: 'png', pages: 'fail' })).rejects.toMatchObject({ name: 'RecipeMismatch' });
    expect((await makeOne(three, { format: 'webp', animated: 'fail' })).pages).toBe(3);
  });

  it('begins with its first frame, not with the picture for other readers', async () => {
    const body = animation([{ colour: RED }, { colour: BLUE }], GREEN);
    expect(await at((await makeOne(body, { format: 'png' })).body, 0, 0, 0)).toEqual([...RED]);
    const { body: moving } = await makeOne(body, { format: 'webp', webp: { lossless: true } });
    expect([await at(moving, 0, 0, 0), await at(moving, 1, 0, 0)]).toEqual([[...RED], [...BLUE]]);
  });

  it('is kept as it is by an archive', async () => {
    const only = await makeOne(three, 'archive');
    expect(only).toMatchObject({ format: 'apng', contentType: 'image/apng' });
    expect(only.body.equals(three)).toBe(true);
  });

  it('has its profile in what is made of it', async () => {
    const { icc } = await sharp(
      await sharp({ create: { width: 1, height: 1, channels: 3, background: '#fff' } })
        .withIccProfile('p3')
        .png()
        .toBuffer(),
    ).metadata();
    const profile = chunk('iCCP', Buffer.concat([Buffer.from('p3\0\0', 'latin1'), deflateSync(icc as Buffer)]));
    const body = animation([{ colour: RED }, { colour: [128, 200, 128, 255] }], undefined, [profile]);
    const still = await makeOne(animation([{ colour: [128, 200, 128, 255] }, { colour: RED }], undefined, [profile]), {
      format: 'png',
    });
    const { body: moving } = await makeOne(body, { format: 'webp', webp: { lossless: true } });
    const [a, b] = [await at(moving, 1, 2, 2), await at(still.body, 0, 2, 2)];
    expect(a).not.toEqual([128, 200, 128, 255]);
    expect(a).toEqual(b);
  });

  it.each([
    ['cut', three.subarray(0, three.length - 20), 'TruncatedImage'],
    [
      'with a frame outside its picture',
      animation([{ colour: RED }, { colour: RED, rect: [8, 8, 1, 0] }]),
      'CorruptImage',
    ],
    ['with pixels that are none', corrupted(three), 'CorruptImage'],
  ])('%s is refused by class', async (_what, body, name) => {
    await expect(make(body, { format: 'webp' })).rejects.toMatchObject({ name });
  });

  it('of too many frames or pixels is refused before a pixel is made', async () => {
    await expect(make(three, { format: 'webp' }, { frames: 2 })).rejects.toMatchObject({ name: 'TooManyFrames' });
    await expect(make(three, { format: 'webp' }, { pixels: 100 })).rejects.toMatchObject({ name: 'TooManyPixels' });
    expect((await makeOne(three, { format: 'png' }, { frames: 2, pixels: 100 })).width).toBe(8);
  });
});

/** The same file with a byte of its last frame's pixels changed, and the checksum made to fit. */
function corrupted(body: Buffer): Buffer {
  const copy = Buffer.from(body);
  const start = copy.lastIndexOf('fdAT');
  const length = copy.readUInt32BE(start - 4);
  copy.fill(0x55, start + 8, start + 4 + length);
  copy.writeUInt32BE(crc32(copy.subarray(start, start + 4 + length)), start + 4 + length);
  return copy;
}

let work: string | undefined;
afterAll(() => work !== undefined && rmSync(work, { recursive: true, force: true }));
describe.skipIf(!isThere && process.env['CI'] === undefined)('what is made of an animated PNG', () => {
  it('has in Pillow the frames and times that the source has in it', async () => {
    work = mkdtempSync(join(tmpdir(), 'image-fanout-apng-'));
    const path = join(SUITE, 'dispose_op_none_region.png');
    const { body } = await makeOne(readFileSync(path), { format: 'webp', webp: { lossless: true } });
    const script = `
import io, sys
from PIL import Image, ImageSequence
ours = [f.convert("RGBA").tobytes() for f in ImageSequence.Iterator(Image.open(io.BytesIO(sys.stdin.buffer.read())))]
source = Image.open(sys.argv[1])
first = 1 if source.info.get("default_image") else 0
theirs = []
for n in range(first, source.n_frames):
    source.seek(n)
    theirs.append(source.convert("RGBA").tobytes())
# WebP merges frames that are alike.
merged = [f for n, f in enumerate(theirs) if n == 0 or f != theirs[n - 1]]
print(ours == merged, len(ours))`;
    const judged = spawnSync(join(VENV, 'bin/python'), ['-c', script, path], { input: body, encoding: 'utf8' });
    expect(judged.stdout.trim(), judged.stderr).toMatch(/^True [123]$/);
  });
});
