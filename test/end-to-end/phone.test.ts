// A phone's folder: photos in HEIC with videos, Live Photo pairs and edit lists beside them is one run that ends well.
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ended, run, type Workplace, workplace } from '../cli/program.ts';
import { haveImages } from '../lambda/image/images.ts';

const PHOTO = fileURLToPath(new URL('../../../shared/images/avif-heic/IMG_5195.HEIC', import.meta.url));
const MOVIE = Buffer.from('\0\0\0\x14ftypqt  \0\0\0\0qt  \0\0\0\x08wide', 'latin1');
const EDITS = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN">\n<plist/>';

describe.skipIf(!haveImages)("a phone's folder", () => {
  let place: Workplace;
  let ended: Ended;
  let out: string;
  beforeAll(async () => {
    place = await workplace();
    const from = await place.folder('phone');
    out = await place.folder('out');
    await mkdir(`${from}/100APPLE`);
    for (const name of ['IMG_0001.HEIC', 'IMG_0002.HEIC', 'IMG_E0002.HEIC'])
      await copyFile(PHOTO, `${from}/100APPLE/${name}`);
    // The moving half of a Live Photo, a video, and what was edited.
    for (const name of ['IMG_0001.MOV', 'IMG_0003.MOV']) await writeFile(`${from}/100APPLE/${name}`, MOVIE);
    await writeFile(`${from}/100APPLE/IMG_0002.AAE`, EDITS);
    ended = await run('run', from, out, '--recipe', 'thumbnail', '--json');
  });
  afterAll(() => place.remove());

  it('ends with 0: its photos are made, the rest is skipped by reason', async () => {
    expect(ended.code).toBe(0);
    const { counts } = JSON.parse(ended.stdout) as { counts: Record<string, number> };
    expect(counts).toMatchObject({ total: 6, succeeded: 3, skipped: 3, failed: 0, pending: 0 });
    const made = (await readdir(`${out}/100APPLE`)).sort();
    expect(made).toEqual(['IMG_0001-thumbnail.webp', 'IMG_0002-thumbnail.webp', 'IMG_E0002-thumbnail.webp']);
    const { width, height } = await sharp(`${out}/100APPLE/IMG_0001-thumbnail.webp`).metadata();
    expect([width, height]).toEqual([310, 400]);
  });
});
