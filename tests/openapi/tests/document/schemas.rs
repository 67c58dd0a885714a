//! Component schemas: of the domain's types, and of Media Replay Engine's documents, whose schemas are files of
//! their own.

use crate::node::{Node, object};
use export_domain::batch::resource::{BatchList, BatchResource};
use export_domain::batch::{Fault, MOST_FAULTS};
use export_domain::edit::ClipEdits;
use export_domain::files::Files;
use export_domain::job::State;
use export_domain::recordings::{ClipPlan, RecordingPage, RecordingResource};
use export_domain::request::body::{Body, SlugBody, StorageBody};
use export_domain::resource::{Page, Resource};
use export_domain::tvu::ExportReply;
use export_domain::version::BuildVersion;
use indexmap::IndexMap;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// The longest clip of a service that was deployed with the default `MaxDurationMs`.
const LONGEST_CLIP_MS: i64 = 14_400_000;

/// Pages, of which the last has `null` for the next.
const PAGES: [&str; 2] = ["JobPage", "RecordingPage"];

/// A reference to a component schema.
pub(crate) fn schema(name: &str) -> Node {
    object! { "$ref" => format!("#/components/schemas/{name}") }
}

/// All component schemas by name.
pub(crate) fn all() -> Node {
    let requests = [named::<Body>(), named::<StorageBody>(), named::<SlugBody>()];
    let replies = [
        named::<ExportReply>(),
        named::<Resource<'_>>(),
        named::<Page<'_>>(),
        named::<State>(),
        named::<Files<'_>>(),
        named::<ClipEdits<'_>>(),
        named::<RecordingPage>(),
        named::<RecordingResource>(),
        named::<ClipPlan>(),
        named::<BuildVersion>(),
    ];
    let mut found: IndexMap<String, Node> = requests.into_iter().flatten().collect();
    let batches = [named::<BatchResource<'_>>(), named::<BatchList<'_>>(), named::<Fault>()];
    for (name, node) in replies.into_iter().chain(batches).flatten() {
        // A job's members are left out where they are absent, a batch's are null.
        let keeps_null = PAGES.contains(&name.as_str()) || name.starts_with("Batch");
        let node = if keeps_null { node } else { node.each(&without_null) };
        let other = found.insert(name.clone(), node.clone());
        assert!(other.is_none_or(|other| other == node), "two schemas are called {name}");
    }
    found.extend([
        ("Problem".to_owned(), problem()),
        ("BatchProblem".to_owned(), batch_problem()),
        ("BatchRequest".to_owned(), crate::batch::request()),
        ("GatewayError".to_owned(), gateway_error()),
        ("MreError".to_owned(), mre_error()),
        ("Blob".to_owned(), blob()),
        ("DocumentLink".to_owned(), link()),
        ("MreDocument".to_owned(), mre_document()),
    ]);
    found.extend(guide(
        "GuideEvent",
        include_str!("../../../../infra/openapi/guide-event-export.schema.json"),
    ));
    found.extend(guide(
        "GuideReplay",
        include_str!("../../../../infra/openapi/guide-replay-export.schema.json"),
    ));
    let mut all = Node::Object(found);
    let request = all.at("ExportRequest");
    *request = request.clone().with(clip_or_picture());
    let inside =
        object! { "contentSchema" => object! { "type" => "array", "items" => schema("StorageEntry") } };
    let storage = request.at("properties").at("storage_info");
    *storage = storage.clone().with(inside);
    let slug = all.at("StoryRequest").at("properties").at("slug_info");
    *slug = slug.clone().with(object! { "contentSchema" => schema("SlugRequest") });
    all
}

/// A type's schema and those that it refers to.
fn named<T: ToSchema>() -> Vec<(String, Node)> {
    let mut found = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut found);
    found.into_iter().map(|(name, schema)| (name, Node::of(&schema).each(&flowing))).collect()
}

/// A description's lines are a sentence's, not the document's.
fn flowing(mut members: IndexMap<String, Node>) -> Node {
    if let Some(Node::Leaf(Value::String(text))) = members.get_mut("description") {
        *text =
            text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect::<Vec<_>>().join("\n\n");
    }
    Node::Object(members)
}

/// Replies leave out what is absent.
fn without_null(mut members: IndexMap<String, Node>) -> Node {
    let null = Node::from("null");
    if let Some(Node::List(kinds)) = members.get_mut("type") {
        kinds.retain(|kind| *kind != null);
        if let [kind] = kinds.as_slice() {
            let kind = kind.clone();
            members.insert("type".to_owned(), kind);
        }
    }
    if let Some(Node::List(choices)) = members.get_mut("oneOf") {
        choices.retain(|choice| *choice != object! { "type" => "null" });
        if let [Node::Object(choice)] = choices.as_slice() {
            return Node::Object(choice.clone());
        }
    }
    Node::Object(members)
}

