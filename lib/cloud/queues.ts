// Queues as all of ours are: encrypted, reached over TLS only.
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
