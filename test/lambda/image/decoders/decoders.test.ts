// Decoders through the image room's door: small files made here byte by byte, and the real ones beside the repository.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { cmykTiffOf, pngOf, turnedUpright } from '../../../../lambda/image/decoders/carrier.ts';
import { DECODERS, decoderOf } from '../../../../lambda/image/decoders/decoders.ts';
import { closeIsolated } from '../../../../lambda/image/isolated.ts';
import { OTHER_FILES } from '../../../../lambda/image/other-files.ts';
import { sniff } from '../../../../lambda/image/sniff.ts';
import { haveImages, image, make, makeOne, manifestRows } from '../images.ts';

afterAll(closeIsolated);

const PNG = { outputs: [{ name: 'a', format: 'png' }] } as const;

/** A bitmap of 2 x 2 pixels, bottom up: red, green above blue, white. */
function bitmap(bits: 24 | 32, { compression = 0, masks = [] as number[], width = 2, height = 2 } = {}): Buffer {
  const bytes = bits / 8;
  const row = Math.ceil((2 * bits) / 32) * 4;
  const start = 54 + masks.length * 4;
  const file = Buffer.alloc(start + row * 2);
  file.write('BM', 'latin1');
  file.writeUInt32LE(file.length, 2);
  file.writeUInt32LE(start, 10);
  file.writeUInt32LE(40, 14);
  file.writeInt32LE(width, 18);
  file.writeInt32LE(height, 22);
  file.writeUInt16LE(1, 26);
  file.writeUInt16LE(bits, 28);
  file.writeUInt32LE(compression, 30);
  for (const [place, mask] of masks.entries()) file.writeUInt32LE(mask, 54 + place * 4);
  const rows = [
    [0xff0000, 0xffffff],
    [0x0000ff, 0x00ff00],
  ];
  for (const [y, colours] of rows.entries()) {
    for (const [x, bgr] of colours.entries()) {
      const at = start + y * row + x * bytes;
      file.writeUIntLE(((bgr & 0xff) << 16) | (bgr & 0xff00) | (bgr >> 16), at, 3);
      if (bytes === 4) file[at + 3] = 0x40;
    }
  }
  return file;
}

async function pixels(body: Buffer) {
  const { data, info } = await sharp(body).raw().toBuffer({ resolveWithObject: true });
  return { data: [...data], channels: info.channels };
}

describe('bitmaps', () => {
  it.each([24, 32] as const)(
    'of %s bits give their colours from the top left, the unused byte left out',
    async (bits) => {
      const { body } = await makeOne(bitmap(bits), PNG);
      const { data, channels } = await pixels(body);
      // The rows as written above: blue-green-red words, the last row first.
      expect(channels).toBe(3);
      expect(data).toEqual([255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255]);
    },
  );

  it('with a height below zero begin at the top', async () => {
    const { body } = await makeOne(bitmap(24, { height: -2 }), PNG);
    expect((await pixels(body)).data.slice(0, 6)).toEqual([0, 0, 255, 255, 255, 255]);
  });

  it('have alpha where their bit fields say so', async () => {
    const { body } = await makeOne(bitmap(32, { compression: 6, masks: [0xff0000, 0xff00, 0xff, 0xff000000] }), PNG);
    expect((await pixels(body)).data.slice(0, 4)).toEqual([255, 0, 0, 64]);
  });

  it.each([
    ['ends early', bitmap(24).subarray(0, 60), 'TruncatedImage'],
    ['has a size of nothing', bitmap(24, { width: 0 }), 'CorruptImage'],
    ['has more pixels than its bytes', bitmap(24, { width: 2000, height: 2000 }), 'TruncatedImage'],
    ['has more pixels than the limit', bitmap(24, { width: 200_000, height: 200_000 }), 'TooManyPixels'],
    ['has a compression that nobody knows', bitmap(24, { compression: 9 }), 'UnsupportedImage'],
  ])('one that %s is refused by class', async (_what, body, name) => {
    await expect(make(body, PNG)).rejects.toMatchObject({ name });
  });
});

describe('icons', () => {
  it('give their largest picture, transparent where the mask says so', async () => {
    const picture = (side: number, mask: number): Buffer => {
      const dib = Buffer.alloc(40 + side * Math.ceil((side * 24) / 32) * 4 + side * 4);
      dib.writeUInt32LE(40, 0);
      dib.writeInt32LE(side, 4);
      dib.writeInt32LE(side * 2, 8);
      dib.writeUInt16LE(1, 12);
      dib.writeUInt16LE(24, 14);
      dib[dib.length - side * 4] = mask;
      return dib;
    };
    const pictures = [picture(1, 0), picture(2, 0b1000_0000)];
    const head = Buffer.alloc(6 + 16 * 2);
    head.writeUInt16LE(1, 2);
    head.writeUInt16LE(2, 4);
    for (const [place, dib] of pictures.entries()) {
      const at = 6 + 16 * place;
      head.set([place + 1, place + 1], at);
      head.writeUInt16LE(24, at + 6);
      head.writeUInt32LE(dib.length, at + 8);
      head.writeUInt32LE(head.length + (place === 0 ? 0 : (pictures[0] as Buffer).length), at + 12);
    }
    const { source, renditions } = await make(Buffer.concat([head, ...pictures]), PNG);
    expect(source).toEqual({ format: 'ico', width: 2, height: 2, pages: 2 });
    // The bottom left pixel: masks lie bottom up, too.
    const { data } = await pixels(renditions[0]?.body ?? Buffer.alloc(0));
    expect(data.filter((_, place) => place % 4 === 3)).toEqual([255, 255, 0, 255]);
  });
});

