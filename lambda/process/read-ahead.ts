// How many sources are read ahead of the CPU: enough that it never waits for one, no more than that, as each is held in memory.

/** Sources that are being read, or wait in memory for their turn to be decoded. */
export interface ReadAhead {
  /** Waits until one more, of so many bytes, may be read. They are held from then on. Default: `expected()`. */
  enter(bytes?: number): Promise<void> | undefined;
  /** The same, when it may at once; else nothing is held and false is answered. */
  tryEnter(bytes: number): boolean;
  /** One is being decoded, or has failed before. Its bytes are still held. */
  leave(): void;
  /** Tells that so many bytes more are held, or fewer: sources, and outputs that are not written yet. */
  holds(more: number): void;
  /** Bytes of a source whose size nobody knows: as the ones before. */
  expected(): number;
  /** Tells how many milliseconds a source took to be read, or to be made into its outputs, and how large it was. */
  took(stage: 'read' | 'transform', milliseconds: number, bytes?: number): void;
}

/** How much of an average is the latest value. */
const WEIGHT = 0.2;

/** Some reads take a multiple of the average. */
const SPREAD = 2;

/**
 * Bytes that sources and outputs may take in all: with those that are being decoded, and what sharp takes, a run on large
 * photos stays below 800 MB on two cores. A source that is larger goes alone.
 */
const MOST_BYTES = 256 * 1024 * 1024;

/** A large photo: what a source is taken for before any has been read. */
const FIRST_BYTES = 8 * 1024 * 1024;

/**
 * Makes one for a CPU that works on so many images at once. While an image is worked on, `read / transform` sources come
 * in for each read that runs; so many reads, times a margin, keep up with the CPU (Little's law), beside one source that
 * waits for each image. Until both times are known, and whatever they are, `mostBytes` is the bound (default: 256 MiB).
 */
export function createReadAhead(images: number, mostBytes = MOST_BYTES): ReadAhead {
  const waiting: { readonly bytes: number; readonly enter: () => void }[] = [];
  const average = { read: Number.NaN, transform: Number.NaN };
  let size = Number.NaN;
  let ahead = 0;
  let held = 0;

  function most(): number {
    const reads = (SPREAD * images * average.read) / average.transform;
    return Number.isNaN(reads) ? Number.POSITIVE_INFINITY : images + Math.ceil(reads);
  }

  function fits(bytes: number): boolean {
    return ahead < most() && (held <= 0 || held + bytes <= mostBytes);
  }

  function take(bytes: number): void {
    ahead += 1;
    held += bytes;
  }

  function admit(): void {
    for (let next = waiting[0]; next !== undefined && fits(next.bytes); next = waiting[0]) {
      waiting.shift();
      take(next.bytes);
      next.enter();
    }
  }

  const expected = (): number => (Number.isNaN(size) ? FIRST_BYTES : size);

  return {
    expected,
    enter(bytes = expected()) {
      if (waiting.length === 0 && fits(bytes)) {
        take(bytes);
        return undefined;
      }
      return new Promise((enter) => waiting.push({ bytes, enter }));
    },
    tryEnter(bytes) {
      const may = waiting.length === 0 && fits(bytes);
      if (may) take(bytes);
      return may;
    },
    holds(more) {
      held += more;
      if (more < 0) admit();
    },
    leave() {
      ahead -= 1;
      admit();
    },
    took(stage, milliseconds, bytes) {
      if (bytes !== undefined) size = Number.isNaN(size) ? bytes : size + WEIGHT * (bytes - size);
      const before = average[stage];
      // No less than the clock can tell: a quotient is made of it.
      const value = Math.max(0.01, milliseconds);
      average[stage] = Number.isNaN(before) ? value : before + WEIGHT * (value - before);
      admit();
    },
  };
}
