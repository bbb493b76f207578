// What the file system's errors mean: the one table from errno to our classes.
import { existsSync } from 'node:fs';
import { type ErrorName, FanoutError } from '../contract/errors.ts';

const CLASSES: Readonly<Record<string, readonly [ErrorName, string]>> = {
  ENOENT: ['SourceNotFound', 'is not there'],
  EISDIR: ['SourceNotFound', 'is a directory, not a file'],
  ENOTDIR: ['SourceNotFound', 'is not there: a part of its path is a file'],
  EACCES: ['AccessDenied', 'may not be used by this user'],
  EPERM: ['AccessDenied', 'may not be used by this user'],
  EROFS: ['AccessDenied', 'is on a read-only file system'],
  ENOSPC: ['DestinationFull', 'does not fit: the disk is full'],
  EDQUOT: ['DestinationFull', "does not fit: the user's disk quota is used up"],
  EFBIG: ['DestinationFull', 'does not fit: larger than the file system or the limits of this process allow'],
  ENAMETOOLONG: ['UnsafeKey', 'is too long a path for this file system'],
  EILSEQ: ['UnsafeKey', 'holds characters that this file system cannot store'],
  EINVAL: ['UnsafeKey', 'holds characters that this file system cannot store'],
  ELOOP: ['UnsafeKey', 'leads through a loop of symbolic links'],
  EMLINK: ['DestinationFull', 'does not fit: its folder is full'],
  EMFILE: ['Throttled', 'could not be opened: too many open files (raise `ulimit -n`, or lower maxConcurrency)'],
  ENFILE: ['Throttled', 'could not be opened: the machine has too many open files'],
  ENOMEM: ['Throttled', 'could not be opened: the machine is out of memory'],
  EAGAIN: ['Throttled', 'could not be used: the system asks to try again'],
  EBUSY: ['ServiceUnavailable', 'is in use'],
  ETXTBSY: ['ServiceUnavailable', 'is in use'],
  EIO: ['ServiceUnavailable', 'could not be read or written: the device reports an error'],
  ESTALE: ['ConnectionLost', 'is on a network file system that lost it'],
  ENOTCONN: ['ConnectionLost', 'is on a network file system that is gone'],
  EHOSTDOWN: ['ConnectionLost', 'is on a network file system that is gone'],
  ENODEV: ['ConnectionLost', 'is on a device that is gone'],
  ENXIO: ['ConnectionLost', 'is on a device that is gone'],
  ETIMEDOUT: ['RequestTimeout', 'is on a network file system that does not answer'],
};

/** The errors that say, while something is written, that a name is taken by the other kind: `a` and `a/b` both as keys. */
const OTHER_KIND = new Set(['EISDIR', 'ENOTDIR', 'EEXIST', 'ENOTEMPTY']);

/** The errno of what was thrown by `node:fs`, or undefined. */
export function errnoOf(thrown: unknown): string | undefined {
  const code = thrown instanceof Error ? (thrown as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** Gives what `node:fs` threw while a file below `root` was used its class. Anything but an errno is handed back as it is. */
export function directoryError(thrown: unknown, root: string, key: string, doing: 'reading' | 'writing'): unknown {
  const errno = errnoOf(thrown);
  if (errno === undefined || thrown instanceof FanoutError) return thrown;
  if (errno === 'ENOENT' && !existsSync(root)) return missingRoot(root, thrown);
  if (doing === 'writing' && errno === 'ENOENT') {
    return new FanoutError(
      'ServiceUnavailable',
      `The folder of ${JSON.stringify(key)} in ${root} vanished meanwhile.`,
      { cause: thrown },
    );
  }
  if (doing === 'writing' && OTHER_KIND.has(errno)) {
    const message = `${JSON.stringify(key)} cannot be written to ${root}: a file stands where a folder is needed, or the other way round.`;
    return new FanoutError('OutputCollision', message, { cause: thrown });
  }
  const [name, text] = CLASSES[errno] ?? ['UnexpectedError', `failed with ${errno}`];
  return new FanoutError(name, `${JSON.stringify(key)} in ${root} ${text}.`, { cause: thrown });
}

/** The error for a directory that is not there, or no more. */
export function missingRoot(root: string, cause?: unknown): FanoutError {
  return new FanoutError(
    'BucketNotFound',
    `The directory ${root} does not exist. Was it moved, removed or unmounted?`,
    {
      expected: 'a directory',
      met: 'nothing',
      cause,
    },
  );
}
