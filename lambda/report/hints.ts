// What to do about each class of failure: ours, and those that Lambda and Step Functions name.
import { ERROR_CLASSES, isErrorName } from '../contract/errors.ts';

interface Advice {
  readonly transient: boolean;
  readonly hint: string;
}

/** https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html, and Lambda's own runtime errors. */
const FOREIGN: Readonly<Record<string, Advice>> = {
  'Sandbox.Timedout': {
    transient: false,
    hint: "The function ran out of time; exclude the key, or raise the function's timeout and memory.",
  },
  'States.Timeout': {
    transient: false,
    hint: 'The key took longer than its Task or child may; exclude it, or give the function more memory.',
  },
  'Lambda.Unknown': {
    transient: false,
    hint: 'The function ended without an answer, mostly out of memory; give it more, or lower "limits.pixels".',
  },
  'Runtime.ExitError': {
    transient: false,
    hint: 'The function was ended, mostly out of memory; give it more, or lower "limits.pixels".',
  },
  'Runtime.OutOfMemory': {
    transient: false,
    hint: 'The function ran out of memory; give it more, or lower "limits.pixels".',
  },
  'Lambda.TooManyRequestsException': {
    transient: true,
    hint: "The account's Lambda concurrency is used up; lower maxConcurrency, or reserve or raise concurrency.",
  },
  'Lambda.ServiceException': { transient: true, hint: 'Lambda answered 5xx; redrive later.' },
  'Lambda.AWSLambdaException': { transient: true, hint: 'Lambda answered 5xx; redrive later.' },
  'Lambda.SdkClientException': { transient: true, hint: 'Step Functions could not reach Lambda; redrive later.' },
  'Lambda.ClientExecutionTimeoutException': {
    transient: true,
    hint: 'Step Functions could not reach Lambda in time; redrive later.',
  },
  'Lambda.AccessDeniedException': {
    transient: false,
    hint: "The state machine's role may not invoke the function; `image-fanout doctor` prints the statement.",
  },
  'Lambda.ResourceNotFoundException': { transient: false, hint: 'The function is gone; deploy the stack again.' },
  'Lambda.KMSAccessDeniedException': {
    transient: false,
    hint: "The function may not use its KMS key; grant kms:Decrypt to the function's role.",
  },
  'States.Permissions': {
    transient: false,
    hint: "The state machine's role lacks a permission; `image-fanout doctor` prints the statement.",
  },
  'States.DataLimitExceeded': {
    transient: false,
    hint: 'An input or output exceeds 256 KiB; lower itemsPerInvocation.',
  },
  'States.ItemReaderFailed': {
    transient: false,
    hint: 'The list of items could not be read; check the manifest and the permission to read it.',
  },
  'States.ResultWriterFailed': {
    transient: false,
    hint: "The results could not be written; check the results bucket's Region, account and permissions.",
  },
  'States.ExceedToleratedFailureThreshold': {
    transient: false,
    hint: 'More keys failed than tolerated; look at the failures, then resume.',
  },
  'States.HeartbeatTimeout': { transient: false, hint: 'The task fell silent; resume.' },
  'States.TaskFailed': { transient: false, hint: "Look at the child execution's logs; then resume." },
  'States.Runtime': {
    transient: false,
    hint: 'Step Functions could not run the definition with this input; please report this with the message.',
  },
};

const UNKNOWN: Advice = {
  transient: false,
  hint: 'Not a failure that image-fanout knows; the message and the logs of the function say more.',
};

/** What is known of a class by its name, whoever gave it. */
export function adviceOn(error: string): Advice {
  if (isErrorName(error)) return ERROR_CLASSES[error];
  return (Object.hasOwn(FOREIGN, error) ? FOREIGN[error] : undefined) ?? UNKNOWN;
}
