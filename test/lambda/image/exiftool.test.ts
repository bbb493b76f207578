// What outputs say beside their pixels, judged by exiftool. Skipped where it is not installed, but not in CI.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeIsolated } from '../../../lambda/image/isolated.ts';
import { trueXmp } from '../../../lambda/image/xmp.ts';
import { haveImages, image, make, makeOne } from './images.ts';

const FAULTS = new URL('../../../../shared/faults/', import.meta.url);
const fault = (name: string): Buffer => readFileSync(new URL(name, FAULTS));
const recipe = (name: string) => JSON.parse(fault(name).toString('utf8'));

const hasExiftool = spawnSync('exiftool', ['-ver']).status === 0;
const can = hasExiftool && haveImages && existsSync(FAULTS);
if (!can && process.env['CI'] !== undefined) throw new Error('expected exiftool and ../shared/faults, found not both');
if (!can)
  console.warn('skipped: tests that exiftool judges; expected exiftool (libimage-exiftool-perl) and ../shared/faults');

let work: string;
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'image-fanout-exiftool-'));
});
afterAll(() => {
  rmSync(work, { recursive: true, force: true });
  closeIsolated();
});

/** Groups of tags that say what a file is, not what somebody wrote into it. */
const OF_THE_FILE =
  /^(ExifTool|System|File|Composite|ICC_Profile.*|ICC-.*|JFIF|RIFF|PNG|PNG-pHYs|GIF|Meta|Track\d|QuickTime|APP14)$/;
/** Tags in those groups that are words all the same. */
const WORDS = /^(Comment|Text|.*GPS.*|Artist|Author|Title|Description|Software|Copyright|CreationTime|ModifyDate)$/;

/** TIFF's own tags, which say what the pixels are. */
const OF_PIXELS =
  /^(ImageWidth|ImageHeight|BitsPerSample|Compression|PhotometricInterpretation|StripOffsets|SamplesPerPixel|RowsPerStrip|StripByteCounts|PlanarConfiguration|[XY]Resolution|ResolutionUnit|Predictor|SampleFormat|Orientation|ExtraSamples|SubfileType)$/;

