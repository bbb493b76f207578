// The check of a definition when it is loaded: whatever the engine does not know is an error, never ignored.
import { z } from 'zod';
import type { State, StateMachineDefinition } from '../states-language.ts';
import { compilePath, namesOf } from './states/path.ts';
import { LONGEST_SECONDS } from './states/retry.ts';
import { compileExpression } from './states/template.ts';
import { MOST_PAYLOAD_BYTES } from './tasks.ts';

/** The definition holds something that the engine does not know; the message has one line per problem. */
export class InvalidDefinition extends Error {
  override readonly name = 'InvalidDefinition';
}

/** Throws InvalidDefinition, naming state and field, unless the engine runs every part of the definition as it is written. */
export function checkDefinition(definition: unknown): asserts definition is StateMachineDefinition {
  const problems = problemsOf(definition, machine, '');
  if (problems.length > 0) throw new InvalidDefinition(problems.join('\n'));
}

type Fields = Readonly<Record<string, unknown>>;

// The limits are the specification's: https://states-language.net/ and
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
const seconds = z.int().min(1).max(LONGEST_SECONDS);
const text = z.string();
const path = text.check(compiles(compilePath));
const resultPath = text.check(compiles(namesOf));
const errors = z.array(text).min(1);

/** Whatever is compiled when the definition is run compiles when it is checked. */
function compiles(compile: (text: string) => unknown) {
  return (context: z.core.ParsePayload<string>) => {
    for (const message of problemOf(compile, context.value)) {
      context.issues.push({ code: 'custom', input: context.value, message });
    }
  };
}

function problemOf(compile: (text: string) => unknown, text: string): string[] {
  try {
    compile(text);
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

const retrier = z.strictObject({
  ErrorEquals: errors,
  IntervalSeconds: seconds.optional(),
  MaxAttempts: z.int().min(0).max(99_999_999).optional(),
  BackoffRate: z.number().min(1).optional(),
  MaxDelaySeconds: z.int().min(1).max(LONGEST_SECONDS).optional(),
  JitterStrategy: z.enum(['FULL', 'NONE']).optional(),
});
const catcher = z.strictObject({ ErrorEquals: errors, ResultPath: resultPath.nullable().optional(), Next: text });

// The context object's parts that the engine fills: no $$.State, no $$.Task.
const CONTEXT = /\$\$(?!\.(Execution|StateMachine|Map)\b)/;

const template = z.record(text, z.unknown()).check((context) => {
  for (const problem of templateProblems(context.value, []))
    context.issues.push({ code: 'custom', input: context.value, ...problem });
});

function templateProblems(value: unknown, at: readonly string[]): { path: string[]; message: string }[] {
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, member]) => {
    const path = [...at, key];
    if (!key.endsWith('.$')) return templateProblems(member, path);
    if (typeof member !== 'string' || !/^(\$|States\.)/.test(member)) {
      return [{ path, message: `expected a path or an intrinsic function, got ${JSON.stringify(member)}` }];
    }
    if (CONTEXT.test(member)) return [{ path, message: `unknown part of the context object: ${member}` }];
    return problemOf(compileExpression, member).map((message) => ({ path, message }));
  });
}

const base = { Type: text, Comment: text.optional() };
const onward = { Next: text.optional(), End: z.literal(true).optional() };
const input = { InputPath: path.optional(), OutputPath: path.optional() };
const result = { ResultPath: resultPath.nullable().optional() };

const task = z.strictObject({
  ...base,
  ...onward,
  ...input,
  ...result,
  Resource: text.min(1),
  Parameters: template.optional(),
  ResultSelector: template.optional(),
  TimeoutSeconds: seconds.optional(),
  Retry: z.array(retrier).optional(),
  Catch: z.array(catcher).optional(),
});

const choice = z.strictObject({
  ...base,
  Choices: z.array(z.strictObject({ Variable: path, StringEquals: text, Next: text })).min(1),
  Default: text.optional(),
});

const pass = z.strictObject({ ...base, ...onward, ...result, Parameters: template.optional() });
const succeed = z.strictObject(base);
const fail = z.strictObject({ ...base, Error: text.optional(), Cause: text.optional() });

/** At most one of a field and its `…Path`. */
function exclusive(...fields: readonly string[]) {
  return (context: z.core.ParsePayload<Fields>) => {
    for (const field of fields) {
      if (context.value[field] === undefined || context.value[`${field}Path`] === undefined) continue;
      const message = `${field} and ${field}Path exclude each other`;
      context.issues.push({ code: 'custom', input: context.value, path: [field], message });
    }
  };
}

