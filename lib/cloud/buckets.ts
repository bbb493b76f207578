// The three buckets: those that exist are taken as they are, the others are created private, encrypted and kept for ever.
import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption, type CfnBucket, type IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';

/**
 * A new bucket that takes no unencrypted requests, is never public, and outlives the stack with all that it holds. `events`:
 * whether it sends them to EventBridge, which costs $1.00 a million.
 */
export function createBucket(scope: Construct, id: string, key: IKey | undefined, events: boolean): IBucket {
  const bucket = new Bucket(scope, id, {
    ...(key === undefined
      ? { encryption: BucketEncryption.S3_MANAGED }
      : { encryption: BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true }),
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    // RETAIN would leave a bucket behind after each first deployment that is rolled back.
    removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    lifecycleRules: [{ abortIncompleteMultipartUploadAfter: Duration.days(7) }],
  });
  // Events go to EventBridge without the CDK's notification function, whose role may change every bucket.
  if (events) {
    (bucket.node.defaultChild as CfnBucket).addPropertyOverride(
      'NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled',
      true,
    );
  }
  Validations.of(bucket).acknowledge({
    id: 'AwsSolutions-S1',
    reason:
      'Each image has its line in the account; access logs of millions of objects would cost more than they tell. CloudTrail data events can be turned on for the bucket.',
  });
  // The class's optional fields admit undefined, the interface's do not, under exactOptionalPropertyTypes.
  return bucket as IBucket;
}
