// What is made is what sharp alone makes, one pipeline per output: a thousand random images and recipes. Ten times as many: bench/pixels.ts.
import { describe, expect, it } from 'vitest';
import { judge, judgeNeighbours, pixelCase } from '../../../bench/harness/pixels.ts';

const SEED = 2026;
const BATCH = 100;
const batches = Array.from({ length: 10 }, (_, place) => place * BATCH);

describe('a thousand random images and recipes', () => {
  const shared: number[] = [];
  let alone = 0;

  it.for(batches)('from %i on are what sharp alone makes', { timeout: 120_000 }, async (first) => {
    const problems: string[] = [];
    for (let index = first; index < first + BATCH; index += 1) {
      const one = pixelCase(SEED, index);
      const judged = await judge(one);
      shared.push(...judged.shared);
      alone += judged.alone;
      problems.push(...judged.problems.map((text) => `${index}: ${JSON.stringify(one.source)} ${text}`));
    }
    expect(problems).toEqual([]);
  });

  it('are compared, by their bytes and by their likeness', () => {
    shared.sort((a, b) => a - b);
    expect(alone).toBeGreaterThan(150);
    expect(shared.length).toBeGreaterThan(1500);
    expect(shared[Math.floor(shared.length / 2)]).toBeGreaterThanOrEqual(0.99);
  });
});

describe('an output', () => {
  it('is the same alone and beside others, and fails as the same class', { timeout: 120_000 }, async () => {
    const problems: string[] = [];
    for (let index = 0; index < 120; index += 1) {
      const one = pixelCase(SEED + 1, index);
      problems.push(...(await judgeNeighbours(one)).map((text) => `${index}: ${JSON.stringify(one)} ${text}`));
    }
    expect(problems).toEqual([]);
  });
});
