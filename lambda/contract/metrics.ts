// The names of the metrics: what the image function counts and the dashboard shows.

/** Value of Powertools' `service`, a dimension of every metric beside the stack. */
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
  /** Which deployment, so that two of an account do not add up. */
  stackDimension: 'stack',
  /** Keys that are failed at a run's end, after all tries, as the account counts them. */
  failedKeys: 'FailedKeys',
  outputsWritten: 'OutputsWritten',
  bytesRead: 'BytesRead',
  bytesWritten: 'BytesWritten',
  /** Milliseconds from the start of a key to its end. */
  duration: 'KeyDuration',
} as const;
