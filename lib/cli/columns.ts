// Terminal columns: how many a text takes, and a text cut to a number of them.
import stringWidth from 'string-width';

/** Terminal columns of a text: East Asian letters and emoji take two, marks on a letter none. */
export const columnsOf = (text: string): number => stringWidth(text);

const graphemes = new Intl.Segmenter();

/** The text cut to a number of terminal columns, with an ellipsis where something was left out. */
export function cut(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  let kept = '';
  let used = 1;
  for (const { segment } of graphemes.segment(text)) {
    used += columnsOf(segment);
    if (used > columns) break;
    kept += segment;
  }
  return columns < 1 ? '' : `${kept}…`;
}
