// Trying again within a deadline.
import { describe, expect, it, vi } from 'vitest';
import { FanoutError } from '../../../lambda/contract/errors.ts';
import { retrying } from '../../../lambda/store/retry.ts';

const transient = () => Promise.reject(new FanoutError('ConnectionLost', 'lost'));

describe('retrying', () => {
  it('tries a transient failure again, counting', async () => {
    const numbers: number[] = [];
    const answer = await retrying(
      async ({ number }) => {
        numbers.push(number);
        return number < 4 ? transient() : 'done';
      },
      { deadlineMs: 10_000 },
    );
    expect(answer).toBe('done');
    expect(numbers).toEqual([1, 2, 3, 4]);
  });

  it.each([new FanoutError('AccessDenied', 'no'), new TypeError('a bug')])('does not try %s again', async (error) => {
    const action = vi.fn(() => Promise.reject(error));
    await expect(retrying(action, { deadlineMs: 10_000 })).rejects.toBe(error);
    expect(action).toHaveBeenCalledTimes(1);
  });

  it('gives up with the last failure when the deadline is over', async () => {
    const action = vi.fn(transient);
    await expect(retrying(action, { deadlineMs: 100 })).rejects.toMatchObject({ name: 'ConnectionLost' });
    expect(action.mock.calls.length).toBeGreaterThan(1);
  });

  it('does not count time that is excused', async () => {
    const action = vi.fn(async ({ number, excuse }: { number: number; excuse(ms: number): void }) => {
      await new Promise((resolve) => setTimeout(resolve, 60));
      excuse(60);
      return number < 3 ? transient() : 'done';
    });
    expect(await retrying(action, { deadlineMs: 10_000 })).toBe('done');
    const impatient = vi.fn(transient);
    await expect(retrying(impatient, { deadlineMs: 0 })).rejects.toMatchObject({ name: 'ConnectionLost' });
    expect(impatient).toHaveBeenCalledTimes(1);
  });

  it('stops waiting when it is aborted', async () => {
    const controller = new AbortController();
    const action = vi.fn(() => {
      setTimeout(() => controller.abort(new Error('enough')), 1);
      return transient();
    });
    await expect(retrying(action, { deadlineMs: 60_000, signal: controller.signal })).rejects.toThrow('enough');
  });
});
