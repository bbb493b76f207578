// When more has failed than a percentage tolerates: one exact formula, for the run and for its report.

/**
 * Whether `failed` of `total` is strictly more than so many percent. The percentage counts as the decimal that it is written
 * as, and nothing is rounded: 145 of 50,000 is not more than 0.29 %. Of nothing, none is more than any.
 */
export function exceedsPercentage(failed: number, total: number, percentage: number): boolean {
  const [digits = '0', exponent = '0'] = String(percentage).split('e');
  const [whole = '0', fraction = ''] = digits.split('.');
  // percentage = units / 10^places
  const units = BigInt(whole + fraction);
  const places = BigInt(fraction.length - Number(exponent));
  const [scale, factor] = places >= 0n ? [10n ** places, 1n] : [1n, 10n ** -places];
  return BigInt(failed) * 100n * scale > units * factor * BigInt(total);
}
