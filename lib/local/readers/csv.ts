// The CSV reader: a header row (or given headers), then one object of strings per row.
import type { Readable } from 'node:stream';
import { parse } from 'csv-parse';
import type { ItemReader } from '../../states-language.ts';
import { StatesError } from '../states-error.ts';
import { Backslashes } from './backslashes.ts';
import type { ReadItem } from './items.ts';

type ReaderConfig = NonNullable<ItemReader['ReaderConfig']>;

const DELIMITERS = { COMMA: ',', PIPE: '|', SEMICOLON: ';', SPACE: ' ', TAB: '\t' } as const;

/** Rows as the service gives them: missing columns are empty strings, surplus ones are dropped, fields sorted by name. */
export async function* csvItems(content: Readable, config: ReaderConfig): AsyncGenerator<ReadItem> {
  const delimiter = DELIMITERS[config.CSVDelimiter ?? 'COMMA'];
  const backslashes = new Backslashes(delimiter);
  const rows = content.pipe(backslashes).pipe(
    parse({
      bom: true,
      delimiter,
      // Each row by its own end: a header that was put before rows of Windows leaves no \r in a key.
      record_delimiter: ['\r\n', '\n', '\r'],
      relax_column_count: true,
      skip_empty_lines: true,
    }),
  );
  content.once('error', (error) => rows.destroy(error));
  let columns = config.CSVHeaderLocation === 'GIVEN' ? columnsOf(config.CSVHeaders ?? []) : undefined;
  try {
    for await (const escaped of rows as AsyncIterable<string[]>) {
      const row = backslashes.met ? escaped.map((cell) => backslashes.restored(cell)) : escaped;
      if (columns === undefined) columns = columnsOf(row);
      else yield { value: rowItem(row, columns) };
    }
  } finally {
    content.destroy();
  }
}

interface Column {
  readonly name: string;
  readonly at: number;
}

function columnsOf(headers: readonly string[]): readonly Column[] {
  if (new Set(headers).size < headers.length) {
    throw new StatesError('States.ItemReaderFailed', 'CSV headers cannot contain duplicates.');
  }
  return headers.map((name, at) => ({ name, at })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function rowItem(row: readonly string[], columns: readonly Column[]): Record<string, string> {
  return Object.fromEntries(columns.map(({ name, at }) => [name, row[at] ?? '']));
}
