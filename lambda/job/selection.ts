// Which keys of a source are meant: include and exclude globs.
import { matcher } from './globs.ts';

/**
 * Whether a key, relative to the source, is chosen: it matches one of `include` and none of `exclude`. A key with `..` is
 * chosen like any other: that it cannot be processed is a failure to be told, not a reason to leave it out.
 */
export function selector(include: readonly string[], exclude: readonly string[]): (relativeKey: string) => boolean {
  const included = matcher(include);
  const excluded = matcher(exclude);
  return (relativeKey) => included(relativeKey) && !excluded(relativeKey);
}
