// Which keys can be paths, on which platform, and in which order keys come.
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareKeys, keyPath, keyProblem, sortKeys } from '../../../lambda/store/paths.ts';

const everywhere: readonly (readonly [string, RegExp])[] = [
  ['', /is empty/],
  ['../../etc/passwd', /"\.\."/],
  ['a/../../b', /"\.\."/],
  ['a/..', /"\.\."/],
  ['..\\..\\secret', /"\.\."/],
  ['a/..\\b', /"\.\."/],
  ['/etc/passwd', /absolute path/],
  ['//host/share', /absolute path/],
  ['C:\\Windows\\x', /absolute Windows path/],
  ['\\\\host\\share', /Windows network path/],
  ['a\0b', /NUL/],
  ['half\ud800', /not valid Unicode/],
  ['a//b', /empty name/],
  ['folder/', /ends in "\/"/],
  ['./a', /contains "\."/],
  ['a/./b', /contains "\."/],
  [`${'x'.repeat(256)}.jpg`, /longer than 255 bytes/],
  [`a/${'ü'.repeat(128)}`, /longer than 255 bytes/],
];

const onWindows: readonly (readonly [string, RegExp])[] = [
  ['a\\b', /"\\\\"/],
  ['C:/x', /":"/],
  ['a:b', /":"/],
  ['what?.jpg', /"\?"/],
  ['a*b', /"\*"/],
  ['a|b', /"\|"/],
  ['a<b>', /"<"/],
  ['say "hi"', /Windows does not allow/],
  ['line\nbreak', /Windows does not allow/],
  ['CON', /a device/],
  ['photos/con.jpg', /a device/],
  ['aux.tar.gz', /a device/],
  ['NUL', /a device/],
  ['com1.png', /a device/],
  ['lpt9', /a device/],
  ['ends.', /drops the last character/],
  ['ends ', /drops the last character/],
];

describe('keyProblem', () => {
  it.each(everywhere)('refuses %j on every platform', (key, reason) => {
    expect(keyProblem(key, 'linux')).toMatch(reason);
    expect(keyProblem(key, 'win32')).toMatch(reason);
  });

  it.each(onWindows)('refuses %j on Windows only', (key, reason) => {
    expect(keyProblem(key, 'win32')).toMatch(reason);
    expect(keyProblem(key, 'linux')).toBeUndefined();
  });

  it.each(['a.jpg', 'ü/日本/😀.jpg', '.hidden', '..a', 'a..b/c', '-rf', '~', 'x'.repeat(255), ' a', 'console.jpg'])(
    'takes %j',
    (key) => {
      expect(keyProblem(key, 'linux')).toBeUndefined();
      expect(keyProblem(key, 'win32')).toBeUndefined();
    },
  );

  it('takes nothing that leaves the directory, whatever the key', () => {
    const parts = fc.constantFrom('..', '.', '', '/', '\\', 'a', 'C:', '\0', '%2e%2e', '~', ' ');
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 8 }), fc.constantFrom('', '/'), (names, glue) => {
        const key = names.join(glue);
        if (keyProblem(key, process.platform) !== undefined) return;
        expect(join('/root/dir', key).startsWith('/root/dir/')).toBe(true);
        expect(join('/root/dir', key)).toBe(`/root/dir/${key}`);
      }),
    );
  });
});

describe('keyPath', () => {
  it('throws UnsafeKey that names key and reason', () => {
    expect(() => keyPath('/root', '../x')).toThrow(
      expect.objectContaining({ name: 'UnsafeKey', message: expect.stringMatching(/"\.\.\/x".*could leave/) }),
    );
  });
});

describe('sortKeys', () => {
  it('sorts by UTF-8 bytes', () => {
    const keys = fc.string({
      unit: fc.constantFrom('a', 'Z', '/', '-', '0', 'é', '\ud7ff', '\ue000', '\uffee', '😀', '\u{10ffff}'),
    });
    fc.assert(
      fc.property(fc.array(keys, { maxLength: 20 }), (list) => {
        const expected = [...list].sort((a, b) => Buffer.from(a).compare(Buffer.from(b)));
        expect(sortKeys([...list])).toEqual(expected);
        expect([...list].sort(compareKeys)).toEqual(expected);
      }),
    );
  });
});
