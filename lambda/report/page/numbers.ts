// The parts of the page that are numbers: bytes, the course in time, the stages, the slowest and the largest, what was skipped.
import { STAGES, type Summary } from '../summary.ts';
import { COMPONENTS, skipWords } from '../text.ts';
import { formatCount } from '../units.ts';
import { area, histogram, shareBar } from './charts.ts';
import { bytes, count, dollars, duration, fact, percent } from './facts.ts';
import { foreign, type Html, html } from './html.ts';
import { type Cell, table } from './parts.ts';

/** Bytes in by source format, out by output, and what is saved. Undefined when no image was made. */
export function bytesSection(summary: Summary): Html | undefined {
  const { formats, renditions, bytes: all } = summary;
  if (formats.length === 0) return undefined;
  const bySource = formats.map(({ format, bytesIn }, place): Cell[] => [
    { text: foreign(format, 40) },
    number(summary, `formats.${place}.keys`, count),
    number(summary, `formats.${place}.bytesIn`, bytes),
    { text: shareBar(all.in === 0 ? 0 : bytesIn / all.in), sort: bytesIn, kind: 'bar' },
    number(summary, `formats.${place}.bytesOut`, bytes),
  ]);
  const largest = Math.max(1, ...renditions.map((one) => one.bytes));
  const byOutput = renditions.map(({ name, format, bytes: out, bytesIn }, place): Cell[] => [
    { text: foreign(name, 60) },
    { text: foreign(format, 20) },
    number(summary, `renditions.${place}.written`, count),
    number(summary, `renditions.${place}.upToDate`, count),
    number(summary, `renditions.${place}.bytes`, bytes),
    { text: shareBar(out / largest), sort: out, kind: 'bar' },
    bytesIn === 0 ? { text: '' } : { text: percent(1 - out / bytesIn), sort: 1 - out / bytesIn },
  ]);
  return html`<section aria-labelledby="bytes"><h2 id="bytes">Bytes</h2><p class="note">${fact(summary, 'bytes.in', bytes)} read, ${fact(summary, 'bytes.out', bytes)} written in ${fact(summary, 'outputs.written', count)} outputs; ${fact(summary, 'outputs.upToDate', count)} were up to date.</p>${table(
    [
      { name: 'Source' },
      { name: 'Keys', numeric: true },
      { name: 'Read', numeric: true },
      { name: 'Share of the read' },
      { name: 'Written', numeric: true },
    ],
    bySource,
    { caption: 'By what the sources are', sortable: true },
  )}${table(
    [
      { name: 'Output' },
      { name: 'Format' },
      { name: 'Written', numeric: true },
      { name: 'Up to date', numeric: true },
      { name: 'Bytes', numeric: true },
      { name: 'Beside the largest' },
      { name: 'Saved', numeric: true },
    ],
    byOutput,
    { caption: 'By output; what is saved is against the sources', sortable: true },
  )}</section>`;
}

/** How the last attempts went in time. Undefined when no record has a time. */
export function timeSection({ attempts, executionStatus }: Summary): Html | undefined {
  const charts = attempts.flatMap(({ timeline }, number) => {
    if (timeline === undefined) return [];
    const { from, step, keys, failed, inFlight } = timeline;
    const perSecond = keys.map((value) => (value * 1000) / step);
    const most = (values: readonly number[]) => Number(Math.max(0, ...values).toPrecision(3));
    const clock = (at: number) => new Date(at).toISOString().replace('T', ' ').slice(0, 19);
    const start = Date.parse(from);
    const failures = failed.reduce((sum, value) => sum + value, 0);
    return [
      html`${attempts.length > 1 && html`<h3>${number === 0 ? 'First attempt' : `Attempt ${number + 1}`}</h3>`}${area(perSecond, { label: `Keys per second: ${most(perSecond)} at most`, kind: 'keys', unit: 'Keys per second' })}${area(inFlight, { label: `Invocations in flight: ${most(inFlight)} at most`, kind: 'busy', unit: 'Invocations in flight' })}${failures > 0 && area(failed, { label: `Failures: ${failures} in all`, kind: 'failed', unit: 'Failures per step' })}<p class="span"><span>${clock(start)} UTC</span><span>${duration(step)} a step</span><span>${clock(start + step * keys.length)} UTC</span></p>`,
    ];
  });
  if (charts.length === 0) return undefined;
  return html`<section aria-labelledby="time"><h2 id="time">In time</h2><p class="note">Keys per second, invocations in flight${executionStatus === undefined ? '' : ' and failures'}, by the records of the children.${attempts.length > 1 && ` ${formatCount(attempts.length)} attempts: what failed or was pending was tried again.`}</p>${charts}</section>`;
}

