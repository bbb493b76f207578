// Whether two key patterns could be one string for one source: a walk over both at once.

/** A character; a part of the source's key, the same in both patterns; or something that only the image knows. */
export type Token = string | { readonly source: 'dir' | 'name' | 'ext' } | { readonly any: 'digits' | 'hex' };

const CLASSES: Record<string, (character: string) => boolean> = {
  digits: (character) => /[0-9]/.test(character),
  hex: (character) => /[0-9a-f]/.test(character),
  dir: () => true,
  name: (character) => character !== '/',
  ext: (character) => character !== '/' && character !== '.',
};

function classOf(token: Exclude<Token, string>): string {
  return 'source' in token ? token.source : token.any;
}

/** Whether both are the same text whatever the source and the image: what only the image knows may differ per output. */
function same(a: Token | undefined, b: Token | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  if (typeof a === 'string' || typeof b === 'string') return a === b;
  return 'source' in a && 'source' in b && a.source === b.source;
}

/**
 * What both begin and end with, source parts included, is equal whatever the source; what is left between is compared
 * with each remaining placeholder standing for any text of its kind. So it may say "could" of what cannot, never the contrary.
 */
export function patternsMeet(a: readonly Token[], b: readonly Token[]): boolean {
  let start = 0;
  while (same(a[start], b[start])) start += 1;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && same(a[a.length - 1 - end], b[b.length - 1 - end])) end += 1;
  return intersect(a.slice(start, a.length - end), b.slice(start, b.length - end));
}

function intersect(a: readonly Token[], b: readonly Token[]): boolean {
  const seen = new Set<number>();
  const open: [number, number][] = [[0, 0]];
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    const [i, j] = state;
    const id = i * (b.length + 1) + j;
    if (seen.has(id)) continue;
    seen.add(id);
    if (i === a.length && j === b.length) return true;
    const left = a[i];
    const right = b[j];
    // A placeholder may end here …
    if (left !== undefined && typeof left !== 'string') open.push([i + 1, j]);
    if (right !== undefined && typeof right !== 'string') open.push([i, j + 1]);
    if (left === undefined || right === undefined) continue;
    // … or take one more character of the other side.
    if (typeof left === 'string' && typeof right === 'string') {
      if (left === right) open.push([i + 1, j + 1]);
    } else if (typeof left === 'string') {
      if (CLASSES[classOf(right as Exclude<Token, string>)]?.(left)) open.push([i + 1, j]);
    } else if (typeof right === 'string') {
      if (CLASSES[classOf(left)]?.(right)) open.push([i, j + 1]);
    }
  }
  return false;
}
