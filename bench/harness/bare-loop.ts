// What people write by hand: sharp in a loop with a fixed concurrency; run: node bench/harness/bare-loop.ts '{"source":…}'
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';

export interface BareLoop {
  readonly source: string;
  /** Must exist. */
  readonly destination: string;
  readonly concurrency: number;
  /** Threads of libvips per image. */
  readonly vipsThreads: number;
  /** Milliseconds put before every read and every write; 0 for none. */
  readonly latency: number;
}

/** Every photo of the source, to one 1024-pixel JPEG of the same name. */
export async function bareLoop({ source, destination, concurrency, vipsThreads, latency }: BareLoop): Promise<void> {
  sharp.concurrency(vipsThreads);
  sharp.cache(false);
  const waiting = (await readdir(source)).values();
  const worker = async () => {
    for (const name of waiting) {
      const [from, to] = [join(source, name), join(destination, name)];
      if (latency === 0) {
        await shrink(from).toFile(to);
      } else {
        await sleep(latency);
        const output = await shrink(await readFile(from)).toBuffer();
        await sleep(latency);
        await writeFile(to, output);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

function shrink(input: string | Buffer) {
  const size = { width: 1024, height: 1024, fit: 'inside', withoutEnlargement: true } as const;
  return sharp(input).autoOrient().resize(size).jpeg({ quality: 80 });
}

if (import.meta.main) await bareLoop(JSON.parse(process.argv[2] ?? ''));
