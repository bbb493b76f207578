// Listing a bucket: raw keys, page by page, the next page on its way while the last one is being used.
import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { FanoutError } from '../contract/errors.ts';
import { versionOf } from './s3-body.ts';
import type { S3Connection } from './s3-client.ts';
import type { ListedObject, ListOptions } from './store.ts';

/** Lists the objects (current versions) whose keys start with `prefix`, in S3's order. */
export async function* listBucket(
  connection: S3Connection,
  bucket: string,
  prefix: string,
  { startAfter, atMost, signal }: ListOptions = {},
): AsyncGenerator<readonly ListedObject[]> {
  const leaving = new AbortController();
  const leave = (): void => leaving.abort(signal?.reason);
  if (signal?.aborted === true) leave();
  signal?.addEventListener('abort', leave, { once: true });

  const fetchPage = (token: string | undefined): Promise<ListObjectsV2CommandOutput> => {
    const command = new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: prefix,
      // XML cannot hold control characters, so S3 refuses to list keys with them in any other way.
      EncodingType: 'url',
      ...(atMost === undefined ? {} : { MaxKeys: atMost }),
      ...(token === undefined ? {} : { ContinuationToken: token }),
      ...(startAfter === undefined || startAfter === '' || token !== undefined ? {} : { StartAfter: startAfter }),
    });
    const request = { action: 'ListObjectsV2', bucket, key: prefix } as const;
    const page = connection.request(
      request,
      (abortSignal) => connection.client.send(command, { abortSignal }),
      leaving.signal,
    );
    page.catch(() => undefined); // whoever awaits it sees the failure; nobody may, when the listing is left early
    return page;
  };

  try {
    let next: Promise<ListObjectsV2CommandOutput> | undefined = fetchPage(undefined);
    while (next !== undefined) {
      const page: ListObjectsV2CommandOutput = await next;
      next =
        atMost === undefined && page.IsTruncated === true && page.NextContinuationToken !== undefined
          ? fetchPage(page.NextContinuationToken)
          : undefined;
      const objects = listed(page, bucket);
      if (objects.length > 0) yield objects;
    }
  } finally {
    signal?.removeEventListener('abort', leave);
    leaving.abort();
  }
}

function listed(page: ListObjectsV2CommandOutput, bucket: string): readonly ListedObject[] {
  const raw = page.EncodingType === 'url' ? (key: string) => decoded(key, bucket) : (key: string) => key;
  return (page.Contents ?? []).map(({ Key = '', ETag, Size = 0, LastModified, StorageClass = 'STANDARD' }) => ({
    key: raw(Key),
    etag: versionOf({ ETag, Size, LastModified }),
    bytes: Size,
    lastModified: LastModified?.getTime() ?? 0,
    storageClass: StorageClass,
  }));
}

/** S3 encodes as forms do: a space is `+`. */
function decoded(key: string, bucket: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    throw new FanoutError(
      'UnsafeKey',
      `ListObjectsV2 s3://${bucket}/: the server lists a key that cannot be decoded: ${key}`,
      {
        expected: 'a key in UTF-8, URL-encoded',
        met: key,
      },
    );
  }
}
