// The port to where objects are kept: what the handlers need of S3, and no more. Knows no images.
import type { Readable } from 'node:stream';

/** An object as a listing gives it. `etag` carries no quotes; for a directory it changes whenever size or mtime do. */
export interface ListedObject {
  readonly key: string;
  readonly etag: string;
  readonly bytes: number;
  /** Epoch milliseconds. */
  readonly lastModified: number;
  readonly storageClass: string;
}

/** Which source and which work an output came from: what makes it up to date, ours, or another's. */
export interface Provenance {
  /** URI of the source object, see `objectUri`. */
  readonly source: string;
  /** Digest of source ETag, recipe and encoder version. */
  readonly fingerprint: string;
  /** The id of the run that wrote it. */
  readonly run: string;
  /** Full key of the output that marks this work as done. Absent on that output, and where it is too long to be kept. */
  readonly mark?: string;
  /** On the mark: the full keys of all outputs of the work. Absent elsewhere, and where they are too long to be kept. */
  readonly outputs?: readonly string[];
}

export interface ObjectHead {
  readonly etag: string;
  readonly bytes: number;
  readonly lastModified: number;
  /** Absent when image-fanout did not write the object. */
  readonly provenance?: Provenance;
  /** True when image-fanout wrote an object there, and what is there now is another one. Only directories can tell. */
  readonly changed?: true;
}

export interface ObjectBody {
  /** The reader's own: nobody else holds or reads it. */
  readonly body: Buffer;
  readonly etag: string;
  readonly contentType?: string;
}

export interface RequestOptions {
  readonly signal?: AbortSignal;
}

export interface OpenOptions extends RequestOptions {
  /** The first byte that is wanted. Default: 0. */
  readonly start?: number;
}

export interface ListOptions extends RequestOptions {
  /** Leaves out the keys up to and including this one. */
  readonly startAfter?: string;
  /** So many objects are enough, and of a directory any: to see whether there are some. Default: all. */
  readonly atMost?: number;
}

export interface ReadOptions extends RequestOptions {
  /** Throws TooManyBytes as soon as it is known that the object is larger: before its body is downloaded. */
  readonly maxBytes?: number;
}

export interface WriteOptions extends RequestOptions {
  readonly contentType?: string;
  readonly cacheControl?: string;
  readonly storageClass?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** User metadata (`x-amz-meta-…`); directories do not keep it. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly provenance?: Provenance;
  /**
   * What must be there for the write to happen: nothing (`absent`), or the version with this ETag. When it is not so,
   * nothing is written and `write` answers `undefined`. Without it, whatever is there is replaced.
   */
  readonly expect?: 'absent' | { readonly etag: string };
}

/**
 * One bucket, or one directory. Keys are S3 keys: raw, with `/`. All methods throw FanoutError only: transient classes
 * after the store's own retries, `SourceNotFound`, `AccessDenied`, `BucketNotFound`, `UnsafeKey`, … at once.
 */
export interface Store {
  /** Objects whose keys start with `prefix`, in S3's order (by UTF-8 bytes), page by page (at most 1,000 each). */
  list(prefix: string, options?: ListOptions): AsyncIterable<readonly ListedObject[]>;
  /** The whole object, or SourceNotFound. */
  read(key: string, options?: ReadOptions): Promise<ObjectBody>;
  /** The object as a stream, for manifests and result files, or SourceNotFound. */
  open(key: string, options?: OpenOptions): Promise<Readable>;
  /** What is known of an object without reading it; undefined when there is none. */
  head(key: string, options?: RequestOptions): Promise<ObjectHead | undefined>;
  /** Writes whole or not at all. Answers the new ETag, or undefined when `expect` was not met. */
  write(key: string, body: Uint8Array, options?: WriteOptions): Promise<{ readonly etag: string } | undefined>;
  /**
   * Makes a mark untrue: the object and its ETag stay, but its fingerprint is no work's any more (`STALE`). Answers the
   * ETag, which S3 may change, or undefined when there is no version of ours with this ETag.
   */
  invalidate(
    key: string,
    expect: { readonly etag: string },
    options?: RequestOptions,
  ): Promise<{ readonly etag: string } | undefined>;
  /**
   * Removes an object of ours, and only the version with this ETag. False when another version, an object that is not
   * ours, or nothing is there.
   */
  remove(key: string, expect: { readonly etag: string }, options?: RequestOptions): Promise<boolean>;
  /** Writes a stream of any length whole or not at all: for result files and reports. */
  save(
    key: string,
    body: AsyncIterable<Uint8Array | string>,
    options?: Pick<WriteOptions, 'contentType' | 'signal'>,
  ): Promise<void>;
  /** Releases what the store holds open. */
  close(): Promise<void>;
}

/** Opens the store of a bucket (or `file:` URL); asking twice gives the same one. */
export type OpenStore = (bucket: string) => Store;
