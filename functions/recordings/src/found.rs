//! `GET /recordings`: the folders and recordings in a folder of the tenant.

use crate::App;
use crate::handler::{Miss, check_parameters};
use export_domain::ids::{FolderPath, LivePath, MANIFESTS};
use export_domain::ports::{
    Clock, PlayLinks, RecordingError, RecordingLists, Sessions, SourceStore, Tenants,
};
use export_domain::recordings::{
    FoundRecording, MANIFEST_NAMES, RecordingPage, cursor_behind, name_before, recording_in,
};
use export_domain::request::FieldError;
use export_domain::tenant::Tenant;
use export_domain::time::EpochMs;
use export_lambda::http::{Reply, Request};
use futures_util::future::join_all;

/// Names on a page: default and most.
const PAGE: (usize, usize) = (50, 200);
/// Folders that are looked into at the same time.
const AT_ONCE: usize = 16;
/// Query parameters.
const KNOWN: [&str; 3] = ["under", "limit", "cursor"];

impl<O, S, T, C> App<O, S, T, C>
where
    O: SourceStore + RecordingLists + PlayLinks + 'static,
    S: Sessions,
    T: Tenants,
    C: Clock,
{
    /// Answers with a page of what lies in `under`.
    pub(crate) async fn found(&self, request: &Request) -> Result<Reply, Miss> {
        check_parameters(request, &KNOWN)?;
        let tenant = self.tenant(request).await?;
        let under = request.parameter("under").unwrap_or_default();
        let under = FolderPath::parse(&under).map_err(|error| FieldError::new("under", error.to_string()))?;
        let parameter = |name: &str| request.parameter(name).filter(|text| !text.is_empty());
        let most = match parameter("limit") {
            None => Some(PAGE.0),
            Some(text) => text.parse().ok().filter(|most| (1..=PAGE.1).contains(most)),
        };
        let most = most.ok_or_else(|| FieldError::new("limit", "must be a number from 1 to 200"))?;
        let after = parameter("cursor").map(|cursor| {
            name_before(&cursor).ok_or_else(|| FieldError::new("cursor", "is not one of ours"))
        });
        let after = after.transpose()?;
        let own = if after.is_none() { self.manifests(&tenant, &under).await? } else { Vec::new() };
        // A recording's folder holds its segments, which are not listed.
        let page = if own.is_empty() {
            self.page(&tenant, &under, after.as_deref(), most).await?
        } else {
            RecordingPage { recordings: own, ..RecordingPage::default() }
        };
        let (folders, recordings) = (page.folders.len(), page.recordings.len());
        tracing::info!(tenant = %tenant.id, folders, recordings, "listed recordings");
        Ok(Reply::new(200).with_json("application/json", &page))
    }

    async fn page(
        &self,
        tenant: &Tenant,
        under: &FolderPath,
        after: Option<&str>,
        most: usize,
    ) -> Result<RecordingPage, RecordingError> {
        let part = self.objects.folder(&tenant.source(), &tenant.folder_key(under), after, most).await?;
        let mut page =
            RecordingPage { next: part.next.as_deref().map(cursor_behind), ..RecordingPage::default() };
        for (name, written) in part.objects.iter().filter(|(name, _)| is_manifest(name)) {
            match recording_in(under, name) {
                Ok(path) => page.recordings.push(FoundRecording::new(&path, *written)),
                Err(_) => page.left_out += 1,
            }
        }
        let mut folders = Vec::new();
        for name in &part.folders {
            match under.join(name) {
                Ok(folder) => folders.push(folder),
                Err(_) => page.left_out += 1,
            }
        }
        for folders in folders.chunks(AT_ONCE) {
            let looks = join_all(folders.iter().map(|folder| self.manifests(tenant, folder))).await;
            for (folder, recordings) in folders.iter().zip(looks) {
                match recordings? {
                    none if none.is_empty() => page.folders.push(folder.to_string()),
                    recordings => page.recordings.extend(recordings),
                }
            }
        }
        Ok(page)
    }

    /// The recordings whose manifests lie in a folder under one of the usual names.
    async fn manifests(
        &self,
        tenant: &Tenant,
        folder: &FolderPath,
    ) -> Result<Vec<FoundRecording>, RecordingError> {
        let mut found = Vec::new();
        for path in MANIFEST_NAMES.iter().filter_map(|name| recording_in(folder, name).ok()) {
            if let Some(written) = self.written_at(tenant, &path).await? {
                found.push(FoundRecording::new(&path, written));
            }
        }
        Ok(found)
    }

    async fn written_at(&self, tenant: &Tenant, path: &LivePath) -> Result<Option<EpochMs>, RecordingError> {
        self.objects.written_at(&tenant.source(), &tenant.manifest_key(path)).await
    }
}

/// Keys of S3 tell upper case from lower case.
fn is_manifest(name: &str) -> bool {
    MANIFESTS.iter().any(|ending| name.ends_with(ending))
}
