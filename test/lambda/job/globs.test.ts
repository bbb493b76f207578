// Globs on keys: whatever the names of a key hold, a glob means the same of them.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matcher } from '../../../lambda/job/globs.ts';

/** What a glob means, said without any expression: `*` is any characters of a name, `?` one, `**` any number of names. */
function means(glob: string, key: string): boolean {
  const [names, globs] = [key.split('/'), glob.split('/')];
  return sequence(
    globs,
    names,
    (one) => one === '**',
    (one, name) =>
      sequence(
        [...one],
        [...name],
        (character) => character === '*',
        (character, met) => character === '?' || character.toLowerCase() === met.toLowerCase(),
      ),
  );
}

function sequence(
  globs: readonly string[],
  met: readonly string[],
  isAny: (glob: string) => boolean,
  fits: (glob: string, met: string) => boolean,
): boolean {
  const [glob, ...rest] = globs;
  if (glob === undefined) return met.length === 0;
  if (isAny(glob)) return [...met, ''].some((_, from) => sequence(rest, met.slice(from), isAny, fits));
  return met[0] !== undefined && fits(glob, met[0]) && sequence(rest, met.slice(1), isAny, fits);
}

const characters = fc.constantFrom('a', 'B', '.', '-', ' ', 'é', '\n', '\r', '\u2028', '\0', '\\', '[', '*');
const name = fc.string({ unit: characters, minLength: 1, maxLength: 4 });
const key = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
const globName = fc.oneof(
  fc.constant('**'),
  fc
    .string({ unit: fc.constantFrom('a', 'b', '*', '?', '.', '-', 'é'), minLength: 1, maxLength: 3 })
    // Two stars within a name, and names of dots alone, have meanings of their own.
    .filter((text) => !text.includes('**') && !/^\.+$/.test(text)),
);
const glob = fc.array(globName, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
const isOfDots = (text: string) => text.split('/').some((one) => /^\.{1,2}$/.test(one));

describe('a glob', () => {
  it('means the same whatever characters a key holds', () => {
    let matched = 0;
    fc.assert(
      fc.property(glob, key, (pattern, text) => {
        // Of `.` and `..` only those globs are sure that do not spell names of dots.
        fc.pre(!isOfDots(text) || !/[.?]/.test(pattern));
        // Whether what is in a folder includes the folder itself, shells do not agree about.
        fc.pre(!pattern.endsWith('/**') || !means(pattern.slice(0, -3), text));
        const expected = means(pattern, text);
        if (expected) matched += 1;
        expect(matcher([pattern], { nocase: true })(text)).toBe(expected);
      }),
      { numRuns: 20_000 },
    );
    expect(matched).toBeGreaterThan(1000);
  });

  it.each([
    ['**/drafts/**', 'a/drafts/x\ny.jpg', true],
    ['**/*.{jpg,png}', 'a\nb/c.jpg', true],
    ['**/*.{jpg,png}', 'a/b\r\n.PNG', true],
    ['**/*.jpg', 'c.jpg\n', false],
    ['*.jpg', 'a\n/b.jpg', false],
    ['[^a]*.jpg', 'b\nc.jpg', true],
    ['[!a]*.jpg', 'a.jpg', false],
    ['!(a*).jpg', 'b\nc.jpg', true],
    ['[!a]*.jpg', '\n.jpg', true],
    ['**/x.jpg', '../x.jpg', true],
    ['*', '.', true],
    ['a\\*', 'a*', true],
    ['a[[]b', 'a[b', true],
  ])('%j is asked of %j: %j', (pattern, text, expected) => {
    expect(matcher([pattern], { nocase: true })(text)).toBe(expected);
  });

  it('that cannot be read is an error, never a glob that matches nothing', () => {
    expect(() => matcher(['a{'])).toThrow(SyntaxError);
  });
});
