// The one formula of a tolerated percentage: exact, whatever floating point makes of the same numbers.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exceedsPercentage } from '../../../lambda/contract/tolerance.ts';

describe('a tolerated percentage', () => {
  it.each([
    [145, 50_000, 0.29, false],
    [146, 50_000, 0.29, true],
    [7, 50, 14, false],
    [8, 50, 14, true],
    [0, 0, 0, false],
    [1, 1, 100, false],
    [1, 100_000_000, 0, true],
    [1, 100_000_000, 1e-6, false],
    [2, 100_000_000, 1e-6, true],
    [1, 1_000_000_000, 1e-7, false],
  ])('%d of %d is more than %d %%: %s', (failed, total, percentage, more) => {
    expect(exceedsPercentage(failed, total, percentage)).toBe(more);
  });

  it('is what whole numbers say of it, in hundredths of a percent', () => {
    fc.assert(
      fc.property(fc.nat({ max: 1e8 }), fc.nat({ max: 1e8 }), fc.nat({ max: 10_000 }), (failed, total, hundredths) => {
        const text = `${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, '0')}`;
        const more = BigInt(failed) * 10_000n > BigInt(hundredths) * BigInt(total);
        expect(exceedsPercentage(failed, total, Number(text))).toBe(more);
      }),
    );
  });
});
