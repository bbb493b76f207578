// The small parts that pages are made of: pictures, pairs with a slider, commands, tables.
import { type Html, html, type Value } from './html.ts';
import type { Picture } from './pictures.ts';

/** An image, its bytes in the page itself. */
export function image({ type, body }: Pick<Picture, 'type' | 'body'>, alt: string, kind?: string): Html {
  return html`<img${kind === undefined ? '' : html` class="${kind}"`} src="data:${type};base64,${body.toString('base64')}" alt="${alt}">`;
}

/** Two images of one shape over each other, parted by a slider. */
export function compared(before: Html, after: Html, label: string, names: readonly [string, string]): Html {
  return html`<div class="frame compare">${after}${before}<input type="range" min="0" max="100" value="50" aria-label="${label}"><span class="rule"></span><span class="side l">${names[0]}</span><span class="side r">${names[1]}</span></div>`;
}

/** A command with a button that copies it. */
export function command(text: string): Html {
  return html`<div class="command"><code tabindex="0">${text}</code><button type="button" data-copy hidden>Copy</button></div>`;
}

export interface Column {
  readonly name: string;
  /** Set in the text's end, as numbers are. */
  readonly numeric?: boolean;
}

export interface Cell {
  readonly text: Value;
  /** What the column is sorted by. Default: the text. */
  readonly sort?: number | undefined;
  readonly kind?: string;
}

/** A table with a caption; sortable by each column where it says so. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  options: { readonly caption: Value; readonly sortable?: boolean; readonly id?: string },
): Html {
  const { caption, sortable = false, id } = options;
  const heads = columns.map(
    ({ name, numeric }) =>
      html`<th scope="col"${numeric === true && html` class="n"`}>${sortable ? html`<button type="button">${name}</button>` : name}</th>`,
  );
  const lines = rows.map(
    (cells) =>
      html`<tr>${cells.map(({ text, sort, kind }, place) => {
        const classes = [columns[place]?.numeric === true ? 'n' : '', kind ?? ''].filter((one) => one !== '').join(' ');
        return html`<td${classes !== '' && html` class="${classes}"`}${sort !== undefined && html` data-v="${sort}"`}>${text}</td>`;
      })}</tr>\n`,
  );
  return html`<div class="scroll${rows.length > 25 && ' tall'}" tabindex="0" role="region" aria-label="${caption}"><table${id !== undefined && html` id="${id}"`}${sortable && html` class="sortable"`}><caption>${caption}</caption><thead><tr>${heads}</tr></thead><tbody>${lines}</tbody></table></div>`;
}

/** As many of the parts as fit into so many bytes of markup, and how many do not. */
export function within(
  parts: Iterable<Html>,
  most: number,
): { readonly parts: readonly Html[]; readonly left: number } {
  const fitting: Html[] = [];
  let bytes = 0;
  let left = 0;
  for (const part of parts) {
    const size = Buffer.byteLength(part.markup);
    if (bytes + size > most) left++;
    else {
      bytes += size;
      fitting.push(part);
    }
  }
  return { parts: fitting, left };
}
