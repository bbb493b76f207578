// Globs on keys. A key is a text, not a path: a name may hold line ends, or be `.` or `..`, and stands for itself.
import picomatch from 'picomatch';

/**
 * Names that start with a dot are seen. By default `.` of picomatch's expressions stops at line ends (flag `s`), it takes
 * an expression that cannot be compiled for one that matches nothing (`debug`), and a bracket that is not closed for
 * itself (`strictBrackets`), takes `\` for `/` on Windows, and has short cuts that mean other things (`*.*` would not
 * match `a.`).
 */
const OPTIONS = { dot: true, flags: 's', debug: true, strictBrackets: true, windows: false, fastpaths: false };

/** `[!a]` is `[^a]` in every shell, but not to picomatch. */
const SHELL_NEGATION = /(?<!\\)\[!/g;

/** Names that picomatch takes for steps of a path, and so matches with nothing. */
const DOT_NAMES = /(?<=^|\/)\.\.?(?=\/|$)/g;

/** Whether a key matches one of the globs, in any case if `nocase`. Throws SyntaxError for a glob that is none. */
export function matcher(globs: readonly string[], { nocase = false } = {}): (key: string) => boolean {
  if (globs.length === 0) return () => false;
  const matches = picomatch(
    globs.map((glob) => glob.replace(SHELL_NEGATION, '[^')),
    { ...OPTIONS, nocase, flags: nocase ? 'is' : 's' },
  );
  return (key) => matches(key.replace(DOT_NAMES, 'dots'));
}