const s3 = (action: string) =>
  text.regex(new RegExp(`^arn:[^:]+:states:::s3:${action}$`), `expected arn:…:states:::s3:${action}`);

const itemReader = z
  .strictObject({
    Resource: s3('(listObjectsV2|getObject)'),
    Parameters: template,
    ReaderConfig: z
      .strictObject({
        InputType: z.enum(['CSV', 'JSON', 'JSONL']).optional(),
        ManifestType: z.literal('S3_INVENTORY').optional(),
        CSVHeaderLocation: z.enum(['FIRST_ROW', 'GIVEN']).optional(),
        CSVHeaders: z.array(text).min(1).optional(),
        CSVDelimiter: z.enum(['COMMA', 'PIPE', 'SEMICOLON', 'SPACE', 'TAB']).optional(),
        ItemsPointer: text
          .regex(/^(\/|$)/, 'expected a JSON Pointer')
          .max(2000)
          .optional(),
        MaxItems: z.int().min(0).max(100_000_000).optional(),
        MaxItemsPath: path.optional(),
      })
      .check(exclusive('MaxItems'))
      .optional(),
  })
  .check((context) => {
    for (const [field, message] of readerProblems(context.value)) {
      context.issues.push({ code: 'custom', input: context.value, path: field.split('.'), message });
    }
  });

function* readerProblems({ Resource, Parameters, ReaderConfig = {} }: ReaderFields): Generator<[string, string]> {
  const known = Resource.endsWith(':listObjectsV2') ? ['Bucket', 'Prefix'] : ['Bucket', 'Key'];
  for (const field of Object.keys(Parameters)) {
    if (!known.includes(field.replace(/\.\$$/, ''))) yield [`Parameters.${field}`, 'unknown field'];
  }
  const { InputType, ManifestType, CSVHeaderLocation, CSVHeaders, CSVDelimiter, ItemsPointer } = ReaderConfig;
  if (Resource.endsWith(':listObjectsV2')) {
    const other = Object.keys(ReaderConfig).find((field) => !field.startsWith('MaxItems'));
    if (other !== undefined) yield [`ReaderConfig.${other}`, 'not for listObjectsV2'];
    return;
  }
  if ((InputType === undefined) === (ManifestType === undefined)) {
    yield ['ReaderConfig.InputType', 'expected either InputType or ManifestType'];
  }
  if (InputType === 'CSV' && CSVHeaderLocation === undefined) {
    yield ['ReaderConfig.CSVHeaderLocation', 'expected FIRST_ROW or GIVEN'];
  }
  if ((CSVHeaderLocation === 'GIVEN') !== (CSVHeaders !== undefined)) {
    yield ['ReaderConfig.CSVHeaders', 'expected together with CSVHeaderLocation GIVEN'];
  }
  if (InputType !== 'CSV' && (CSVHeaderLocation ?? CSVDelimiter) !== undefined) {
    yield ['ReaderConfig.InputType', 'expected CSV, as CSV fields are given'];
  }
  if (InputType !== 'JSON' && ItemsPointer !== undefined)
    yield ['ReaderConfig.ItemsPointer', 'only for InputType JSON'];
}

interface ReaderFields {
  readonly Resource: string;
  readonly Parameters: Fields;
  readonly ReaderConfig?: Fields | undefined;
}

const batcher = z
  .strictObject({
    MaxItemsPerBatch: z.int().min(1).optional(),
    MaxItemsPerBatchPath: path.optional(),
    MaxInputBytesPerBatch: z.int().min(1).max(MOST_PAYLOAD_BYTES).optional(),
    MaxInputBytesPerBatchPath: path.optional(),
    BatchInput: template.optional(),
  })
  .check(exclusive('MaxItemsPerBatch', 'MaxInputBytesPerBatch'))
  .refine(
    ({ BatchInput: _, ...most }) => Object.values(most).some((value) => value !== undefined),
    'expected MaxItemsPerBatch or MaxInputBytesPerBatch',
  );

const writer = z.strictObject({
  Resource: s3('putObject'),
  Parameters: template.refine(
    (value) => Object.keys(value).every((field) => /^(Bucket|Prefix)(\.\$)?$/.test(field)),
    'expected no fields but Bucket and Prefix',
  ),
  WriterConfig: z
    .strictObject({
      Transformation: z.enum(['NONE', 'COMPACT', 'FLATTEN']).optional(),
      OutputType: z.enum(['JSON', 'JSONL']).optional(),
    })
    .optional(),
});

