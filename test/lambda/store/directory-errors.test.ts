// Each error of the file system has its class.
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { directoryError } from '../../../lambda/store/directory-errors.ts';

const failure = (code: string) => Object.assign(new Error(code), { code });

describe('directoryError', () => {
  it.each([
    ['ENOSPC', 'writing', 'DestinationFull'],
    ['EDQUOT', 'writing', 'DestinationFull'],
    ['EFBIG', 'writing', 'DestinationFull'],
    ['EROFS', 'writing', 'AccessDenied'],
    ['EACCES', 'writing', 'AccessDenied'],
    ['EACCES', 'reading', 'AccessDenied'],
    ['EPERM', 'writing', 'AccessDenied'],
    ['ENAMETOOLONG', 'writing', 'UnsafeKey'],
    ['EILSEQ', 'writing', 'UnsafeKey'],
    ['ELOOP', 'reading', 'UnsafeKey'],
    ['EISDIR', 'writing', 'OutputCollision'],
    ['ENOTDIR', 'writing', 'OutputCollision'],
    ['EEXIST', 'writing', 'OutputCollision'],
    ['EISDIR', 'reading', 'SourceNotFound'],
    ['ENOTDIR', 'reading', 'SourceNotFound'],
    ['ENOENT', 'reading', 'SourceNotFound'],
    ['ENOENT', 'writing', 'ServiceUnavailable'],
    ['EMFILE', 'reading', 'Throttled'],
    ['ENFILE', 'writing', 'Throttled'],
    ['EBUSY', 'writing', 'ServiceUnavailable'],
    ['EIO', 'reading', 'ServiceUnavailable'],
    ['ESTALE', 'reading', 'ConnectionLost'],
    ['ETIMEDOUT', 'reading', 'RequestTimeout'],
    ['EWEIRD', 'reading', 'UnexpectedError'],
  ] as const)('%s while %s is %s, and names key and directory', (code, doing, name) => {
    const error = directoryError(failure(code), tmpdir(), 'a/b.jpg', doing);
    expect(error).toMatchObject({ name, message: expect.stringContaining('"a/b.jpg"') });
    expect((error as Error).message).toContain(tmpdir());
  });

  it('ENOENT is BucketNotFound when the directory itself is gone', () => {
    expect(directoryError(failure('ENOENT'), '/nowhere/at/all', 'a', 'writing')).toMatchObject({
      name: 'BucketNotFound',
    });
  });

  it('leaves alone what is no error of the file system', () => {
    const error = new TypeError('a bug');
    expect(directoryError(error, '/', 'a', 'reading')).toBe(error);
  });
});
