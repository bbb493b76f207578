// Reading an object of any size piece by piece: a reader may take hours between two pieces, which no connection would survive.
import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { FanoutError } from '../contract/errors.ts';
import { bareEtag, expectedMd5, md5Check, readBody } from './s3-body.ts';
import type { S3Connection } from './s3-client.ts';
import { isPreconditionFailure, statusOf } from './s3-errors.ts';
import type { OpenOptions } from './store.ts';

const PIECE_BYTES = 8 * 1024 * 1024;

interface Piece {
  readonly body: Buffer;
  readonly etag: string;
  /** Size of the whole object. */
  readonly total: number;
}

/** Yields the object's bytes from `start` on. Throws SourceNotFound when it is not there, or when it is replaced by another version while it is being read. */
export async function* readRanges(
  connection: S3Connection,
  bucket: string,
  key: string,
  { signal, start = 0 }: OpenOptions = {},
): AsyncGenerator<Buffer> {
  const what = `s3://${bucket}/${key}`;
  const check = md5Check(what);
  let etag: string | undefined;
  for (let offset = start, total = start + 1; offset < total; offset += PIECE_BYTES) {
    const send = async (abortSignal: AbortSignal): Promise<Piece> => {
      try {
        const range = `bytes=${offset}-${offset + PIECE_BYTES - 1}`;
        const condition = etag === undefined ? {} : { IfMatch: `"${etag}"` };
        const command = new GetObjectCommand({ Bucket: bucket, Key: key, Range: range, ...condition });
        const output = await connection.client.send(command, { abortSignal });
        const body = await readBody(output, what);
        const { length, total: size } = announced(output, body.length);
        if (body.length !== length) {
          throw new FanoutError('ConnectionLost', `${what}: ${body.length} bytes came of the ${length} asked for.`);
        }
        if (size === body.length) check(body, expectedMd5(output));
        return { body, etag: bareEtag(output.ETag), total: size };
      } catch (error) {
        // An empty object has no first byte, nor has any what is asked for past its end.
        if (offset === start && statusOf(error) === 416) return { body: Buffer.alloc(0), etag: '', total: 0 };
        if (!isPreconditionFailure(error)) throw error;
        throw new FanoutError('SourceNotFound', `${what} was replaced while it was being read.`, { cause: error });
      }
    };
    const piece = await connection.request({ action: 'GetObject', bucket, key }, send, signal);
    total = piece.total;
    etag = piece.etag;
    if (piece.body.length > 0) yield piece.body;
  }
}

/** What `Content-Range` announces: the bytes of this piece, and of the whole object. Without it, the piece is the whole. */
function announced(
  { ContentRange = '' }: GetObjectCommandOutput,
  received: number,
): { readonly length: number; readonly total: number } {
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(ContentRange) ?? [];
  if (total === undefined) return { length: received, total: received };
  return { length: Number(last) - Number(first) + 1, total: Number(total) };
}
