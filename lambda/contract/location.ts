// Where objects are: one shape for S3 buckets and directories, so that one state machine definition serves both.
import { isAbsolute, join, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * A place that holds objects. `bucket` is an S3 bucket's name, or a directory as a `file:///…/` URL: no bucket's name
 * may hold a colon, so the two cannot be confused. `prefix` is empty, or a key prefix ending in `/`; directories that
 * people name have none, a run's folder does.
 */
export interface Location {
  readonly bucket: string;
  readonly prefix: string;
}

/** Whether the location is a directory on this machine. */
export function isDirectory(location: Pick<Location, 'bucket'>): boolean {
  return location.bucket.startsWith('file:');
}

/** The directory's absolute path. */
export function directoryPath(location: Pick<Location, 'bucket'>): string {
  return fileURLToPath(location.bucket);
}

/** The location of a directory, whether it exists or not. */
export function directoryLocation(path: string): Location {
  const absolute = isAbsolute(path) ? path : resolve(path);
  return { bucket: pathToFileURL(absolute.endsWith(sep) ? absolute : absolute + sep).href, prefix: '' };
}

/**
 * Reads `s3://bucket/prefix/`, a `file:` URL or a directory's path. A prefix without its trailing slash gets one.
 * Throws a RangeError that says what was expected and what was given.
 */
export function parseLocation(text: string): Location {
  if (text === '') throw new RangeError('expected s3://bucket/prefix/ or a directory, got an empty string');
  if (text.startsWith('file:')) return directoryLocation(fileURLToPath(text));
  if (!/^s3:/i.test(text)) {
    if (/^[a-z][a-z0-9+.-]+:\/\//i.test(text))
      throw new RangeError(`expected s3://bucket/prefix/ or a directory, got ${text}`);
    return directoryLocation(text);
  }
  const { bucket, key } = parseObject(text);
  return { bucket, prefix: key === '' || key.endsWith('/') ? key : `${key}/` };
}

/** Reads `s3://bucket/key` (the key may be empty). Throws a RangeError that says what was expected and what was given. */
export function parseObject(text: string): { readonly bucket: string; readonly key: string } {
  const match = /^s3:\/\/([^/]+)(?:\/(.*))?$/s.exec(text);
  const bucket = match?.[1];
  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
  if (bucket === undefined || !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    throw new RangeError(`expected s3://bucket/key with a bucket's name of 3 to 63 of a-z 0-9 . -, got ${text}`);
  }
  return { bucket, key: match?.[2] ?? '' };
}

/** Where a reference leads: `s3://bucket/key`, else a key below a location. Throws a RangeError as `parseObject` does. */
export function resolveReference(
  reference: string,
  below: Location,
): { readonly bucket: string; readonly key: string } {
  if (reference.startsWith('s3://')) return parseObject(reference);
  return { bucket: below.bucket, key: below.prefix + reference };
}

/** The location as a person writes it: `s3://bucket/prefix/`, or the directory's path. */
export function formatLocation(location: Location): string {
  return isDirectory(location)
    ? join(directoryPath(location), location.prefix)
    : `s3://${location.bucket}/${location.prefix}`;
}

/** The location as the start of a URI: what provenance and reports carry. */
export function objectUri(bucket: string, key: string): string {
  return bucket.startsWith('file:')
    ? bucket + key.split('/').map(encodeURIComponent).join('/')
    : `s3://${bucket}/${key}`;
}
