// Bodies from S3: whole, of the length that was announced, and with the bytes that were stored.
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { FanoutError } from '../contract/errors.ts';

/** An ETag as S3 sends it, without its quotes. */
export function bareEtag(etag: string | undefined): string {
  return (etag ?? '').replaceAll('"', '');
}

/** What the version of an object that has no ETag is called. */
const NO_ETAG = 'no-etag:';

/**
 * What tells an object's version from others: its ETag. Some servers give some objects none; then size and time decide,
 * in whole seconds, which is all that an object's headers tell.
 */
export function versionOf(object: {
  readonly ETag?: string | undefined;
  readonly ContentLength?: number | undefined;
  readonly Size?: number | undefined;
  readonly LastModified?: Date | undefined;
}): string {
  const etag = bareEtag(object.ETag);
  if (etag !== '') return etag;
  const seconds = Math.floor((object.LastModified?.getTime() ?? 0) / 1000);
  return `${NO_ETAG}${object.ContentLength ?? object.Size ?? 0}-${seconds}`;
}

/** Whether a version can be asked for by `If-Match`. */
export function isRealEtag(version: string): boolean {
  return !version.startsWith(NO_ETAG);
}

/** Reads the whole body. Throws TooManyBytes before it reads, ConnectionLost when the length is not the announced one. */
export async function readBody(output: GetObjectCommandOutput, what: string, maxBytes?: number): Promise<Buffer> {
  const stream = output.Body as Readable | undefined;
  const length = output.ContentLength;
  if (maxBytes !== undefined && length !== undefined && length > maxBytes)
    throw discarded(stream, tooMany(what, `${length} bytes`, maxBytes));
  // Where the length is known, the chunks go where they belong at once: gathered first, they would take twice the memory.
  const whole = length === undefined ? undefined : Buffer.allocUnsafeSlow(length);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream ?? []) {
    const at = bytes;
    bytes += (chunk as Buffer).length;
    if (maxBytes !== undefined && bytes > maxBytes)
      throw discarded(stream, tooMany(what, `more than ${maxBytes} bytes`, maxBytes));
    if (whole === undefined) chunks.push(chunk as Buffer);
    else if (bytes <= whole.length) (chunk as Buffer).copy(whole, at);
  }
  if (length !== undefined && bytes !== length) {
    throw new FanoutError('ConnectionLost', `${what} ended after ${bytes} of ${length} bytes.`, {
      expected: `${length} bytes`,
      met: `${bytes} bytes`,
    });
  }
  return whole ?? Buffer.concat(chunks, bytes);
}

function discarded(stream: Readable | undefined, error: FanoutError): FanoutError {
  stream?.on('error', () => undefined).destroy();
  return error;
}

function tooMany(what: string, met: string, maxBytes: number): FanoutError {
  return new FanoutError('TooManyBytes', `${what} has ${met}; the limit is ${maxBytes}.`, {
    expected: `at most ${maxBytes} bytes`,
    met,
  });
}

/** The MD5 of the whole object, when the answer's ETag is one and nothing better vouches for the bytes; else undefined. */
export function expectedMd5(output: GetObjectCommandOutput): string | undefined {
  const checksums = [
    output.ChecksumCRC32,
    output.ChecksumCRC32C,
    output.ChecksumCRC64NVME,
    output.ChecksumSHA1,
    output.ChecksumSHA256,
  ];
  // The SDK has compared these already; those of multipart uploads hold a hyphen and cannot be compared.
  if (checksums.some((checksum) => checksum !== undefined && !checksum.includes('-'))) return undefined;
  const encrypted =
    output.ServerSideEncryption?.startsWith('aws:') === true || output.SSECustomerAlgorithm !== undefined;
  const etag = bareEtag(output.ETag);
  return !encrypted && /^[0-9a-f]{32}$/.test(etag) ? etag : undefined;
}

/**
 * Makes the check of one object's body against its ETag. Some servers' ETags look like an MD5 and are none: a body that arrives twice
 * with the same digest is taken as it is, since damage on the way does not strike twice alike.
 */
export function md5Check(what: string): (body: Buffer, expected: string | undefined) => void {
  let before: string | undefined;
  return (body, expected) => {
    if (expected === undefined) return;
    const met = createHash('md5').update(body).digest('hex');
    if (met === expected || met === before) return;
    before = met;
    throw new FanoutError(
      'ChecksumMismatch',
      `${what} arrived with other bytes than were stored: its MD5 is not its ETag.`,
      { expected, met },
    );
  };
}
