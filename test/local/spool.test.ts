// The queue between listing and processing: first in, first out, through memory and disk.
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSpool } from '../../lib/local/spool.ts';

describe('the spool', () => {
  it('gives every entry once and in order, whoever is faster', async () => {
    const plan = fc.array(fc.record({ push: fc.nat({ max: 30 }), take: fc.nat({ max: 30 }) }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(plan, fc.integer({ min: 1, max: 60 }), async (steps, memory) => {
        const spool = createSpool<string>((entry) => entry.length, memory);
        const pushed: string[] = [];
        const taken: string[] = [];
        for (const { push, take } of steps) {
          for (let n = 0; n < push; n += 1) {
            const entry = `é"\n${pushed.length}`;
            pushed.push(entry);
            spool.push(entry);
          }
          for (let n = 0; n < take && taken.length < pushed.length; n += 1) {
            expect(await spool.more()).toBe(true);
            taken.push(spool.take() as string);
          }
        }
        spool.end();
        while (await spool.more()) taken.push(spool.take() as string);
        spool.close();
        expect(taken).toEqual(pushed);
      }),
      { numRuns: 100 },
    );
  });

  it('keeps the order while it never empties, for as long as it runs', async () => {
    const spool = createSpool<number>(() => 8);
    spool.push(0);
    for (let n = 1; n < 20_000; n += 1) {
      spool.push(n);
      if (spool.take() !== n - 1) expect.fail(`lost ${n - 1}`);
    }
    spool.close();
  });

  it('works with one producer and one consumer at the same time, also for entries longer than its buffer', async () => {
    const spool = createSpool<string>((entry) => entry.length, 1000);
    const entries = Array.from({ length: 500 }, (_, index) => `${index}-`.repeat(index % 50 === 0 ? 100_000 : 1));
    const taken: number[] = [];
    const consume = async () => {
      while (await spool.more()) {
        taken.push(Number.parseInt(spool.take() ?? '', 10));
        if (taken.length % 7 === 0) await setImmediate();
      }
    };
    const consumer = consume();
    for (const entry of entries) spool.push(entry);
    spool.end();
    await consumer;
    spool.close();
    expect(taken).toEqual(entries.map((_, index) => index));
  });
});
