// The table of keys: all of a small run, failures and a fair sample of a large one; it sorts and filters.
import { skipWords } from '../text.ts';
import { formatBytes, formatCount, formatDuration } from '../units.ts';
import { foreign, type Html, html } from './html.ts';
import { type Cell, type Column, table } from './parts.ts';
import type { KeyLine, Sample } from './sample.ts';

/** Bytes of markup. */
const MOST = 650_000;

const COLUMNS: readonly Column[] = [
  { name: 'No.', numeric: true },
  { name: 'Key' },
  { name: 'State' },
  { name: 'Why' },
  { name: 'Format' },
  { name: 'Pixels', numeric: true },
  { name: 'Read', numeric: true },
  { name: 'Written', numeric: true },
  { name: 'Outputs', numeric: true },
  { name: 'Took', numeric: true },
];

/** Undefined when there is no key. */
export function keysSection(sample: Sample, total: number): Html | undefined {
  if (total === 0) return undefined;
  const lines: KeyLine[] = [];
  let bytes = 0;
  // Keys may be long: failures first, then as many of the others as fit.
  for (const line of [...sample.lines].sort((a, b) => rank(a) - rank(b))) {
    bytes += 420 + Buffer.byteLength(foreign(line.key).markup);
    if (bytes > MOST) break;
    lines.push(line);
  }
  lines.sort((a, b) => a.index - b.index);
  const whole = lines.length === total;
  const told = whole
    ? `All ${formatCount(total)} keys.`
    : `${formatCount(lines.length)} of ${formatCount(total)} keys: failures and a fair sample of the others. All of them are in items.csv.`;
  const options = (values: readonly string[]) => values.map((value) => html`<option>${value}</option>`);
  const distinct = (of: (line: KeyLine) => string | undefined) =>
    [...new Set(lines.flatMap((line) => of(line) ?? []))].sort();
  const filters = html`<div class="filters" data-filters="keys-table" hidden><label><span class="quiet">Filter by text</span><input type="search" placeholder="Filter: part of a key, a class, a format" autocomplete="off"></label><label><span class="quiet">Filter by state</span><select data-column="2"><option value="">every state</option>${options(distinct(({ status }) => status))}</select></label><label><span class="quiet">Filter by reason</span><select data-column="3"><option value="">every reason</option>${options(distinct(whyOf))}</select></label><span role="status" class="note"></span></div>`;
  return html`<section aria-labelledby="keys"><h2 id="keys">Keys</h2><p class="note">${told}</p>${filters}${table(COLUMNS, lines.map(cells), { caption: 'Keys, sortable by each column', sortable: true, id: 'keys-table' })}</section>`;
}

function rank({ status }: KeyLine): number {
  return status === 'failed' ? 0 : 1;
}

function whyOf({ status, what }: KeyLine): string | undefined {
  return what === undefined ? undefined : status === 'skipped' ? skipWords(what) : what.slice(0, 80);
}

function cells(line: KeyLine): Cell[] {
  const { index, key, status, format, width, height, bytesIn, bytesOut, outputs, milliseconds } = line;
  return [
    { text: index, sort: index },
    { text: foreign(key), kind: 'key' },
    { text: html`<span class="state ${status}">${status}</span>` },
    { text: whyOf(line) },
    { text: format?.slice(0, 30) },
    { text: width === undefined ? '' : `${width} × ${height}`, sort: (width ?? 0) * (height ?? 0) },
    { text: bytesIn === undefined ? '' : formatBytes(bytesIn), sort: bytesIn ?? -1 },
    { text: bytesOut === undefined ? '' : formatBytes(bytesOut), sort: bytesOut ?? -1 },
    { text: outputs, sort: outputs ?? -1 },
    { text: milliseconds === undefined ? '' : formatDuration(milliseconds), sort: milliseconds ?? -1 },
  ];
}