const STAGE_NAMES = { read: 'Reading', transform: 'Transforming', write: 'Writing', total: 'A key in all' } as const;

/** Percentiles and histograms of the stages. Undefined when no key was worked on. */
export function stagesSection(summary: Summary): Html | undefined {
  const stages = STAGES.filter((stage) => summary.milliseconds[stage] !== undefined);
  if (stages.length === 0) return undefined;
  const { distribution } = summary;
  const rows = stages.map((stage): Cell[] => [
    { text: STAGE_NAMES[stage] },
    ...(['p50', 'p90', 'p99', 'max'] as const).map((name) =>
      number(summary, `milliseconds.${stage}.${name}`, duration),
    ),
  ]);
  const charts = stages.map(
    (stage) =>
      html`<div><h3>${STAGE_NAMES[stage]}</h3>${histogram(distribution.bounds, distribution[stage], `${STAGE_NAMES[stage]}: keys by how long it took`)}</div>`,
  );
  return html`<section aria-labelledby="stages"><h2 id="stages">Per key</h2>${table(
    [{ name: 'Stage' }, ...['p50', 'p90', 'p99', 'Longest'].map((name) => ({ name, numeric: true }))],
    rows,
    { caption: 'How long a key takes' },
  )}<div class="stages">${charts}</div></section>`;
}

/** The slowest keys and the largest sources. */
export function extremesSection(summary: Summary): Html | undefined {
  const { slowest, largest } = summary;
  if (slowest.length === 0 && largest.length === 0) return undefined;
  const keyed = (key: string): Cell => ({ text: foreign(key), kind: 'key' });
  return html`<section aria-labelledby="extremes"><h2 id="extremes">Slowest and largest</h2><div class="columns"><div>${table(
    [{ name: 'Key' }, { name: 'Took', numeric: true }],
    slowest.map(({ key }, place) => [keyed(key), number(summary, `slowest.${place}.milliseconds`, duration)]),
    { caption: 'The slowest keys' },
  )}</div><div>${table(
    [{ name: 'Key' }, { name: 'Source', numeric: true }],
    largest.map(({ key }, place) => [keyed(key), number(summary, `largest.${place}.bytes`, bytes)]),
    { caption: 'The largest sources' },
  )}</div></div></section>`;
}

/** What the run cost by service, and what that does not hold. Undefined where no ledger was kept. */
export function costSection(summary: Summary): Html | undefined {
  const { cost } = summary;
  if (cost === undefined) return undefined;
  const { components, prices, notKnown } = cost;
  const shown = (Object.entries(components) as [keyof typeof components, number][])
    .filter(([, amount]) => amount > 0)
    .sort(([, a], [, b]) => b - a);
  const whose = prices.standInFor === undefined ? '' : `, as those of ${prices.standInFor} are not known here`;
  return html`<section aria-labelledby="cost"><h2 id="cost">Cost</h2><p class="note">About ${fact(summary, 'cost.dollars', dollars)}: what was counted, at list prices of ${prices.region}, ${prices.date}${whose}, without free tiers.</p>${table(
    [{ name: 'Service' }, { name: 'Dollars', numeric: true }],
    shown.map(([name]) => [{ text: COMPONENTS[name] }, number(summary, `cost.components.${name}`, dollars)]),
    { caption: 'By service' },
  )}${notKnown.length > 0 && html`<h3>Not in it</h3><ul>${notKnown.map(({ what, atMostDollars }) => html`<li>${what}${atMostDollars !== undefined && ` (${dollars(atMostDollars)} at most)`}</li>`)}</ul>`}</section>`;
}

/** What was skipped, and why. Undefined when nothing was. */
export function skippedSection(summary: Summary): Html | undefined {
  const reasons = Object.entries(summary.skipped).sort(([, a], [, b]) => b - a);
  if (reasons.length === 0) return undefined;
  return html`<section aria-labelledby="skipped"><h2 id="skipped">Skipped</h2><p class="note">${fact(summary, 'counts.skipped', count)} keys had nothing to be done.</p>${table(
    [{ name: 'Reason' }, { name: 'Keys', numeric: true }],
    reasons.map(([reason]) => [{ text: skipWords(reason) }, number(summary, `skipped.${reason}`, count)]),
    { caption: 'By reason' },
  )}</section>`;
}

function number(summary: Summary, path: string, format: (value: number) => string): Cell {
  const text = fact(summary, path, format);
  return { text, sort: Number(/value="([^"]*)"/.exec(text.markup)?.[1]) };
}
