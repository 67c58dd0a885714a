//! The version of the service: `GET /export/version`.

use crate::App;
use export_domain::ports::{Clock, Sessions, Tenants};
use export_domain::version::BuildVersion;
use export_lambda::http::negotiate::knows;
use export_lambda::http::{Reply, Request, problem, refused};

/// The route.
pub(crate) const VERSION_ROUTE: &str = "/export/version";

impl<J, S, T, C> App<J, S, T, C>
where
    S: Sessions,
    T: Tenants,
    C: Clock,
{
    /// The version that this function was built from. The route asks for a session as its neighbours do: strangers do not
    /// learn how old the service is.
    pub(crate) async fn version(&self, request: &Request) -> Reply {
        if let Some(name) = request.unknown_parameter(&[]) {
            tracing::info!("rejected a request with an unknown query parameter");
            return problem(400, &format!("{name}: is no parameter of this route"));
        }
        match self.intake.tenant(request.session().as_ref()).await {
            Ok(_) => found(request.header("if-none-match"), &BuildVersion::OWN),
            Err(rejection) => {
                tracing::info!(?rejection, "rejected a request for the version");
                refused(request, &rejection)
            }
        }
    }
}

/// The version, or 304 if the client has it. A cache asks each time, since the next deployment changes the answer.
fn found(if_none_match: Option<&str>, version: &BuildVersion) -> Reply {
    let tag = version.etag();
    let reply = if if_none_match.is_some_and(|known| knows(known, &tag)) {
        Reply::new(304)
    } else {
        Reply::new(200).with_json("application/json", version)
    };
    reply.with("etag", tag).with("cache-control", "private, no-cache")
}
