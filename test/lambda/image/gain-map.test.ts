// HDR gain maps: kept where the recipe asks for it, the same area as the picture; announced nowhere else. Judged by exiftool.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { resolveRecipe } from '../../../lambda/recipe/recipe.ts';
import { haveImages, image, make, makeOne } from './images.ts';

const FAULTS = new URL('../../../../shared/faults/', import.meta.url);
const can = haveImages && existsSync(FAULTS) && spawnSync('exiftool', ['-ver']).status === 0;
if (!can && process.env['CI'] !== undefined) throw new Error('expected exiftool and ../shared/faults');

const work = mkdtempSync(join(tmpdir(), 'image-fanout-gain-map-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

const SOURCES: readonly (readonly [name: string, body: () => Buffer])[] = [
  ['ultrahdr.jpg', () => readFileSync(new URL('ultrahdr.jpg', FAULTS))],
  ['gain-map.jpg', () => image('jpeg/gain-map.jpg')],
  ['apple_gainmap_new.jpg', () => image('icc-colour/apple_gainmap_new.jpg')],
];

function exiftool(body: Buffer, ...options: string[]): Record<string, unknown> {
  const path = join(work, 'judged.bin');
  writeFileSync(path, body);
  const output = execFileSync('exiftool', ['-j', '-G1', '-a', '-u', ...options, path], { encoding: 'utf8' });
  return JSON.parse(output)[0];
}

/** The second picture of a file, as exiftool takes it out. */
function mapOf(body: Buffer): Buffer {
  const path = join(work, 'judged.jpg');
  writeFileSync(path, body);
  return execFileSync('exiftool', ['-b', '-MPImage2', path], { maxBuffer: 1 << 26 });
}

async function mean(a: Buffer, b: Buffer): Promise<number> {
  const { data, info } = await sharp(a).greyscale().raw().toBuffer({ resolveWithObject: true });
  const size = { width: info.width, height: info.height, fit: 'fill' } as const;
  const other = await sharp(b).greyscale().resize(size).raw().toBuffer();
  let sum = 0;
  for (let at = 0; at < data.length; at++) sum += Math.abs((data[at] ?? 0) - (other[at] ?? 0));
  return sum / data.length;
}

const CASES = [
  ['as it is', {}],
  ['smaller', { resize: { width: 160 } }],
  ['a crop, smaller', { extract: { left: 40, top: 20, width: 200, height: 160 }, resize: { width: 100 } }],
  ['cut to a square', { resize: { width: 100, height: 100, fit: 'cover' } }],
  ['turned', { rotate: { angle: 90 } }],
  ['mirrored', { flop: true }],
] as const;

describe.skipIf(!can)('a gain map that is asked for', () => {
  describe.each(SOURCES)('%s', (_name, body) => {
    it.each(CASES)('is in the output with the very same area: %s', async (_what, operations) => {
      const recipe = { format: 'jpeg', keepGainMap: true, jpeg: { quality: 90 }, ...operations } as const;
      const { source, renditions } = await make(body(), recipe);
      expect(source.gainMap).toBe(true);
      const [made] = renditions;
      expect(made?.gainMap).toBe(true);
      const told = exiftool(made?.body as Buffer);
      expect(told).toMatchObject({ 'MPF0:NumberOfImages': 2 });
      expect(made?.body.includes('urn:iso:std:iso:ts:21496')).toBe(true);
      // What sharp makes of the source's map alone, as large as the picture, by the same operations.
      const { width, height } = await sharp(body()).metadata();
      const whole = await sharp(mapOf(body())).greyscale().resize(width, height, { fit: 'fill' }).png().toBuffer();
      const expected = await makeOne(whole, { ...operations, format: 'png' });
      const map = mapOf(made?.body as Buffer);
      expect(await mean(map, expected.body)).toBeLessThan(4);
      const plain = await makeOne(body(), { ...recipe, keepGainMap: false });
      expect([made?.width, made?.height]).toEqual([plain.width, plain.height]);
      expect(await mean(made?.body as Buffer, plain.body)).toBeLessThan(3);
    });
  });

  it('is upright where the picture is', async () => {
    const path = join(work, 'lying.jpg');
    writeFileSync(path, SOURCES[0]?.[1]() as Buffer);
    execFileSync('exiftool', [
      '-q',
      '-overwrite_original',
      '-n',
      '-Orientation=6',
      '-GPSLatitude=47',
      '-GPSLatitudeRef=N',
      path,
    ]);
    const made = await makeOne(readFileSync(path), { format: 'jpeg', keepGainMap: true });
    expect(made).toMatchObject({ width: 240, height: 320, gainMap: true });
    expect(await sharp(mapOf(made.body)).metadata()).toMatchObject({ width: 120, height: 160 });
    // And private: nothing of the source's EXIF, neither in the picture nor in its map.
    for (const body of [made.body, mapOf(made.body)]) {
      const told = exiftool(body);
      expect(
        Object.keys(told).filter(
          (tag) => /GPS|Make|Model|Date(?!.*File)|Software/.test(tag) && !/^(System|File|ICC)/.test(tag),
        ),
      ).toEqual([]);
    }
  });

  it('goes to the outputs that ask for it, and leaves the others as they are without', async () => {
    const body = SOURCES[1]?.[1]() as Buffer;
    const plain = [
      { name: 'plain', format: 'jpeg', resize: { width: 300 } },
      { name: 'webp', format: 'webp', resize: { width: 200 } },
    ] as const;
    const hdr = { name: 'hdr', format: 'jpeg', keepGainMap: true, resize: { width: 400 } } as const;
    const made = await make(body, { outputs: [hdr, ...plain], placeholder: true });
    const without = await make(body, { outputs: plain, placeholder: true });
    expect(made.renditions.map(({ gainMap }) => gainMap)).toEqual([true, undefined, undefined]);
    for (const [place, { body: expected }] of without.renditions.entries())
      expect(made.renditions[place + 1]?.body.equals(expected)).toBe(true);
    expect(made.placeholder).toEqual(without.placeholder);
  });

  it('is held to maxBytes, and to the metadata that is kept', async () => {
    const body = SOURCES[1]?.[1]() as Buffer;
    const made = await makeOne(body, {
      format: 'jpeg',
      keepGainMap: true,
      maxBytes: 60_000,
      resize: { width: 1000 },
      metadata: 'keep',
    });
    expect(made.body.length).toBeLessThanOrEqual(60_000);
    const told = exiftool(made.body);
    expect(told).toMatchObject({ 'MPF0:NumberOfImages': 2 });
    // The old container's words would speak of a map of another length.
    expect(Object.keys(told).filter((tag) => /Container|hdrgm/i.test(tag))).toEqual([]);
  });

  it('is nowhere without a map in the source, and on no record', async () => {
    const { source, renditions } = await make(image('jpeg/test2.jpg'), { format: 'jpeg', keepGainMap: true });
    expect(source.gainMap).toBeUndefined();
    expect(renditions[0]?.gainMap).toBeUndefined();
  });
});

describe.skipIf(!can)('a gain map that is not kept', () => {
  it.each(SOURCES)('is on record, and announced by nothing: %s', async (_name, read) => {
    const body = read();
    for (const metadata of ['strip', 'keepIcc', 'keep'] as const) {
      const { source, renditions } = await make(body, {
        metadata,
        resize: { width: 200 },
        outputs: (['jpeg', 'webp', 'avif', 'png', 'tiff'] as const).map((format) => ({ name: format, format })),
      });
      expect(source.gainMap).toBe(true);
      for (const { name, body: made } of renditions) {
        const tags = Object.keys(exiftool(made)).filter((tag) => /hdrgm|Container|HDRGainMap|MPF|MPImage/i.test(tag));
        expect(tags, `${name}, ${metadata}`).toEqual([]);
        expect(made.includes('urn:iso:std:iso:ts:21496'), `${name}, ${metadata}`).toBe(false);
      }
    }
  });
});

describe('keepGainMap in a recipe', () => {
  it.each([
    [{ format: 'webp' }, /expected format jpeg/],
    [{ best: ['jpeg', 'webp'] }, /expected one format/],
    [{ format: 'jpeg', blur: {} }, /got blur/],
    [{ format: 'jpeg', resize: { width: 9, height: 9, fit: 'contain' } }, /other than contain/],
    [{ format: 'jpeg', resize: { width: 9, height: 9, position: 'attention' } }, /fixed position/],
    [{ format: 'jpeg', rotate: { angle: 45 } }, /right angles/],
    [
      {
        resize: { width: 9 },
        outputs: [{ name: 'a', format: 'jpeg', extract: { left: 0, top: 0, width: 1, height: 1 } }],
      },
      /come before its own/,
    ],
  ] as const)('is refused where sharp cannot: %j', (recipe, message) => {
    expect(() => resolveRecipe({ ...recipe, keepGainMap: true } as never)).toThrow(message);
  });

  it('changes nothing of a recipe that says false', () => {
    expect(resolveRecipe({ format: 'jpeg', keepGainMap: false })).toEqual(resolveRecipe({ format: 'jpeg' }));
  });
});
