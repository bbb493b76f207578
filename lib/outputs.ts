// The names of the stack's outputs and of its settings: by them the command line finds what is deployed, and people what to paste where.

/** What all context keys of ours start with. */
export const CONTEXT_PREFIX = 'image-fanout:';

/** Name of each CloudFormation output of the stack, and what it holds. */
export const OUTPUTS = {
  StateMachineArn: 'The state machine: what `image-fanout start` and StartExecution take',
  ConsoleUrl: 'Open this and press "Start execution"',
  ExampleInput: 'Paste this as the input; {} does for a job with all defaults',
  Source: 'Put images here',
  Destination: 'Outputs appear here',
  Results: 'Runs and their accounts are here, below runs/',
  ProcessFunctionName: 'The image function, for its logs and its concurrency',
  TopicArn: "Subscribe to this to be told of each run's end",
  AlarmTopicArn: 'Subscribe to this to be told by the alarms that are of no single run',
} as const;

export type OutputName = keyof typeof OUTPUTS;

/** The stack's name, unless context gives another. */
export const STACK_NAME = 'ImageFanout';
