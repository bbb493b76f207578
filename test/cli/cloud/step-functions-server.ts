// A small Step Functions and CloudFormation over real HTTP: what the commands ask of AWS, answered from plain data.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerRest, type RestSettings } from './rest-services.ts';

export const MACHINE = 'arn:aws:states:eu-central-1:123456789012:stateMachine:fanout';
export const EXECUTION = 'arn:aws:states:eu-central-1:123456789012:execution:fanout';
const MAP_RUN = 'arn:aws:states:eu-central-1:123456789012:mapRun:fanout/Listed';

type Fields = Record<string, unknown>;

export interface Execution {
  input: string;
  status: string;
  startDate: number;
  stopDate?: number;
  error?: string;
  cause?: string;
  output?: string;
  /** Answers of DescribeMapRun, one per call; the last one stays. */
  mapRuns?: Fields[];
}

export interface FakeAws {
  readonly url: string;
  /** By name, oldest first. */
  readonly executions: Map<string, Execution>;
  /** Operation and input of every call that changes something. */
  readonly changes: { readonly operation: string; readonly input: Fields }[];
  outputs: Record<string, string>;
  /** Parts of S3 and Lambda requests, such as `PUT /outputs/`, that are answered with AccessDenied. */
  readonly denied: Set<string>;
  readonly settings: RestSettings;
  close(): Promise<void>;
}

export async function startAws(): Promise<FakeAws> {
  const executions = new Map<string, Execution>();
  const changes: FakeAws['changes'] = [];
  const aws = {
    denied: new Set<string>(),
    settings: { events: true, concurrency: 1000, message: 'Access Denied' },
    executions,
    changes,
    outputs: {
      StateMachineArn: MACHINE,
      ConsoleUrl: 'https://console/',
      ExampleInput: '{"maxConcurrency":100}',
      Source: 's3://photos/',
      Destination: 's3://outputs/',
      Results: 's3://results/',
      ProcessFunctionName: 'process',
    } as Record<string, string>,
  };

  const named = (arn: unknown): Execution => {
    const found = executions.get(String(arn).split(':').at(-1) ?? '');
    if (found === undefined) throw new AwsError('ExecutionDoesNotExist', `Execution Does Not Exist: '${String(arn)}'`);
    return found;
  };
  const operations: Record<string, (input: Fields) => Fields> = {
    StartExecution({ name, input }) {
      const before = executions.get(String(name));
      if (before !== undefined && (before.input !== input || before.status !== 'RUNNING')) {
        throw new AwsError('ExecutionAlreadyExists', `Execution Already Exists: '${EXECUTION}:${String(name)}'`);
      }
      if (before === undefined)
        executions.set(String(name), { input: String(input), status: 'RUNNING', startDate: 1.8e9 });
      return { executionArn: `${EXECUTION}:${String(name)}`, startDate: 1.8e9 };
    },
    DescribeExecution: ({ executionArn }) => {
      const { mapRuns: _, ...execution } = named(executionArn);
      return { executionArn, stateMachineArn: MACHINE, name: String(executionArn).split(':').at(-1), ...execution };
    },
    ListExecutions: ({ statusFilter, maxResults }) => ({
      executions: [...executions]
        .reverse()
        .filter(([, { status }]) => statusFilter === undefined || status === statusFilter)
        .slice(0, Number(maxResults))
        .map(([name, { status, startDate, stopDate }]) => ({
          executionArn: `${EXECUTION}:${name}`,
          stateMachineArn: MACHINE,
          name,
          status,
          startDate,
          stopDate,
        })),
    }),
    ListMapRuns: ({ executionArn }) => ({
      mapRuns:
        named(executionArn).mapRuns === undefined
          ? []
          : [
              {
                executionArn,
                mapRunArn: `${MAP_RUN}:${String(executionArn).split(':').at(-1)}`,
                stateMachineArn: MACHINE,
                startDate: 1.8e9,
              },
            ],
    }),
    DescribeMapRun: ({ mapRunArn }) => {
      const execution = named(mapRunArn);
      const answers = execution.mapRuns ?? [];
      const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? {};
      if (answers.length === 1 && execution.status === 'RUNNING' && answers[0]?.['status'] !== 'RUNNING')
        execution.status = String(answers[0]?.['status']);
      return {
        mapRunArn,
        startDate: 1.8e9,
        maxConcurrency: 100,
        toleratedFailureCount: 0,
        toleratedFailurePercentage: 100,
        ...answer,
      };
    },
    DescribeStateMachine: () => ({
      stateMachineArn: MACHINE,
      name: 'fanout',
      status: 'ACTIVE',
      definition: '{}',
      roleArn: 'arn:aws:iam::123456789012:role/r',
      type: 'STANDARD',
      creationDate: 1.8e9,
    }),
    UpdateMapRun: () => ({}),
    StopExecution: ({ executionArn }) => {
      named(executionArn).status = 'ABORTED';
      return { stopDate: 1.8e9 };
    },
    RedriveExecution: ({ executionArn }) => {
      named(executionArn).status = 'RUNNING';
      return { redriveDate: 1.8e9 };
    },
  };

  const server = createServer(async (request, response) => {
    const body = (await request.toArray()).join('');
    const target = request.headers['x-amz-target'];
    if (target === undefined && request.url !== '/') {
      const { status, body: answer } = answerRest(
        ...([request.method ?? '', request.url ?? '', aws.denied, aws.settings, request.headers] as const),
      );
      response
        .writeHead(status, { 'content-type': answer.startsWith('{') ? 'application/json' : 'text/xml' })
        .end(answer);
      return;
    }
    if (target === undefined) {
      answerCloudFormation(new URLSearchParams(body), aws.outputs, (status, xml) =>
        response.writeHead(status, { 'content-type': 'text/xml' }).end(xml),
      );
      return;
    }
    const operation = String(target).replace('AWSStepFunctions.', '');
    const input = JSON.parse(body) as Fields;
    if (!/^(Describe|List)/.test(operation)) changes.push({ operation, input });
    response.setHeader('content-type', 'application/x-amz-json-1.0');
    try {
      response.end(JSON.stringify(operations[operation]?.(input)));
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      response
        .writeHead(400)
        .end(JSON.stringify({ __type: `com.amazonaws.sfn#${error.name}`, message: error.message }));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(aws, {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

class AwsError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

function answerCloudFormation(
  query: URLSearchParams,
  outputs: Record<string, string>,
  answer: (status: number, xml: string) => void,
): void {
  const stack = query.get('StackName') ?? '';
  if (stack !== 'ImageFanout') {
    answer(
      400,
      `<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id ${stack} does not exist</Message></Error></ErrorResponse>`,
    );
    return;
  }
  const members = Object.entries(outputs).map(
    ([key, value]) => `<member><OutputKey>${key}</OutputKey><OutputValue>${value}</OutputValue></member>`,
  );
  answer(
    200,
    `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>${stack}</StackName><StackStatus>CREATE_COMPLETE</StackStatus><CreationTime>2026-11-22T00:00:00Z</CreationTime><Outputs>${members.join('')}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`,
  );
}
