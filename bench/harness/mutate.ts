// Damaged images, the same ones for the same seed: flipped bytes, cut files, spliced headers.

/** A small generator of numbers from 0 up to, not including, 1 (mulberry32): the same for the same seed. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Mutation = (body: Buffer, other: Buffer, next: () => number) => Buffer;

const below = (next: () => number, most: number): number => Math.floor(next() * most);

/** Headers are where the damage is interesting: half of the places are in the first 200 bytes. */
function place(body: Buffer, next: () => number): number {
  return next() < 0.5 ? below(next, Math.min(200, body.length)) : below(next, body.length);
}

const MUTATIONS: readonly Mutation[] = [
  // Flip bits of a few bytes.
  (body, _other, next) => {
    const made = Buffer.from(body);
    for (let count = 1 + below(next, 16); count > 0; count -= 1) {
      const at = place(made, next);
      made[at] = (made[at] ?? 0) ^ (1 << below(next, 8));
    }
    return made;
  },
  // Cut.
  (body, _other, next) => body.subarray(0, place(body, next)),
  // Cut something out of the middle.
  (body, _other, next) => {
    const at = place(body, next);
    return Buffer.concat([body.subarray(0, at), body.subarray(at + 1 + below(next, 400))]);
  },
  // Another file's header.
  (body, other, next) => {
    const length = 1 + below(next, 120);
    return Buffer.concat([other.subarray(0, length), body.subarray(length)]);
  },
  // Large numbers where sizes may stand.
  (body, _other, next) => {
    const made = Buffer.from(body);
    const at = Math.min(place(made, next), Math.max(0, made.length - 4));
    made.fill(next() < 0.5 ? 0xff : 0x00, at, Math.min(at + 4, made.length));
    return made;
  },
  // The same piece twice.
  (body, _other, next) => {
    const at = place(body, next);
    return Buffer.concat([body.subarray(0, at), body.subarray(Math.max(0, at - 100))]);
  },
];

/** One damaged image: the `index`th of a seed's endless row. */
export function mutated(images: readonly Buffer[], seed: number, index: number): Buffer {
  const next = random(seed * 1_000_003 + index);
  const pick = (): Buffer => images[below(next, images.length)] as Buffer;
  const mutation = MUTATIONS[below(next, MUTATIONS.length)] as Mutation;
  return mutation(pick(), pick(), next);
}
