// The display: one line that redraws itself on a terminal, plain lines in a log, nothing when quiet.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { showProgress } from '../../lib/cli/display.ts';
import type { Progress } from '../../lib/cli/progress.ts';

const progress: Progress = {
  total: 10,
  complete: true,
  doneBefore: 0,
  inFlight: 0,
  succeeded: 4,
  skipped: 0,
  failed: 1,
  bytesIn: 0,
  bytesOut: 0,
  rate: 2,
};

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubEnv('NO_COLOR', '1');
  vi.stubEnv('TERM', 'xterm');
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

/** A stream that keeps what is written; only these of a terminal's parts are used. */
function recorder(isTTY: boolean) {
  const written: string[] = [];
  const stream = {
    isTTY,
    columns: 40,
    writable: true,
    write: (text: string) => written.push(text),
    on: () => {},
    getColorDepth: () => 1,
  };
  return { written, stream: stream as unknown as NodeJS.WriteStream };
}

test('on a terminal draws one line in one write, and only when it has changed', () => {
  const { written, stream } = recorder(true);
  let now = progress;
  const display = showProgress({ stream, read: () => now, quiet: false });
  vi.advanceTimersByTime(500);
  now = { ...progress, succeeded: 5 };
  vi.advanceTimersByTime(500);
  display.end();
  vi.advanceTimersByTime(500);
  expect(written).toEqual(['\r5 of 10  1 failed  2/s\u001b[K', '\r6 of 10  1 failed  2/s\u001b[K', '\r\u001b[K']);
});

test('on a terminal puts lines that stay above the progress', () => {
  const { written, stream } = recorder(true);
  const display = showProgress({ stream, read: () => progress, quiet: false });
  vi.advanceTimersByTime(100);
  display.say('First failure: a.jpg');
  expect(written.at(-1)).toBe('\r\u001b[KFirst failure: a.jpg\n5 of 10  1 failed  2/s');
  display.end();
});

test('in a log writes a plain line every few seconds', () => {
  const { written, stream } = recorder(false);
  const display = showProgress({ stream, read: () => progress, quiet: false });
  vi.advanceTimersByTime(10_000);
  display.end();
  vi.advanceTimersByTime(10_000);
  expect(written).toEqual(['5 of 10, 1 failed, 2/s\n', '5 of 10, 1 failed, 2/s\n']);
});

test('when quiet shows failures only', () => {
  const { written, stream } = recorder(true);
  const display = showProgress({ stream, read: () => progress, quiet: true });
  vi.advanceTimersByTime(10_000);
  display.say('First failure: a.jpg');
  display.end();
  expect(written).toEqual(['First failure: a.jpg\n']);
});

test('shows nothing before there is anything to show', () => {
  const { written, stream } = recorder(true);
  const display = showProgress({ stream, read: () => undefined, quiet: false });
  vi.advanceTimersByTime(1000);
  display.end();
  expect(written).toEqual([]);
});
