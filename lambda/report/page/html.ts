// Text into HTML: every value is escaped unless it is markup made here, so that a key or a message can never become any.
import { printable } from '../printable.ts';

/** Markup that was made by `html`. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

export type Value = Html | string | number | undefined | false | readonly Value[];

/** Makes markup. Values are text, markup that `html` made, or lists of both; undefined and false are nothing. Attributes are always quoted. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(parts.map((part, place) => part + (place < values.length ? markupOf(values[place]) : '')).join(''));
}

function markupOf(value: Value): string {
  if (value === undefined || value === false) return '';
  if (value instanceof Html) return value.markup;
  if (typeof value === 'object') return value.map(markupOf).join('');
  return escaped(String(value));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** The text as HTML shows it, in content and in quoted attributes: https://html.spec.whatwg.org/#escapingString */
export function escaped(text: string): string {
  return text.toWellFormed().replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

/** Longest key or message shown, in characters. */
const MOST_SHOWN = 400;

/** Text from outside, as a piece of its own: what would turn the line around or break it is shown as an escape. */
export function foreign(text: string, most = MOST_SHOWN): Html {
  const shown = text.length <= most ? text : `${text.slice(0, most)}…`;
  return html`<bdi>${printable(shown)}</bdi>`;
}
