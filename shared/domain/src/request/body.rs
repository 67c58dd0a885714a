//! The body of `POST /export` for the API's description. What reads it is [`parse`](super::parse), member by member,
//! so that each error names its field; `tests/openapi` and `tests/contract` hold the two together.

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{
    KnownFormat, Object, ObjectBuilder, OneOf, Schema, SchemaFormat, SchemaType, Type,
};

/// The export to make. `null` counts as absent, and members that are not listed are ignored.
#[derive(Debug, ToSchema)]
#[schema(as = ExportRequest)]
pub struct Body {
    /// Start of the window, in milliseconds since 1970-01-01T00:00:00Z. A client that computes it from a frame's
    /// number rounds down. From 1000000000 to 99999999999 it is refused, since it looks like seconds. At most 30 days
    /// ahead, unless an operator sets another bound. It wins over `StartTime`, unless the recording has no clock
    /// (`availabilityStartTime` is 1970-01-01T00:00:00Z or missing).
    #[schema(rename = "StartPos", minimum = 0, maximum = 4_102_444_800_000_i64)]
    pub start_pos: i64,
    /// `StartTime`, as `start_time` describes it.
    #[schema(rename = "StartTime", schema_with = start_time)]
    pub start_time: String,
    /// Length of the window in milliseconds. A clip has at least 1 and at most 14400000, unless the service was
    /// deployed with another `MaxDurationMs`; for a picture it must be there but means nothing.
    #[schema(rename = "Duration", minimum = 0, maximum = 4_102_444_800_000_i64)]
    pub duration: i64,
    /// The recording's DASH manifest or HLS playlist, or the one file that it is, relative to the tenant's recordings: 2 to 16
    /// segments, none of them `.` or `..`, 512 bytes at most.
    #[schema(
        rename = "LivePath",
        max_length = 512,
        pattern = r"^((?!\.{1,2}/)[A-Za-z0-9._=@+ -]{1,128}/){1,15}([A-Za-z0-9._=@+ -]{0,124}\.mp[d4]|[A-Za-z0-9._=@+ -]{0,123}\.m(3u8|2ts)|[A-Za-z0-9._=@+ -]{0,125}\.ts)$"
    )]
    pub live_path: String,
    /// `true` makes a clip and its first frame, `false` (the default) only the frame at `StartPos`.
    #[schema(rename = "FetchMedia")]
    pub fetch_media: Option<bool>,
    /// `true` is allowed only without `FetchMedia`, where it says once more that only a picture is wanted.
    #[schema(rename = "FetchThumb")]
    pub fetch_thumb: Option<bool>,
    /// `ServiceCaller`, as `service_caller` describes it.
    #[schema(rename = "ServiceCaller", schema_with = service_caller)]
    pub service_caller: Option<String>,
    /// `export_type`, as the function of this name describes it.
    #[schema(rename = "export_type", schema_with = export_type)]
    pub export_type: Option<i64>,
    /// The clip's name: letters, marks and digits of any script, the space and `._()+=@,&'[]-`; the pattern names only
    /// the ASCII characters that are refused, since generators know no classes of Unicode. Its extension is the
    /// container's; one that the name already ends in is not doubled. 128 characters and 240 bytes of UTF-8 at most, in
    /// Unicode NFC; by default `clip_<StartPos>`. Another name is another job.
    #[schema(
        rename = "FileName",
        min_length = 1,
        max_length = 128,
        pattern = r"^(?!\.)[^\x00-\x1f\x21-\x25\x2a\x2f\x3a-\x3c\x3e\x3f\x5c\x5e\x60\x7b-\x7f]+$"
    )]
    pub file_name: Option<String>,
    /// The recording device; becomes part of the picture's name.
    #[schema(rename = "PeerId", pattern = "^[0-9A-Fa-f]{1,32}$")]
    pub peer_id: Option<String>,
    /// The session. Read before the headers `X-Session-Id` and `Authorization`; one that is no string counts as absent.
    /// It is no part of the job's identity.
    #[schema(rename = "SessionId", min_length = 16, max_length = 256, pattern = "^[!-~]+$")]
    pub session_id: Option<String>,
    /// `container`, as `clip_container` describes it.
    #[schema(schema_with = clip_container)]
    pub container: Option<String>,
    /// The clip's destination and container: base64 (standard or URL-safe, with or without padding, 8 KiB at
    /// most) of a JSON array of `StorageEntry`, of `{"storage_info": [...]}`, or of the bare fragment
    /// `"storage_info": [...]`. The first enabled S3 entry that the tenant may write to is taken; if there is none,
    /// access is denied. An empty text and the placeholder `BASE64 string` count as absent: then the clip goes to the
    /// tenant's own target, in `container`.
    #[schema(
        rename = "storage_info",
        max_length = 8192,
        content_encoding = "base64",
        content_media_type = "application/json"
    )]
    pub storage_info: Option<String>,
    /// Used only without `storage_info`, and only if the tenant may write to this bucket in this region; else
    /// ignored.
    #[schema(rename = "S3Region", deprecated)]
    pub s3_region: Option<String>,
    /// See `S3Region`.
    #[schema(rename = "S3Bucket", deprecated)]
    pub s3_bucket: Option<String>,
    /// The user on whose behalf the client asks. Not stored, and no matter of access.
    #[schema(max_length = 256)]
    pub userid: Option<String>,
    /// The story that the clip belongs to; comes back in the job.
    pub story: Option<StoryBody>,
    /// `_ServiceName`, as `service_name` describes it.
    #[schema(rename = "_ServiceName", schema_with = service_name)]
    pub service: Option<String>,
    /// `_UrlPath`, as `url_path` describes it.
    #[schema(rename = "_UrlPath", schema_with = url_path)]
    pub url_path: Option<String>,
    /// `_Version`, as `version` describes it.
    #[schema(rename = "_Version", schema_with = version)]
    pub version: Option<i64>,
}

