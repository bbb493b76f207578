// Seeded randomness for the sample images: numbers, grain and fractal noise that are the same on every run.

/** Numbers in [0, 1), the same sequence for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** A number in [0, 1) for a whole-numbered point: white noise, such as a sensor's grain. */
export function grain(x: number, y: number, seed: number): number {
  let mixed = Math.imul(x, 0x27d4eb2d) ^ Math.imul(y, 0x165667b1) ^ Math.imul(seed, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 0x1_0000_0000;
}

/** Value noise in [0, 1): grain at whole numbers, smooth between them. */
function smooth(x: number, y: number, seed: number): number {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const across = ease(x - left);
  const down = ease(y - top);
  const upper = mix(grain(left, top, seed), grain(left + 1, top, seed), across);
  const lower = mix(grain(left, top + 1, seed), grain(left + 1, top + 1, seed), across);
  return mix(upper, lower, down);
}

/** Fractal noise in [0, 1), about 0.5 on average: each octave twice as fine and half as strong as the one before. */
export function fractal(x: number, y: number, octaves: number, seed: number): number {
  let sum = 0;
  let weight = 0.5;
  let total = 0;
  let scale = 1;
  for (let octave = 0; octave < octaves; octave++) {
    sum += weight * smooth(x * scale, y * scale, seed + octave);
    total += weight;
    weight /= 2;
    scale *= 2;
  }
  return sum / total;
}

export function mix(from: number, to: number, share: number): number {
  return from + (to - from) * share;
}

/** 0 up to `low`, 1 from `high` on, smooth between. */
export function step(low: number, high: number, value: number): number {
  return ease(Math.min(1, Math.max(0, (value - low) / (high - low))));
}

function ease(share: number): number {
  return share * share * (3 - 2 * share);
}
