// How often each text was given: by its position where it begins with that, a bit each, else by its digest, a million in some 42 MB.
import { hash } from 'node:crypto';

export interface InputCounts {
  add(text: string): void;
  /** Takes one away. False when there is none left. */
  take(text: string): boolean;
}

/** Words of 32 bits per digest: 128 bits, so that two of a hundred million meet with a chance below 1 in 10^22. */
const WORDS = 4;
/** Digest and count. */
const SLOT = WORDS + 1;

/** Positions beyond that are as rare as such a listing, and take the other way. */
const MOST_POSITIONS = 2 ** 31;

/**
 * Texts that begin with `opening` and a number are told apart by that number alone, and each is there once: a child's
 * first item says which child it is. Reading and hashing the whole of them was half the time to a resumed run's first key.
 */
export function createInputCounts(opening?: string): InputCounts {
  const others = createDigestCounts();
  let bits = new Uint32Array(1 << 10);

  /** Undefined for a text of another form. */
  function positionOf(text: string): number | undefined {
    if (opening === undefined || !text.startsWith(opening)) return undefined;
    let position = 0;
    let at = opening.length;
    for (; at < text.length; at += 1) {
      const digit = text.charCodeAt(at) - 48;
      if (digit < 0 || digit > 9) break;
      position = 10 * position + digit;
    }
    return at === opening.length || position >= MOST_POSITIONS ? undefined : position;
  }

  return {
    add(text) {
      const position = positionOf(text);
      if (position === undefined) return others.add(text);
      const word = position >>> 5;
      if (word >= bits.length) {
        const old = bits;
        bits = new Uint32Array(Math.max(word + 1, 2 * old.length));
        bits.set(old);
      }
      bits[word] = (bits[word] as number) | (1 << (position & 31));
    },
    take(text) {
      const position = positionOf(text);
      if (position === undefined) return others.take(text);
      const word = position >>> 5;
      const bit = 1 << (position & 31);
      if (((bits[word] ?? 0) & bit) === 0) return false;
      bits[word] = (bits[word] as number) & ~bit;
      return true;
    },
  };
}

/** Open addressing in one typed array, at most two thirds full. */
function createDigestCounts(): InputCounts {
  let capacity = 1 << 12;
  let slots = new Uint32Array(capacity * SLOT);
  let size = 0;

  /** The place of a digest: where it is, or the free slot where it belongs. A slot once used keeps its digest. */
  function slotOf(table: Uint32Array, digest: Uint32Array): number {
    const mask = table.length / SLOT - 1;
    for (let slot = (digest[0] as number) & mask; ; slot = (slot + 1) & mask) {
      const at = slot * SLOT;
      if (isFree(table, at) || isSame(table, at, digest)) return at;
    }
  }

  function grow(): void {
    const old = slots;
    capacity *= 2;
    slots = new Uint32Array(capacity * SLOT);
    for (let at = 0; at < old.length; at += SLOT) {
      if (isFree(old, at)) continue;
      slots.set(old.subarray(at, at + SLOT), slotOf(slots, old.subarray(at, at + WORDS)));
    }
  }

  return {
    add(text) {
      const digest = digestOf(text);
      const at = slotOf(slots, digest);
      const isNew = isFree(slots, at);
      if (isNew) slots.set(digest, at);
      slots[at + WORDS] = (slots[at + WORDS] as number) + 1;
      if (!isNew) return;
      size += 1;
      if (size * 3 > capacity * 2) grow();
    },
    take(text) {
      if (size === 0) return false;
      const at = slotOf(slots, digestOf(text));
      const left = slots[at + WORDS] as number;
      if (left > 0) slots[at + WORDS] = left - 1;
      return left > 0;
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
