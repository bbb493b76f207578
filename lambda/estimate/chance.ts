// Chance that can be had again: a small generator of numbers from a seed.

/** Numbers from 0 to 1, the same ones for the same seed. */
export type Chance = () => number;

/**
 * Mulberry32, by Tommy Ettinger (public domain): 32 bits of state, passes gjrand; enough to draw a sample. Two seeds that
 * are neighbours give sequences that have nothing to do with each other.
 */
export function chanceFrom(seed: number): Chance {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
