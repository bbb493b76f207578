// The result writer: the probe, the result files of one attempt, and the manifest that ties the attempts together.
import { directoryPath, isDirectory } from '../../lambda/contract/location.ts';
import type { OpenStore } from '../../lambda/store/store.ts';
import type { Json, ResultWriter as ResultWriterField } from '../states-language.ts';
import type { ChildRecord } from './records.ts';
import { appendingSink, arraySink, partsSink, type RecordSink, type ResultFile } from './result-files.ts';
import type { Evaluate } from './settings.ts';
import { StatesError, sentenceOf } from './states-error.ts';

export type { ResultFile } from './result-files.ts';

export interface Manifest {
  readonly DestinationBucket: string;
  readonly MapRunArn: string;
  readonly ResultFiles: {
    readonly FAILED: readonly ResultFile[];
    readonly PENDING: readonly ResultFile[];
    readonly SUCCEEDED: readonly ResultFile[];
  };
}

/** Where a Map Run's result files are: `<Prefix>/<uuid>/` in a bucket or directory. */
export interface ResultFolder {
  readonly bucket: string;
  /** Ends in `/`. */
  readonly prefix: string;
}

/** The folder of the n-th attempt: the first in the folder itself, the others in `Redrive-n/`. */
export function attemptPrefix({ prefix }: ResultFolder, attempt: number): string {
  return attempt === 0 ? prefix : `${prefix}Redrive-${attempt}/`;
}

/** Reads the ResultWriter's Parameters; undefined when the Map state has none. */
export function resultFolder(
  field: ResultWriterField | undefined,
  uuid: string,
  evaluate: Evaluate,
): ResultFolder | undefined {
  if (field === undefined) return undefined;
  const { Bucket, Prefix = '' } = evaluate(field.Parameters) as { readonly [name: string]: Json };
  if (typeof Bucket !== 'string' || typeof Prefix !== 'string') {
    throw new StatesError(
      'States.ResultWriterFailed',
      `Bucket and Prefix must be strings, got ${JSON.stringify({ Bucket, Prefix })}`,
    );
  }
  return { bucket: Bucket, prefix: `${Prefix === '' ? '' : `${Prefix.replace(/\/$/, '')}/`}${uuid}/` };
}

export interface ResultWriter {
  readonly manifestKey: string;
  /** `transformed` is what COMPACT and FLATTEN keep of a success. */
  succeeded(record: ChildRecord, transformed: Json | undefined): void;
  failed(record: ChildRecord): void;
  pending(record: ChildRecord): void;
  /** Something to wait for before the next child starts, when writing lags behind. */
  congestion(): Promise<void> | undefined;
  /** Writes what is left, and the manifest unless the account is not complete. Throws States.ResultWriterFailed. */
  finish(complete: boolean): Promise<void>;
}

export interface ResultWriterOptions {
  readonly folder: ResultFolder;
  readonly attempt: number;
  readonly mapRunArn: string;
  readonly config: ResultWriterField['WriterConfig'];
  readonly openStore: OpenStore;
  /** The SUCCEEDED files of earlier attempts: the new manifest lists them first. */
  readonly earlier: readonly ResultFile[];
  readonly onError: (error: StatesError) => void;
}

/**
 * Writes the probe, then answers the writer. The probe is a manifest without any file: until the real one replaces it,
 * it says that the attempt has not ended. Throws States.Runtime when it cannot be written.
 */
export async function openResultWriter(options: ResultWriterOptions): Promise<ResultWriter> {
  const { folder, attempt, mapRunArn, config, openStore, earlier, onError } = options;
  const store = openStore(folder.bucket);
  const prefix = attemptPrefix(folder, attempt);
  const manifestKey = `${prefix}manifest.json`;
  const writeManifest = async (ResultFiles: Manifest['ResultFiles']) => {
    const manifest: Manifest = { DestinationBucket: folder.bucket, MapRunArn: mapRunArn, ResultFiles };
    const body = Buffer.from(JSON.stringify(manifest));
    await store.write(manifestKey, body, { contentType: 'application/octet-stream' });
  };
  try {
    await writeManifest({ FAILED: [], PENDING: [], SUCCEEDED: [] });
  } catch (error) {
    throw new StatesError(
      'States.Runtime',
      `Failed to write a test manifest into the specified output bucket. ${sentenceOf(error)}`,
    );
  }

  const failure = (error: unknown) => new StatesError('States.ResultWriterFailed', sentenceOf(error));
  const lines = config?.OutputType === 'JSONL';
  const sinkOf = (kind: string): RecordSink => {
    const keyOf = (n: number) => `${prefix}${kind}_${n}.${lines ? 'jsonl' : 'json'}`;
    const sinkOptions = { keyOf, onError: (error: unknown) => onError(failure(error)) };
    if (!lines) return arraySink(store, sinkOptions);
    if (!isDirectory(folder)) return partsSink(store, sinkOptions);
    return appendingSink(directoryPath(folder), sinkOptions);
  };
  const sinks = { SUCCEEDED: sinkOf('SUCCEEDED'), FAILED: sinkOf('FAILED'), PENDING: sinkOf('PENDING') };
  const transformation = config?.Transformation ?? 'NONE';

  return {
    manifestKey,
    succeeded(record, transformed) {
      if (transformation === 'NONE') sinks.SUCCEEDED.add(JSON.stringify(record));
      else if (transformation === 'FLATTEN' && Array.isArray(transformed)) {
        for (const element of transformed) sinks.SUCCEEDED.add(JSON.stringify(element));
      } else sinks.SUCCEEDED.add(JSON.stringify(transformed));
    },
    failed: (record) => sinks.FAILED.add(JSON.stringify(record)),
    pending: (record) => sinks.PENDING.add(JSON.stringify(record)),
    congestion: () => sinks.SUCCEEDED.congestion() ?? sinks.FAILED.congestion() ?? sinks.PENDING.congestion(),
    async finish(complete) {
      try {
        const [SUCCEEDED, FAILED, PENDING] = await Promise.all([
          sinks.SUCCEEDED.end(),
          sinks.FAILED.end(),
          sinks.PENDING.end(),
        ]);
        if (complete) await writeManifest({ FAILED, PENDING, SUCCEEDED: [...earlier, ...SUCCEEDED] });
      } catch (error) {
        throw failure(error);
      }
    },
  };
}
