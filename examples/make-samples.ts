// Makes the sample images of the demo: a few dozen, photo-like, in many formats and sizes; run: node examples/make-samples.ts [DIRECTORY]
import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { SAMPLES } from './samples/catalogue.ts';

/**
 * Paints and writes all samples below `directory`, which need not exist; those that are there are kept. The bytes are
 * the same every time with the same version of sharp. Answers the paths below the directory, in a fixed order.
 */
export async function makeSamples(directory: string): Promise<string[]> {
  const waiting = SAMPLES.values();
  const worker = async () => {
    for (const { path, bytes } of waiting) {
      const file = join(directory, path);
      if (existsSync(file)) continue;
      await mkdir(dirname(file), { recursive: true });
      // Renamed when whole, as a half-written one would be kept the next time.
      await writeFile(`${file}.part`, await bytes());
      await rename(`${file}.part`, file);
    }
  };
  // Painting holds this thread, encoding does not: one more worker than cores keeps both busy.
  await Promise.all(Array.from({ length: availableParallelism() + 1 }, worker));
  return SAMPLES.map(({ path }) => path);
}

if (import.meta.main) {
  const directory = process.argv[2] ?? '.demo/source';
  const paths = await makeSamples(directory);
  console.log(`${paths.length} sample images in ${directory}`);
}
