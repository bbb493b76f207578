// Every failure has a class, and the class is protocol: the one list of names that handlers throw, Retry matches and reports count.

/** How a failure of one class is treated, and what a person can do about it. */
export interface ErrorClass {
  /** Worth another try: Step Functions' Retry names exactly the classes for which this is true. */
  readonly transient: boolean;
  /** What to do about it, one sentence, shown in reports. */
  readonly hint: string;
}

/** The one table of error classes: the key is the `name` of the thrown error and the `Error` in Step Functions. */
export const ERROR_CLASSES = {
  // The job
  InvalidJob: { transient: false, hint: 'Correct the fields that the message lists and start again.' },
  InvalidItem: {
    transient: false,
    hint: 'Correct the manifest: each item is a key, or has a field "key", below the source.',
  },
  RunIsLive: {
    transient: false,
    hint: 'Wait for the end of the process that the message names, or end it; then resume.',
  },
  // The source object
  SourceNotFound: { transient: false, hint: 'The object was listed but is gone; resume or re-run to account for it.' },
  SourceArchived: {
    transient: false,
    hint: 'The object is in an archive class (Glacier); restore it, or exclude the key.',
  },
  UnsafeKey: { transient: false, hint: 'The key cannot be a path below the directory; rename the object.' },
  NotAnImage: { transient: false, hint: 'The content is no image; exclude the key, or fix the file.' },
  TruncatedImage: {
    transient: false,
    hint: 'The file ends too early; upload it again, or set "salvage" to use what is there.',
  },
  CorruptImage: {
    transient: false,
    hint: 'The file is damaged; restore it, or set "salvage" to use what can be read.',
  },
  UnsupportedImage: {
    transient: false,
    hint: 'This build of sharp cannot read the format; convert the file, or exclude the key.',
  },
  TooManyBytes: { transient: false, hint: 'Raise "limits.bytes" if the file is trusted.' },
  TooManyPixels: { transient: false, hint: 'Raise "limits.pixels" (and the memory) if the file is trusted.' },
  TooManyFrames: { transient: false, hint: 'Raise "limits.frames" if the file is trusted.' },
  ImageTimeout: { transient: false, hint: 'Raise "limits.milliseconds" if the file is trusted.' },
  ImageCrashed: {
    transient: false,
    hint: 'Decoding ended its process (memory or a crash); exclude the key, or give it more memory.',
  },
  // The outputs
  RecipeMismatch: {
    transient: false,
    hint: 'The recipe asks for something that this image cannot give; change the recipe, or exclude the key.',
  },
  OutputTooLarge: {
    transient: false,
    hint: 'The output exceeds a limit of the format or of the recipe; make it smaller.',
  },
  QualityUnreachable: {
    transient: false,
    hint: 'No quality meets the contract; relax maxBytes or minSsim, or make the output smaller.',
  },
  OutputCollision: {
    transient: false,
    hint: 'Another source owns this output key; tell them apart in the key template, for example with {ext}. A source that was moved or copied: name its old place (movedFrom, --moved-from).',
  },
  OutputExists: {
    transient: false,
    hint: 'Something that this job did not make, or that was changed since, is there; choose another destination, or existing: "replace".',
  },
  DestinationFull: { transient: false, hint: 'Free some space at the destination, then resume.' },
  // Permissions
  AccessDenied: { transient: false, hint: 'Grant the missing permission; `image-fanout doctor` prints the statement.' },
  ExpiredCredentials: { transient: false, hint: 'Renew the credentials, then resume.' },
  RegionMissing: { transient: false, hint: 'Set AWS_REGION, or the region of a profile in ~/.aws/config.' },
  BucketNotFound: { transient: false, hint: 'Check the name and the Region of the bucket.' },
  NotImplemented: {
    transient: false,
    hint: 'The S3 server does not know this request; use another server, or leave out what asks for it (tags, storage classes).',
  },
  // The network: worth another try
  Throttled: { transient: true, hint: 'The service asked to slow down; lower maxConcurrency if it stays so.' },
  ServiceUnavailable: { transient: true, hint: 'The service answered 5xx; resume later.' },
  ConnectionLost: { transient: true, hint: 'The connection broke; resume later.' },
  RequestTimeout: { transient: true, hint: 'The service did not answer in time; resume later.' },
  ChecksumMismatch: {
    transient: true,
    hint: 'The bytes that arrived are not the bytes that were stored; resume later.',
  },
  // The catch-all: a bug of ours or an answer that we do not know
  UnexpectedError: { transient: false, hint: 'Please report this with the message.' },
} as const satisfies Record<string, ErrorClass>;

/** The name of a class of failures. */
export type ErrorName = keyof typeof ERROR_CLASSES;

/** What a failure says beyond its class. Every field is plain text for a person. */
export interface ErrorDetails {
  /** What would have been right, for example `at most 268402689 pixels`. */
  readonly expected?: string;
  /** What was met instead, for example `300000000 pixels`. */
  readonly met?: string;
  readonly cause?: unknown;
}

/** A failure of a known class. `name` is the class, which Lambda hands to Step Functions as `errorType`. */
export class FanoutError extends Error {
  /** The class. */
  override readonly name: ErrorName;
  /** What was expected, for example a limit. */
  readonly expected: string | undefined;
  /** What was met instead. */
  readonly met: string | undefined;

  /** `message` is one sentence for a person. */
  constructor(name: ErrorName, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = name;
    this.expected = details.expected;
    this.met = details.met;
  }

  /** Whether another try may succeed. */
  get transient(): boolean {
    return ERROR_CLASSES[this.name].transient;
  }
}

/** The names of the classes that are worth another try: what Retry matches. */
export const TRANSIENT_ERRORS: readonly ErrorName[] = (Object.keys(ERROR_CLASSES) as ErrorName[]).filter(
  (name) => ERROR_CLASSES[name].transient,
);

/** Whether a name, for example one from a result file, is a class of ours. */
export function isErrorName(name: string): name is ErrorName {
  return Object.hasOwn(ERROR_CLASSES, name);
}

/** Gives whatever was thrown a class: a FanoutError is kept, anything else becomes UnexpectedError with the original as its cause. */
export function toFanoutError(thrown: unknown): FanoutError {
  if (thrown instanceof FanoutError) return thrown;
  const message = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return new FanoutError('UnexpectedError', message, { cause: thrown });
}
