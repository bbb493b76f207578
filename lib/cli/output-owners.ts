// Which source each output key of a dry run belongs to: two million keys in some 200 MB, where a Map of strings takes several times that, and ends at 16.7 million.
import { hash } from 'node:crypto';

export interface Owners {
  /** Takes the outputs of a source, unless one is another's: then it answers which, and whose. A source that is named twice is one. */
  claim(source: string): { readonly output: string; readonly owner: string } | undefined;
}

/** Half a digest, and the owner's place plus one: 0 is a free slot. */
const SLOT = 3;
/** Bytes of sources that are kept together. */
const CHUNK = 1024 * 1024;

/** `keysOf` gives the output keys by which sources have to be compared, the same each time. */
export function createOwners(keysOf: (source: string) => readonly string[]): Owners {
  const sources = createTexts();
  let slots = new Uint32Array(SLOT << 12);
  let size = 0;

  /** The places of the owners whose outputs may be this one, and the free slot after them. */
  function* found(digest: Buffer): Generator<number> {
    const count = slots.length / SLOT;
    const [high, low] = [digest.readUInt32LE(0), digest.readUInt32LE(4)];
    for (let slot = high % count; ; slot = (slot + 1) % count) {
      const at = slot * SLOT;
      const owner = slots[at + 2] as number;
      if (owner === 0) return;
      if (slots[at] === high && slots[at + 1] === low) yield owner - 1;
    }
  }

  function insert(high: number, low: number, owner: number): void {
    const count = slots.length / SLOT;
    let slot = high % count;
    while (slots[slot * SLOT + 2] !== 0) slot = (slot + 1) % count;
    slots.set([high, low, owner], slot * SLOT);
  }

  function grow(): void {
    const old = slots;
    slots = new Uint32Array(old.length * 2);
    for (let at = 0; at < old.length; at += SLOT) {
      if (old[at + 2] !== 0) insert(old[at] as number, old[at + 1] as number, old[at + 2] as number);
    }
  }

  return {
    claim(source) {
      const outputs = keysOf(source);
      const digests = outputs.map((output) => hash('md5', output, 'buffer'));
      let again = false;
      for (const [place, output] of outputs.entries()) {
        for (const at of found(digests[place] as Buffer)) {
          const owner = sources.at(at);
          if (owner === source) again = true;
          // The digest says where to look, the keys themselves decide.
          else if (keysOf(owner).includes(output)) return { output, owner };
        }
      }
      if (again) return undefined;
      const owner = sources.add(source) + 1;
      for (const digest of digests) {
        insert(digest.readUInt32LE(0), digest.readUInt32LE(4), owner);
        size += 1;
        if (size * 3 * SLOT > slots.length * 2) grow();
      }
      return undefined;
    },
  };
}

/** Texts one after the other in large buffers. */
function createTexts(): { add(text: string): number; at(place: number): string } {
  const chunks: Buffer[] = [];
  /** Where each begins: its chunk, and its place there. */
  let starts = new Float64Array(1 << 12);
  let count = 0;
  let free = 0;
  return {
    add(text) {
      const bytes = Buffer.byteLength(text);
      let chunk = chunks.at(-1);
      if (chunk === undefined || free + 4 + bytes > chunk.length) {
        chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK, 4 + bytes));
        chunks.push(chunk);
        free = 0;
      }
      if (count === starts.length) {
        const old = starts;
        starts = new Float64Array(old.length * 2);
        starts.set(old);
      }
      starts[count] = (chunks.length - 1) * 2 ** 32 + free;
      chunk.writeUInt32LE(bytes, free);
      chunk.write(text, free + 4);
      free += 4 + bytes;
      count += 1;
      return count - 1;
    },
    at(place) {
      const start = starts[place] as number;
      const chunk = chunks[Math.floor(start / 2 ** 32)] as Buffer;
      const from = start % 2 ** 32;
      return chunk.toString('utf8', from + 4, from + 4 + chunk.readUInt32LE(from));
    },
  };
}
