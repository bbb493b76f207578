// The page of a run: failures first, then what was made, how it went, and what it was made with. Numbers are the summary's own.
import { formatLocation } from '../../contract/location.ts';
import { RUN_STATUSES } from '../status.ts';
import type { Summary } from '../summary.ts';
import { isLeft, resumeCommand, stopReason } from '../text.ts';
import { shares } from './charts.ts';
import { document } from './document.ts';
import { bytes, count, dollars, duration, fact, percent, rate } from './facts.ts';
import { failures } from './failures.ts';
import { foreign, type Html, html } from './html.ts';
import { keysSection } from './keys.ts';
import { bytesSection, costSection, extremesSection, skippedSection, stagesSection, timeSection } from './numbers.ts';
import { command, table } from './parts.ts';
import type { Pictures } from './pictures.ts';
import type { Sample } from './sample.ts';
import { contactSheet } from './sheet.ts';

/** Most bytes of a page, whatever the run: what a mail takes. */
export const MOST_PAGE_BYTES = 3_000_000;

/** The page as one self-contained HTML file, of at most `MOST_PAGE_BYTES` for what the sample and the pictures can hold. */
export function runPage(summary: Summary, sample: Sample, pictures: Pictures): string {
  const { run, counts } = summary;
  return document({
    title: `${RUN_STATUSES[summary.status].title}: ${run}`,
    header: header(summary),
    sections: [
      overview(summary),
      failures(summary, sample, pictures),
      contactSheet(sample, pictures, counts.succeeded),
      bytesSection(summary),
      timeSection(summary),
      stagesSection(summary),
      extremesSection(summary),
      keysSection(sample, counts.total),
      skippedSection(summary),
      costSection(summary),
      madeWith(summary),
    ],
    footer: html`Made by image-fanout when the account was written. One file: nothing is loaded from anywhere.${pictures.missing > 0 && ` ${count(pictures.missing)} pictures were left out: the bytes or the time for them were used up; image-fanout report RUN --open makes a page with more.`}`,
  });
}

function header(summary: Summary): Html {
  const { run, status, counts } = summary;
  const { title, meaning, exitCode } = RUN_STATUSES[status];
  const tone =
    exitCode === 0 ? 'good' : exitCode === 3 || status === 'notFinished' || status === 'interrupted' ? 'warn' : 'bad';
  const left = (['failed', 'pending'] as const).filter((state) => counts[state] > 0);
  const sentence = html`${title}: ${fact(summary, 'counts.succeeded', count)} of ${fact(summary, 'counts.total', count)} ${counts.total === 1 ? 'key' : 'keys'} succeeded${counts.skipped > 0 && html`, ${fact(summary, 'counts.skipped', count)} skipped`}${left.map((state) => html`, ${fact(summary, `counts.${state}`, count)} ${state}`)}`;
  return html`<p class="crumb">image-fanout · run ${foreign(run, 200)}</p><div class="verdict ${tone}"><h1>${sentence}</h1><p><code>${status}</code>: ${meaning}.</p></div>`;
}

