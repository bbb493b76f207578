// Charts as plain SVG, made when the page is written: nothing to load, nothing to run, and they print. Colours come from the page's style.
import { formatCount, formatDuration } from '../units.ts';
import { type Html, html } from './html.ts';

/** A picture stretches to whatever width there is, so no text is in it: the greatest value stands above. */
const WIDE = 720;

/** One line of numbers over time, as an area; `label` says in words what is seen. */
export function area(values: readonly number[], options: { label: string; kind: string; unit: string }): Html {
  const high = 72;
  const top = Math.max(1e-9, ...values);
  const x = (place: number) => rounded((place / values.length) * WIDE);
  const y = (value: number) => rounded(high - (value / top) * (high - 2));
  // Steps, since each number stands for a stretch of time.
  const path = values.map((value, place) => `L${x(place)} ${y(value)}H${x(place + 1)}`).join('');
  return html`<figure class="course"><figcaption>${options.unit}, <b>${shortNumber(Math.max(0, ...values))}</b> at most</figcaption><svg class="chart ${options.kind}" viewBox="0 0 ${WIDE} ${high + 1}" preserveAspectRatio="none" role="img" aria-label="${options.label}"><path class="grid" d="M0 ${y(top)}H${WIDE}M0 ${y(top / 2)}H${WIDE}"/><path class="area" d="M0 ${high}${path}L${WIDE} ${high}Z"/><path class="axis" d="M0 ${high}H${WIDE}"/></svg></figure>`;
}

/** Bars of few classes, as counts of keys; each bar has its numbers as a title. */
export function histogram(bounds: readonly number[], counts: readonly number[], label: string): Html {
  const used = counts.flatMap((count, place) => (count > 0 ? place : []));
  const [first = 0, last = 0] = [used[0], used.at(-1)];
  const shown = counts.slice(first, last + 1);
  const most = Math.max(1, ...shown);
  const bar = 31;
  const gap = 4;
  const high = 84;
  const bars = shown.map((count, place) => {
    const tall = count === 0 ? 0 : Math.max(2, rounded((count / most) * (high - 14)));
    const bound = bounds[first + place];
    const name = bound === undefined ? 'longer' : `≤ ${formatDuration(bound)}`;
    const left = place * (bar + gap);
    return html`<g><title>${name}: ${formatCount(count)}</title><rect x="${left}" y="${high - tall}" width="${bar}" height="${tall}" rx="2"/><text x="${left + bar / 2}" y="${high - tall - 3}" text-anchor="middle">${count === 0 ? '' : shortNumber(count)}</text><text x="${left + bar / 2}" y="${high + 12}" text-anchor="middle" class="tick">${bound === undefined ? 'more' : formatDuration(bound)}</text></g>`;
  });
  const wide = Math.max(1, shown.length) * (bar + gap);
  return html`<svg class="histogram" viewBox="0 0 ${wide} ${high + 16}" width="${wide}" height="${high + 16}" role="img" aria-label="${label}">${bars}</svg>`;
}

/** A stacked bar of shares; the numbers stand beside it, so it says nothing to a screen reader. */
export function shares(parts: readonly { readonly kind: string; readonly value: number }[]): Html {
  const total = parts.reduce((sum, { value }) => sum + value, 0) || 1;
  let left = 0;
  const rects = parts.map(({ kind, value }) => {
    // What is there is seen, however few.
    const wide = value === 0 ? 0 : Math.max(0.4, (value / total) * 100);
    const rect = html`<rect class="${kind}" x="${rounded(left)}" width="${rounded(wide)}" height="4"/>`;
    left += wide;
    return value === 0 ? undefined : rect;
  });
  return html`<svg class="shares" viewBox="0 0 ${rounded(Math.max(100, left))} 4" preserveAspectRatio="none" aria-hidden="true">${rects}</svg>`;
}

/** One share of a whole, from 0 to 1, as a bar for a table's cell. */
export function shareBar(share: number): Html {
  const wide = rounded(Math.min(1, Math.max(0, share)) * 100);
  return html`<svg class="share" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="6" rx="3"/><rect width="${wide}" height="6" rx="3"/></svg>`;
}

function shortNumber(value: number): string {
  return value >= 1000
    ? value.toLocaleString('en-US', { notation: 'compact', maximumFractionDigits: 1 })
    : String(Number(value.toPrecision(3)));
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
