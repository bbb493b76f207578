// items.csv: one row per key, the columns of S3 Batch Operations' completion report first.
import type { ErrorName } from '../contract/errors.ts';
import { outputTotals } from '../contract/outcome.ts';
import type { ItemRow } from './item-row.ts';

/**
 * The first seven are the ReportSchema of https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-examples-reports.html
 * (its files have no header row; this one has, as more columns follow).
 */
export const COLUMNS = [
  'Bucket',
  'Key',
  'VersionId',
  'TaskStatus',
  'ErrorCode',
  'HTTPStatusCode',
  'ResultMessage',
  'Index',
  'State',
  'Reason',
  'Attempt',
  'Ended',
  'BytesIn',
  'BytesOut',
  'Outputs',
  'Format',
  'Width',
  'Height',
  'ReadMs',
  'TransformMs',
  'WriteMs',
  'TotalMs',
] as const;

/** What S3 answers where a class comes from: other classes have no status of their own. */
const HTTP_STATUS: Partial<Record<string, number>> = {
  SourceNotFound: 404,
  BucketNotFound: 404,
  AccessDenied: 403,
  ExpiredCredentials: 400,
  Throttled: 503,
  ServiceUnavailable: 500,
  RequestTimeout: 400,
} satisfies Partial<Record<ErrorName, number>>;

export function csvHeader(): string {
  return csvLine(COLUMNS);
}

/** The line of a key, whose source bucket (or `file:` URL) is given; ends in CRLF, as RFC 4180 has it. */
export function csvRow(bucket: string, row: ItemRow): string {
  const failed = row.status === 'failed' ? row : undefined;
  const done = row.status === 'succeeded' ? row : undefined;
  const { source, ms } = done ?? failed ?? {};
  return csvLine([
    bucket,
    encodeKey(row.key),
    '',
    // A key that was not started has no task, and so no status.
    row.status === 'pending' ? '' : failed ? 'failed' : 'succeeded',
    failed?.error,
    failed ? HTTP_STATUS[failed.error] : row.status === 'pending' ? '' : 200,
    failed && defused(failed.message),
    row.index,
    row.status,
    row.status === 'skipped' ? row.reason : done?.notListed === undefined ? '' : 'outputsNotListed',
    row.attempt,
    row.ended,
    source?.bytes,
    done && outputTotals(done).bytes,
    done?.outputs.map((output) => encodeKey(output.key)).join(' '),
    source?.format,
    source?.width,
    source?.height,
    ms?.read,
    ms?.transform,
    ms?.write,
    ms?.total,
  ]);
}

/**
 * A message may begin with what the source says of itself, and a spreadsheet takes these for the start of a formula:
 * https://owasp.org/www-community/attacks/CSV_Injection. Keys stay as they are: encoded, they hold nothing that a formula
 * does harm with.
 */
function defused(message: string): string {
  return /^[=+\-@\t\r＝＋－＠]/.test(message) ? `'${message}` : message;
}

const PLAIN = /^[\w.~/-]*$/;

/** The key URL-encoded but for its slashes: neither a space nor a plus is left, which decoders disagree about. */
export function encodeKey(key: string): string {
  // Most keys need nothing, and a test is far cheaper than an encoding.
  return PLAIN.test(key) ? key : encodeURIComponent(key.toWellFormed()).replaceAll('%2F', '/');
}

function csvLine(cells: readonly (string | number | undefined)[]): string {
  return `${cells.map((cell) => quoted(String(cell ?? ''))).join(',')}\r\n`;
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