/// What a clip needs besides, by a condition: generators take the alternatives of an `anyOf` for types of their own and
/// drop what the alternatives share.
fn clip_or_picture() -> Node {
    json!({
        "if": {"properties": {"FetchMedia": {"const": true}}, "required": ["FetchMedia"]},
        "then": {
            "required": ["ServiceCaller"],
            "properties": {
                "FetchThumb": {"enum": [false, null]},
                "ServiceCaller": {"enum": ["mma", "search"]},
                "Duration": {"minimum": 1, "maximum": LONGEST_CLIP_MS},
            },
        },
    })
    .into()
}

fn problem() -> Node {
    json!({
        "description": "RFC 9457 problem details.",
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "const": "about:blank"},
            "title": {"type": "string", "description": "The status in words."},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "For people: which parameter is at fault, and why."},
        },
    })
    .into()
}

/// The problem of a body with several faults.
fn batch_problem() -> Node {
    let errors = json!({
        "type": "array", "maxItems": MOST_FAULTS, "description": "The faults, in the order of the text.",
        "items": {"$ref": "#/components/schemas/Fault"},
    });
    let mut problem = problem();
    problem.at("properties").members().insert("errors".to_owned(), errors.into());
    problem
}

fn gateway_error() -> Node {
    json!({
        "description": "What API Gateway answers itself.",
        "type": "object",
        "required": ["message"],
        "properties": {"message": {"type": "string"}},
    })
    .into()
}

fn mre_error() -> Node {
    json!({
        "description": "An error as Media Replay Engine words it.",
        "type": "object",
        "required": ["Code", "Message"],
        "properties": {
            "Code": {"enum": ["BadRequestError", "NotFoundError", "ServiceUnavailableError"]},
            "Message": {"type": "string"},
        },
        "additionalProperties": false,
    })
    .into()
}

fn blob() -> Node {
    json!({
        "description": "A document as Media Replay Engine's own routes give it.",
        "type": "object",
        "required": ["BlobContent"],
        "properties": {
            "BlobContent": {
                "type": "string",
                "description": "The document as text: JSON and a line end, or an edit list.",
            },
        },
        "additionalProperties": false,
    })
    .into()
}

fn link() -> Node {
    json!({
        "description": "Where a document is (`delivery=link`).",
        "type": "object",
        "required": ["Location", "ExpiresAt", "Bytes", "Sha256"],
        "properties": {
            "Location": {"type": "string", "format": "uri", "description": "Opens the document to everyone \
                who has it. To be read without credentials."},
            "ExpiresAt": {"type": "string", "format": "date-time", "description": "End of the link, at \
                most 15 minutes from now."},
            "Bytes": {"type": "integer", "format": "int64", "minimum": 0, "description": "Length of the \
                document."},
            "Sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256 of the \
                document."},
        },
        "additionalProperties": false,
    })
    .into()
}

fn mre_document() -> Node {
    json!({
        "description": "A document as Media Replay Engine 2.10 writes it, byte for byte (`view=mre`): \
            values have the type that they have in its tables, and one \
            that is missing there leaves its key out.",
        "type": "object",
        "required": ["Event", "Segments"],
        "properties": {
            "Event": {"type": "object", "required": ["Name", "Program"], "properties": {"Name": {"type": "string"}, "Program": {"type": "string"}}},
            "Replay": {"type": "object", "description": "Only in a replay's document."},
            "Segments": {"type": "array", "items": {"type": "object"}},
        },
    })
    .into()
}

/// The schema of a file: itself as `<prefix>Export`, and each of its definitions as a component of its own.
fn guide(prefix: &str, file: &str) -> Vec<(String, Node)> {
    let component = |definition: &str| {
        let (first, rest) = definition.split_at(1);
        format!("{prefix}{}{rest}", first.to_uppercase())
    };
    let moved = |mut members: IndexMap<String, Node>| {
        if let Some(Node::Leaf(Value::String(target))) = members.get_mut("$ref") {
            let definition = target.strip_prefix("#/$defs/").unwrap();
            *target = format!("#/components/schemas/{}", component(definition));
        }
        Node::Object(members)
    };
    let mut root = Node::parse(file).each(&moved);
    root.members().shift_remove("$schema");
    let definitions = root.members().shift_remove("$defs").unwrap();
    let Node::Object(definitions) = definitions else { panic!("$defs is an object") };
    let parts = definitions.into_iter().map(|(name, node)| (component(&name), node));
    [(format!("{prefix}Export"), root)].into_iter().chain(parts).collect()
}
