// What files say of their pixels that libvips does not heed: gaps in GIFs, levels and light of AVIFs; and what an archive keeps.
import { existsSync, readFileSync } from 'node:fs';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { withTransparency } from '../../../lambda/image/gif-transparency.ts';
import { make, makeOne } from './images.ts';

const FAULTS = new URL('../../../../shared/faults/', import.meta.url);
const haveFaults = existsSync(FAULTS);
if (!haveFaults && process.env['CI'] !== undefined) throw new Error(`missing: ${FAULTS.pathname}`);
if (!haveFaults) console.warn(`Skipping tests of known faults: ${FAULTS.pathname} is not there.`);

const PNG = { format: 'png', png: { compressionLevel: 1 } } as const;

/** 64 x 64, value 4x across, grey (4:0:0) in limited range: `Image.save('x.avif', subsampling='4:0:0', range='limited', quality=95)` of Pillow 13. */
const LIMITED_GREY = Buffer.from(
  'AAAAHGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZgAAAOltZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAAA5waXRtAAAAAAABAAAAHmlsb2MAAAAARAAAAQABAAAAAQAAAQ0AAAB2AAAAKGlpbmYAAAAAAAEAAAAaaW5mZQIAAAAAAQAAYXYwMUNvbG9yAAAAAGhpcHJwAAAASWlwY28AAAAUaXNwZQAAAAAAAABAAAAAQAAAAA5waXhpAAAAAAEIAAAADGF2MUOBABwAAAAAE2NvbHJuY2x4AAEADQAGAAAAABdpcG1hAAAAAAAAAAEAAQQBAoMEAAAAfm1kYXQSAAoJGBV//aYCGgxAMmcRBqkAAeQCz8m9/+pJqwKvB6BEZ5p09N5hwGbZ3+IuYSddSbR78QBA/+ZdU7s41WGowNDnNh46IaGmSZ1WNdxCSyne8MXkZOJYR1FRohK8DlFshVnPhY8fcEZdEP4owXpahTkdXI5F',
  'base64',
);

/** A GIF of one colour table (red, green, blue, white), each frame a rectangle of one index; LZW with a clear code before every pixel. */
function gif(
  size: readonly [number, number],
  frames: readonly {
    rect: readonly [number, number, number, number];
    index: number;
    control?: readonly [disposal: number, transparent?: number];
  }[],
): Buffer {
  const short = (...values: number[]): number[] => values.flatMap((value) => [value & 255, value >> 8]);
  const table = [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255];
  const parts = [...Buffer.from('GIF89a'), ...short(...size), 0x81, 2, 0, ...table];
  for (const { rect, index, control } of frames) {
    if (control !== undefined) {
      const [disposal, transparent] = control;
      parts.push(
        0x21,
        0xf9,
        4,
        (disposal << 2) | (transparent === undefined ? 0 : 1),
        ...short(10),
        transparent ?? 0,
        0,
      );
    }
    // Codes of 3 bits: 4 clears, 5 ends.
    const codes = Array.from({ length: rect[2] * rect[3] }, () => [4, index]).flat();
    let [held, bits] = [0n, 0n];
    for (const code of [...codes, 5]) {
      held |= BigInt(code) << bits;
      bits += 3n;
    }
    const data = Array.from({ length: Number((bits + 7n) / 8n) }, (_, place) =>
      Number((held >> BigInt(8 * place)) & 255n),
    );
    parts.push(0x2c, ...short(...rect), 0, 2);
    for (let at = 0; at < data.length; at += 255)
      parts.push(Math.min(255, data.length - at), ...data.slice(at, at + 255));
    parts.push(0);
  }
  return Buffer.from([...parts, 0x3b]);
}

describe('a GIF', () => {
  it.for([
    ['without a control', undefined],
    ['with one', [1] as const],
  ] as const)('%s that draws a part of its canvas is transparent elsewhere', async ([, control]) => {
    const body = gif([20, 10], [{ rect: [5, 2, 8, 4], index: 1, ...(control && { control }) }]);
    const made = await makeOne(body, PNG);
    const { data, info } = await sharp(made.body).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([20, 10]);
    const at = (x: number, y: number): number[] => [...data.subarray((y * 20 + x) * 4, (y * 20 + x) * 4 + 4)];
    expect(at(6, 3)).toEqual([0, 255, 0, 255]);
    for (const [x, y] of [
      [0, 0],
      [19, 9],
      [4, 3],
      [6, 6],
    ] as const)
      expect(at(x, y)[3]).toBe(0);
  });

  it('clears what a frame was drawn on where the recipe of the file says so', async () => {
    const body = gif(
      [20, 10],
      [
        { rect: [0, 0, 20, 10], index: 0, control: [2] },
        { rect: [5, 2, 8, 4], index: 1, control: [1] },
      ],
    );
    const { body: made } = await makeOne(body, { format: 'webp', webp: { lossless: true } });
    const alpha = async (page: number, left: number, top: number): Promise<number | undefined> =>
      (await sharp(made, { page }).ensureAlpha().extract({ left, top, width: 1, height: 1 }).raw().toBuffer())[3];
    expect([await alpha(0, 0, 0), await alpha(1, 0, 0), await alpha(1, 6, 3)]).toEqual([255, 0, 255]);
  });

  it('that draws all of its canvas, or names its transparency, is left as it is', async () => {
    const whole = gif(
      [20, 10],
      [
        { rect: [0, 0, 20, 10], index: 0 },
        { rect: [5, 2, 8, 4], index: 1, control: [2] },
      ],
    );
    const named = gif([20, 10], [{ rect: [5, 2, 8, 4], index: 1, control: [1, 3] }]);
    for (const body of [whole, named]) expect(withTransparency(body)).toBe(body);
    expect((await sharp((await makeOne(whole, PNG)).body).metadata()).hasAlpha).toBe(false);
  });

  it('of 256 colours gets one that it does not use, if there is one', async () => {
    const noise = Buffer.from(
      Array.from({ length: 64 * 64 * 3 }, (_, place) => (Math.floor(place / 3) * 7 + (place % 3) * 50) % 250),
    );
    const full = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
      .gif({ dither: 0 })
      .toBuffer();
    // The canvas grows; the frame does not.
    const wide = Buffer.from(full);
    wide.writeUInt16LE(80, 6);
    const { body } = await makeOne(wide, PNG);
    const [mine, theirs] = await Promise.all([
      sharp(body).ensureAlpha().extract({ left: 0, top: 0, width: 64, height: 64 }).raw().toBuffer(),
      sharp(full).ensureAlpha().raw().toBuffer(),
    ]);
    expect(mine.equals(theirs)).toBe(true);
  });

  it.for([0, 5, 12, 20, 40, 60])('cut after %i bytes is left to the decoder', (length) => {
    const body = gif([20, 10], [{ rect: [5, 2, 8, 4], index: 1 }]).subarray(0, length);
    expect(withTransparency(body)).toBe(body);
  });
});

