// The state machine: the one definition, inline, under a role that may do what its states do and nothing else.
import { ArnFormat, Stack, Validations } from 'aws-cdk-lib';
import { Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, type LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { LABELS, type WorkflowFunctions, workflow } from '../workflow.ts';
import { listing, onObjects, type Place, usingKey } from './places.ts';

export interface WorkflowProps {
  /** ARNs of the functions. */
  readonly functions: WorkflowFunctions;
  /** Where the listing reader may list. */
  readonly source: Place;
  /** Where the readers of manifests may read, besides the source. */
  readonly manifests: Place;
  /** Where ResultWriter writes. */
  readonly runs: Place;
  readonly logs: ILogGroup;
  readonly logLevel: LogLevel;
}

/** The deployed workflow. */
export class Workflow extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, props: WorkflowProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const role = machineRole(this);
    for (const statement of statements(props)) role.addToPolicy(statement);
    this.stateMachine = new StateMachine(this, 'StateMachine', {
      // Inline: the CDK's DistributedMap drops zeros and widens grants.
      definitionBody: DefinitionBody.fromString(
        stack.toJsonString(workflow({ functions: props.functions, partition: stack.partition })),
      ),
      stateMachineType: StateMachineType.STANDARD,
      role,
      tracingEnabled: true,
      logs: { destination: props.logs, level: props.logLevel, includeExecutionData: true },
    });
    allowMapRuns(this, role, this.stateMachine, LABELS);
    Validations.of(this.stateMachine).acknowledge(SF1);
  }
}

/** Why not all events are logged. */
export const SF1 = {
  id: 'AwsSolutions-SF1',
  reason:
    'Each image is an EXPRESS child with several events: at level ALL a million images log gigabytes. Failures are logged; context image-fanout:logLevel turns the rest on.',
} as const;

/**
 * The role of a state machine, trusted for this account only. A condition on aws:SourceArn, which the CDK's own role has,
 * breaks EXPRESS children and the redrive of a Map Run: they assume the role under other ARNs.
 */
export function machineRole(scope: Construct): Role {
  return new Role(scope, 'Role', {
    assumedBy: new ServicePrincipal('states.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
    }),
  });
}

/** Lets a state machine run its Maps. A policy of its own, since it names the state machine, which waits for the role's other one. */
export function allowMapRuns(scope: Construct, role: Role, machine: StateMachine, labels: readonly string[]): void {
  const name = machine.stateMachineName;
  const executions = (below: string): string => arnBelow(Stack.of(scope), 'execution', below);
  new Policy(scope, 'MapRuns', {
    roles: [role],
    statements: [
      new PolicyStatement({ actions: ['states:StartExecution'], resources: [machine.stateMachineArn] }),
      new PolicyStatement({
        actions: ['states:DescribeExecution', 'states:StopExecution'],
        resources: [executions(name)],
      }),
      new PolicyStatement({
        actions: ['states:RedriveExecution'],
        resources: labels.map((label) => executions(`${name}/${label}`)),
      }),
    ],
  });
}

function arnBelow(stack: Stack, resource: 'execution' | 'mapRun', machine: string): string {
  const resourceName = `${machine}:*`;
  return stack.formatArn({ service: 'states', resource, resourceName, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
}

/**
 * Lets a function ask what Step Functions counted of a run. A policy of its own, outside of the function's role: the state
 * machine waits for the functions, and they wait for what is in their roles.
 */
export function allowCounts(
  scope: Construct,
  id: string,
  role: Role,
  stateMachine: StateMachine,
  { find }: { /** Whether it must find the Map Run of an execution first. */ readonly find: boolean },
): void {
  const stack = Stack.of(scope);
  const name = stateMachine.stateMachineName;
  new Policy(scope, id, {
    roles: [role],
    statements: [
      ...(find
        ? [new PolicyStatement({ actions: ['states:ListMapRuns'], resources: [arnBelow(stack, 'execution', name)] })]
        : []),
      new PolicyStatement({
        actions: ['states:DescribeMapRun'],
        resources: LABELS.map((label) => arnBelow(stack, 'mapRun', `${name}/${label}`)),
      }),
    ],
  });
}

/** What the states do: invoke the functions, list and read items, write results. */
function statements({ functions, source, manifests, runs }: WorkflowProps): PolicyStatement[] {
  return [
    new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: Object.values(functions) }),
    listing(source),
    onObjects(source, 's3:GetObject'),
    onObjects(manifests, 's3:GetObject'),
    onObjects(runs, 's3:PutObject', 's3:GetObject', 's3:ListMultipartUploadParts', 's3:AbortMultipartUpload'),
    ...usingKey([source, manifests, runs], 'kms:Decrypt'),
    ...usingKey([runs], 'kms:Encrypt', 'kms:GenerateDataKey'),
  ];
}
