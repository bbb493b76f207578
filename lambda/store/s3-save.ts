// Writing a stream of unknown length: one PutObject when it is short, a multipart upload when it is not, nothing when it fails.
import { Readable } from 'node:stream';
import { CompleteMultipartUploadCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { bareEtag } from './s3-body.ts';
import type { S3Connection } from './s3-client.ts';
import { type S3Request, s3Error } from './s3-errors.ts';
import type { WriteOptions } from './store.ts';

const PART_BYTES = 8 * 1024 * 1024;

/** Writes the stream whole or not at all; parts of a failed upload are removed. */
export async function saveObject(
  connection: S3Connection,
  bucket: string,
  key: string,
  body: AsyncIterable<Uint8Array | string>,
  { contentType, signal }: Pick<WriteOptions, 'contentType' | 'signal'> = {},
): Promise<void> {
  signal?.throwIfAborted();
  const request: S3Request = { action: 'Upload', bucket, key };
  let bytes = 0;
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of body) {
      const piece = Buffer.from(chunk as string);
      bytes += piece.length;
      yield piece;
    }
  }
  const upload = new Upload({
    client: paced(connection, request, () => bytes),
    params: {
      Bucket: bucket,
      Key: key,
      Body: Readable.from(counted(), { objectMode: false }),
      ...(contentType === undefined ? {} : { ContentType: contentType }),
    },
    partSize: PART_BYTES,
    queueSize: 2,
  });
  const abort = (): void => void upload.abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await upload.done();
  } catch (error) {
    signal?.throwIfAborted();
    throw s3Error(error, request);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** The client with our own way to send: each part in its turn, and tried again. */
function paced({ client, request }: S3Connection, what: S3Request, bytes: () => number): S3Client {
  const send = (command: Parameters<S3Client['send']>[0]): Promise<unknown> =>
    request(what, async (abortSignal, { number }) => {
      try {
        return await client.send(command, { abortSignal });
      } catch (error) {
        const lost =
          number > 1 && command instanceof CompleteMultipartUploadCommand && (error as Error).name === 'NoSuchUpload';
        if (lost && (await isComplete(client, command, bytes(), abortSignal))) return {};
        throw error;
      }
    });
  return Object.assign(Object.create(client) as S3Client, { send: send as S3Client['send'] });
}

/** Whether an upload whose completion was not answered did complete: then the object has its size and its number of parts. */
async function isComplete(
  client: S3Client,
  { input }: CompleteMultipartUploadCommand,
  bytes: number,
  abortSignal: AbortSignal,
): Promise<boolean> {
  const head = await client.send(new HeadObjectCommand({ Bucket: input.Bucket, Key: input.Key }), { abortSignal });
  const parts = input.MultipartUpload?.Parts?.length ?? 0;
  return head.ContentLength === bytes && bareEtag(head.ETag).endsWith(`-${parts}`);
}
