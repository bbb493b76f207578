// The nearest of the known words: what a misspelt one was probably meant to be.

/** The known word that is nearest to the given one, or undefined when none is near. */
export function suggest(given: string, known: readonly string[]): string | undefined {
  const completions = known.filter((word) => given.length >= 3 && word.startsWith(given));
  if (completions.length === 1) return completions[0];
  const most = Math.max(1, Math.floor(given.length / 3));
  const near = known
    .map((word) => ({ word, distance: editDistance(given, word) }))
    .filter(({ distance }) => distance <= most);
  return near.sort((a, b) => a.distance - b.distance)[0]?.word;
}

/** Levenshtein's distance: the fewest letters to insert, delete or change. */
export function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (const [line, letter] of [...one].entries()) {
    const next = [line + 1];
    for (let column = 1; column <= other.length; column += 1) {
      const change = (row[column - 1] ?? 0) + (letter === other[column - 1] ? 0 : 1);
      next.push(Math.min(change, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
