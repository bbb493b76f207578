// What one invocation of the image function used, as it tells itself: what a ledger of costs is made of.

/**
 * Told with the outcomes, or in the cause of a child that failed: its last try alone, as earlier ones leave no record, and the
 * calls that a batch was cut into.
 */
export interface Used {
  /** Milliseconds that Lambda bills: from the start of the work to its answer, and the start of the environment where it was the first. */
  readonly ms: number;
  /** MB of the function. */
  readonly mb: number;
  /** Requests to S3: GET and HEAD. */
  readonly gets: number;
  /** Requests to S3: PUT, COPY and POST. */
  readonly puts: number;
  /** Requests to S3 of which each was one to KMS: objects with a KMS key and no bucket key. Absent: none. */
  readonly kms?: number;
  /** Calls that these are of. Absent: one. */
  readonly calls?: number;
}

/** What two calls of the same function used. */
export function sumOfUsed(a: Used, b: Used): Used {
  const kms = (a.kms ?? 0) + (b.kms ?? 0);
  return {
    ms: a.ms + b.ms,
    mb: b.mb,
    gets: a.gets + b.gets,
    puts: a.puts + b.puts,
    ...(kms === 0 ? {} : { kms }),
    calls: (a.calls ?? 1) + (b.calls ?? 1),
  };
}
