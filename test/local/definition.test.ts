// What the engine does not know is an error when the definition is loaded, naming the state and the field.
import { describe, expect, it } from 'vitest';
import { checkDefinition } from '../../lib/local/definition.ts';
import { startExecution } from '../../lib/local/execution.ts';
import type { StateMachineDefinition } from '../../lib/states-language.ts';
import { workflow } from '../../lib/workflow.ts';
import { mapDefinition, RESULTS } from './helpers/map.ts';

const FUNCTIONS = { prepare: 'arn:p', process: 'arn:i', processLarge: 'arn:l', summarize: 'arn:s' };

const with_ = (state: object): unknown => ({
  StartAt: 'Map',
  States: { Map: { ...mapDefinition().States['Map'], ...state } },
});
const task = (fields: object): unknown => ({
  StartAt: 'Work',
  States: { Work: { Type: 'Task', Resource: 'arn:x', End: true, ...fields } },
});
const reader = (fields: object, config?: object): unknown =>
  with_({
    ItemReader: {
      Resource: 'arn:aws:states:::s3:getObject',
      Parameters: { Bucket: 'b', Key: 'k' },
      ...(config === undefined ? {} : { ReaderConfig: config }),
      ...fields,
    },
  });
const processor = (fields: object): unknown =>
  with_({
    ItemProcessor: { ...(mapDefinition().States['Map'] as { ItemProcessor: object }).ItemProcessor, ...fields },
  });

