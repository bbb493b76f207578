// An S3 bucket as a store: each method is one request (or one page of them), tried again as a whole while it fails in a transient way.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import { definedOnly } from '../contract/defined.ts';
import { FanoutError } from '../contract/errors.ts';
import { headerText } from '../contract/header-text.ts';
import { isFrom, provenanceMetadata, provenanceOf, STALE } from './provenance.ts';
import { bareEtag, expectedMd5, isRealEtag, md5Check, readBody, versionOf } from './s3-body.ts';
import type { S3Connection } from './s3-client.ts';
import { isPreconditionFailure, type S3Request, s3Error, statusOf } from './s3-errors.ts';
import { listBucket } from './s3-list.ts';
import { readRanges } from './s3-ranges.ts';
import { saveObject } from './s3-save.ts';
import type { ObjectBody, ObjectHead, ReadOptions, RequestOptions, Store, WriteOptions } from './store.ts';

export { connectS3 } from './s3-client.ts';

/** Opens a bucket over a connection that all buckets share. Nothing is sent yet. */
export function s3Store(bucket: string, connection: S3Connection): Store {
  return {
    list: (prefix, options) => listBucket(connection, bucket, prefix, options),
    read: (key, options) => readObject(connection, bucket, key, options),
    async open(key, options) {
      const ranges = readRanges(connection, bucket, key, options);
      const first = await ranges.next();
      return Readable.from(continued(first, ranges), { objectMode: false });
    },
    head: (key, options) => headObject(connection, bucket, key, options),
    write: (key, body, options) => writeObject(connection, bucket, key, body, options),
    invalidate: (key, expect, options) => invalidateObject(connection, bucket, key, expect, options),
    remove: (key, expect, options) => removeObject(connection, bucket, key, expect, options),
    save: (key, body, options) => saveObject(connection, bucket, key, body, options),
    close: async () => undefined,
  };
}

async function* continued(first: IteratorResult<Buffer>, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (first.done !== true) yield first.value;
  yield* rest;
}

function readObject(
  connection: S3Connection,
  bucket: string,
  key: string,
  options: ReadOptions = {},
): Promise<ObjectBody> {
  const what = `s3://${bucket}/${key}`;
  const check = md5Check(what);
  const send = async (abortSignal: AbortSignal): Promise<ObjectBody> => {
    const output = await connection.client.send(new GetObjectCommand({ Bucket: bucket, Key: named(key) }), {
      abortSignal,
    });
    const body = await readBody(output, what, options.maxBytes);
    check(body, expectedMd5(output));
    const etag = versionOf(output);
    return output.ContentType === undefined ? { body, etag } : { body, etag, contentType: output.ContentType };
  };
  return connection.request({ action: 'GetObject', bucket, key }, send, options.signal);
}

async function headObject(
  connection: S3Connection,
  bucket: string,
  key: string,
  { signal }: RequestOptions = {},
): Promise<ObjectHead | undefined> {
  const request: S3Request = { action: 'HeadObject', bucket, key };
  const input = { Bucket: bucket, Key: named(key) };
  const send = async (abortSignal: AbortSignal): Promise<ObjectHead | undefined> => {
    try {
      const output = await connection.client.send(new HeadObjectCommand(input), { abortSignal });
      const provenance = provenanceOf(output.Metadata, key);
      const head = {
        etag: versionOf(output),
        bytes: output.ContentLength ?? 0,
        lastModified: output.LastModified?.getTime() ?? 0,
      };
      return provenance === undefined ? head : { ...head, provenance };
    } catch (error) {
      const status = statusOf(error);
      if (status === 404) return undefined;
      // HEAD's answers have no body, so no reason: a GET of one byte is refused for the same reason, and says it.
      if (status !== 400 && status !== 403) throw error;
      throw await connection.client.send(new GetObjectCommand({ ...input, Range: 'bytes=0-0' }), { abortSignal }).then(
        (output) => {
          (output.Body as Readable | undefined)?.destroy();
          return error;
        },
        (reason: unknown) => (statusOf(reason) === 404 || statusOf(reason) === 416 ? error : reason),
      );
    }
  };
  return connection.request(request, send, signal);
}

async function writeObject(
  connection: S3Connection,
  bucket: string,
  key: string,
  body: Uint8Array,
  options: WriteOptions = {},
): Promise<{ readonly etag: string } | undefined> {
  let attempts = 0;
  const send = async (abortSignal: AbortSignal): Promise<{ readonly etag: string } | undefined> => {
    attempts += 1;
    try {
      const { expect } = options;
      if (typeof expect === 'object' && !isRealEtag(expect.etag)) {
        // No condition names such a version: looking and writing are two steps then.
        const found = await headObject(connection, bucket, key, { signal: abortSignal });
        if (found?.etag !== expect.etag) return undefined;
      }
      const command = new PutObjectCommand({ Bucket: bucket, Key: named(key), Body: body, ...putInput(key, options) });
      const output = await connection.client.send(command, { abortSignal });
      const etag = bareEtag(output.ETag);
      return { etag: etag === '' ? await versionThere(connection, bucket, key, abortSignal) : etag };
    } catch (error) {
      const gone =
        typeof options.expect === 'object' &&
        s3Error(error, { action: 'PutObject', bucket, key }).name === 'SourceNotFound';
      if (options.expect !== undefined && (gone || isPreconditionFailure(error))) return undefined;
      throw error;
    }
  };
  const written = await connection.request({ action: 'PutObject', bucket, key }, send, options.signal);
  if (written !== undefined || attempts === 1) return written;
  // An attempt whose answer was lost may have written the object: then it is ourselves whom the next attempt met.
  const head = await headObject(connection, bucket, key, options);
  return head !== undefined && isOurs(head, body, options) ? { etag: head.etag } : undefined;
}