describe('camera raw files', () => {
  const photo = (width: number) =>
    sharp({ create: { width, height: 20, channels: 3, background: '#808080' } })
      .jpeg()
      .toBuffer();

  /** A TIFF whose only directory says colour filter array and an orientation, with JPEGs behind it. */
  function rawFile(orientation: number, jpegs: readonly Buffer[]): Buffer {
    const head = Buffer.alloc(8 + 2 + 2 * 12 + 4);
    head.write('II*\0', 'latin1');
    head.writeUInt32LE(8, 4);
    head.writeUInt16LE(2, 8);
    for (const [place, [tag, value]] of [
      [262, 32_803],
      [274, orientation],
    ].entries()) {
      const at = 10 + place * 12;
      head.writeUInt16LE(tag as number, at);
      head.writeUInt16LE(3, at + 2);
      head.writeUInt32LE(1, at + 4);
      head.writeUInt16LE(value as number, at + 8);
    }
    return Buffer.concat([head, ...jpegs]);
  }

  it('give the largest JPEG in them, upright, and say that it is a preview', async () => {
    const { source, renditions } = await make(rawFile(6, [await photo(10), await photo(40), await photo(30)]), PNG);
    expect(source).toEqual({ format: 'raw', width: 20, height: 40, preview: true });
    expect(await sharp(renditions[0]?.body).metadata()).toMatchObject({ width: 20, height: 40 });
  });

  it('without a JPEG are refused, and not read as the small TIFF that they begin with', async () => {
    await expect(make(rawFile(1, []), PNG)).rejects.toMatchObject({ name: 'UnsupportedImage', met: 'no JPEG in it' });
  });

  it('are told from ordinary TIFF', async () => {
    const tiff = await sharp(await photo(10))
      .tiff()
      .toBuffer();
    expect(decoderOf(tiff)).toBeUndefined();
    expect(decoderOf(rawFile(1, []))?.format).toBe('raw');
  });
});

describe('the file that decoders make for sharp', () => {
  it.each([
    [1, 8],
    [2, 8],
    [3, 8],
    [4, 8],
    [1, 16],
    [3, 16],
    [4, 16],
  ] as const)('holds %i channels of %i bits as they are', async (channels, depth) => {
    const data = Buffer.from(Array.from({ length: (6 * channels * depth) / 8 }, (_, place) => (place * 37) % 256));
    const png = pngOf({ width: 3, height: 2, channels, depth, data });
    expect(await sharp(png).metadata()).toMatchObject({
      width: 3,
      height: 2,
      channels,
      depth: depth === 8 ? 'uchar' : 'ushort',
    });
    // Of grey with alpha sharp gives grey.
    const expected = channels === 2 ? [...data].filter((_, place) => place % 2 === 0) : [...data];
    const space = channels < 3 ? (depth === 16 ? 'grey16' : 'b-w') : depth === 16 ? 'rgb16' : 'srgb';
    const raw = await sharp(png)
      .toColourspace(space)
      .raw({ depth: depth === 16 ? 'ushort' : 'uchar' })
      .toBuffer();
    expect([...(depth === 16 ? Buffer.from(raw).swap16() : raw)]).toEqual(expected);
  });

  it('keeps the profile, and turns the orientation in EXIF upright', async () => {
    const turned = await sharp({ create: { width: 2, height: 1, channels: 3, background: '#123456' } })
      .withMetadata({ orientation: 6 })
      .withIccProfile('p3')
      .jpeg()
      .toBuffer();
    const { icc, exif } = await sharp(turned).metadata();
    const png = pngOf({
      width: 2,
      height: 1,
      channels: 3,
      depth: 8,
      data: Buffer.alloc(6),
      icc,
      exif: exif?.subarray(6),
    });
    const read = await sharp(png).metadata();
    expect(read.icc?.equals(icc as Buffer)).toBe(true);
    expect(read.orientation).toBe(1);
    expect(turnedUpright(Buffer.from('no EXIF'))).toEqual(Buffer.from('no EXIF'));
  });

  it('holds CMYK', async () => {
    const tiff = cmykTiffOf(2, 1, Buffer.from([0, 0, 0, 0, 0, 0, 0, 255]));
    expect(await sharp(tiff).metadata()).toMatchObject({ width: 2, height: 1, space: 'cmyk', channels: 4 });
    const rgb = await sharp(tiff).toColourspace('srgb').raw().toBuffer();
    expect(rgb[0]).toBeGreaterThan(250);
    expect(rgb[3]).toBeLessThan(60);
  });
});