describe('an AVIF', () => {
  it('in grey of limited range has all its levels, alone and beside others', async () => {
    for (const outputs of [[{ name: 'a' }], [{ name: 'a' }, { name: 'b', resize: { width: 20 } }]]) {
      const { renditions } = await make(LIMITED_GREY, { ...PNG, outputs });
      const data = await sharp(renditions[0]?.body).toColourspace('b-w').extractChannel(0).raw().toBuffer();
      // Pillow gives 40 and 240.
      for (const [x, wanted] of [
        [10, 40],
        [60, 240],
        [0, 0],
      ] as const)
        expect(Math.abs((data[10 * 64 + x] ?? 999) - wanted)).toBeLessThanOrEqual(2);
    }
  });

  it.for([
    [16, 'PQ'],
    [18, 'HLG'],
  ] as const)('of transfer %i (%s) is refused by name', async ([transfer, name]) => {
    const hdr = Buffer.from(LIMITED_GREY);
    hdr.writeUInt16BE(transfer, hdr.indexOf('colrnclx', 0, 'latin1') + 10);
    await expect(makeOne(hdr, PNG)).rejects.toMatchObject({
      name: 'UnsupportedImage',
      message: expect.stringContaining(name),
    });
    expect((await makeOne(LIMITED_GREY, PNG)).width).toBe(64);
  });
});

describe('an AVIF with a gain map', () => {
  it('is read as the plain image that it holds, whatever the other one is', async () => {
    const hdr = Buffer.from(LIMITED_GREY);
    hdr.writeUInt16BE(16, hdr.indexOf('colrnclx', 0, 'latin1') + 10);
    // The name of an item is enough to look like one.
    hdr.write('tmap', hdr.indexOf('Color', 0, 'latin1'), 'latin1');
    expect((await makeOne(hdr, PNG)).width).toBe(64);
  });
});

describe('archive', () => {
  const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const;
  const still = () => sharp({ create: { width: 40, height: 30, channels: 3, background: 'white', noise } });

  it('keeps a lossless WebP lossless, and a lossy one names its quality', async () => {
    const source = await still().webp({ lossless: true }).toBuffer();
    const made = await makeOne(source, 'archive');
    expect((await sharp(made.body).raw().toBuffer()).equals(await sharp(source).raw().toBuffer())).toBe(true);
    expect(made.quality).toBeUndefined();
    const lossy = await makeOne(await still().webp({ quality: 100 }).toBuffer(), {
      extends: 'archive',
      onLarger: 'keep',
    });
    expect(lossy.quality).toBe(90);
  });

  it('keeps an animation of lossless frames lossless', async () => {
    const frames = await Promise.all([still(), still()].map((one) => one.png().toBuffer()));
    const source = await sharp(frames, { join: { animated: true } })
      .webp({ lossless: true })
      .toBuffer();
    const made = await makeOne(source, 'archive');
    expect(
      (await sharp(made.body, { animated: true }).raw().toBuffer()).equals(
        await sharp(source, { animated: true }).raw().toBuffer(),
      ),
    ).toBe(true);
  });

  it.for(['png', 'tiff'] as const)('loses no pixel of a %s', async (format) => {
    const source = await still()[format]({}).toBuffer();
    const made = await makeOne(source, { extends: 'archive', onLarger: 'keep' });
    expect((await sharp(made.body).raw().toBuffer()).equals(await sharp(source).raw().toBuffer())).toBe(true);
  });

  it.skipIf(!haveFaults).for([
    ['multipage-4.tif', 4],
    ['apng-4frames.png', 4],
  ] as const)('tells of the pages of %s, or fails by the recipe', async ([name, pages]) => {
    const body = readFileSync(new URL(name, FAULTS));
    const { source } = await make(body, 'archive');
    expect(source.pages).toBe(pages);
    // Nobody here writes either of them in one file: an archive keeps it, and loses nothing.
    const archived = await makeOne(body, { extends: 'archive', animated: 'fail' });
    expect(archived.body.equals(body)).toBe(true);
    const recipe = JSON.parse(readFileSync(new URL('recipe-animated-fail.json', FAULTS), 'utf8'));
    const asWebp = make(body, recipe);
    if (name.startsWith('apng')) expect((await asWebp).renditions[0]?.pages).toBe(pages);
    else await expect(asWebp).rejects.toMatchObject({ name: 'RecipeMismatch' });
  });
});
