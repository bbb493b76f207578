// Many small photos, quickly: cut from one painted landscape, each from another place.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { landscape } from '../../examples/samples/scenes.ts';

const [WIDTH, HEIGHT] = [320, 240];

/** Writes `count` JPEGs of 320 x 240 pixels, all different, into folders of ten; answers their keys in S3's order. */
export async function makeSmallPhotos(directory: string, count: number): Promise<string[]> {
  const { data, width, height, channels } = landscape(WIDTH * 3, HEIGHT * 2, 1);
  const scene = sharp(data, { raw: { width, height, channels } });
  const keys: string[] = [];
  for (let at = 0; at < count; at++) {
    const key = `folder ${String(Math.floor(at / 10)).padStart(3, '0')}/photo ${at % 10}.jpg`;
    const left = (at * 37) % (width - WIDTH);
    const top = (at * 23) % (height - HEIGHT);
    const bytes = await scene.clone().extract({ left, top, width: WIDTH, height: HEIGHT }).jpeg().toBuffer();
    await mkdir(dirname(join(directory, key)), { recursive: true });
    await writeFile(join(directory, key), bytes);
    keys.push(key);
  }
  return keys;
}
