// Keys as paths below a directory, and what no key may do: leave it, or name what this platform cannot hold.
import { join } from 'node:path';
import { FanoutError } from '../contract/errors.ts';

/** Where image-fanout keeps its own things in a directory: never listed, unless a listing's prefix names it. */
export const OWN_DIRECTORY = '.image-fanout/';

/** Longest file name in bytes: ext4, XFS, APFS and NTFS (there in UTF-16 units) agree on it. */
const MOST_NAME_BYTES = 255;

// https://learn.microsoft.com/windows/win32/fileio/naming-a-file
const WINDOWS_DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i;
const WINDOWS_FORBIDDEN = '<>:"|?*\\';

/**
 * Why a key cannot be a path below a directory, as the end of a sentence that starts with the key; undefined when it can.
 * Everything is refused that would not come back from a listing as the same key. What only Windows cannot hold is
 * refused only there, but for names that would leave the directory if it were copied there.
 */
export function keyProblem(key: string, platform: NodeJS.Platform = process.platform): string | undefined {
  if (key === '') return 'is empty';
  if (key.startsWith('/')) return 'is an absolute path';
  if (key.includes('\0')) return 'contains a NUL character';
  if (!key.isWellFormed()) return 'is not valid Unicode';
  if (/^[a-z]:\\/i.test(key)) return 'is an absolute Windows path';
  if (key.startsWith('\\\\')) return 'is a Windows network path';
  if (key.split(/[/\\]/).includes('..')) return 'contains ".." and could leave the directory';
  for (const name of key.split('/')) {
    if (name === '') return key.endsWith('/') ? 'ends in "/", which no file does' : 'contains an empty name ("//")';
    if (name === '.') return 'contains "."';
    if (Buffer.byteLength(name) > MOST_NAME_BYTES) return `contains a name longer than ${MOST_NAME_BYTES} bytes`;
    const problem = platform === 'win32' ? windowsProblem(name) : undefined;
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function windowsProblem(name: string): string | undefined {
  if (WINDOWS_DEVICE.test(name)) return `contains ${JSON.stringify(name)}, a device on Windows`;
  const character = [...name].find((each) => each < ' ' || WINDOWS_FORBIDDEN.includes(each));
  if (character !== undefined) return `contains ${JSON.stringify(character)}, which Windows does not allow in names`;
  if (/[. ]$/.test(name)) return `contains ${JSON.stringify(name)}: Windows drops the last character`;
  return undefined;
}

/** Names that no rule above has anything against, and that `join` would leave as they are: nearly all of them. */
const PLAIN = /^[a-z0-9_][a-z0-9_.-]{0,200}(?:\/[a-z0-9_][a-z0-9_.-]{0,200})*$/i;

/** The path of a key below `root`. Throws UnsafeKey for a key that cannot be one. */
export function keyPath(root: string, key: string): string {
  if (process.platform !== 'win32' && root !== '/' && PLAIN.test(key)) return `${root}/${key}`;
  const problem = keyProblem(key);
  if (problem === undefined) return join(root, key);
  throw new FanoutError('UnsafeKey', `The key ${JSON.stringify(key)} ${problem}.`, {
    expected: 'a relative path of plain names',
    met: key,
  });
}

/**
 * Orders keys as S3 does, by their UTF-8 bytes. JavaScript orders by UTF-16 units, which differs only where a surrogate
 * (U+10000 and up) meets U+E000 to U+FFFF.
 */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left === right) continue;
    return left >= 0xd800 && right >= 0xd800 ? byteRank(left) - byteRank(right) : left - right;
  }
  return a.length - b.length;
}

function byteRank(unit: number): number {
  return unit >= 0xe000 ? unit - 0x2800 : unit + 0x2000;
}

/** Sorts keys in place as S3 does, at the speed of the plain sort where that is the same order. */
export function sortKeys(keys: string[]): string[] {
  return keys.some((key) => /[\ud800-\uffff]/.test(key)) ? keys.sort(compareKeys) : keys.sort();
}
