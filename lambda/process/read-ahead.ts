// How many sources are read ahead of the CPU: enough that it never waits for one, no more than that, as each is held in memory.

/** Sources that are being read, or wait in memory for their turn to be decoded. */
export interface ReadAhead {
  /** Waits until one more may be read. */
  enter(): Promise<void> | undefined;
  /** One is being decoded, or has failed before. */
  leave(): void;
  /** Tells how many milliseconds a source took to be read, or to be made into its outputs. */
  took(stage: 'read' | 'transform', milliseconds: number): void;
}

/** How much of an average is the latest value. */
const WEIGHT = 0.2;

/** Some reads take a multiple of the average. */
const SPREAD = 2;

/**
 * Makes one for a CPU that works on so many images at once. While an image is worked on, `read / transform` sources come
 * in for each read that runs; so many reads, times a margin, keep up with the CPU (Little's law), beside one source that
 * waits for each image. Until both times are known there is no bound.
 */
export function createReadAhead(images: number): ReadAhead {
  const waiting: (() => void)[] = [];
  const average = { read: Number.NaN, transform: Number.NaN };
  let ahead = 0;

  function most(): number {
    const reads = (SPREAD * images * average.read) / average.transform;
    return Number.isNaN(reads) ? Number.POSITIVE_INFINITY : images + Math.ceil(reads);
  }

  function admit(): void {
    while (waiting.length > 0 && ahead < most()) {
      ahead += 1;
      waiting.shift()?.();
    }
  }

  return {
    enter() {
      if (waiting.length === 0 && ahead < most()) {
        ahead += 1;
        return undefined;
      }
      return new Promise((resolve) => waiting.push(resolve));
    },
    leave() {
      ahead -= 1;
      admit();
    },
    took(stage, milliseconds) {
      const before = average[stage];
      // No less than the clock can tell: a quotient is made of it.
      const value = Math.max(0.01, milliseconds);
      average[stage] = Number.isNaN(before) ? value : before + WEIGHT * (value - before);
      admit();
    },
  };
}
