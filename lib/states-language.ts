// The part of Amazon States Language that image-fanout's workflow uses, as types; words are the specification's own.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type PayloadTemplate = { readonly [key: string]: Json };

export interface Retrier {
  readonly ErrorEquals: readonly string[];
  readonly IntervalSeconds?: number;
  readonly MaxAttempts?: number;
  readonly BackoffRate?: number;
  readonly MaxDelaySeconds?: number;
  readonly JitterStrategy?: 'FULL' | 'NONE';
}

export interface Catcher {
  readonly ErrorEquals: readonly string[];
  readonly ResultPath?: string | null;
  readonly Next: string;
}

type NextOrEnd = { readonly Next: string } | { readonly End: true };

export type TaskState = NextOrEnd & {
  readonly Type: 'Task';
  readonly Comment?: string;
  readonly Resource: string;
  readonly InputPath?: string;
  readonly Parameters?: PayloadTemplate;
  readonly ResultSelector?: PayloadTemplate;
  readonly ResultPath?: string | null;
  readonly OutputPath?: string;
  readonly TimeoutSeconds?: number;
  readonly Retry?: readonly Retrier[];
  readonly Catch?: readonly Catcher[];
};

export interface ChoiceState {
  readonly Type: 'Choice';
  readonly Comment?: string;
  readonly Choices: readonly { readonly Variable: string; readonly StringEquals: string; readonly Next: string }[];
  readonly Default?: string;
}

export type PassState = NextOrEnd & {
  readonly Type: 'Pass';
  readonly Parameters?: PayloadTemplate;
  readonly ResultPath?: string | null;
};
export interface SucceedState {
  readonly Type: 'Succeed';
}
export interface FailState {
  readonly Type: 'Fail';
  readonly Error?: string;
  readonly Cause?: string;
}

export interface ItemReader {
  readonly Resource: string;
  readonly Parameters: PayloadTemplate;
  readonly ReaderConfig?: {
    readonly InputType?: 'CSV' | 'JSON' | 'JSONL';
    readonly ManifestType?: 'S3_INVENTORY';
    readonly CSVHeaderLocation?: 'FIRST_ROW' | 'GIVEN';
    readonly CSVHeaders?: readonly string[];
    readonly CSVDelimiter?: 'COMMA' | 'PIPE' | 'SEMICOLON' | 'SPACE' | 'TAB';
    readonly ItemsPointer?: string;
    readonly MaxItems?: number;
    readonly MaxItemsPath?: string;
  };
}

export interface ItemBatcher {
  readonly MaxItemsPerBatch?: number;
  readonly MaxItemsPerBatchPath?: string;
  readonly MaxInputBytesPerBatch?: number;
  readonly MaxInputBytesPerBatchPath?: string;
  readonly BatchInput?: PayloadTemplate;
}

export interface ResultWriter {
  readonly Resource: string;
  readonly Parameters: PayloadTemplate;
  readonly WriterConfig?: {
    readonly Transformation?: 'NONE' | 'COMPACT' | 'FLATTEN';
    readonly OutputType?: 'JSON' | 'JSONL';
  };
}

export type DistributedMapState = NextOrEnd & {
  readonly Type: 'Map';
  readonly Comment?: string;
  readonly Label?: string;
  readonly InputPath?: string;
  readonly ItemReader?: ItemReader;
  readonly ItemsPath?: string;
  readonly ItemSelector?: PayloadTemplate;
  readonly ItemBatcher?: ItemBatcher;
  readonly MaxConcurrency?: number;
  readonly MaxConcurrencyPath?: string;
  readonly ToleratedFailureCount?: number;
  readonly ToleratedFailureCountPath?: string;
  readonly ToleratedFailurePercentage?: number;
  readonly ToleratedFailurePercentagePath?: string;
  readonly ItemProcessor: {
    readonly ProcessorConfig: { readonly Mode: 'DISTRIBUTED'; readonly ExecutionType: 'STANDARD' | 'EXPRESS' };
    readonly StartAt: string;
    readonly States: Readonly<Record<string, State>>;
  };
  readonly ResultWriter?: ResultWriter;
  readonly ResultSelector?: PayloadTemplate;
  readonly ResultPath?: string | null;
  readonly OutputPath?: string;
  readonly Retry?: readonly Retrier[];
  readonly Catch?: readonly Catcher[];
};

export type State = TaskState | ChoiceState | PassState | SucceedState | FailState | DistributedMapState;

export interface StateMachineDefinition {
  readonly Comment?: string;
  readonly StartAt: string;
  readonly TimeoutSeconds?: number;
  readonly States: Readonly<Record<string, State>>;
}
