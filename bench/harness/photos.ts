// The photos that benches run on: real camera photos where they are at hand, else the painted samples, repeated to a number.
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { makeSamples } from '../../examples/make-samples.ts';

const REAL = resolve(import.meta.dirname, '../../../shared/images/photos');

/** Fills `directory` with `count` JPEG photos, each a file of its own; answers where they came from. */
export async function gatherPhotos(directory: string, count: number): Promise<string> {
  const from = existsSync(REAL) ? REAL : join(await paintedSamples(), 'camera');
  const names = (await readdir(from)).filter((name) => /\.jpe?g$/i.test(name)).sort();
  await mkdir(directory, { recursive: true });
  for (let at = 0; at < count; at++) {
    const name = names[at % names.length] as string;
    const number = String(at).padStart(String(count).length, '0');
    await copyFile(join(from, name), join(directory, `${number}${extname(name).toLowerCase()}`));
  }
  return from;
}

async function paintedSamples(): Promise<string> {
  const directory = join(tmpdir(), 'image-fanout-samples');
  await makeSamples(directory);
  return directory;
}
