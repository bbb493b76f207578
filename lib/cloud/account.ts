// The account of a run that is too large for one function: its state machine, and the function that does each of its steps.
import { Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, type LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { ENVIRONMENT, RESULT_FOLDERS } from '../../lambda/contract/environment.ts';
import { ACCOUNT_LABELS, accountWorkflow } from '../account-workflow.ts';
import { TIMEOUTS } from '../workflow.ts';
import { type CommonProps, commonOf, Handler } from './functions.ts';
import { forPictures, knowingAbsence, listing, onObjects, type Place, usingKey, within } from './places.ts';
import { allowMapRuns, machineRole, SF1 } from './state-machine.ts';

export interface PartsAccountProps extends CommonProps {
  readonly source: Place;
  readonly destination: Place;
  readonly results: Place;
  /** Bytes of result files up to which one function makes the account. */
  readonly wholeAccountBytes: number;
  readonly logs: ILogGroup;
  readonly logLevel: LogLevel;
}

/** The state machine whose executions are accounts. */
export class PartsAccount extends Construct {
  readonly stateMachine: StateMachine;
  readonly function: LambdaFunction;

  constructor(scope: Construct, id: string, props: PartsAccountProps) {
    super(scope, id);
    const { source, destination, results } = props;
    const runs = within(results, RESULT_FOLDERS.runs);
    const handler = new Handler(this, 'Piece', {
      ...commonOf(props),
      entry: 'account',
      description: 'image-fanout: makes a piece of the account of a large run',
      memory: 1769,
      timeout: TIMEOUTS.summarizeFunction,
      environment: {
        ...props.environment,
        [ENVIRONMENT.wholeAccountBytes]: String(props.wholeAccountBytes),
      },
      statements: [
        listing(runs),
        onObjects(runs, 's3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'),
        knowingAbsence(results),
        ...usingKey([results], 'kms:Decrypt', 'kms:GenerateDataKey'),
        ...forPictures({ source, destination }),
      ],
    });
    this.function = handler.function;
    const stack = Stack.of(this);
    const role = machineRole(this);
    for (const statement of [
      new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [handler.function.functionArn] }),
      onObjects(runs, 's3:GetObject'),
      ...usingKey([results], 'kms:Decrypt'),
    ])
      role.addToPolicy(statement);
    this.stateMachine = new StateMachine(this, 'StateMachine', {
      definitionBody: DefinitionBody.fromString(
        stack.toJsonString(accountWorkflow({ account: handler.function.functionArn, partition: stack.partition })),
      ),
      stateMachineType: StateMachineType.STANDARD,
      role,
      tracingEnabled: true,
      logs: { destination: props.logs, level: props.logLevel, includeExecutionData: true },
    });
    allowMapRuns(this, role, this.stateMachine, Object.values(ACCOUNT_LABELS));
    Validations.of(this.stateMachine).acknowledge(SF1);
  }
}
