// A set of texts by their digests: a million keys in some 33 MB, where strings in a Set would take several times that.
import { hash } from 'node:crypto';

export interface KeySet {
  add(text: string): void;
  has(text: string): boolean;
  readonly size: number;
}

/** Words of 32 bits per digest: 128 bits, so that two of a hundred million keys meet with a chance below 1 in 10^22. */
const WORDS = 4;

/** Open addressing in one typed array, at most two thirds full. */
export function createKeySet(): KeySet {
  let capacity = 1 << 12;
  let slots = new Uint32Array(capacity * WORDS);
  let size = 0;

  /** The place of a digest: where it is, or the free slot where it belongs. */
  function slotOf(table: Uint32Array, digest: Uint32Array): number {
    const mask = table.length / WORDS - 1;
    for (let slot = (digest[0] as number) & mask; ; slot = (slot + 1) & mask) {
      const at = slot * WORDS;
      if (isFree(table, at) || isSame(table, at, digest)) return at;
    }
  }

  function grow(): void {
    const old = slots;
    capacity *= 2;
    slots = new Uint32Array(capacity * WORDS);
    for (let at = 0; at < old.length; at += WORDS) {
      if (isFree(old, at)) continue;
      const digest = old.subarray(at, at + WORDS);
      slots.set(digest, slotOf(slots, digest));
    }
  }

  return {
    get size() {
      return size;
    },
    add(text) {
      const digest = digestOf(text);
      const at = slotOf(slots, digest);
      if (!isFree(slots, at)) return;
      slots.set(digest, at);
      size += 1;
      if (size * 3 > capacity * 2) grow();
    },
    has: (text) => {
      return !isFree(slots, slotOf(slots, digestOf(text)));
    },
  };
}

function digestOf(text: string): Uint32Array {
  // For telling texts apart, not for security: the fastest of 128 bits.
  const bytes = hash('md5', text, 'buffer');
  const digest = new Uint32Array(WORDS);
  for (let word = 0; word < WORDS; word += 1) digest[word] = bytes.readUInt32LE(word * 4);
  // All zero means free.
  if (isFree(digest, 0)) digest[0] = 1;
  return digest;
}

function isFree(table: Uint32Array, at: number): boolean {
  return table[at] === 0 && table[at + 1] === 0 && table[at + 2] === 0 && table[at + 3] === 0;
}

function isSame(table: Uint32Array, at: number, digest: Uint32Array): boolean {
  return (
    table[at] === digest[0] && table[at + 1] === digest[1] && table[at + 2] === digest[2] && table[at + 3] === digest[3]
  );
}
