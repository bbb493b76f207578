// The S3 Inventory reader: manifest.json names gzipped CSV files, whose rows become items.

import { decompressed } from '../../../lambda/store/content.ts';
import type { OpenStore } from '../../../lambda/store/store.ts';
import { StatesError } from '../states-error.ts';
import { csvItems } from './csv.ts';
import { inPages, type ReadItem } from './items.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html */
interface InventoryManifest {
  readonly destinationBucket: string;
  readonly fileFormat: string;
  /** Column names with commas between them. */
  readonly fileSchema: string;
  readonly files: readonly { readonly key: string }[];
}

/** One object of strings per row, named by the manifest's schema; keys stay URL-encoded, as the file has them. */
export async function* inventoryItems(
  openStore: OpenStore,
  bucket: string,
  key: string,
  signal: AbortSignal,
): AsyncGenerator<readonly ReadItem[]> {
  const manifest = manifestOf((await openStore(bucket).read(key, { signal })).body.toString());
  const headers = manifest.fileSchema.split(',').map((column) => column.trim());
  // An ARN (`arn:aws:s3:::bucket`), or the bucket itself.
  const store = openStore(manifest.destinationBucket.replace(/^arn:[^:]*:s3:::/, ''));
  for (const file of manifest.files) {
    const content = await decompressed(await store.open(file.key, { signal }));
    yield* inPages(csvItems(content, { CSVHeaderLocation: 'GIVEN', CSVHeaders: headers }));
  }
}

function manifestOf(text: string): InventoryManifest {
  const manifest = parsed(text);
  const { destinationBucket, fileFormat, fileSchema, files } = manifest;
  if (typeof destinationBucket !== 'string' || typeof fileSchema !== 'string' || !Array.isArray(files)) {
    throw failed('expected an S3 Inventory manifest with destinationBucket, fileSchema and files');
  }
  if (fileFormat !== 'CSV') throw failed(`expected the inventory's fileFormat to be CSV, got ${fileFormat}`);
  return manifest as InventoryManifest;
}

function parsed(text: string): Partial<InventoryManifest> {
  try {
    return Object(JSON.parse(text)) as Partial<InventoryManifest>;
  } catch (error) {
    throw failed(`the inventory's manifest is not JSON: ${(error as Error).message}`);
  }
}

const failed = (cause: string) => new StatesError('States.ItemReaderFailed', cause);