const REFUSED: readonly { readonly name: string; readonly definition: unknown; readonly message: string }[] = [
  { name: 'no definition', definition: 1, message: 'The definition: Invalid input' },
  {
    name: 'an unknown field on top',
    definition: { ...mapDefinition(), Version: '1.0' },
    message: 'Version: unknown field',
  },
  {
    name: 'the other query language',
    definition: { ...mapDefinition(), QueryLanguage: 'JSONata' },
    message: 'QueryLanguage',
  },
  { name: 'a missing first state', definition: { ...mapDefinition(), StartAt: 'X' }, message: "StartAt: no state 'X'" },
  {
    name: 'an unknown state type',
    definition: task({ Type: 'Wait', Seconds: 1 }),
    message: "State 'Work': Type: expected",
  },
  {
    name: 'an unknown field of a Task',
    definition: task({ HeartbeatSeconds: 9 }),
    message: "State 'Work': HeartbeatSeconds: unknown",
  },
  {
    name: 'a misspelt field',
    definition: task({ TimoutSeconds: 9 }),
    message: "State 'Work': TimoutSeconds: unknown field",
  },
  {
    name: 'a timeout that no timer holds',
    definition: task({ TimeoutSeconds: 99_999_999 }),
    message: 'TimeoutSeconds',
  },
  {
    name: 'an unknown field of a retrier',
    definition: task({ Retry: [{ ErrorEquals: ['X'], Jitter: 1 }] }),
    message: 'Retry.0.Jitter',
  },
  {
    name: 'an unknown jitter',
    definition: task({ Retry: [{ ErrorEquals: ['X'], JitterStrategy: 'HALF' }] }),
    message: 'JitterStrategy',
  },
  {
    name: 'a backoff below 1',
    definition: task({ Retry: [{ ErrorEquals: ['X'], BackoffRate: 0.5 }] }),
    message: 'BackoffRate',
  },
  {
    name: 'a catcher to nowhere',
    definition: task({ Catch: [{ ErrorEquals: ['X'], Next: 'Y' }] }),
    message: "no state 'Y'",
  },
  { name: 'neither Next nor End', definition: task({ End: undefined }), message: 'expected either Next or End' },
  { name: 'both Next and End', definition: task({ Next: 'Work' }), message: 'expected either Next or End' },
  {
    name: 'a part of the context that is not there',
    definition: task({ Parameters: { 'a.$': '$$.State.Name' } }),
    message: 'Parameters.a.$: unknown part',
  },
  {
    name: 'a template path that is none',
    definition: task({ Parameters: { 'a.$': 'text' } }),
    message: 'Parameters.a.$: expected a path',
  },
  {
    name: 'an intrinsic function that the engine does not know',
    definition: task({ Parameters: { a: { 'b.$': "States.Hash($.c, 'MD5')" } } }),
    message: 'Parameters.a.b.$: unknown intrinsic function States.Hash; known are States.Array, ',
  },
  {
    name: 'an intrinsic function that cannot be read',
    definition: task({ ResultSelector: { 'a.$': "States.Format('{}, $.b)" } }),
    message: 'ResultSelector.a.$: expected an intrinsic function',
  },
  ...['$.a[*]', '$..a', '$.a[?(@.b)]', '$.a[0:2]', '$a', '$.'].flatMap((path) => [
    {
      name: `a template path that is no reference path: ${path}`,
      definition: task({ Parameters: { 'a.$': path } }),
      message: `Parameters.a.$: expected a path of names and indexes, such as $.a['b'][0], got ${path}`,
    },
    {
      name: `an InputPath that is no reference path: ${path}`,
      definition: task({ InputPath: path }),
      message: 'InputPath: expected a path',
    },
  ]),
  {
    name: 'a ResultPath into a list',
    definition: task({ ResultPath: '$.a[0]' }),
    message: 'ResultPath: expected a path of names',
  },
  {
    name: 'an unknown choice rule',
    definition: {
      StartAt: 'Choose',
      States: { Choose: { Type: 'Choice', Choices: [{ Variable: '$.a', IsNull: true, Next: 'Choose' }] } },
    },
    message: "State 'Choose': Choices.0.IsNull: unknown field",
  },
  {
    name: 'an inline Map',
    definition: processor({ ProcessorConfig: { Mode: 'INLINE' } }),
    message: "State 'Map': ItemProcessor.ProcessorConfig.Mode",
  },
  {
    name: 'no execution type',
    definition: processor({ ProcessorConfig: { Mode: 'DISTRIBUTED' } }),
    message: 'ExecutionType',
  },
  {
    name: 'a Map within a Map',
    definition: processor({ StartAt: 'Map', States: mapDefinition().States }),
    message: "State 'Map': Type: expected",
  },
  {
    name: 'an unknown state in the item processor',
    definition: processor({ StartAt: 'X', States: { X: { Type: 'Parallel' } } }),
    message: "State 'X': Type",
  },
  {
    name: 'a missing first state in the item processor',
    definition: processor({ StartAt: 'X' }),
    message: "State 'Map': StartAt: no state 'X'",
  },
  {
    name: 'a literal with its path',
    definition: with_({ MaxConcurrency: 1, MaxConcurrencyPath: '$.a' }),
    message: 'exclude each other',
  },
  { name: 'a negative concurrency', definition: with_({ MaxConcurrency: -1 }), message: "State 'Map': MaxConcurrency" },
  {
    name: 'a share above 100',
    definition: with_({ ToleratedFailurePercentage: 101 }),
    message: 'ToleratedFailurePercentage',
  },
  { name: 'a Label with a forbidden character', definition: with_({ Label: 'a b' }), message: "State 'Map': Label" },
  { name: 'a Label that is too long', definition: with_({ Label: 'a'.repeat(41) }), message: "State 'Map': Label" },
  {
    name: 'an empty batcher',
    definition: with_({ ItemBatcher: { BatchInput: {} } }),
    message: 'expected MaxItemsPerBatch',
  },
  {
    name: 'batches beyond the payload',
    definition: with_({ ItemBatcher: { MaxInputBytesPerBatch: 262_145 } }),
    message: 'MaxInputBytesPerBatch',
  },
  {
    name: 'a reader of another service',
    definition: reader({ Resource: 'arn:aws:states:::s3:headObject' }),
    message: 'ItemReader.Resource',
  },
  {
    name: 'an unknown reader parameter',
    definition: reader({ Parameters: { Bucket: 'b', Key: 'k', VersionId: 'v' } }, { InputType: 'JSON' }),
    message: 'ItemReader.Parameters.VersionId',
  },
  {
    name: 'an unknown reader setting',
    definition: reader({}, { InputType: 'JSON', Transformation: 'LOAD_AND_FLATTEN' }),
    message: 'ItemReader.ReaderConfig.Transformation',
  },
  {
    name: 'an unknown input type',
    definition: reader({}, { InputType: 'PARQUET' }),
    message: 'ItemReader.ReaderConfig.InputType',
  },
  { name: 'no input type', definition: reader({}), message: 'expected either InputType or ManifestType' },
  { name: 'CSV without a header location', definition: reader({}, { InputType: 'CSV' }), message: 'CSVHeaderLocation' },
  {
    name: 'given headers that are not given',
    definition: reader({}, { InputType: 'CSV', CSVHeaderLocation: 'GIVEN' }),
    message: 'CSVHeaders',
  },
  {
    name: 'CSV settings for JSON',
    definition: reader({}, { InputType: 'JSON', CSVDelimiter: 'TAB' }),
    message: 'InputType: expected CSV',
  },
  {
    name: 'a pointer for JSONL',
    definition: reader({}, { InputType: 'JSONL', ItemsPointer: '/a' }),
    message: 'ItemsPointer',
  },
  {
    name: 'a file setting for listings',
    definition: reader(
      { Resource: 'arn:aws:states:::s3:listObjectsV2', Parameters: { Bucket: 'b' } },
      { InputType: 'CSV' },
    ),
    message: 'ReaderConfig.InputType: not for listObjectsV2',
  },
  {
    name: 'another result writer',
    definition: with_({ ResultWriter: { Resource: 'arn:aws:states:::dynamodb:putItem', Parameters: {} } }),
    message: 'ResultWriter.Resource',
  },
  {
    name: 'an unknown transformation',
    definition: with_({ ResultWriter: { ...RESULTS.ResultWriter, WriterConfig: { Transformation: 'ZIP' } } }),
    message: 'Transformation',
  },
];

describe('the check of a definition', () => {
  it('accepts our own workflow', () => {
    expect(() => checkDefinition(workflow({ functions: FUNCTIONS }))).not.toThrow();
  });

  it.each(REFUSED)('refuses $name', ({ definition, message }) => {
    expect(() => checkDefinition(definition)).toThrow(expect.objectContaining({ name: 'InvalidDefinition' }));
    expect(() => checkDefinition(definition)).toThrow(message);
  });

  it('refuses two Map states with one Label', () => {
    const { Map: map } = mapDefinition().States;
    const definition = { StartAt: 'Map', States: { Map: { ...map, Next: 'Other', End: undefined }, Other: map } };
    expect(() => checkDefinition(definition)).toThrow('Label: two Map states have the same');
  });

  it('happens before an execution starts, and so does the search for handlers', () => {
    const options = { name: 'run', input: {}, handlers: {}, openStore: () => ({}) as never };
    const definition = { StartAt: 'X', States: {} } as StateMachineDefinition;
    expect(() => startExecution({ ...options, definition })).toThrow("StartAt: no state 'X'");
    expect(() => startExecution({ ...options, definition: workflow({ functions: FUNCTIONS }) })).toThrow(
      "State 'Prepare': no handler for Resource arn:p",
    );
    expect(() => startExecution({ ...options, definition: mapDefinition() })).toThrow(
      "State 'Process': no handler for Resource",
    );
  });
});
