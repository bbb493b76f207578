// Distributed Map states as the engine knows them: reader, batcher, result writer, and what holds them together.
import * as z from 'zod';
import { MOST_PAYLOAD_BYTES } from '../tasks.ts';
import {
  base,
  catcher,
  exclusive,
  type Fields,
  input,
  onward,
  path,
  result,
  retrier,
  template,
  text,
} from './fields.ts';

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

export const map = z
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
