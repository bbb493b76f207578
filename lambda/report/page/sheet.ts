// The contact sheet: sources beside outputs, with a slider where both show the same picture.
import { formatBytes, formatCount, formatDuration } from '../units.ts';
import { percent } from './facts.ts';
import { foreign, type Html, html } from './html.ts';
import { compared, image, within } from './parts.ts';
import type { Pair, Pictures } from './pictures.ts';
import { largestOutput, type Sample, type Shown, saving } from './sample.ts';

/** Bytes of markup. */
const MOST = 2_150_000;

/** Undefined when there is nothing to show. */
export function contactSheet(sample: Sample, { pairs }: Pictures, succeeded: number): Html | undefined {
  const shown = sample.shown.filter(({ row }) => pairs.has(row.index));
  if (shown.length === 0) return undefined;
  const { parts } = within(
    shown.map((one) => card(one, pairs.get(one.row.index) ?? {})),
    MOST,
  );
  return html`<section aria-labelledby="sheet"><h2 id="sheet">Before and after</h2><p class="note">${formatCount(parts.length)} of ${formatCount(succeeded)} keys that succeeded, the extremes first. Drag the line, or use the arrow keys. A picture is the file itself where it is small enough, and else a thumbnail of it.</p><ul class="sheet">${parts}</ul></section>`;
}

function card({ row, why }: Shown, pair: Pair): Html {
  const { source, outputs } = row;
  const gain = saving(row);
  const largest = largestOutput(row);
  const title =
    gain === undefined || largest === undefined
      ? formatBytes(source.bytes)
      : `${formatBytes(source.bytes)} → ${formatBytes(largest.bytes)}${outputs.length > 1 ? ' at most' : ''}: ${gain < 0 ? `${percent(-gain)} more` : `${percent(gain)} less`}`;
  const shape = [
    source.format,
    source.width && `${source.width} × ${source.height}`,
    source.pages && `${source.pages} frames`,
  ];
  return html`<li class="card">${frames(row.key, source, pair)}<div class="text"><p class="key">${foreign(row.key, 160)}</p><p>${why.map((one) => html`<span class="tag">${one}</span>`)}</p><p>${title}</p><p class="note">${shape.filter(Boolean).join(', ')}; ${formatDuration(row.ms.total)}; ${formatCount(outputs.length)} ${outputs.length === 1 ? 'output' : 'outputs'}</p>${pair.of !== undefined && html`<p class="note">Shown: ${foreign(pair.of.name, 60)}, ${facts(pair.of)}${pair.output?.itself === false ? ', as a thumbnail' : ''}</p>`}</div></li>\n`;
}

function facts({ format, bytes, width, height, quality, ssim }: NonNullable<Pair['of']>): string {
  return [
    format,
    width !== undefined && `${width} × ${height}`,
    formatBytes(bytes),
    quality !== undefined && `quality ${quality}`,
    ssim !== undefined && `SSIM ${ssim.toFixed(4)}`,
  ]
    .filter(Boolean)
    .join(', ');
}

function frames(
  key: string,
  source: { readonly width?: number; readonly height?: number; readonly bytes: number },
  pair: Pair,
): Html {
  const { of } = pair;
  const before = pair.source && image(pair.source, `Source of ${key.slice(-80)}`, 'before');
  const after = pair.output && image(pair.output, `Output of ${key.slice(-80)}`, 'after');
  if (before !== undefined && after !== undefined && of !== undefined && sameShape(source, of))
    return compared(before, after, `Before and after: ${key.slice(-80)}`, ['source', of.format]);
  const none = (what: string) => html`<span class="none">${what}</span>`;
  return html`<div class="two"><div class="frame">${before ?? none(`The source, ${formatBytes(source.bytes)}, is not in this page`)}</div><div class="frame">${after ?? none('No output that a browser shows')}</div></div>`;
}

/** Whether a slider between them would show one picture: the same proportions, but for rounding. */
function sameShape(
  a: { readonly width?: number; readonly height?: number },
  b: { readonly width?: number; readonly height?: number },
): boolean {
  const { width = 0, height = 0 } = a;
  const { width: otherWidth = 0, height: otherHeight = 0 } = b;
  return Math.abs(width * otherHeight - otherWidth * height) <= Math.max(width, height, otherWidth, otherHeight);
}
