// The names of the metrics: what the image function counts and the dashboard shows.

/** Value of Powertools' `service`, a dimension of every metric. */
export const SERVICE = 'image-fanout';

export const METRICS = {
  namespace: 'ImageFanout',
  succeeded: 'Succeeded',
  skipped: 'Skipped',
  /** Keys that failed an attempt; one that succeeds when tried again counts in both. */
  failed: 'Failed',
  /** The same, with the error class as its dimension. */
  failedByClass: 'FailedByClass',
  errorDimension: 'error',
  bytesRead: 'BytesRead',
  bytesWritten: 'BytesWritten',
  /** Milliseconds from the start of a key to its end. */
  duration: 'KeyDuration',
} as const;
