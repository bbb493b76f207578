// How many requests run at once, and how that number answers to throttling.
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { createPace } from '../../../lambda/store/pace.ts';

const soon = () => new Promise((resolve) => setImmediate(resolve));

describe('pace', () => {
  it('never runs more than its limit at once, and runs all', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 60 }), async (most, count) => {
        const pace = createPace({ most });
        let running = 0;
        let highest = 0;
        const work = async (): Promise<void> => {
          running += 1;
          highest = Math.max(highest, running);
          await soon();
          running -= 1;
        };
        await Promise.all(Array.from({ length: count }, () => pace.run(work)));
        expect(highest).toBe(Math.min(most, count));
      }),
      { numRuns: 30 },
    );
  });

  it('halves what runs when throttled, once for all that are told at the same time, and recovers', async () => {
    const onThrottle = vi.fn();
    const pace = createPace({ most: 20, onThrottle });
    await Promise.all(
      Array.from({ length: 20 }, () =>
        pace.run(async () => {
          await soon();
          pace.throttled();
        }),
      ),
    );
    expect(onThrottle).toHaveBeenCalledExactlyOnceWith({ limit: 10 });
    for (let index = 0; index < 200; index++) await pace.run(soon);
    expect(pace.limit()).toBe(20);
  });

  it('never falls below one', async () => {
    const now = vi.spyOn(performance, 'now');
    const pace = createPace({ most: 4 });
    for (let second = 0; second < 5; second++) {
      now.mockReturnValue(second * 2_000);
      await pace.run(async () => pace.throttled());
    }
    now.mockRestore();
    expect(pace.limit()).toBe(1);
  });

  it('lets a request that is aborted while it waits leave the line', async () => {
    const pace = createPace({ most: 1 });
    let finish = (): void => undefined;
    const first = pace.run(() => new Promise<void>((resolve) => (finish = resolve)));
    const controller = new AbortController();
    const never = vi.fn();
    const second = pace.run(never, controller.signal);
    const third = pace.run(async () => 'third');
    controller.abort(new Error('gone'));
    await expect(second).rejects.toThrow('gone');
    finish();
    await first;
    expect(await third).toBe('third');
    expect(never).not.toHaveBeenCalled();
  });

  it('gives the place of a failed request to the next', async () => {
    const pace = createPace({ most: 1 });
    await expect(pace.run(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(await pace.run(async () => 'next')).toBe('next');
  });
});