/** All that the file says beside its pixels and its profile, as `Group:Tag`, with the values. */
function told(body: Buffer, extension: string): Record<string, unknown> {
  const path = join(work, `judged.${extension}`);
  writeFileSync(path, body);
  const [found] = JSON.parse(
    execFileSync('exiftool', ['-j', '-G1', '-a', '-u', '-charset', 'UTF8', '-api', 'LargeFileSupport=1', path], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  ) as Record<string, unknown>[];
  const file = String(found?.['File:FileType']);
  return Object.fromEntries(
    Object.entries(found ?? {}).filter(([name]) => {
      const [group = '', tag = ''] = name.split(':');
      const ofPixels = file.includes('TIFF') && group === 'IFD0' && OF_PIXELS.test(tag);
      return name !== 'SourceFile' && !ofPixels && (!OF_THE_FILE.test(group) || WORDS.test(tag));
    }),
  );
}

describe.skipIf(!can)('under strip', () => {
  it.each([
    'j-com.jpg',
    'j-app12.jpg',
    'j-trailer.jpg',
    'jpeg-comment.jpg',
    'jpeg-app4.jpg',
    'p-exif-after.png',
    'p-text-after.png',
    't.tif',
    'copyright-thumbnail.jpg',
  ])('%s is not handed on with what is in it', async (name) => {
    const body = fault(name);
    const { renditions } = await make(body, recipe('recipe-onlarger-original.json'), {}, { key: name });
    for (const made of renditions) expect(told(made.body, name.split('.')[1] ?? '')).toEqual({});
  });

  it('a source with nothing in it is handed on', async () => {
    for (const format of ['jpeg', 'png', 'webp', 'gif'] as const) {
      const tiny = await sharp({ create: { width: 9, height: 9, channels: 3, background: '#4488cc' } })
        [format]({ ...(format === 'jpeg' ? { quality: 5 } : {}) })
        .toBuffer();
      const heavy = { jpeg: { quality: 100 }, png: { compressionLevel: 0 }, webp: { lossless: true }, gif: {} };
      const { body } = await makeOne(tiny, { format, onLarger: 'original', [format]: heavy[format] } as never);
      expect(body.length, format).toBeLessThanOrEqual(tiny.length);
    }
  });

  const PHOTOS = [
    'photos/canon_hdr_YES.jpg',
    'photos/DSCN0010.jpg',
    'icc-colour/apple_gainmap_new.jpg',
    'jpeg/gain-map.jpg',
  ];
  it.each(PHOTOS)('no format holds a word of %s', { timeout: 120_000 }, async (name) => {
    const formats = ['jpeg', 'png', 'webp', 'avif', 'tiff', 'gif'] as const;
    const { renditions } = await make(image(name), {
      resize: { width: 60 },
      onLarger: 'original',
      outputs: formats.map((format) => ({ name: format, format })),
    });
    for (const { body, format } of renditions) {
      expect(told(body, format), format).toEqual({});
    }
  });
});

describe.skipIf(!can)('under copyright', () => {
  it.each([
    ['whole', recipe('recipe-copyright.json')],
    ['cut', { ...recipe('recipe-copyright.json'), extract: { left: 1, top: 1, width: 20, height: 20 } }],
  ])('just that stays, letter for letter (%s)', async (_what, asked) => {
    const body = fault('copyright-thumbnail.jpg');
    const { renditions } = await make(body, asked);
    for (const made of renditions) {
      expect(told(made.body, made.format)).toEqual({
        'IFD0:Artist': 'Ann (Paris)',
        'IFD0:Copyright': '© 2024 Jörg Müller (Agentur XY)',
      });
    }
  });

  it.each(['jpeg', 'png', 'webp', 'avif'] as const)('in %s, from one pipeline as beside others', async (format) => {
    const body = fault('copyright-thumbnail.jpg');
    const one = await make(body, { format, copyright: true, resize: { width: 30 } });
    const beside = await make(body, {
      format,
      resize: { width: 30 },
      outputs: [{ name: 'signed', copyright: true }, { name: 'kept', metadata: 'keep' }, { name: 'bare' }],
    });
    for (const made of [one.renditions[0], beside.renditions[0]]) {
      const words = told(made?.body ?? Buffer.alloc(0), format);
      expect(words).toEqual({ 'IFD0:Artist': 'Ann (Paris)', 'IFD0:Copyright': '© 2024 Jörg Müller (Agentur XY)' });
    }
    expect(told(beside.renditions[2]?.body ?? Buffer.alloc(0), format)).toEqual({});
  });
});

describe.skipIf(!can)('under keep', () => {
  it('everything says that the upright picture is upright', async () => {
    for (const format of ['jpeg', 'png', 'webp'] as const) {
      const { body } = await makeOne(fault('exif6-xmp6.jpg'), { metadata: 'keep', format });
      const turns = Object.entries(told(body, format)).filter(([name]) => name.endsWith(':Orientation'));
      expect(turns.length, format).toBeGreaterThanOrEqual(2);
      for (const [name, value] of turns) expect(value, name).toMatch(/^(1|Horizontal \(normal\))$/);
    }
  });

  it.each(['faults/ultrahdr.jpg', 'images/jpeg/gain-map.jpg'])(
    'no gain map is announced that is not there: %s',
    async (name) => {
      const body = readFileSync(new URL(`../../../../shared/${name}`, import.meta.url));
      const made = await makeOne(body, { metadata: 'keep', colour: 'keep', format: 'jpeg', jpeg: { quality: 70 } });
      expect(
        Object.keys(told(made.body, 'jpg')).filter((tag) => /hdrgm|Directory|GainMap|MPF|MPImage/i.test(tag)),
      ).toEqual([]);
    },
  );
});

describe('XMP', () => {
  it('loses what announces a gain map, as attributes and as elements, and nothing else', () => {
    const packet = `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:C="http://ns.google.com/photos/1.0/container/" xmlns:dc="http://purl.org/dc/elements/1.1/" hdrgm:Version="1.0" dc:format="image/jpeg">
<C:Directory><rdf:Seq><rdf:li rdf:parseType="Resource"><C:Item/></rdf:li></rdf:Seq></C:Directory><dc:title>A &lt;b&gt;</dc:title></rdf:Description></rdf:RDF></x:xmpmeta>`;
    const said = trueXmp(packet, { upright: true });
    expect(said).not.toMatch(/hdrgm|gain|container|C:/);
    expect(said).toContain('dc:format="image/jpeg"');
    expect(said).toContain('<dc:title>A &lt;b&gt;</dc:title>');
  });

  it.each([
    ['tiff:Orientation="6"', 'tiff:Orientation="1"'],
    ["tiff:Orientation = '3'", "tiff:Orientation = '1'"],
    ['<tiff:Orientation>8</tiff:Orientation>', '<tiff:Orientation>1</tiff:Orientation>'],
    ['tiff:Orientation="1"', 'tiff:Orientation="1"'],
  ])('%s becomes %s', (before, after) => {
    expect(trueXmp(before, { upright: true })).toBe(after);
    expect(trueXmp(before, { upright: false })).toBe(before);
  });
});
