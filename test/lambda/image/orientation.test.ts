// Upright, whatever the camera's position was.
import sharp, { type Sharp } from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { haveImages, image, make, makeOne } from './images.ts';

const SMALL = { resize: { width: 60 }, format: 'png' } as const;

describe('orientation', () => {
  let upright: Buffer;
  beforeAll(async () => {
    const corner = await sharp({ create: { width: 30, height: 10, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    upright = await sharp({ create: { width: 80, height: 40, channels: 3, background: 'blue' } })
      .composite([{ input: corner, left: 0, top: 0 }])
      .png()
      .toBuffer();
  });

  /** The pixels that, turned by the orientation, are upright. */
  function stored(orientation: number): Promise<Buffer> {
    const turned = sharp(upright);
    const undo: Record<number, () => Sharp> = {
      1: () => turned,
      2: () => turned.flop(),
      3: () => turned.rotate(180),
      4: () => turned.flip(),
      5: () => turned.rotate(90).flip(),
      6: () => turned.rotate(270),
      7: () => turned.rotate(270).flip(),
      8: () => turned.rotate(90),
    };
    return (undo[orientation]?.() ?? turned).withMetadata({ orientation }).png().toBuffer();
  }

  it.for([1, 2, 3, 4, 5, 6, 7, 8])('%i gives the upright pixels', async (orientation) => {
    const { body } = await makeOne(await stored(orientation), { format: 'png' });
    expect((await sharp(body).raw().toBuffer()).equals(await sharp(upright).raw().toBuffer())).toBe(true);
    expect((await sharp(body).metadata()).orientation).toBeUndefined();
  });

  it.for([1, 2, 3, 4, 5, 6, 7, 8])(
    '%i gives the upright pixels through intermediate ones and kept metadata',
    async (orientation) => {
      const { renditions } = await make(await stored(orientation), {
        metadata: 'keep',
        outputs: [
          { name: 'a', format: 'png' },
          { name: 'b', format: 'png', resize: { width: 40 } },
          { name: 'c', format: 'jpeg' },
        ],
      });
      const [a, , c] = renditions.map(({ body }) => body);
      expect((await sharp(a).raw().toBuffer()).equals(await sharp(upright).raw().toBuffer())).toBe(true);
      expect([undefined, 1]).toContain((await sharp(c).metadata()).orientation);
    },
  );

  it('extracts from the upright image', async () => {
    const { body } = await makeOne(await stored(6), {
      format: 'png',
      extract: { left: 0, top: 0, width: 30, height: 10 },
    });
    expect((await sharp(body).stats()).channels.slice(0, 3).map(({ mean }) => mean)).toEqual([255, 0, 0]);
  });

  it('mirrors, turns, then extracts: in the order of the table, however it is written', async () => {
    const { body } = await makeOne(upright, {
      format: 'png',
      extract: { left: 0, top: 50, width: 10, height: 30 },
      rotate: { angle: 90 },
      flop: true,
    });
    // Flopped, red is at the top right; turned by 90 degrees it is at the bottom right.
    const right = await makeOne(upright, {
      format: 'png',
      extract: { left: 30, top: 50, width: 10, height: 30 },
      rotate: { angle: 90 },
      flop: true,
    });
    expect((await sharp(body).stats()).channels[0]?.mean).toBe(0);
    expect((await sharp(right.body).stats()).channels[0]?.mean).toBe(255);
  });

  it('leaves it when the recipe says so', async () => {
    const { source } = await make(await stored(6), { autoOrient: false, format: 'png' });
    expect(source).toMatchObject({ width: 40, height: 80 });
  });

  it.skipIf(!haveImages)('gives one picture of the same scene in all positions', async () => {
    const shots = await Promise.all(
      [1, 2, 3, 4, 5, 6, 7, 8].map((position) => makeOne(image(`orientation/Landscape_${position}.jpg`), SMALL)),
    );
    const pixels = await Promise.all(shots.map(({ body }) => sharp(body).raw().toBuffer()));
    const [first] = pixels as [Buffer];
    for (const other of pixels) {
      const mean = other.reduce((sum, value, place) => sum + Math.abs(value - (first[place] ?? 0)), 0) / first.length;
      // The files were encoded apart, after turning: equal but for what JPEG makes of it.
      expect(mean).toBeLessThan(3);
    }
  });
});
