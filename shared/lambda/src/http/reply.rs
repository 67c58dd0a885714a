//! The legacy reply as an HTTP response.

use export_domain::intake::Rejection;
use export_domain::legacy::{Answer, Outcome, Via, answer};
use export_domain::request::FieldError;
use export_domain::settings::ReplyStyle;
use lambda_http::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use lambda_http::http::{HeaderName, HeaderValue, StatusCode};
use lambda_http::{Body, Response};

/// The response of an answer: strict JSON, `Retry-After` whenever the client shall ask again, `Location` of the job.
pub fn reply(answer: &Answer) -> Response<Body> {
    let text = serde_json::to_string(&answer.reply).unwrap_or_default();
    let mut response = Response::new(Body::Text(text));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if answer.reply.time_wait > 0 {
        let seconds = (answer.reply.time_wait + 999) / 1000;
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    match &answer.reply.job_id {
        Some(id) => with_header(response, LOCATION, &format!("/export/status/{id}")),
        None => response,
    }
}

/// The response to what is no request.
pub fn refuse() -> Response<Body> {
    let error = FieldError::new("body", "the request cannot be read");
    let rejection = Rejection::Invalid(error);
    reply(&answer(Outcome::Rejected(&rejection), Via::Submit, 0, ReplyStyle::default()))
}

/// Adds a header; a value that HTTP cannot carry is left out.
pub fn with_header(mut response: Response<Body>, name: HeaderName, value: &str) -> Response<Body> {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}
