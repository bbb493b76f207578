// sharp, set up in one place for the whole process: which loaders may run, how many threads, no cache.
import sharp from 'sharp';
import type { UntrustedFormat } from '../recipe/names.ts';
import type { DecodedFormat } from './decoders/decoder.ts';

// One thread per image and several images in flight is the fastest way to do many; the cache only helps who repeats itself.
sharp.concurrency(1);
sharp.cache(false);

// glibc gives a block of more than 128 KiB back to the kernel as soon as it is freed, and the next image's is zeroed page
// by page again. Once a large block has been freed, it keeps those up to that size, 32 MiB at most (mallopt(3),
// M_MMAP_THRESHOLD). This one is never touched, so it costs nothing; without it the first dozens of images are slower by
// a fiftieth. Other allocators do not mind.
keepBlocks(32 * 1024 * 1024 - 64 * 1024);

// An allowlist: what is not named here is not read, whatever the libvips build can. Vectors are read in a process of
// their own only (isolated.ts).
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Tiff', 'Heif'].map((loader) => `VipsForeignLoad${loader}`),
});

/** Gives each image so many threads: where one is worked on at a time, on more processors. AVIF makes the most of them. */
export function setThreadsPerImage(threads: number): void {
  sharp.concurrency(threads);
}

function keepBlocks(bytes: number): void {
  const { buffer } = Buffer.allocUnsafeSlow(bytes);
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** libvips' loader classes of what is read in a process of its own. */
const LOADERS: Record<'svg' | 'uhdr' | Exclude<UntrustedFormat, DecodedFormat>, string> = {
  svg: 'VipsForeignLoadSvg',
  uhdr: 'VipsForeignLoadUhdr',
  fits: 'VipsForeignLoadFits',
  exr: 'VipsForeignLoadOpenexr',
  ppm: 'VipsForeignLoadPpm',
  rad: 'VipsForeignLoadRad',
};

/** Lets this process read the formats. Only for a process that can be ended. */
export function unblock(formats: readonly (keyof typeof LOADERS)[]): void {
  sharp.unblock({ operation: formats.map((format) => LOADERS[format]) });
}

/**
 * Lets this process see gain maps while some work is done. Only for a process that works on one image at a time. The cache is
 * on meanwhile: sharp 0.35.5 turns a map by right angles after its bytes were freed, unless the cache still holds them.
 */
export async function withUhdr<T>(work: () => Promise<T>): Promise<T> {
  unblock(['uhdr']);
  sharp.cache({ memory: 8192, items: 1000, files: 1000 });
  try {
    return await work();
  } finally {
    sharp.block({ operation: [LOADERS.uhdr] });
    sharp.cache(false);
  }
}

export { sharp };
