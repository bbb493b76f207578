// Paths of names only, such as $.BatchInput.run: walked here, a hundred times faster than a JSONPath library asks its way.

/** Not found by walking: the interpreter decides what that means. */
export const UNKNOWN = Symbol('unknown');

/** The names of a path below `root` (`$`, `$$.Map.Item`); undefined for any other path. */
export function stepsBelow(root: string, path: string): readonly string[] | undefined {
  if (!path.startsWith(root)) return undefined;
  const rest = path.slice(root.length);
  return /^(?:\.[A-Za-z_]\w*)*$/.test(rest) ? rest.split('.').slice(1) : undefined;
}

/** What is at the end of the path. */
export function walked(from: unknown, steps: readonly string[]): unknown {
  let value = from;
  for (const step of steps) {
    if (value === null || typeof value !== 'object' || Array.isArray(value) || !Object.hasOwn(value, step))
      return UNKNOWN;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}

/** The name of a field whose value is a path: what is before `.$`. Undefined for one that the interpreter may read otherwise. */
export function pathField(key: string): string | undefined {
  const name = key.slice(0, -2);
  // The interpreter cuts the first `.$` of a name: only where that is the last do we agree.
  return key.endsWith('.$') && !name.includes('.$') && name !== '__proto__' ? name : undefined;
}
