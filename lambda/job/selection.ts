// Which keys of a source are meant: include and exclude globs, read as gitignore reads them.
import { OWN_FOLDER } from '../contract/environment.ts';
import type { SkipReason } from '../contract/outcome.ts';
import { matcher } from './globs.ts';
import { isImageGlob } from './image-glob.ts';

export interface Selection {
  /** Why a key, relative to the source, is not meant; undefined when it is. */
  reasonAgainst(relativeKey: string): Extract<SkipReason, 'excluded' | 'notIncluded'> | undefined;
  /** The globs that have matched no key so far. */
  unused(): readonly string[];
}

/**
 * Makes the selection: a key is meant when it matches one of `include` and none of `exclude`. A key with `..` is chosen
 * like any other: that it cannot be processed is a failure to be told, not a reason to leave it out. Globs are read as
 * gitignore reads its patterns (https://git-scm.com/docs/gitignore#_pattern_format): without a slash before its end a glob
 * is about names in any folder, else about the whole key; a folder that matches stands for all that is in it; a slash at
 * the end means folders only. Case counts, as it does in S3, but for the default's image extensions. Throws SyntaxError
 * for a glob that is none.
 */
export function createSelection(include: readonly string[], exclude: readonly string[]): Selection {
  const wanted = include.map(readGlob);
  const unwanted = exclude.map(readGlob);
  return {
    reasonAgainst(relativeKey) {
      // What we write ourselves below a source of somebody's is no image of theirs.
      if (relativeKey.startsWith(OWN_FOLDER)) return 'excluded';
      const folders = foldersOf(relativeKey);
      const included = meets(wanted, relativeKey, folders);
      const excluded = meets(unwanted, relativeKey, folders);
      return included ? (excluded ? 'excluded' : undefined) : 'notIncluded';
    },
    unused: () => [...wanted, ...unwanted].filter(({ used }) => !used).map(({ glob }) => glob),
  };
}

interface Glob {
  readonly glob: string;
  readonly matches: (key: string, folders: readonly string[]) => boolean;
  used: boolean;
}

function readGlob(glob: string): Glob {
  const folder = glob.endsWith('/');
  const text = folder ? glob.replace(/\/+$/, '') : glob;
  const anchored = text.includes('/');
  const pattern = anchored ? text.replace(/^\//, '') : `**/${text}`;
  const matches = matcher([pattern], { nocase: isImageGlob(glob) });
  // A glob for images is asked of each key of a listing: no folder's name answers it.
  const ofFolders = !isImageGlob(glob);
  return {
    glob,
    used: false,
    matches: (key, folders) => (!folder && matches(key)) || (ofFolders && folders.some((one) => matches(one))),
  };
}

/** Whether one of the globs matches. Those that have not matched yet are all asked, so that it is known which never do. */
function meets(globs: readonly Glob[], key: string, folders: readonly string[]): boolean {
  let met = false;
  for (const glob of globs) {
    if ((met && glob.used) || !glob.matches(key, folders)) continue;
    met = true;
    glob.used = true;
  }
  return met;
}

/** `a` and `a/b` of `a/b/c.jpg`. */
function foldersOf(key: string): string[] {
  const folders: string[] = [];
  for (let at = key.indexOf('/'); at >= 0; at = key.indexOf('/', at + 1)) if (at > 0) folders.push(key.slice(0, at));
  return folders;
}