describe.skipIf(!haveImages)('real files', () => {
  it('a photo of an iPhone becomes a JPEG in sRGB of the right size', async () => {
    const { source, renditions } = await make(image('avif-heic/IMG_5195.HEIC'), { resize: { width: 300 } });
    expect(source).toEqual({ format: 'heic', width: 2566, height: 3313 });
    expect(renditions[0]).toMatchObject({ format: 'jpeg', width: 300, height: 387 });
    expect((await sharp(renditions[0]?.body).metadata()).hasProfile).toBe(false);
  });

  it('an archive keeps what nobody writes as it is, under its own name and media type', async () => {
    const body = image('avif-heic/sample.heic');
    const only = await makeOne(body, 'archive', {}, { key: 'a/photo.heic' });
    expect(only.body.equals(body)).toBe(true);
    expect(only).toMatchObject({ key: 'a/photo.heic', format: 'heic', contentType: 'image/heic' });
    // Anything asked for beside makes it a picture of another format again.
    const smaller = await makeOne(
      body,
      { extends: 'archive', resize: { width: 50 }, outputs: [{ name: 'archive', key: '{name}.{format}' }] },
      {},
      { key: 'photo.heic' },
    );
    expect(smaller).toMatchObject({ key: 'photo.jpg', format: 'jpeg', width: 50 });
  });

  it('PDF is read only where the recipe allows it', async () => {
    const body = image('unsupported/blankpage.pdf');
    await expect(make(body, PNG)).rejects.toMatchObject({ name: 'UnsupportedImage' });
    const { source } = await make(body, { ...PNG, allow: ['pdf'] });
    expect(source).toMatchObject({ format: 'pdf', width: expect.any(Number) });
  });
});

it.skipIf(!haveImages)('looks at any beginning of any image without an error', () => {
  for (const { path } of manifestRows()) {
    const body = image(path ?? '');
    for (let length = 0; length <= 128; length++) sniff(body.subarray(0, length));
  }
  for (let length = 0; length <= 40; length++)
    sniff(Buffer.concat([Buffer.from('8BPS\0\x01'), Buffer.alloc(40)]).subarray(0, length));
});

describe('other files', () => {
  it.each([
    ['\0\0\0\x14ftypqt  \0\0\0\0qt  ', 'a QuickTime video'],
    ['\0\0\0\x14ftypisom\0\0\0\0isom', 'an MP4 video'],
    ['\0\0\0\x14ftypM4A \0\0\0\0isom', 'an MP4 sound'],
    ['PK\x03\x04', 'a ZIP archive or office document'],
    ['\x1f\x8b\x08\0 no vector', 'a gzip archive'],
    ['\0\x05\x16\x07\0\x02\0\0Mac OS X', 'an AppleDouble file (macOS)'],
    ['<?xpacket begin=""?><x:xmpmeta/>', 'an XMP sidecar'],
    ['\0\0\0\x08wide\0\0\0\x08mdat', 'a QuickTime video'],
    [
      '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN">',
      'a property list (AAE)',
    ],
  ])('%j is refused as what it is', async (text, met) => {
    await expect(make(Buffer.from(text, 'latin1'), PNG)).rejects.toMatchObject({ name: 'NotAnImage', met });
  });
});

it('docs/formats.md has a row for each decoder, with the version of its package that is installed', () => {
  const docs = readFileSync(new URL('../../../../docs/formats.md', import.meta.url), 'utf8');
  const { optionalDependencies } = JSON.parse(
    readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8'),
  );
  for (const { title } of DECODERS) expect(docs).toMatch(new RegExp(`^\\| ${title}[ (|]`, 'm'));
  for (const [name, version] of Object.entries(optionalDependencies)) expect(docs).toContain(`| ${name} ${version} (`);
});

it('docs/formats.md has every name that a file is refused by', () => {
  const docs = readFileSync(new URL('../../../../docs/formats.md', import.meta.url), 'utf8');
  const listed = docs.slice(docs.indexOf('## Refused by name'), docs.indexOf('## Placement'));
  const names = listed.split('\n').flatMap((line) => (line.split('|')[2] ?? '').split(';').map((name) => name.trim()));
  expect([...OTHER_FILES].filter((name) => !names.includes(name))).toEqual([]);
});

describe('files that tools of this machine make', () => {
  it.each([
    ['tar', ['-cf', '-', 'package.json'], 'a TAR archive'],
    ['tar', ['-czf', '-', 'package.json'], 'a gzip archive'],
    ['tar', ['-cJf', '-', 'package.json'], 'an XZ archive'],
    ['bzip2', ['-c', 'package.json'], 'a bzip2 archive'],
    ['head', ['-c', '100000', process.execPath], 'a program'],
  ] as const)('%s %j is refused as what it is', async (tool, options, met) => {
    const cwd = new URL('../../../../', import.meta.url);
    const made = spawnSync(tool, options, { cwd, maxBuffer: 1 << 28 });
    // Not every machine has every tool.
    if (made.error !== undefined) return;
    const body = made.stdout.subarray(0, 1_000_000);
    await expect(make(body, PNG)).rejects.toMatchObject({ name: 'NotAnImage', met });
  });
});