/// A story, as a request gives it.
#[derive(Debug, ToSchema)]
#[schema(as = StoryRequest)]
pub struct StoryBody {
    /// Its id.
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9]*$")]
    pub id: Option<String>,
    /// Its name.
    #[schema(max_length = 256)]
    pub name: Option<String>,
    /// base64 (as `storage_info`) of a JSON object `SlugRequest`, of `{"slug_info": {...}}`, or of the bare fragment
    /// `"slug_info": {...}`. An empty text and the placeholder `BASE64 string` count as absent.
    #[schema(max_length = 8192, content_encoding = "base64", content_media_type = "application/json")]
    pub slug_info: Option<String>,
}

/// A clip's place in a rundown, inside the base64 of `slug_info`; every member is free text.
#[derive(Debug, ToSchema)]
#[schema(as = SlugRequest)]
pub struct SlugBody {
    /// `slug_id`
    #[schema(max_length = 256)]
    pub slug_id: Option<String>,
    /// `slug_name`
    #[schema(max_length = 256)]
    pub slug_name: Option<String>,
    /// `slug_date`
    #[schema(max_length = 256)]
    pub slug_date: Option<String>,
    /// `clipped_date`
    #[schema(max_length = 256)]
    pub clipped_date: Option<String>,
    /// `clip_length`
    #[schema(max_length = 256)]
    pub clip_length: Option<String>,
}

/// One place to deliver to, inside the base64 of `storage_info`.
#[derive(Debug, ToSchema)]
#[schema(as = StorageEntry)]
pub struct StorageBody {
    /// `storage_purpose`, as `container` describes it.
    #[schema(schema_with = container)]
    pub storage_purpose: String,
    /// Only `S3` is delivered to; entries of other types are passed over.
    pub storage_type: Option<String>,
    /// `false` passes the entry over.
    #[schema(default = true)]
    pub storage_enable: Option<bool>,
    /// Bucket.
    pub storage_name: String,
    /// Region of the bucket, as the tenant's target has it; without it nothing matches a target that has one.
    pub storage_location: Option<String>,
    /// For people.
    pub storage_description: Option<String>,
    /// Prefix of the keys, as the tenant's target has it; `S3Dir` comes behind it.
    pub storage_root_folder: Option<String>,
}

fn start_time() -> Schema {
    // Up to 720 hours, with as many leading zeros as the reader takes.
    let hours = "0{0,3}([0-6][0-9]{2}|7[01][0-9])|[0-9]{1,2}";
    let clock = format!(r"({hours}):[0-5][0-9]:[0-5][0-9](\.[0-9]{{1,3}})?|0{{0,3}}720:00:00(\.0{{1,3}})?");
    let large = "[01][0-9]{9}|2[0-4][0-9]{8}|25[0-8][0-9]{7}|259[01][0-9]{6}|2592000000";
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(format!("^({clock}|[0-9]{{1,9}}|0{{0,5}}({large}))$")))
        .examples(["00:13:12", "00:00:07.300", "792000"]);
    let number = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(0))
        .maximum(Some(2_592_000_000_i64));
    let either = OneOf::builder()
        .description(Some(
            "The same instant, counted from the start of the recording: `HH:MM:SS`, `HH:MM:SS.mmm`, or \
             milliseconds as text or as a number; 0 to 30 days.",
        ))
        .item(text)
        .item(number)
        .build();
    Schema::OneOf(either)
}

fn service_caller() -> Object {
    one_of([Type::String], [Some("mma"), Some("search"), None], "Who asks; required for a clip.")
}

fn export_type() -> Object {
    let codecs = "The clip's codec: 0 as recorded (the default), 1 H.264, 2 H.265.";
    one_of([Type::Integer], [Some(0), Some(1), Some(2), None], codecs)
}

fn clip_container() -> Object {
    let what = "The clip's container: `ts` is MPEG-TS (the default), `mp4` is MP4 with its index first. Of the entries \
        of `storage_info` only those of this purpose count; if there is none, the request is refused. Another \
        container is another job.";
    one_of([Type::String], [Some("ts"), Some("mp4"), None], what)
}

fn service_name() -> Object {
    one_of([Type::String], [Some("resourceservice"), None], "Envelope: the service's name.")
}

fn url_path() -> Object {
    one_of([Type::String], [Some("export"), None], "Envelope: the route.")
}

fn version() -> Schema {
    // No `enum`: generators make a name of each value, and the number and its text would share one.
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(1));
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^1$"));
    let nothing = ObjectBuilder::new().schema_type(Type::Null);
    let either = OneOf::builder().description(Some("Envelope: the version, as a number or as text."));
    Schema::OneOf(either.item(number).item(text).item(nothing).build())
}

fn container() -> Object {
    let what = "The container: MPEG-TS, or MP4 with its index first.";
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["ts", "mp4"]))
        .description(Some(what))
        .build()
}

/// One of `values`, or `null`.
fn one_of<V: Into<Value>>(
    kinds: impl IntoIterator<Item = Type>,
    values: impl IntoIterator<Item = Option<V>>,
    description: &str,
) -> Object {
    let kinds: SchemaType = kinds.into_iter().chain([Type::Null]).collect();
    let values = values.into_iter().map(|value| value.map_or(Value::Null, Into::into));
    ObjectBuilder::new().schema_type(kinds).enum_values(Some(values)).description(Some(description)).build()
}
