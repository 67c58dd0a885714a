import type { ICertificate } from 'aws-cdk-lib/aws-certificatemanager';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { ISecurityGroup, ISubnet } from 'aws-cdk-lib/aws-ec2';
import type { IEventBus } from 'aws-cdk-lib/aws-events';
import type { IManagedPolicy } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Architecture, Tracing } from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IHostedZone } from 'aws-cdk-lib/aws-route53';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';

/** Who may ask for clips: holders of a valid SessionId, or everyone, for `defaultTenant`. */
export const AUTH_MODES = ['session', 'none'] as const;
export type AuthMode = (typeof AUTH_MODES)[number];

/** Who may read event and replay data: callers that sign with IAM, or everyone who reaches the API. */
export const DATA_EXPORT_AUTHS = ['AWS_IAM', 'JWT', 'NONE'] as const;
export type DataExportAuth = (typeof DATA_EXPORT_AUTHS)[number];

/** Levels of logs, from the least talkative one. */
export const LOG_LEVELS = ['error', 'warn', 'info'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What the workers do where the platform refuses a part of ffmpeg's cage: they do not start, or they work on. */
export const FFMPEG_CAGES = ['required', 'preferred'] as const;
export type FfmpegCage = (typeof FFMPEG_CAGES)[number];

/** A bucket, or by an ARN that ends in `*` all whose names begin so. */
export type BucketArn = Pick<IBucket, 'bucketArn'>;

/** The parameters of the template, typed. */
export interface MediaExportParameters {
  /**
   * Whether a request needs a valid SessionId, or acts for `defaultTenant`.
   * @default 'session'
   */
  readonly authMode?: AuthMode;
  /**
   * Tenant of all requests when `authMode` is 'none', which needs it.
   * @default - none
   */
  readonly defaultTenant?: string;
  /**
   * Whether the workers reach recordings and clips by credentials that are good for one tenant's prefix or one job's folder only.
   * @default false
   */
  readonly tenantCredentials?: boolean;
  /**
   * Whether a session can list its tenant's recordings, learn what they hold and plan clips of them.
   * @default false
   */
  readonly recordingsAccess?: boolean;
  /**
   * Whether a session can have links to the files of its tenant's jobs. A link opens a file for 15 minutes to everyone who has it.
   * @default false
   */
  readonly downloadLinks?: boolean;
  /**
   * Whether clips are published as playlists as well, which open to everyone who has their address, with links to the recording's own segments.
   * @default false
   */
  readonly instantPlayback?: boolean;
  /**
   * Domain of the CloudFront distribution that serves what playlists name (`infra/sam/playback.yaml`).
   * @default - links to S3
   */
  readonly playbackDomain?: string;
  /**
   * CloudFront's id of the public key that the distribution trusts.
   * @default - none; `playbackDomain` needs it
   */
  readonly playbackKeyPairId?: string;
  /**
   * Secret that is the private key in PEM, of the curve P-256.
   * @default - none; `playbackDomain` needs it
   */
  readonly playbackKeySecret?: ISecret;
  /**
   * Distribution that may read the buckets which the stack creates.
   * @default - none
   */
  readonly playbackDistributionArn?: string;
  /**
   * Who may read event and replay data.
   * @default 'AWS_IAM'
   */
  readonly dataExportAuth?: DataExportAuth;
  /**
   * Issuer of the tokens that dataExportAuth 'JWT' wants, as their iss says it.
   * @default - none
   */
  readonly dataExportJwtIssuer?: string;
  /**
   * Audiences that tokens may have in aud or client_id, separated by commas.
   * @default - none
   */
  readonly dataExportJwtAudience?: string;
  /**
   * Deny requests to the buckets and queues that do not use TLS. Only an emulator needs false.
   * @default true
   */
  readonly requireTls?: boolean;
  /**
   * Encrypts all that the stack keeps: buckets, tables, queues, the alarm topic, logs, settings. Its policy must let CloudWatch Logs,
   * CloudWatch and EventBridge use it.
   * @default - keys of AWS
   */
  readonly kmsKey?: IKey;
  /**
   * Domain name of the API; needs `domainCertificate`.
   * @default - the name that AWS gives the API
   */
  readonly domainName?: string;
  /**
   * Certificate for `domainName`, of the stack's region.
   * @default - none
   */
  readonly domainCertificate?: ICertificate;
  /**
   * Hosted zone that gets the record of `domainName`.
   * @default - the record is yours, pointing at `domainTarget`
   */
  readonly hostedZone?: IHostedZone;
  /**
   * Origins of web pages whose scripts may call the API and read the created bucket for clips by links; `['*']` for all.
   * @default - none
   */
  readonly corsAllowOrigins?: string[];
  /**
   * Subnets that the functions run in; needs `vpcSecurityGroups`.
   * @default - outside of any VPC
   */
  readonly vpcSubnets?: ISubnet[];
  /**
   * Security groups of the functions in `vpcSubnets`.
   * @default - none
   */
  readonly vpcSecurityGroups?: ISecurityGroup[];
  /**
   * Existing bucket with the recordings.
   * @default - one is created
   */
  readonly sourceBucket?: IBucket;
  /**
   * Existing bucket for clips. It keeps its own policy and lifecycle.
   * @default - one is created
   */
  readonly exportBucket?: IBucket;
  /**
   * Further buckets that tenants record into. `{ bucketArn: 'arn:aws:s3:::acme-*' }` stands for all that begin so.
   * @default - none
   */
  readonly tenantSourceBuckets?: BucketArn[];
  /**
   * Further buckets that tenants have clips delivered to.
   * @default - none
   */
  readonly tenantTargetBuckets?: BucketArn[];
  /**
   * Keys that encrypt tenants' buckets.
   * @default - none
   */
  readonly tenantKeys?: IKey[];
  /**
   * Days after which clips in the bucket created here expire: 0 (never), or at least 15, which is longer than a finished job is
   * remembered.
   * @default 0
   */
  readonly clipRetentionDays?: number;
  /**
   * Longest clip in milliseconds.
   * @default 14400000
   */
  readonly maxDurationMs?: number;
  /**
   * Most days that a window may begin after its request.
   * @default 30
   */
  readonly maxAheadDays?: number;
  /**
   * Most clips of a batch.
   * @default 500
   */
  readonly maxBatchClips?: number;
  /**
   * Most milliseconds of a batch's clips together.
   * @default 43200000
   */
  readonly maxBatchDurationMs?: number;
  /**
   * Longest time in seconds that a request is held until its job has ended; 0 holds none.
   * @default 20
   */
  readonly maxWaitSeconds?: number;
  /**
   * Clips made at the same time beside those of batches.
   * @default 10
   */
  readonly clipConcurrency?: number;
  /**
   * Clips of batches made at the same time.
   * @default 5
   */
  readonly bulkConcurrency?: number;
  /**
   * Stills made at the same time.
   * @default 10
   */
  readonly thumbnailConcurrency?: number;
  /**
   * Memory of the clip worker; CPU grows with it.
   * @default 3008
   */
  readonly clipMemoryMb?: number;
  /**
   * Memory of the thumbnail worker.
   * @default 1769
   */
  readonly thumbnailMemoryMb?: number;
  /**
   * Have re-encodes that do not fit into one function made in chunks, by many functions at the same time.
   * @default false
   */
  readonly fanOut?: boolean;
  /**
   * With `fanOut`, functions that make one clip at the same time.
   * @default 100
   */
  readonly fanOutPerClip?: number;
  /**
   * With `fanOut`, reserved concurrency of the functions that make chunks, of all clips together. 0 reserves none.
   * @default 0
   */
  readonly fanOutConcurrency?: number;
  /**
   * With `fanOut`, seconds of a re-encode's estimate above which it is made in chunks although it would fit. 0 is never.
   * @default 0
   */
  readonly fanOutAbove?: number;
  /**
   * API requests per second.
   * @default 200
   */
  readonly apiRateLimit?: number;
  /**
   * API requests at once.
   * @default 400
   */
  readonly apiBurstLimit?: number;
  /**
   * Requests per second of each route below `/export/status` and `/export/jobs`.
   * @default 100
   */
  readonly statusRateLimit?: number;
  /**
   * Requests at once of each route below `/export/status` and `/export/jobs`.
   * @default 200
   */
  readonly statusBurstLimit?: number;
  /**
   * Reserved concurrency of `MediaExportSubmit`; 0 reserves none.
   * @default 0
   */
  readonly submitConcurrency?: number;
  /**
   * Reserved concurrency of `StatusPoll`, of `MediaRead` and of `Recordings` each; 0 reserves none.
   * @default 0
   */
  readonly statusConcurrency?: number;
  /**
   * Reserved concurrency of `EventExport` and of `ReplayExport` each; 0 reserves none.
   * @default 0
   */
  readonly documentsConcurrency?: number;
  /**
   * Reserve what the workers and the sweeper need.
   * @default false
   */
  readonly reserveWorkers?: boolean;
  /**
   * Accept comments and trailing commas in request bodies.
   * @default true
   */
  readonly lenientJson?: boolean;
  /**
   * Answer refused requests with HTTP 200 as well, for clients that only read ErrorCode.
   * @default false
   */
  readonly legacyHttp?: boolean;
  /**
   * Name a still's planned path while it is being made, for old clients that need it.
   * @default false
   */
  readonly predictPaths?: boolean;
  /**
   * Least level that the functions log.
   * @default 'info'
   */
  readonly logLevel?: LogLevel;
  /**
   * How long logs are kept.
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetentionDays?: RetentionDays;
  /**
   * Processor of the functions; the code and the ffmpeg layer must have been built for it.
   * @default Architecture.ARM_64
   */
  readonly architecture?: Architecture;
  /**
   * Path of ffmpeg inside the workers.
   * @default '/opt/bin/ffmpeg'
   */
  readonly ffmpegPath?: string;
  /**
   * What the workers do where the platform refuses a part of ffmpeg's cage. Either way an alarm goes off.
   * @default 'preferred'
   */
  readonly ffmpegCage?: FfmpegCage;
  /**
   * Name of the event bus that is told of every job that ended; empty tells nobody.
   * @default 'default'
   */
  readonly completionBusName?: string;
  /**
   * Who is written to when an alarm goes off; AWS asks them to confirm.
   * @default - nobody; `alarmTopic` takes other subscriptions
   */
  readonly alarmEmail?: string;
  /**
   * Whether X-Ray samples the functions' invocations, or only those that a caller samples.
   * @default Tracing.PASS_THROUGH
   */
  readonly tracing?: Tracing;
  /**
   * Policy that bounds every role, for accounts that demand one.
   * @default - none
   */
  readonly permissionsBoundary?: IManagedPolicy;
  /**
   * Whether DynamoDB refuses to delete the tables that the stack keeps. Only for a stack that stands, since a failed creation could
   * not be taken back.
   * @default false
   */
  readonly deletionProtection?: boolean;
  /**
   * Whether the stack exports Media Replay Engine's data; without, it makes clips and stills only, and needs no tables of that.
   * @default true
   */
  readonly dataExport?: boolean;
  /**
   * Create empty tables and an event bus as Media Replay Engine has them, instead of naming existing ones.
   * @default false
   */
  readonly createMreTables?: boolean;
  /**
   * Media Replay Engine's Event table. All eight tables are needed unless `createMreTables` is true or `dataExport` false.
   * @default - none
   */
  readonly eventTable?: ITable;
  /**
   * Media Replay Engine's Plugin table.
   * @default - none
   */
  readonly pluginTable?: ITable;
  /**
   * Media Replay Engine's Profile table.
   * @default - none
   */
  readonly profileTable?: ITable;
  /**
   * Media Replay Engine's Model table.
   * @default - none
   */
  readonly modelTable?: ITable;
  /**
   * Media Replay Engine's PluginResult table.
   * @default - none
   */
  readonly pluginResultTable?: ITable;
  /**
   * Media Replay Engine's ClipReviewFeedback table.
   * @default - none
   */
  readonly clipPreviewFeedbackTable?: ITable;
  /**
   * Media Replay Engine's ReplayRequest table.
   * @default - none
   */
  readonly replayRequestTable?: ITable;
  /**
   * Media Replay Engine's ReplayResults table.
   * @default - none
   */
  readonly replayResultTable?: ITable;
  /**
   * Media Replay Engine's event bus.
   * @default - the account's default bus, or with `createMreTables` one that is created
   */
  readonly eventBus?: IEventBus;
  /**
   * Bucket for data exports.
   * @default - the bucket for clips
   */
  readonly exportOutputBucket?: IBucket;
  /**
   * Whether the events of the event bus make exports. Switch Media Replay Engine's own rule off before this one on.
   * @default false
   */
  readonly exportRule?: boolean;
  /**
   * Seconds that a trigger waits, so that a burst of them makes one export.
   * @default 5
   */
  readonly coalesceSeconds?: number;
  /**
   * Size in bytes that an event on the event bus stays below. 262144 where EventBridge or a target of the bus takes no more.
   * @default 1048576
   */
  readonly eventEntryBytes?: number;
  /**
   * Put presigned URLs of replay clips into replay documents, as Media Replay Engine does. They open the clips to everyone who has
   * the document.
   * @default false
   */
  readonly previewUrls?: boolean;
  /**
   * Bucket with Media Replay Engine's replay clips; `previewUrls` needs it.
   * @default - none
   */
  readonly mreMediaBucket?: IBucket;
}

/** What a MediaExport is made of. */
export interface MediaExportProps extends MediaExportParameters {
  /**
   * Folder of the Media Export checkout that `make build layer` ran in.
   * @default - the one that this package lies in
   */
  readonly checkout?: string;
}
