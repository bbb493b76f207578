// Which keys of a source are meant: include and exclude globs.
import picomatch from 'picomatch';

/** Names that picomatch takes for steps of a path, and so matches with nothing; in a bucket they are names like any other. */
const DOT_NAMES = /(?<=^|\/)\.\.?(?=\/|$)/g;

/**
 * Whether a key, relative to the source, is chosen: it matches one of `include` and none of `exclude`. Globs ignore case
 * (cameras write .JPG) and see names that start with a dot. A key with `..` is chosen like any other: that it cannot be
 * processed is a failure to be told, not a reason to leave it out.
 */
export function selector(include: readonly string[], exclude: readonly string[]): (relativeKey: string) => boolean {
  const options = { nocase: true, dot: true };
  const included = picomatch([...include], options);
  const excluded = exclude.length === 0 ? () => false : picomatch([...exclude], options);
  return (relativeKey) => {
    const key = relativeKey.replace(DOT_NAMES, 'dots');
    return included(key) && !excluded(key);
  };
}
