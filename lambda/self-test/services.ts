// S3 and Step Functions as the self-test uses them.
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  type S3Client,
} from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  RedriveExecutionCommand,
  type SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import type { Machine, Objects } from './self-test.ts';

/** Most keys of one request: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html */
const MOST_KEYS = 1000;

export function objectsOf(client: S3Client): Objects {
  return {
    async put(Bucket, Key, Body) {
      await client.send(new PutObjectCommand({ Bucket, Key, Body }));
    },
    async get(Bucket, Key) {
      const answer = await client.send(new GetObjectCommand({ Bucket, Key })).catch((error: Error) => {
        if (error.name === 'NoSuchKey') return undefined;
        throw error;
      });
      return answer === undefined ? undefined : Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
    },
    async keys({ bucket: Bucket, prefix: Prefix }) {
      const found: string[] = [];
      for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket, Prefix }))
        found.push(...Contents.flatMap(({ Key }) => Key ?? []));
      return found;
    },
    async remove(Bucket, keys) {
      for (let at = 0; at < keys.length; at += MOST_KEYS) {
        const Objects = keys.slice(at, at + MOST_KEYS).map((Key) => ({ Key }));
        const { Errors: [first] = [] } = await client.send(
          new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }),
        );
        if (first !== undefined) throw new Error(`${first.Key} could not be removed: ${first.Code}: ${first.Message}`);
      }
    },
  };
}

/** The executions of one state machine, by name. */
export function machineOf(client: SFNClient, stateMachineArn: string): Machine {
  const arn = (name: string) => `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`;
  return {
    async start(name, input) {
      await client.send(new StartExecutionCommand({ stateMachineArn, name, input }));
    },
    async look(name) {
      const {
        status = '',
        output,
        error,
        cause,
      } = await client.send(new DescribeExecutionCommand({ executionArn: arn(name) }));
      return status === 'RUNNING' || status === 'PENDING_REDRIVE' ? undefined : { status, output, error, cause };
    },
    async redrive(name) {
      await client.send(new RedriveExecutionCommand({ executionArn: arn(name) }));
    },
  };
}
