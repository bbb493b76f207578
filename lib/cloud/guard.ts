// What watches runs that ask for it: a function that looks every few seconds, and a small state machine that lives with the run.
import { ArnFormat, Stack, Validations } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { SfnStateMachine } from 'aws-cdk-lib/aws-events-targets';
import { Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { DefinitionBody, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { RESULT_FOLDERS } from '../../lambda/contract/environment.ts';
import { guardWorkflow, LABELS, READERS, TIMEOUTS } from '../workflow.ts';
import { type CommonProps, commonOf, Handler } from './functions.ts';
import { knowingAbsence, listing, onObjects, type Place, usingKey, within } from './places.ts';

/** MB. It waits for most of its time, and is billed for it: 0.6 cents an hour. */
const MEMORY = 128;

export interface GuardProps extends CommonProps {
  readonly results: Place;
}

/** The guard; it does nothing before `over` says of which state machine. */
export class Guard extends Construct {
  readonly function: LambdaFunction;
  readonly stateMachine: StateMachine;
  private readonly role: Role;

  constructor(scope: Construct, id: string, props: GuardProps) {
    super(scope, id);
    const { results } = props;
    const stack = Stack.of(this);
    const [runs, notes] = [within(results, RESULT_FOLDERS.runs), within(results, RESULT_FOLDERS.guards)];
    const handler = new Handler(this, 'Guard', {
      entry: 'guard',
      description: 'image-fanout: lets a run grow, and stops it',
      ...commonOf(props),
      memory: MEMORY,
      timeout: TIMEOUTS.guardFunction,
      statements: [
        listing(notes),
        onObjects(notes, 's3:GetObject'),
        onObjects(runs, 's3:GetObject'),
        knowingAbsence(results),
        ...usingKey([results], 'kms:Decrypt'),
      ],
    });
    this.function = handler.function;
    this.role = handler.role;
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('states.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': stack.account } },
      }),
    });
    role.addToPolicy(
      new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [this.function.functionArn] }),
    );
    this.stateMachine = new StateMachine(this, 'StateMachine', {
      definitionBody: DefinitionBody.fromString(stack.toJsonString(guardWorkflow(this.function.functionArn))),
      stateMachineType: StateMachineType.STANDARD,
      role,
      tracingEnabled: true,
    });
    Validations.of(this.stateMachine).acknowledge({
      id: 'AwsSolutions-SF1',
      reason: 'It is a loop around one function, which logs what it does.',
    });
  }

  /**
   * Lets the function look at this state machine's runs, scale and stop them, and has each redrive guarded. In a policy of its
   * own: the state machine waits for Prepare, which waits for the guard.
   */
  over(stateMachine: StateMachine): void {
    const stack = Stack.of(this);
    const name = stateMachine.stateMachineName;
    const arn = (resource: 'execution' | 'mapRun', machine: string): string =>
      stack.formatArn({
        ...{ service: 'states', resource, resourceName: `${machine}:*` },
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      });
    new Policy(this, 'Runs', {
      roles: [this.role],
      statements: [
        new PolicyStatement({
          actions: ['states:ListMapRuns', 'states:DescribeExecution', 'states:StopExecution'],
          resources: [arn('execution', name)],
        }),
        new PolicyStatement({
          actions: ['states:DescribeMapRun'],
          resources: LABELS.map((label) => arn('mapRun', `${name}/${label}`)),
        }),
        // A canary does not grow.
        new PolicyStatement({
          actions: ['states:UpdateMapRun'],
          resources: Object.values(READERS).map(({ label }) => arn('mapRun', `${name}/${label}`)),
        }),
      ],
    });
    // Prepare starts the guard of a run; a redrive does not come by Prepare.
    new Rule(this, 'Redriven', {
      description: 'image-fanout: a run is redriven',
      eventPattern: {
        source: ['aws.states'],
        detailType: ['Step Functions Execution Status Change'],
        detail: {
          stateMachineArn: [stateMachine.stateMachineArn],
          status: ['RUNNING'],
          redriveCount: [{ numeric: ['>', 0] }],
        },
      },
      // The event as it is: not every emulator quotes what an input transformer puts in.
      targets: [new SfnStateMachine(this.stateMachine)],
    });
  }
}
