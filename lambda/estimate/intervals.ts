// From a stratified sample to the whole: totals and counts, each with the interval that the sample justifies.

/** A number that was estimated: 95 % of all samples of this kind give an interval that holds the truth. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** A stratum: how many there are, and what was seen of some of them, drawn by chance. */
export interface Seen<T> {
  readonly size: number;
  readonly sampled: readonly T[];
}

/** What is known for sure. */
export function exactly(value: number): Estimate {
  return { value, low: value, high: value };
}

/** An estimate times a factor that is known. */
export function scaled({ value, low, high }: Estimate, factor: number): Estimate {
  return { value: value * factor, low: low * factor, high: high * factor };
}

/** Two estimates of the same sample together: their errors may all go the same way. */
export function plus(a: Estimate, b: Estimate): Estimate {
  return { value: a.value + b.value, low: a.low + b.low, high: a.high + b.high };
}

/** By how much fewer degrees of freedom count. */
const SKEW = 2;

/** The standard normal distribution's 97.5 %. */
const Z = 1.959964;

/**
 * The total of a quantity over all strata, from the ones that were sampled (a stratum of which nothing was seen is left out:
 * `unseen` counts those). W. G. Cochran, Sampling Techniques, 3rd ed. (1977): the stratified estimate and its variance
 * with finite population correction are 5.1 and 5.7, the degrees of freedom by Satterthwaite 5.16. Where one was seen of
 * several, its own size stands in for the spread that one cannot show. Sizes and times are skewed, for which few degrees of
 * freedom hold too little: they count as fewer (`SKEW`, judged by the tests). Never below what was seen.
 */
export function totalOf<T>(strata: readonly Seen<T>[], quantity: (one: T) => number): Estimate {
  let value = 0;
  let variance = 0;
  let fourth = 0;
  let seen = 0;
  for (const { size, sampled } of strata) {
    const n = sampled.length;
    if (n === 0) continue;
    const values = sampled.map(quantity);
    const sum = values.reduce((total, one) => total + one, 0);
    const mean = sum / n;
    seen += sum;
    value += size * mean;
    if (n >= size) continue;
    const spread = n === 1 ? mean ** 2 : values.reduce((total, one) => total + (one - mean) ** 2, 0) / (n - 1);
    const part = ((size * (size - n)) / n) * spread;
    variance += part;
    fourth += part ** 2 / Math.max(1, n - 1);
  }
  const half = fourth === 0 ? 0 : studentQuantile(variance ** 2 / fourth / SKEW) * Math.sqrt(variance);
  return { value, low: Math.min(value, Math.max(seen, value - half)), high: value + half };
}

/** How many there are of a kind: a share of the whole, with the interval by `shareOf`, in whole ones. */
export function countOf<T>(strata: readonly Seen<T>[], isOne: (one: T) => boolean): Estimate {
  const known = strata.filter(({ sampled }) => sampled.length > 0);
  const whole = known.reduce((sum, { size }) => sum + size, 0);
  const drawn = known.reduce((sum, { sampled }) => sum + sampled.length, 0);
  const found = known.reduce((sum, { sampled }) => sum + sampled.filter(isOne).length, 0);
  const { value, low, high } = shareOf(known, isOne);
  return {
    value: value * whole,
    low: Math.min(value * whole, Math.max(found, Math.floor(low * whole))),
    high: Math.max(value * whole, Math.min(whole - (drawn - found), Math.ceil(high * whole))),
  };
}

/**
 * The share of a kind. The interval is Wilson's with continuity correction (R. G. Newcombe, Statistics in Medicine 17
 * (1998) 857, method 4), which holds for shares near nothing, too. In place of the sample's size stands its effective
 * one: less by L. Kish's design effect of unequal weights (Survey Sampling (1965), 11.2.C), more by what of a finite
 * whole has been seen (Cochran 2.6). All seen is certain.
 */
export function shareOf<T>(strata: readonly Seen<T>[], isOne: (one: T) => boolean): Estimate {
  let whole = 0;
  let ones = 0;
  let squares = 0;
  let drawn = 0;
  for (const { size, sampled } of strata) {
    const n = sampled.length;
    if (n === 0) continue;
    whole += size;
    drawn += n;
    ones += (size * sampled.filter(isOne).length) / n;
    squares += size ** 2 / n;
  }
  if (whole === 0) return { value: 0, low: 0, high: 1 };
  const share = ones / whole;
  if (drawn >= whole) return exactly(share);
  const effective = whole ** 2 / squares / (1 - drawn / whole);
  return { value: share, ...wilson(share, Math.max(1, effective)) };
}

function wilson(p: number, n: number): { readonly low: number; readonly high: number } {
  const z2 = Z ** 2;
  const scale = 2 * (n + z2);
  const low = (2 * n * p + z2 - 1 - Z * Math.sqrt(Math.max(0, z2 - 2 - 1 / n + 4 * p * (n * (1 - p) + 1)))) / scale;
  const high = (2 * n * p + z2 + 1 + Z * Math.sqrt(Math.max(0, z2 + 2 - 1 / n + 4 * p * (n * (1 - p) - 1)))) / scale;
  return { low: p === 0 ? 0 : Math.max(0, Math.min(p, low)), high: p === 1 ? 1 : Math.min(1, Math.max(p, high)) };
}

/** Exact, of one and two degrees of freedom, for which the expansion is too short. */
const FEW = [12.706, 4.303] as const;

/** Student's t, 97.5 %: the Cornish-Fisher expansion (Abramowitz and Stegun 26.7.5), within a five-hundredth from three degrees on. */
export function studentQuantile(degrees: number): number {
  if (degrees < 2) return FEW[0] + (FEW[1] - FEW[0]) * Math.max(0, degrees - 1);
  const at = (nu: number): number =>
    Z +
    (Z ** 3 + Z) / (4 * nu) +
    (5 * Z ** 5 + 16 * Z ** 3 + 3 * Z) / (96 * nu ** 2) +
    (3 * Z ** 7 + 19 * Z ** 5 + 17 * Z ** 3 - 15 * Z) / (384 * nu ** 3) +
    (79 * Z ** 9 + 776 * Z ** 7 + 1482 * Z ** 5 - 1920 * Z ** 3 - 945 * Z) / (92_160 * nu ** 4);
  if (degrees < 3) return FEW[1] + (at(3) - FEW[1]) * (degrees - 2);
  return at(degrees);
}