const map = z
  .strictObject({
    ...base,
    ...onward,
    ...input,
    ...result,
    // https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
    Label: text.regex(/^[^\s?*<>{}[\]:;,\\|^~$#%&`"]{1,40}$/, 'expected a Label of at most 40 characters').optional(),
    ItemReader: itemReader.optional(),
    ItemsPath: path.optional(),
    ItemSelector: template.optional(),
    ItemBatcher: batcher.optional(),
    MaxConcurrency: z.int().min(0).optional(),
    MaxConcurrencyPath: path.optional(),
    ToleratedFailureCount: z.int().min(0).optional(),
    ToleratedFailureCountPath: path.optional(),
    ToleratedFailurePercentage: z.number().min(0).max(100).optional(),
    ToleratedFailurePercentagePath: path.optional(),
    ItemProcessor: z.strictObject({
      ProcessorConfig: z.strictObject({
        Mode: z.literal('DISTRIBUTED'),
        ExecutionType: z.enum(['STANDARD', 'EXPRESS']),
      }),
      StartAt: text,
      States: z.record(text, z.unknown()),
    }),
    ResultWriter: writer.optional(),
    ResultSelector: template.optional(),
    Retry: z.array(retrier).optional(),
    Catch: z.array(catcher).optional(),
  })
  .check(exclusive('MaxConcurrency', 'ToleratedFailureCount', 'ToleratedFailurePercentage'));

const STATES: Readonly<Record<string, z.ZodType>> = {
  Task: task,
  Choice: choice,
  Pass: pass,
  Succeed: succeed,
  Fail: fail,
  Map: map,
};

const states = z.record(text, z.unknown());
const machine = z.strictObject({
  Comment: text.optional(),
  StartAt: text,
  TimeoutSeconds: seconds.optional(),
  States: states,
});
const processor = z.object({ StartAt: text, States: states });

/** `within` names the Map state around, for the states of an item processor. */
function problemsOf(definition: unknown, schema: z.ZodType, within: string): string[] {
  const problems = issuesOf(schema, definition, within === '' ? 'The definition' : `State '${within}'`);
  if (problems.length > 0) return problems;
  const { StartAt, States } = definition as StateMachineDefinition;
  const names = new Set(Object.keys(States));
  if (!names.has(StartAt)) problems.push(`${within === '' ? '' : `State '${within}': `}StartAt: no state '${StartAt}'`);
  for (const [name, state] of Object.entries(States)) problems.push(...stateProblems(name, state, names, within));
  const labels = Object.values(States).flatMap((state) => (state?.Type === 'Map' ? (state.Label ?? []) : []));
  if (new Set(labels).size < labels.length) problems.push('Label: two Map states have the same');
  return problems;
}

function stateProblems(name: string, state: State, names: ReadonlySet<string>, within: string): string[] {
  const title = `State '${name}'`;
  const type: unknown = (state as Partial<State> | null)?.Type;
  const known = within === '' ? Object.keys(STATES) : Object.keys(STATES).filter((other) => other !== 'Map');
  if (typeof type !== 'string' || !known.includes(type)) {
    return [`${title}: Type: expected one of ${known.join(', ')}, got ${JSON.stringify(type)}`];
  }
  const problems = issuesOf(STATES[type] as z.ZodType, state, title);
  if (problems.length > 0) return problems;
  const fields = state as unknown as Fields;
  const {
    Next,
    End,
    Catch = [],
    Choices = [],
    Default,
  } = fields as {
    readonly Next?: string;
    readonly End?: true;
    readonly Default?: string;
    readonly Catch?: readonly { readonly Next: string }[];
    readonly Choices?: readonly { readonly Next: string }[];
  };
  if (['Task', 'Pass', 'Map'].includes(type) && (Next === undefined) === (End === undefined)) {
    problems.push(`${title}: expected either Next or End`);
  }
  for (const target of [Next, Default, ...[...Catch, ...Choices].map((rule) => rule.Next)]) {
    if (target !== undefined && !names.has(target)) problems.push(`${title}: Next: no state '${target}'`);
  }
  if (state.Type === 'Map') problems.push(...problemsOf(state.ItemProcessor, processor, name));
  return problems;
}

function issuesOf(schema: z.ZodType, value: unknown, title: string): string[] {
  const { error } = schema.safeParse(value);
  return (error?.issues ?? []).map((issue) => {
    const at = issue.path.join('.');
    const keys = issue.code === 'unrecognized_keys' ? issue.keys : undefined;
    const field = keys === undefined ? at : keys.map((key) => (at === '' ? key : `${at}.${key}`)).join(', ');
    return `${title}: ${field === '' ? '' : `${field}: `}${keys === undefined ? issue.message : 'unknown field'}`;
  });
}
