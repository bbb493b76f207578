// Which keys of a source are meant: include and exclude globs.
import picomatch from 'picomatch';

/**
 * Whether a key, relative to the source, is chosen: it matches one of `include` and none of `exclude`. Globs ignore case
 * (cameras write .JPG) and see names that start with a dot.
 */
export function selector(include: readonly string[], exclude: readonly string[]): (relativeKey: string) => boolean {
  const options = { nocase: true, dot: true };
  const included = picomatch([...include], options);
  const excluded = exclude.length === 0 ? () => false : picomatch([...exclude], options);
  return (relativeKey) => included(relativeKey) && !excluded(relativeKey);
}
