// The progress: what it counts, and that its line fits and cannot be hijacked by a key.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../lambda/contract/outcome.ts';
import { printable } from '../../lambda/report/printable.ts';
import { columnsOf, cut } from '../../lib/cli/columns.ts';
import { type Progress, trackProgress } from '../../lib/cli/progress.ts';
import { plainLine, progressLine } from '../../lib/cli/progress-line.ts';

const ms = { read: 1, transform: 1, write: 1, total: 3 };

function succeeded(index: number, key: string): Outcome {
  const outputs = [
    { name: 'a', key: 'a.webp', bytes: 10, format: 'webp' },
    { name: 'b', key: 'b.webp', bytes: 1000, format: 'webp', upToDate: true as const },
  ];
  return { status: 'succeeded', index, key, source: { etag: 'e', bytes: 100 }, outputs, ms };
}

describe('the tracker', () => {
  test('counts keys and bytes, but not what was there already', () => {
    const tracker = trackProgress();
    tracker.listed(5, true);
    tracker.started('one', 'a');
    tracker.ended('one', [
      succeeded(0, 'a'),
      { status: 'skipped', index: 1, key: 'b', reason: 'excluded' },
      { status: 'failed', index: 2, key: 'c', error: 'NotAnImage', message: 'no', source: { etag: 'e', bytes: 7 } },
      { status: 'pending', index: 3, key: 'd' },
    ]);
    expect(tracker.read()).toMatchObject({
      total: 5,
      complete: true,
      succeeded: 1,
      skipped: 1,
      failed: 1,
      bytesIn: 107,
      bytesOut: 10,
    });
  });

  test('tells the rate of late and the time to go', () => {
    let now = 0;
    const tracker = trackProgress({ now: () => now });
    tracker.listed(1000, true);
    const finish = (keys: number) => {
      for (let key = 0; key < keys; key += 1) tracker.ended('', [succeeded(key, 'k')]);
    };
    for (; now < 20_000; now += 1000) {
      finish(1);
      tracker.read();
    }
    for (; now < 40_000; now += 1000) {
      finish(10);
      tracker.read();
    }
    const { rate, eta } = tracker.read();
    expect(rate).toBeGreaterThan(8);
    expect(rate).toBeLessThanOrEqual(10);
    expect(eta).toBeCloseTo((780 / rate) * 1000, 0);
  });

  test('knows no time to go before the listing has ended', () => {
    let now = 0;
    const tracker = trackProgress({ now: () => now });
    tracker.listed(1000, false);
    tracker.ended('', [succeeded(0, 'a')]);
    now = 1000;
    expect(tracker.read().rate).toBeGreaterThan(0);
    expect(tracker.read().eta).toBeUndefined();
  });

  test('begins where earlier attempts have ended', () => {
    let now = 0;
    const tracker = trackProgress({ doneBefore: 990, now: () => now });
    tracker.listed(1000, true);
    now = 1000;
    tracker.ended('', [succeeded(990, 'a')]);
    expect(plainLine(tracker.read())).toBe('991 of 1,000, 1/s, 9 s to go, 100 B in, 10 B out');
    expect(tracker.done()).toBe(1);
  });

  test('names the key that runs far longer than the others', () => {
    let now = 0;
    const tracker = trackProgress({ now: () => now });
    tracker.started('slow', 'huge.tif');
    for (let child = 0; child < 10; child += 1) {
      tracker.started(`${child}`, `${child}.jpg`);
      now += 1000;
      tracker.ended(`${child}`, [succeeded(child, `${child}.jpg`)]);
    }
    expect(tracker.read().straggler).toEqual({ key: 'huge.tif', running: 10_000 });
    tracker.ended('slow', [succeeded(10, 'huge.tif')]);
    expect(tracker.read().straggler).toBeUndefined();
  });

  test('calls nothing a straggler where everything is slow', () => {
    let now = 0;
    const tracker = trackProgress({ now: () => now });
    tracker.started('one', '1.tif');
    now += 20_000;
    tracker.ended('one', [succeeded(0, '1.tif')]);
    tracker.started('two', '2.tif');
    now += 30_000;
    expect(tracker.read().straggler).toBeUndefined();
  });
});

describe('the line', () => {
  const progress: Progress = {
    total: 50_000,
    complete: true,
    doneBefore: 0,
    inFlight: 16,
    succeeded: 12_000,
    skipped: 30,
    failed: 4,
    bytesIn: 1_234_567_890,
    bytesOut: 88_000_000,
    rate: 312.4,
    eta: 123_000,
    straggler: { key: 'panorama/huge.tif', running: 12_000 },
  };
  const plain = (_: string, text: string) => text;

  test('tells everything where there is room', () => {
    expect(progressLine(progress, 200, plain)).toBe(
      '█████░░░░░░░░░░░░░░░  12,034 of 50,000  4 failed  312/s  16 at once  2 min 3 s to go  1.23 GB in, 88 MB out  slow: panorama/huge.tif 12 s',
    );
  });

  test('leaves out the least wanted first', () => {
    expect(progressLine(progress, 80, plain)).toBe(
      '12,034 of 50,000  4 failed  312/s  2 min 3 s to go  1.23 GB in, 88 MB out',
    );
    expect(progressLine(progress, 26, plain)).toBe('12,034 of 50,000  4 failed');
  });

  test('says that the listing goes on, without pretending to know the end', () => {
    const { eta: _, straggler: __, ...listing } = { ...progress, complete: false };
    expect(plainLine(listing)).toBe(
      '12,034 of 50,000, still listing, 4 failed, 312/s, 16 at once, 1.23 GB in, 88 MB out',
    );
  });

  test('never gets wider than the terminal, whatever the key', () => {
    fc.assert(
      fc.property(
        fc.nat(300),
        fc.string({ unit: 'binary' }),
        fc.nat(1e9),
        fc.boolean(),
        (columns, key, total, complete) => {
          const line = progressLine(
            { ...progress, total, complete, straggler: { key, running: 9_000 } },
            columns + 40,
            plain,
          );
          expect(columnsOf(line)).toBeLessThanOrEqual(columns + 40);
          expect(line).toBe(printable(line));
        },
      ),
    );
  });
});

describe('text for a terminal', () => {
  test('shows what a terminal would obey', () => {
    expect(printable('a\u001b[2Jb\nc\u202egpj.exe')).toBe('a\\u001b[2Jb\\nc\\u202egpj.exe');
    expect(printable('ünï/写真 😀.jpg')).toBe('ünï/写真 😀.jpg');
  });

  test('cuts by columns, not by characters', () => {
    expect(cut('写真写真', 8)).toBe('写真写真');
    expect(cut('写真写真', 7)).toBe('写真写…');
    expect(cut('abcdef', 4)).toBe('abc…');
    expect(cut('abc', 0)).toBe('');
    expect(columnsOf('cafe\u0301 👩‍👩‍👧 한국')).toBe(12);
    expect(cut('a👩‍👩‍👧b', 3)).toBe('a…');
    expect(cut('e\u0301e\u0301e\u0301', 2)).toBe('e\u0301…');
  });
});
