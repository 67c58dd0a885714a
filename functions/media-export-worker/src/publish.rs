//! Publish once: an object becomes visible only if there is none at its key, and its manifest is on record before.
//!
//! Whoever finds the key taken looks who made the object. If its manifest is staged, it is adopted: the same request
//! gives the same clip. An object that nobody has a record of is replaced.

use crate::error::WorkError;
use crate::lease::Lease;
use crate::upload::{Content, Place, Prepared};
use export_domain::job::{Manifest, ObjectKind};
use export_domain::ports::{ClipStore, Clock, JobStore, Precondition, Published, StoredObject};

/// Makes `prepared` visible, or adopts what is there; returns the manifest of what is visible then.
pub(crate) async fn publish<O: ClipStore, J: JobStore, C: Clock>(
    store: &O,
    lease: &Lease<'_, J, C>,
    object: ObjectKind,
    place: &Place,
    prepared: &Prepared,
    manifest: Manifest,
) -> Result<Manifest, WorkError> {
    let staged = manifest.clone();
    lease.write(move |job, fence, now, _| job.with_staged(fence, object, staged.clone(), now)).await?;
    if make_visible(store, place, prepared, &Precondition::Absent).await? == Published::Done {
        return Ok(manifest);
    }
    let Some(found) = store.head(&place.target, &place.key).await? else {
        return Err(WorkError::Passing("the object in the way has gone".to_owned()));
    };
    if found.origin.as_ref() == Some(&place.origin) && found.is(&manifest) {
        return Ok(manifest);
    }
    // Whoever has the claim by now may have made it: only the job as it is, still claimed, says that nobody did.
    lease.confirm().await?;
    if let Some(theirs) = recorded(lease, object, &found).await {
        discard(store, place, prepared).await;
        return Ok(theirs);
    }
    match make_visible(store, place, prepared, &Precondition::Replaces(found.etag)).await? {
        Published::Done => Ok(manifest),
        Published::Refused => Err(WorkError::Passing("the object in the way changed".to_owned())),
    }
}

/// The manifest of what an earlier attempt published without saying so.
pub(crate) async fn adopt<O: ClipStore, J: JobStore, C: Clock>(
    store: &O,
    lease: &Lease<'_, J, C>,
    object: ObjectKind,
    place: &Place,
) -> Result<Option<Manifest>, WorkError> {
    if !lease.job().await.staged.iter().any(|staged| staged.object == object) {
        return Ok(None);
    }
    match store.head(&place.target, &place.key).await? {
        Some(found) => Ok(recorded(lease, object, &found).await),
        None => Ok(None),
    }
}

async fn recorded<J: JobStore, C: Clock>(
    lease: &Lease<'_, J, C>,
    object: ObjectKind,
    found: &StoredObject,
) -> Option<Manifest> {
    let job = lease.job().await;
    let origin = found.origin.as_ref().filter(|origin| origin.job_id == job.job_id)?;
    job.staged(object, origin.generation, origin.fence).filter(|manifest| found.is(manifest)).cloned()
}

async fn make_visible<O: ClipStore>(
    store: &O,
    place: &Place,
    prepared: &Prepared,
    when: &Precondition,
) -> Result<Published, WorkError> {
    let target = &place.target;
    Ok(match &prepared.content {
        Content::Whole(body) => {
            store.put(target, &place.key, place.content_type, &place.origin, when, body.clone()).await?
        }
        Content::Parts(upload, parts) => store.complete(target, upload, parts, when).await?,
    })
}

/// What cannot be thrown away now, the bucket's lifecycle rule throws away later.
async fn discard<O: ClipStore>(store: &O, place: &Place, prepared: &Prepared) {
    if let Content::Parts(upload, _) = &prepared.content
        && let Err(error) = store.abort(&place.target, upload).await
    {
        tracing::warn!(%error, "failed to abort an upload");
    }
}
