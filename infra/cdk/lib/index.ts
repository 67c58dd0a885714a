export { MediaExport } from './media-export';
export { AUTH_MODES, DATA_EXPORT_AUTHS, LOG_LEVELS } from './props';
export type { AuthMode, BucketArn, DataExportAuth, LogLevel, MediaExportParameters, MediaExportProps } from './props';