/** Copies the object onto itself, the only way to change its metadata. Its other headers and its tags stay as they are. */
async function invalidateObject(
  connection: S3Connection,
  bucket: string,
  key: string,
  { etag }: { readonly etag: string },
  { signal }: RequestOptions = {},
): Promise<{ readonly etag: string } | undefined> {
  const Key = named(key);
  const send = async (abortSignal: AbortSignal): Promise<{ readonly etag: string } | undefined> => {
    try {
      const head = await connection.client.send(new HeadObjectCommand({ Bucket: bucket, Key }), { abortSignal });
      const provenance = provenanceOf(head.Metadata, key);
      if (versionOf(head) !== etag || provenance === undefined) return undefined;
      const { CacheControl, ContentDisposition, ContentEncoding, ContentLanguage, ContentType, StorageClass } = head;
      const command = new CopyObjectCommand({
        ...{ Bucket: bucket, Key, MetadataDirective: 'REPLACE' },
        CopySource: `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`,
        ...(isRealEtag(etag) ? { CopySourceIfMatch: `"${etag}"`, IfMatch: `"${etag}"` } : {}),
        ...definedOnly({ CacheControl, ContentDisposition, ContentEncoding, ContentLanguage, ContentType }),
        ...definedOnly({
          StorageClass,
          ServerSideEncryption: head.ServerSideEncryption,
          SSEKMSKeyId: head.SSEKMSKeyId,
        }),
        Metadata: { ...recoded(head.Metadata), ...provenanceMetadata({ ...provenance, fingerprint: STALE }, key) },
      });
      const { CopyObjectResult } = await connection.client.send(command, { abortSignal });
      return { etag: bareEtag(CopyObjectResult?.ETag) || etag };
    } catch (error) {
      if (statusOf(error) === 404 || isPreconditionFailure(error)) return undefined;
      throw error;
    }
  };
  return connection.request({ action: 'CopyObject', bucket, key }, send, signal);
}

/** Looked at before it is removed, too: some servers ignore the condition, and not every version can be named by one. */
async function removeObject(
  connection: S3Connection,
  bucket: string,
  key: string,
  { etag }: { readonly etag: string },
  { signal }: RequestOptions = {},
): Promise<boolean> {
  let sent = false;
  const send = async (abortSignal: AbortSignal): Promise<boolean> => {
    const found = await headObject(connection, bucket, key, { signal: abortSignal });
    // An attempt whose answer was lost may have removed it.
    if (found === undefined) return sent;
    if (found.etag !== etag || found.provenance === undefined) return false;
    sent = true;
    const condition = isRealEtag(etag) ? { IfMatch: `"${etag}"` } : {};
    const command = new DeleteObjectCommand({ Bucket: bucket, Key: named(key), ...condition });
    try {
      await connection.client.send(command, { abortSignal });
      return true;
    } catch (error) {
      if (statusOf(error) === 404 || isPreconditionFailure(error)) return false;
      throw error;
    }
  };
  return connection.request({ action: 'DeleteObject', bucket, key }, send, signal);
}

function isOurs(head: ObjectHead, body: Uint8Array, { provenance }: WriteOptions): boolean {
  if (head.bytes !== body.byteLength) return false;
  if (provenance === undefined) return head.etag === createHash('md5').update(body).digest('hex');
  const found = head.provenance;
  return (
    found !== undefined &&
    isFrom(found, provenance.source) &&
    found.fingerprint === provenance.fingerprint &&
    found.run === provenance.run
  );
}

function headerTexts(metadata: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, headerText(value)]));
}

/** What `head` answers, to be sent again: encoded words stay as they are, raw text of other servers is encoded. */
function recoded(metadata: Readonly<Record<string, string>> = {}): Record<string, string> {
  const texts = Object.entries(metadata);
  return Object.fromEntries(texts.map(([name, value]) => [name, value.startsWith('=?') ? value : headerText(value)]));
}

async function versionThere(
  connection: S3Connection,
  bucket: string,
  key: string,
  signal: AbortSignal,
): Promise<string> {
  return (await headObject(connection, bucket, key, { signal }))?.etag ?? '';
}

function putInput(key: string, options: WriteOptions): Partial<PutObjectCommandInput> {
  const { contentType, cacheControl, storageClass, tags, metadata, provenance, expect } = options;
  return {
    ...(contentType === undefined ? {} : { ContentType: contentType }),
    ...(cacheControl === undefined ? {} : { CacheControl: cacheControl }),
    ...(storageClass === undefined
      ? {}
      : { StorageClass: storageClass as NonNullable<PutObjectCommandInput['StorageClass']> }),
    ...(tags === undefined ? {} : { Tagging: new URLSearchParams(tags).toString() }),
    ...(expect === 'absent' ? { IfNoneMatch: '*' } : {}),
    ...(typeof expect === 'object' && isRealEtag(expect.etag) ? { IfMatch: `"${expect.etag}"` } : {}),
    Metadata: { ...headerTexts(metadata), ...(provenance === undefined ? {} : provenanceMetadata(provenance, key)) },
  };
}

function named(key: string): string {
  if (key !== '') return key;
  throw new FanoutError('UnsafeKey', 'The key is empty.', { expected: 'a key of 1 to 1024 bytes' });
}
