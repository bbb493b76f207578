// What people write by hand for light images: sharp in a loop over folders; run: node bench/harness/light-loop.ts '{"source":…}'
import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';

export interface LightLoop {
  readonly source: string;
  readonly destination: string;
  readonly concurrency: number;
}

/** Every image below the source, to one JPEG of 128 pixels at most, under the same path. */
export async function lightLoop({ source, destination, concurrency }: LightLoop): Promise<void> {
  sharp.concurrency(1);
  sharp.cache(false);
  const files = (await readdir(source, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const made = new Set<string>();
  const waiting = files.values();
  const worker = async () => {
    for (const { name, parentPath } of waiting) {
      const from = join(parentPath, name);
      const to = join(destination, from.slice(source.length));
      const folder = dirname(to);
      if (!made.has(folder)) await mkdir(folder, { recursive: true });
      made.add(folder);
      await sharp(from)
        .autoOrient()
        .resize({ width: 128, height: 128, fit: 'inside', withoutEnlargement: true })
        .jpeg({ quality: 80 })
        .toFile(to);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

if (import.meta.main) await lightLoop(JSON.parse(process.argv[2] ?? ''));
