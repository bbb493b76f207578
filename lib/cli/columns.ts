// Terminal columns: how many a text takes, and a text cut to a number of them.

/** The text cut to a number of terminal columns, with an ellipsis where something was left out. */
export function cut(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  let kept = '';
  let used = 1;
  for (const character of text) {
    used += columnsOf(character);
    if (used > columns) break;
    kept += character;
  }
  return columns < 1 ? '' : `${kept}…`;
}

/** Terminal columns of a text: East Asian letters and emoji take two. An estimate that is never too small for them. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text)
    columns += (character.codePointAt(0) ?? 0) >= 0x1100 && character !== '…' && !isNarrow(character) ? 2 : 1;
  return columns;
}

/** The box and block characters that we draw with ourselves. */
function isNarrow(character: string): boolean {
  return character >= '\u2000' && character <= '\u25ff';
}
