//! The files of a job with links to them, for clients that hold a session and no rights at the bucket.

use crate::job::Manifest;
use crate::time::EpochMs;
use serde::Serialize;
use std::fmt;

/// Links to a job's files.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = JobFiles))]
pub struct Files<'a> {
    /// End of the links, at most 15 minutes from now.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    expires_at: String,
    /// The clip; absent if only the picture was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    video: Option<LinkedFile<'a>>,
    /// The first frame as JPEG; absent if the recording has no video.
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<LinkedFile<'a>>,
}

/// One file with a link to it. The link grants access to its holder: never logged.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = JobFile))]
pub struct LinkedFile<'a> {
    /// Opens the file by `GET` to everyone who has it. To be read without credentials. A file that was removed or has
    /// expired is refused by S3 with 403 or 404.
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    pub url: String,
    /// Size in bytes.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    bytes: u64,
    /// SHA-256 of the file; absent if it was uploaded in parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(pattern = "^[0-9a-f]{64}$"))]
    sha256: Option<&'a str>,
    /// `Content-Type` of the file.
    content_type: &'static str,
    /// The name that the file is saved by.
    file_name: &'a str,
}

impl fmt::Debug for LinkedFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkedFile({})", self.file_name)
    }
}

impl<'a> Files<'a> {
    /// Links that end at `expires_at`.
    pub fn new(expires_at: EpochMs, video: Option<LinkedFile<'a>>, image: Option<LinkedFile<'a>>) -> Self {
        Self { expires_at: expires_at.to_secs().start().to_rfc3339(), video, image }
    }
}

impl<'a> LinkedFile<'a> {
    /// The file of `manifest`, which `url` reads.
    pub fn new(url: String, manifest: &'a Manifest, content_type: &'static str, file_name: &'a str) -> Self {
        let sha256 = (manifest.parts == 0).then_some(manifest.sha256.as_str());
        Self { url, bytes: manifest.bytes, sha256, content_type, file_name }
    }
}
