// What failed, by class: how many, why, what to do about it, and some of the inputs as far as they can be shown.
import type { Summary } from '../summary.ts';
import { count, fact } from './facts.ts';
import { foreign, type Html, html } from './html.ts';
import { image, within } from './parts.ts';
import type { FailedInput, Pictures } from './pictures.ts';
import type { Sample } from './sample.ts';

/** Classes that are unfolded at first. */
const OPEN = 4;
/** Bytes of markup. */
const MOST = 400_000;

/** Undefined when nothing failed. */
export function failures(summary: Summary, { failed }: Sample, pictures: Pictures): Html | undefined {
  if (summary.counts.failed === 0) return undefined;
  const groups = summary.errors.map(({ name, transient, hint, examples }, place) => {
    const rows = failed.get(name) ?? [];
    const shown = rows.length > 0 ? rows : examples;
    const inputs = shown.map(({ index, key, message }) => {
      const input = pictures.failed.get(index);
      return html`<li><div class="still">${still(input, key)}</div><div><p class="key">${foreign(key)}</p><p class="message">${foreign(message, 600)}</p></div></li>`;
    });
    return html`<details${place < OPEN && html` open`}><summary>${foreign(name, 100)}<span class="count">${fact(summary, `errors.${place}.count`, count)}${transient ? ', passes by itself' : ''}</span></summary><p class="todo">${hint}</p><ul class="inputs">${inputs}</ul></details>\n`;
  });
  const { parts, left } = within(groups, MOST);
  return html`<section aria-labelledby="failures"><h2 id="failures">Failures</h2><p class="note">${fact(summary, 'counts.failed', count)} ${summary.counts.failed === 1 ? 'key' : 'keys'} of ${count(summary.errors.length)} ${summary.errors.length === 1 ? 'class' : 'classes'}; some inputs of each. All of them: the table of keys below, and items.csv.</p>${parts}${left > 0 && html`<p class="note">${left} more classes are in summary.json.</p>`}</section>`;
}

function still(input: FailedInput | undefined, key: string): Html {
  const { picture, head, why } = input ?? {};
  if (head?.length === 0) return html`empty file`;
  const bytes = head && html`<code title="Its first bytes">${head.toString('latin1').replace(/[^ -~]/g, '·')}</code>`;
  // Where the browser cannot show it either, the bytes below are what is left.
  if (picture !== undefined)
    return html`${image(picture, `Input ${key.slice(-80)}, as far as it can be shown`)}${bytes}`;
  return bytes ?? html`${why === undefined ? 'not shown' : 'cannot be read'}`;
}
