// Queues as all of ours are: encrypted, reached over TLS only.
import { Duration, Validations } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Queue, QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';

export function createQueue(scope: Construct, id: string, key: IKey | undefined, props: QueueProps): Queue {
  return new Queue(scope, id, {
    ...(key === undefined
      ? { encryption: QueueEncryption.SQS_MANAGED }
      : { encryption: QueueEncryption.KMS, encryptionMasterKey: key }),
    enforceSSL: true,
    ...props,
  });
}

/** Takes what one source could not hand on, for the longest time that SQS keeps anything; one per kind of source. */
export function createDeadLetters(scope: Construct, id: string, key: IKey | undefined, source: string): Queue {
  const queue = createQueue(scope, id, key, { retentionPeriod: Duration.days(14) });
  Validations.of(queue).acknowledge({ id: 'AwsSolutions-SQS3', reason: `It is the dead-letter queue of ${source}.` });
  return queue;
}
