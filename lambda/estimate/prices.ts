// What AWS charges: one dated table of list prices by Region, each with where it was read.

/** List prices of one Region in US dollars, without free tiers and volume discounts. */
export interface Prices {
  /** An EXPRESS execution: one per child. */
  readonly expressRequest: number;
  /** A GB-second of an EXPRESS execution, billed in steps of 64 MB and 100 ms. */
  readonly expressGigabyteSecond: number;
  /** A transition of the STANDARD execution around them. */
  readonly standardTransition: number;
  readonly lambdaRequest: number;
  /** arm64. */
  readonly lambdaGigabyteSecond: number;
  /** x86_64. */
  readonly lambdaGigabyteSecondX86: number;
  /** GET, HEAD and all others. */
  readonly s3Get: number;
  /** PUT, COPY and POST. */
  readonly s3Put: number;
  readonly s3List: number;
  /** A GB of S3 Standard for a month, of the first 50 TB: S3 counts 2^30 bytes as one. */
  readonly storageGigabyteMonth: number;
  /** Logs that come in. */
  readonly logGigabyte: number;
  /** A trace that X-Ray records. */
  readonly xrayTrace: number;
  /** A custom metric for a month: CloudWatch bills each hour in which it has values. */
  readonly metricMonth: number;
  /** A request to KMS. */
  readonly kmsRequest: number;
  /** An event of S3 that EventBridge takes. */
  readonly s3Event: number;
  /** A message that SNS takes. */
  readonly snsPublish: number;
}

/** When the table was made. */
export const PRICES_DATE = '2026-11';

/**
 * What they are in most Regions. Sources: https://aws.amazon.com/step-functions/pricing/ ,
 * https://aws.amazon.com/lambda/pricing/ , https://aws.amazon.com/s3/pricing/ , https://aws.amazon.com/cloudwatch/pricing/ ,
 * https://aws.amazon.com/xray/pricing/ , https://aws.amazon.com/kms/pricing/ , https://aws.amazon.com/eventbridge/pricing/ ,
 * https://aws.amazon.com/sns/pricing/
 */
const USUAL: Prices = {
  expressRequest: 1.0e-6,
  expressGigabyteSecond: 0.00001667,
  standardTransition: 25e-6,
  lambdaRequest: 0.2e-6,
  lambdaGigabyteSecond: 0.0000133334,
  lambdaGigabyteSecondX86: 0.0000166667,
  s3Get: 0.4e-6,
  s3Put: 5e-6,
  s3List: 5e-6,
  storageGigabyteMonth: 0.023,
  logGigabyte: 0.5,
  xrayTrace: 5e-6,
  metricMonth: 0.3,
  kmsRequest: 3e-6,
  s3Event: 1e-6,
  snsPublish: 0.5e-6,
};

/**
 * The Regions whose prices were looked up, with what differs from the usual. Read from AWS's Price List
 * (https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/index.json: AWSLambda, AmazonStates, AmazonS3, AmazonCloudWatch),
 * as public repositories quote it in 2026. A Region that is not here has no price: none is guessed.
 */
const REGIONS: Readonly<Record<string, Partial<Prices>>> = {
  'us-east-1': {},
  'us-east-2': {},
  'us-west-2': {},
  'eu-west-1': { logGigabyte: 0.57 },
  'eu-central-1': {
    s3Get: 0.43e-6,
    s3Put: 5.4e-6,
    s3List: 5.4e-6,
    storageGigabyteMonth: 0.0245,
    logGigabyte: 0.63,
  },
  'ap-northeast-1': {
    s3Get: 0.37e-6,
    s3Put: 4.7e-6,
    s3List: 4.7e-6,
    storageGigabyteMonth: 0.025,
    logGigabyte: 0.76,
  },
  'ap-southeast-1': { storageGigabyteMonth: 0.025, logGigabyte: 0.7 },
};

/** The Regions of the table. */
export const PRICED_REGIONS: readonly string[] = Object.keys(REGIONS);

/** The Region whose prices stand in where there are no others. */
export const DEFAULT_REGION = 'us-east-1';

export interface RegionPrices {
  /** The Region whose prices these are. */
  readonly region: string;
  readonly prices: Prices;
  /** The Region that was asked for, where the table has none of it: the prices are another's then. */
  readonly standInFor?: string;
}

/** The prices of a Region. One that the table does not know gets those of us-east-1, and that is told. Default: us-east-1. */
export function pricesOf(region: string = DEFAULT_REGION): RegionPrices {
  const own = Object.hasOwn(REGIONS, region) ? REGIONS[region] : undefined;
  if (own === undefined) return { region: DEFAULT_REGION, prices: USUAL, standInFor: region };
  return { region, prices: { ...USUAL, ...own } };
}

/** List prices in us-east-1. */
export const PRICES: Prices = pricesOf().prices;
