export { MediaExport } from './media-export';
export { AUTH_MODES, DATA_EXPORT_AUTHS, FFMPEG_CAGES, LOG_LEVELS } from './props';
export type { AuthMode, BucketArn, DataExportAuth, FfmpegCage, LogLevel, MediaExportParameters, MediaExportProps } from './props';
