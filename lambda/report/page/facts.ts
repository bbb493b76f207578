// Numbers of the summary as the page shows them: each says which one it is, so that a test can hold the page against summary.json.
import type { Summary } from '../summary.ts';
import { formatBytes, formatCount, formatDuration } from '../units.ts';
import { type Html, html } from './html.ts';

export const count = (value: number): string => formatCount(value);
export const bytes = (value: number): string => formatBytes(value);
export const duration = (value: number): string => formatDuration(value);
export const rate = (value: number): string => `${formatCount(Number(value.toPrecision(3)))}/s`;
export const dollars = (value: number): string =>
  value > 0 && value < 0.01
    ? 'less than $0.01'
    : `$${value.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
export const percent = (share: number): string => `${Number((share * 100).toPrecision(3))} %`;

/** The number at a path of the summary, for example `counts.failed`. Throws a RangeError when there is none. */
export function fact(summary: Summary, path: string, format: (value: number) => string): Html {
  const value = path
    .split('.')
    .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], summary);
  if (typeof value !== 'number')
    throw new RangeError(`expected a number at ${path} of the summary, got ${typeof value}`);
  return html`<data value="${value}" data-path="${path}">${format(value)}</data>`;
}
