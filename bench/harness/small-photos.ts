// Many small photos, quickly: cut from one painted landscape, each from another place.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { landscape } from '../../examples/samples/scenes.ts';

const [WIDTH, HEIGHT] = [320, 240];

/**
 * `count` JPEGs of 320 x 240 pixels, all different, in folders of ten: keys in S3's order, and bytes. Another `version` has
 * other pictures under the same keys.
 */
export async function smallPhotos(count: number, version = 0): Promise<Map<string, Buffer>> {
  const { data, width, height, channels } = landscape(WIDTH * 3, HEIGHT * 2, 1);
  const scene = sharp(data, { raw: { width, height, channels } });
  const photos = new Map<string, Buffer>();
  for (let at = 0; at < count; at++) {
    const key = `folder ${String(Math.floor(at / 10)).padStart(3, '0')}/photo ${at % 10}.jpg`;
    const left = (at * 37 + version * 211) % (width - WIDTH);
    const top = (at * 23 + version * 101) % (height - HEIGHT);
    photos.set(key, await scene.clone().extract({ left, top, width: WIDTH, height: HEIGHT }).jpeg().toBuffer());
  }
  return photos;
}

/** Writes them below a directory; answers their keys. */
export async function makeSmallPhotos(directory: string, count: number): Promise<string[]> {
  const photos = await smallPhotos(count);
  for (const [key, bytes] of photos) {
    await mkdir(dirname(join(directory, key)), { recursive: true });
    await writeFile(join(directory, key), bytes);
  }
  return [...photos.keys()];
}
