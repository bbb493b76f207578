// Bytes against likeness, as a plain SVG: one point per candidate, one line per format.
import { type Html, html } from '../../../lambda/report/page/html.ts';
import { formatBytes } from '../../../lambda/report/units.ts';
import type { Candidate } from './make.ts';

const WIDE = 440;
const HIGH = 220;
const EDGE = { left: 8, right: 60, top: 12, bottom: 22 };

/** The curve of one output's candidates. */
export function curve(candidates: readonly Candidate[], label: string): Html {
  const most = Math.max(...candidates.map(({ bytes }) => bytes));
  const least = Math.min(...candidates.map(({ ssim }) => ssim));
  const best = Math.max(...candidates.map(({ ssim }) => ssim));
  const room = Math.max(best - least, 0.0005);
  const x = (bytes: number) => rounded(EDGE.left + (bytes / most) * (WIDE - EDGE.left - EDGE.right));
  const y = (ssim: number) => rounded(EDGE.top + ((best - ssim) / room) * (HIGH - EDGE.top - EDGE.bottom - 8));
  const formats = [...new Set(candidates.map(({ format }) => format))];
  const lines = formats.map((format, place) => {
    const own = candidates.filter((one) => one.format === format).sort((a, b) => a.bytes - b.bytes);
    const path = own.map(({ bytes, ssim }, at) => `${at === 0 ? 'M' : 'L'}${x(bytes)} ${y(ssim)}`).join('');
    const points = own.map(
      ({ bytes, ssim, quality, variants }) =>
        html`<g><title>${variants.join('; ')}: ${formatBytes(bytes)}, SSIM ${ssim.toFixed(4)}</title><circle class="f${place % 4}" cx="${x(bytes)}" cy="${y(ssim)}" r="4"/><text x="${x(bytes) + 7}" y="${y(ssim) + 4}">${format}${quality !== undefined && ` ${quality}`}</text></g>`,
    );
    return html`<path class="line f${place % 4}" d="${path}"/>${points}`;
  });
  const floor = HIGH - EDGE.bottom;
  return html`<svg class="curve" viewBox="0 0 ${WIDE} ${HIGH}" role="img" aria-label="${label}"><path class="grid" d="M${EDGE.left} ${y(best)}H${WIDE - EDGE.right}M${EDGE.left} ${y(least)}H${WIDE - EDGE.right}"/><path class="axis" d="M${EDGE.left} ${EDGE.top}V${floor}H${WIDE - EDGE.right}"/>${lines}<text x="${EDGE.left}" y="${HIGH - 6}">0</text><text x="${WIDE - EDGE.right}" y="${HIGH - 6}" text-anchor="end">${formatBytes(most)}</text><text x="${WIDE - 4}" y="${HIGH - 6}" text-anchor="end">SSIM ↑</text></svg>`;
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
