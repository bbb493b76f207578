// The environment variables of the functions: the names that the stack sets and the handlers read.

/** Name of each variable, by what it says. Places are written `s3://bucket/prefix/`. */
export const ENVIRONMENT = {
  /** The source of a job that names none, and the only place that the functions may read images from. */
  source: 'IMAGE_FANOUT_SOURCE',
  /** The destination of a job that names none, and the only place that the image function may write to. */
  destination: 'IMAGE_FANOUT_DESTINATION',
  /** Where runs, job files, manifests and recipes are, each in its own folder (`RESULT_FOLDERS`). */
  results: 'IMAGE_FANOUT_RESULTS',
  /** `maxConcurrency` of a job that names none. */
  maxConcurrency: 'IMAGE_FANOUT_MAX_CONCURRENCY',
  /** Packages of decoders that the image function has, as `parseFormats` reads them. Unset: those that are on by default. */
  formats: 'IMAGE_FANOUT_FORMATS',
  /** Prepare's: name of the image function, whose room for environments bounds `maxConcurrency`. */
  processFunction: 'IMAGE_FANOUT_PROCESS_FUNCTION',
  /** Prepare's: MB of the image function, for the price of a run. */
  memory: 'IMAGE_FANOUT_MEMORY',
  /** Prepare's: ARN of the guards' state machine. */
  guard: 'IMAGE_FANOUT_GUARD',
  /** The large image function's: one image at a time, with all processors. */
  oneImage: 'IMAGE_FANOUT_ONE_IMAGE',
  /** The starter's: ARN of the state machine. */
  stateMachine: 'IMAGE_FANOUT_STATE_MACHINE',
  /** The starter's: the job of uploads but for its keys, as JSON. */
  uploadsJob: 'IMAGE_FANOUT_UPLOADS_JOB',
  /** Name of the deployment, a dimension of its metrics. */
  stack: 'IMAGE_FANOUT_STACK',
  /** Bytes of result files up to which one function makes the account of a run. */
  wholeAccountBytes: 'IMAGE_FANOUT_WHOLE_ACCOUNT_BYTES',
  /** The report's: ARN of the state machine whose executions are accounts in parts. */
  accountMachine: 'IMAGE_FANOUT_ACCOUNT_MACHINE',
  /** The report's: ARN of the topic that is told. */
  topic: 'IMAGE_FANOUT_TOPIC',
} as const;

/** Where our own files go in a place that is somebody's: nothing below it is ever a source or started by an upload. */
export const OWN_FOLDER = '.image-fanout/';

/** The folders below the results place, and what is in each. */
export const RESULT_FOLDERS = {
  /** One folder per execution, by its name: the prepared job, Step Functions' result files, the account. */
  runs: 'runs/',
  /** What the image function notes for the guards of runs, a folder for each. */
  guards: 'guards/',
  /** Job files: with that trigger on, each that lands here starts its job. */
  jobs: 'jobs/',
  /** Manifests and lists of keys that jobs refer to. */
  manifests: 'manifests/',
  /** Recipes that jobs refer to. */
  recipes: 'recipes/',
} as const;

/** The value of a variable that the stack must have set. Throws an Error that names it. */
export function env(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '')
    throw new Error(`expected the environment variable ${name} to be set, got nothing`);
  return value;
}
