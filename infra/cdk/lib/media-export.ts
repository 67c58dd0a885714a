import { existsSync } from 'node:fs';
import * as path from 'node:path';
import { Stack } from 'aws-cdk-lib';
import { HttpApi, type CfnApi, type IHttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { Table, type CfnTable, type ITable } from 'aws-cdk-lib/aws-dynamodb';
import { EventBus, type IEventBus } from 'aws-cdk-lib/aws-events';
import { type IRole, Role } from 'aws-cdk-lib/aws-iam';
import { Function as LambdaFunction, type IFunction } from 'aws-cdk-lib/aws-lambda';
import { Bucket, type IBucket } from 'aws-cdk-lib/aws-s3';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import type { CfnFunction, CfnLayerVersion } from 'aws-cdk-lib/aws-sam';
import { Topic, type ITopic } from 'aws-cdk-lib/aws-sns';
import { Queue, type CfnQueue, type IQueue } from 'aws-cdk-lib/aws-sqs';
import { type IStateMachine, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledged';
import { brokenRules, parameterValues } from './parameters';
import type { MediaExportProps } from './props';
import { decided, inFile, readTemplate, type Template } from './template';

/** The checkout that this package lies in. */
const OWN_CHECKOUT = path.resolve(__dirname, '../../../..');

/**
 * Media Export: the resources of `infra/sam/template.yaml` under their own logical ids, so that a stack holds it once. A second one
 * goes into a Stack of its own.
 */
export class MediaExport extends Construct {
  /** The included template: `getResource(logicalId)` for what has no prop here. */
  readonly template: CfnInclude;

  readonly api: IHttpApi;
  /** Base URL of the HTTP API. */
  readonly apiUrl: string;
  /** What the record of `domainName` points at, if there is one. */
  readonly domainTarget?: string;

  /** Where recordings are read. */
  readonly sourceBucket: IBucket;
  /** Where clips are written. */
  readonly exportBucket: IBucket;
  /** Where data exports are kept; like all that data exports need, not there without `dataExport`. */
  readonly exportOutputBucket?: IBucket;

  readonly jobsTable: ITable;
  readonly sessionsTable: ITable;
  readonly tenantsTable: ITable;
  readonly exportStateTable?: ITable;

  readonly clipQueue: IQueue;
  readonly clipDeadLetterQueue: IQueue;
  readonly bulkQueue: IQueue;
  readonly bulkDeadLetterQueue: IQueue;
  readonly thumbnailQueue: IQueue;
  readonly thumbnailDeadLetterQueue: IQueue;
  readonly dataExportQueue?: IQueue;
  /** Triggers that made no export, as they were received. */
  readonly dataExportDeadLetterQueue?: IQueue;

  readonly mediaExportSubmitFunction: IFunction;
  readonly exportBatchFunction: IFunction;
  readonly statusPollFunction: IFunction;
  readonly mediaReadFunction: IFunction;
  readonly recordingsFunction: IFunction;
  readonly mediaExportClipWorkerFunction: IFunction;
  readonly mediaExportBulkWorkerFunction: IFunction;
  readonly mediaExportThumbnailWorkerFunction: IFunction;
  /** Makes chunks of clips, with `fanOut`. */
  readonly mediaExportChunkWorkerFunction?: IFunction;
  /** Runs them. */
  readonly chunkMachine?: IStateMachine;
  readonly jobSweeperFunction: IFunction;
  readonly eventExportFunction?: IFunction;
  readonly replayExportFunction?: IFunction;
  readonly dataExportWorkerFunction?: IFunction;

  /** Who reads recordings and writes clips, with `tenantCredentials`. */
  readonly dataRole?: IRole;

  /** Where alarms are published. */
  readonly alarmTopic: ITopic;
  readonly dashboardName: string;
  /** Name of the event bus that is told of every job that ended; empty if nobody is. */
  readonly completionBusName: string;

  /** Media Replay Engine's tables and bus: those given, or those created. */
  readonly eventTable?: ITable;
  readonly pluginTable?: ITable;
  readonly profileTable?: ITable;
  readonly modelTable?: ITable;
  readonly pluginResultTable?: ITable;
  readonly clipPreviewFeedbackTable?: ITable;
  readonly replayRequestTable?: ITable;
  readonly replayResultTable?: ITable;
  readonly eventBus?: IEventBus;

  constructor(scope: Construct, id: string, props: MediaExportProps = {}) {
    super(scope, id);
    refuseMisplaced(this);
    const checkout = path.resolve(props.checkout ?? OWN_CHECKOUT);
    const template = readTemplate(templateFile(checkout));
    const values = parameterValues(props, template);
    const objections = brokenRules(template, values);
    if (objections.length > 0) throw new Error(`MediaExport: ${objections.join(' ')}`);

    const made = decided(template, values);
    this.template = inFile(
      made,
      templateFile => new CfnInclude(this, 'Template', { templateFile, parameters: values }),
    );
    attachCode(this, made.Resources, checkout);
    acknowledge(this);

    const api = this.resource<CfnApi>('Api');
    this.api = HttpApi.fromHttpApiAttributes(this, 'Api', { httpApiId: api.ref, apiEndpoint: api.attrApiEndpoint });
    this.apiUrl = this.output('ApiUrl');
    if (props.domainName) this.domainTarget = this.output('DomainTarget');

    this.sourceBucket = props.sourceBucket ?? this.bucket('SourceBucket');
    this.exportBucket = props.exportBucket ?? this.bucket('ExportBucket');

    this.jobsTable = this.table('JobsTable');
    this.sessionsTable = this.table('SessionsTable');
    this.tenantsTable = this.table('TenantsTable');

    this.clipQueue = this.queue('ClipQueue');
    this.clipDeadLetterQueue = this.queue('ClipDeadLetterQueue');
    this.bulkQueue = this.queue('BulkQueue');
    this.bulkDeadLetterQueue = this.queue('BulkDeadLetterQueue');
    this.thumbnailQueue = this.queue('ThumbnailQueue');
    this.thumbnailDeadLetterQueue = this.queue('ThumbnailDeadLetterQueue');

    this.mediaExportSubmitFunction = this.function('MediaExportSubmit');
    this.exportBatchFunction = this.function('ExportBatch');
    this.statusPollFunction = this.function('StatusPoll');
    this.mediaReadFunction = this.function('MediaRead');
    this.recordingsFunction = this.function('Recordings');
    this.mediaExportClipWorkerFunction = this.function('MediaExportClipWorker');
    this.mediaExportBulkWorkerFunction = this.function('MediaExportBulkWorker');
    this.mediaExportThumbnailWorkerFunction = this.function('MediaExportThumbnailWorker');
    this.jobSweeperFunction = this.function('JobSweeper');
    if (props.fanOut === true) {
      this.mediaExportChunkWorkerFunction = this.function('MediaExportChunkWorker');
      this.chunkMachine = StateMachine.fromStateMachineArn(this, 'ChunkMachine', this.template.getResource('ChunkMachine').ref);
    }

    if (props.tenantCredentials === true) this.dataRole = this.role('DataRole');
    this.alarmTopic = Topic.fromTopicArn(this, 'AlarmTopic', this.template.getResource('AlarmTopic').ref);
    this.completionBusName = values['CompletionBusName'] ?? '';
    this.dashboardName = this.output('DashboardName');

    if (props.dataExport === false) return;
    this.exportOutputBucket = props.exportOutputBucket ?? this.exportBucket;
    this.exportStateTable = this.table('ExportStateTable');
    this.dataExportQueue = this.queue('DataExportQueue');
    this.dataExportDeadLetterQueue = this.queue('DataExportDeadLetterQueue');
    this.eventExportFunction = this.function('EventExport');
    this.replayExportFunction = this.function('ReplayExport');
    this.dataExportWorkerFunction = this.function('DataExportWorker');
    const ownMre = props.createMreTables === true;
    const mreTable = (given: ITable | undefined, logicalId: string) => (!ownMre && given) || this.table(logicalId);
    this.eventTable = mreTable(props.eventTable, 'MreEventTable');
    this.pluginTable = mreTable(props.pluginTable, 'MrePluginTable');
    this.profileTable = mreTable(props.profileTable, 'MreProfileTable');
    this.modelTable = mreTable(props.modelTable, 'MreModelTable');
    this.pluginResultTable = mreTable(props.pluginResultTable, 'MrePluginResultTable');
    this.clipPreviewFeedbackTable = mreTable(props.clipPreviewFeedbackTable, 'MreClipReviewFeedbackTable');
    this.replayRequestTable = mreTable(props.replayRequestTable, 'MreReplayRequestTable');
    this.replayResultTable = mreTable(props.replayResultTable, 'MreReplayResultTable');
    const busName = ownMre ? this.template.getResource('MreEventBus').ref : values['EventBusName']!;
    this.eventBus = (!ownMre && props.eventBus) || EventBus.fromEventBusName(this, 'EventBus', busName);
  }

  private resource<T>(logicalId: string): T {
    return this.template.getResource(logicalId) as T;
  }

  private output(name: string): string {
    return String(this.template.getOutput(name).value);
  }

  private bucket(logicalId: string): IBucket {
    return Bucket.fromBucketName(this, logicalId, this.template.getResource(logicalId).ref);
  }

  private table(logicalId: string): ITable {
    const table = this.resource<CfnTable>(logicalId);
    const indexes = Stack.of(this).resolve(table.globalSecondaryIndexes) as { indexName: string }[] | undefined;
    return Table.fromTableAttributes(this, logicalId, {
      tableName: table.ref,
      globalIndexes: indexes?.map(each => each.indexName),
    });
  }

  private queue(logicalId: string): IQueue {
    const queue = this.resource<CfnQueue>(logicalId);
    const { attrArn: queueArn, attrQueueName: queueName, ref: queueUrl } = queue;
    return Queue.fromQueueAttributes(this, logicalId, { queueArn, queueName, queueUrl });
  }

  private function(logicalId: string): IFunction {
    const [functionArn, role] = [this.arn(logicalId), this.role(`${logicalId}Role`)];
    return LambdaFunction.fromFunctionAttributes(this, logicalId, { functionArn, role, sameEnvironment: true });
  }

  private role(logicalId: string): IRole {
    return Role.fromRoleArn(this, logicalId, this.arn(logicalId));
  }

  private arn(logicalId: string): string {
    return this.template.getResource(logicalId).getAtt('Arn').toString();
  }
}

function refuseMisplaced(construct: MediaExport): void {
  const stack = Stack.of(construct);
  // Whether CloudFormation expands SAM's transform there depends on how the outer stack is deployed.
  if (stack.nested) throw new Error('MediaExport: a NestedStack cannot hold one; use a Stack.');
  const all = stack.node.findAll().filter(each => each instanceof MediaExport && Stack.of(each) === stack);
  if (all.length > 1) {
    throw new Error(
      `MediaExport: ${stack.node.path} has one already, and the template's logical ids are fixed; use a Stack for each.`,
    );
  }
}

function templateFile(checkout: string): string {
  const file = path.join(checkout, 'infra/sam/template.yaml');
  if (!existsSync(file)) {
    throw new Error(`MediaExport: there is no ${file}; set \`checkout\` to the folder of a Media Export checkout`);
  }
  return file;
}

/** Puts assets where the template has local paths, as `sam package` does. */
function attachCode(construct: MediaExport, resources: Template['Resources'], checkout: string): void {
  const code = Object.entries(resources).flatMap(([logicalId, { Properties }]) => {
    const uri = Properties?.['CodeUri'] ?? Properties?.['ContentUri'];
    return typeof uri === 'string' ? [{ logicalId, file: path.resolve(checkout, 'infra/sam', uri) }] : [];
  });
  const missing = code.filter(each => !existsSync(each.file)).map(each => path.relative(checkout, each.file));
  if (missing.length > 0) {
    const files = [...new Set(missing)].join(', ');
    throw new Error(`MediaExport: ${files} missing; run \`make build layer\` in ${checkout}`);
  }
  const assets = new Construct(construct, 'Code');
  for (const { logicalId, file } of code) {
    const asset = new Asset(assets, logicalId, { path: file });
    const location = { bucket: asset.s3BucketName, key: asset.s3ObjectKey };
    const resource = construct.template.getResource(logicalId);
    if (resource.cfnResourceType === 'AWS::Serverless::Function') (resource as CfnFunction).codeUri = location;
    else (resource as CfnLayerVersion).contentUri = location;
  }
}
