// Buckets with a prefix, and the least that a role needs to list, read and write there.
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';

/** A part of a bucket. */
export interface Place {
  /** One that is there, or one of the app's. */
  readonly bucket: IBucket;
  /** Empty, or a key prefix that ends in `/`. */
  readonly prefix: string;
}

/** The place as jobs name it: `s3://bucket/prefix/`. */
export function placeUri(place: Place): string {
  return `s3://${place.bucket.bucketName}/${place.prefix}`;
}

/** A folder of a place; `folder` ends in `/`. */
export function within(place: Place, folder: string): Place {
  return { bucket: place.bucket, prefix: place.prefix + folder };
}

/** Whether one of the places holds the other, or both are one. */
export function overlap(a: Place, b: Place): boolean {
  return (
    a.bucket.bucketName === b.bucket.bucketName && (a.prefix.startsWith(b.prefix) || b.prefix.startsWith(a.prefix))
  );
}

/** Lists the keys of the place, and no others of its bucket. */
export function listing(place: Place): PolicyStatement {
  return new PolicyStatement({
    actions: ['s3:ListBucket'],
    resources: [place.bucket.bucketArn],
    ...(place.prefix === '' ? {} : { conditions: { StringLike: { 's3:prefix': `${place.prefix}*` } } }),
  });
}

/**
 * Tells a missing object from a forbidden one: without ListBucket, S3 answers 403 to both. A GET or HEAD carries no
 * `s3:prefix`, so the condition must hold when the key is absent, and still bounds what can be listed.
 */
export function knowingAbsence(place: Place): PolicyStatement {
  return new PolicyStatement({
    actions: ['s3:ListBucket'],
    resources: [place.bucket.bucketArn],
    ...(place.prefix === '' ? {} : { conditions: { StringLikeIfExists: { 's3:prefix': `${place.prefix}*` } } }),
  });
}

/** Does these actions on the place's objects. */
export function onObjects(place: Place, ...actions: readonly string[]): PolicyStatement {
  return new PolicyStatement({ actions: [...actions], resources: [place.bucket.arnForObjects(`${place.prefix}*`)] });
}

/** Uses the key that encrypts the place, where one is known: nothing for buckets with S3's own keys. */
export function usingKey(places: readonly Place[], ...actions: readonly string[]): PolicyStatement[] {
  const keys = [...new Set(places.flatMap(({ bucket }) => bucket.encryptionKey?.keyArn ?? []))];
  return keys.length === 0 ? [] : [new PolicyStatement({ actions: [...actions], resources: keys })];
}

/** Reads sources and outputs, some of which a run's page shows. */
export function forPictures(places: { readonly source: Place; readonly destination: Place }): PolicyStatement[] {
  const { source, destination } = places;
  return [
    onObjects(source, 's3:GetObject'),
    onObjects(destination, 's3:GetObject'),
    ...usingKey([source, destination], 'kms:Decrypt'),
  ];
}