function overview(summary: Summary): Html {
  const { counts, bytes: all, time, price, check, job, firstFailure, attempts } = summary;
  const states = ['succeeded', 'skipped', 'failed', 'pending'] as const;
  const big = (name: string, value: Html | string, more?: Html | string, kind = 'plain') =>
    html`<div class="${kind}"><dt>${name}</dt><dd>${value}${more !== undefined && html`<small>${more}</small>`}</dd></div>`;
  const reason = stopReason(summary);
  const saved = all.in === 0 ? undefined : `${percent(all.out / all.in)} of what was read`;
  const carryOn = isLeft(summary)
    ? html`<h3>To carry on</h3><p class="note">Does what is pending or failed, and nothing else.</p>${command(resumeCommand(summary))}`
    : undefined;
  return html`<section aria-label="Overview">${shares(states.map((kind) => ({ kind, value: counts[kind] })))}<dl class="big">${states.map((state) => big(state, fact(summary, `counts.${state}`, count), undefined, state))}</dl><dl class="big">${big('took', fact(summary, 'time.wallMilliseconds', duration), html`${fact(summary, 'throughput.keysPerSecond', rate)}${attempts.length > 1 && `, in ${attempts.length} attempts`}`)}${big('read', fact(summary, 'bytes.in', bytes))}${big('written', fact(summary, 'bytes.out', bytes), saved)}${big('price', price === undefined ? 'none' : html`about ${fact(summary, 'price.total', dollars)}`, priceWords(summary))}${time.cpuMilliseconds === undefined ? undefined : big('CPU', fact(summary, 'time.cpuMilliseconds', duration))}</dl>${firstFailure !== undefined && html`<h3>The first failure</h3><p class="key">${foreign(firstFailure.key)}</p><p class="message">${foreign(firstFailure.error, 100)}: ${foreign(firstFailure.message, 600)}</p>`}${reason !== undefined && html`<h3>Stopped by</h3><p class="message">${foreign(reason, 600)}</p>`}${check.balanced ? undefined : html`<h3>This account does not add up</h3><ul>${check.problems.slice(0, 20).map((problem) => html`<li>${foreign(problem, 400)}</li>`)}</ul>`}${carryOn}<p class="note crumb last">${foreign(formatLocation(job.source), 200)} → ${foreign(formatLocation(job.destination), 200)}. The whole account: ${foreign(summary.report, 300)}</p></section>`;
}

function priceWords({ price, cost, job }: Summary): string {
  if (price === undefined) return 'no service was asked';
  return job.engine === undefined
    ? `list prices, ${cost?.prices.region ?? 'us-east-1'}, without free tiers`
    : "requests, at S3's list prices";
}

/** Most characters of a document that is shown. */
const MOST_DOCUMENT = 40_000;

function madeWith({ job, versions, definition, attempts, time }: Summary): Html {
  const { recipe, preset, keys, ...rest } = job;
  const shown = {
    ...rest,
    ...(preset === undefined ? {} : { preset }),
    ...(keys === undefined ? {} : { keys: `${keys.length} keys` }),
  };
  const text = (value: unknown) => {
    const whole = JSON.stringify(value, undefined, 2);
    return html`<pre tabindex="0"><bdi>${whole.length > MOST_DOCUMENT ? `${whole.slice(0, MOST_DOCUMENT)}…` : whole}</bdi></pre>`;
  };
  const known = [
    ...(time.started === undefined ? [] : [['started', time.started]]),
    ...(time.ended === undefined ? [] : [['ended', time.ended]]),
    ...(definition === undefined ? [] : [['definition, SHA-256', definition]]),
    ...Object.entries(versions).slice(0, 60),
  ];
  return html`<section aria-labelledby="made"><h2 id="made">Made with</h2><details><summary>Recipe${preset !== undefined && html`<span class="count">${preset}</span>`}</summary>${text(recipe)}</details><details><summary>Job</summary>${text(shown)}</details><details><summary>Versions and times</summary>${table(
    [{ name: 'What' }, { name: 'Which' }],
    known.map(([name = '', value = '']) => [{ text: name }, { text: foreign(value, 100), kind: 'key' }]),
    { caption: 'Versions and times' },
  )}</details><details><summary>Attempts<span class="count">${count(attempts.length)}</span></summary>${table(
    [{ name: 'Result files' }, { name: 'Records', numeric: true }, { name: 'Ended' }],
    attempts
      .slice(-50)
      .map(({ folder, records, complete }) => [
        { text: foreign(folder), kind: 'key' },
        { text: count(records), sort: records },
        { text: complete ? 'yes' : 'no' },
      ]),
    { caption: 'The Map Run and its redrives' },
  )}</details></section>`;
}
