// Every operation and every option of every encoder, through real sharp: what the schema lets pass, sharp must take.
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { ENCODERS } from '../../../lambda/recipe/encoders.ts';
import { FORMAT_NAMES, OPERATION_ORDER } from '../../../lambda/recipe/names.ts';
import { OPERATIONS } from '../../../lambda/recipe/operations.ts';
import { make, makeOne } from './images.ts';
import { ENCODER_SAMPLES, OPERATION_SAMPLES } from './samples.ts';

let photo: Buffer;
let animation: Buffer;
let logo: Buffer;

beforeAll(async () => {
  const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const;
  const body = sharp({ create: { width: 96, height: 64, channels: 3, background: 'white', noise } });
  const square = await sharp({ create: { width: 40, height: 30, channels: 4, background: '#3366ccff' } })
    .png()
    .toBuffer();
  photo = await body
    .composite([{ input: square, left: 20, top: 10 }])
    .extend({ left: 8, background: 'white' })
    .png()
    .toBuffer();
  const frames = Buffer.alloc(3 * 20 * 20 * 3, 0).fill(200, 400 * 3, 800 * 3);
  animation = await sharp(frames, { raw: { width: 20, height: 60, channels: 3, pageHeight: 20 }, animated: true })
    .gif({ delay: [100, 100, 100] })
    .toBuffer();
  logo = await sharp({ create: { width: 30, height: 20, channels: 4, background: '#00ff0080' } })
    .png()
    .toBuffer();
});

const overlays = () => ({ overlays: new Map([['logo.png', logo]]) });

/** The option names of a schema. */
function optionsOf(schema: z.ZodType): string[] {
  return 'shape' in schema ? Object.keys(schema.shape as object) : [];
}

describe('operations', () => {
  const cases = OPERATION_ORDER.flatMap((name) => OPERATION_SAMPLES[name].map((options) => ({ name, options })));

  it.for(cases)('$name $options is applied', async ({ name, options }) => {
    const plain = await makeOne(photo, { format: 'png' });
    const made = await makeOne(photo, { format: 'png', [name]: options }, {}, overlays());
    expect((await sharp(made.body).metadata()).format).toBe('png');
    const nothingToDo =
      name === 'autoOrient' ||
      name === 'flatten' ||
      (name === 'gamma' && Object.keys(options).length === 0) ||
      name === 'unflatten';
    if (!nothingToDo) expect(made.body.equals(plain.body)).toBe(false);
  });

  it.for(cases)('$name $options comes after shared operations, too', async ({ name, options }) => {
    const { renditions } = await make(
      photo,
      {
        resize: { width: 90 },
        sharpen: {},
        outputs: [
          { name: 'plain', format: 'png' },
          { name: 'made', format: 'jpeg', [name]: options },
        ],
      },
      {},
      overlays(),
    );
    expect(renditions.map(({ format }) => format)).toEqual(['png', 'jpeg']);
  });

  it.for(OPERATION_ORDER)('%s has a sample of every option', (name) => {
    const used = new Set(OPERATION_SAMPLES[name].flatMap((options) => Object.keys(options)));
    expect(optionsOf(OPERATIONS[name].schema).filter((option) => !used.has(option))).toEqual([]);
  });
});

describe('encoders', () => {
  const cases = FORMAT_NAMES.flatMap((format) => ENCODER_SAMPLES[format].map((options) => ({ format, options })));

  it.for(cases)('$format takes $options', async ({ format, options }) => {
    const made = await makeOne(photo, { format, [format]: options, resize: { width: 64 } });
    expect(await sharp(made.body).metadata()).toMatchObject({ format: format === 'avif' ? 'heif' : format, width: 64 });
  });

  it.for(cases.filter(({ format }) => format === 'gif' || format === 'webp'))(
    '$format takes $options for animations',
    async ({ format, options }) => {
      const made = await makeOne(animation, { format, [format]: options });
      expect(made.pages).toBe(3);
    },
  );

  it.for(FORMAT_NAMES)('%s has a sample of every option', (format) => {
    const used = new Set(ENCODER_SAMPLES[format].flatMap((options) => Object.keys(options)));
    expect(optionsOf(ENCODERS[format]).filter((option) => !used.has(option))).toEqual([]);
  });

  it('says so when the build lacks an encoder', async () => {
    await expect(makeOne(photo, { format: 'heif' })).rejects.toMatchObject({ name: 'UnsupportedImage' });
  });
});
