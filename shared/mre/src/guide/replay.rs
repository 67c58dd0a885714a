//! The guide's `Replay` object and the features of a replay's segments.

use super::{Guide, write_strings};
use crate::attr::{Attr, Row};
use crate::json::Json;
use crate::number;
use crate::replay::{ReplayRequest, result_features};
use crate::warnings::ExportWarning;
use crate::writer::Writer;

/// The text that MRE stores while a location is not known yet.
const PENDING: &str = "-";

/// Writes the `Replay` object.
pub fn write_replay(request: &ReplayRequest, guide: &mut Guide<'_>) {
    guide.writer.open_object();
    if let Some(limit) = &request.duration {
        guide.float("Duration", limit.duration.as_ref());
        guide.writer.member("EqualDistribution", yes_no(limit.equal_distribution));
    }
    guide.writer.member("Id", &request.id);
    guide.float("AudioTrack", request.audio_track.as_ref());
    guide.writer.key("FeaturesSelected");
    guide.writer.array(|w| {
        for clip in request.clips.iter().flatten() {
            w.item();
            write_selected(clip, request.choice_field(), w);
        }
    });
    guide.writer.member("ReplayFormat", format_name(request));
    guide.writer.key("Resolutions");
    guide.texts(request.resolutions.as_ref());
    guide.writer.member("Catchup", yes_no(request.catchup));
    if request.create_hls == Some(true) {
        guide.location("HlsThumbnailLoc", request.hls_thumbnail.as_ref());
        guide.location("HlsLocation", request.hls_location.as_ref());
    }
    guide.files("Mp4Location", "ReplayClips", request.mp4_location.as_ref());
    guide.files("Mp4ThumbnailLocation", "ReplayThumbnails", request.mp4_thumbnail.as_ref());
    guide.writer.close_object();
}

fn yes_no(flag: Option<bool>) -> &'static str {
    if flag == Some(true) { "Y" } else { "N" }
}

fn format_name(request: &ReplayRequest) -> &'static str {
    match (request.create_mp4, request.create_hls) {
        (Some(true), _) => "Mp4",
        (_, Some(true)) => "Hls",
        _ => "N/A",
    }
}

fn write_selected(clip: &Row, choice: &str, writer: &mut Writer) {
    writer.object(|w| {
        w.member("FeatureName", clip.get("AttribName").and_then(Attr::as_str).unwrap_or_default());
        let value = clip.get("AttribValue").map(Attr::to_json);
        w.member("FeatureValue", &value_text(value.as_ref()));
        write_choice(clip.get(choice).map(Attr::to_json).as_ref(), choice, w);
    });
}

/// `Weight` as a float or `Include` as a boolean; left out when it is neither.
fn write_choice(value: Option<&Json>, choice: &str, writer: &mut Writer) {
    match value {
        Some(Json::Bool(include)) if choice == "Include" => {
            writer.key(choice);
            writer.bool(*include);
        }
        Some(Json::Number(token)) if choice != "Include" => write_float(choice, token, writer),
        _ => {}
    }
}

fn write_float(name: &str, token: &str, writer: &mut Writer) {
    if let Some(token) = number::float(token) {
        writer.key(name);
        writer.raw(&token);
    }
}

/// A feature's value as text, as the guide's readers know it from when it was one.
fn value_text(value: Option<&Json>) -> String {
    match value {
        Some(Json::Bool(true)) => "True".to_owned(),
        Some(Json::Bool(false)) => "False".to_owned(),
        Some(Json::String(text)) if text == "true" => "True".to_owned(),
        Some(Json::String(text)) if text == "false" => "False".to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(Json::Number(token)) => number::plain(token).unwrap_or_default().into_owned(),
        _ => String::new(),
    }
}

/// Writes the features for which a replay chose a segment.
pub fn write_result_features(features: &Json, choice: &str, writer: &mut Writer) {
    writer.array(|w| {
        for feature in result_features(features) {
            w.item();
            write_feature(feature, choice, w);
        }
    });
}

fn write_feature(feature: &Json, choice: &str, writer: &mut Writer) {
    let text = |name| feature.get(name).and_then(Json::as_str).unwrap_or_default();
    let (attribute, plugin) = (text("AttribName"), text("PluginName"));
    let value = value_text(feature.get("AttribValue"));
    writer.object(|w| {
        w.member("AttribName", attribute);
        w.member("PluginName", plugin);
        w.member("AttribValue", &value);
        if choice == "Weight"
            && let Some(weight) = feature.get("Weight").and_then(Json::as_number)
        {
            write_multiplier(feature, weight, w);
        }
        write_choice(feature.get(choice), choice, w);
        if attribute.is_empty() || plugin.is_empty() {
            w.member("Name", text("Name"));
        } else {
            w.member("Name", &format!("{plugin} - {attribute} - {value}"));
        }
    });
}

/// The recorded multiplier, or what MRE computed when it still recorded one: a tenth of the weight, rounded up.
fn write_multiplier(feature: &Json, weight: &str, writer: &mut Writer) {
    match feature.get("MultiplierChosen").and_then(Json::as_number) {
        Some(recorded) => write_float("MultiplierChosen", recorded, writer),
        None => {
            if let Some(weight) = weight.parse::<f64>().ok().filter(|weight| weight.is_finite()) {
                writer.key("MultiplierChosen");
                // Adding zero makes a negative zero positive.
                writer.raw(&number::float_token((weight / 10.0).ceil() + 0.0));
            }
        }
    }
}

impl Guide<'_> {
    /// A number that is a float whatever its value.
    fn float(&mut self, name: &str, value: Option<&Attr>) {
        match value.and_then(|value| value.as_number().or(value.as_str())).and_then(number::float) {
            Some(token) => {
                self.writer.key(name);
                self.writer.raw(&token);
            }
            None => self.warnings.add_if(value.is_some(), ExportWarning::ValueOfOtherType),
        }
    }

    fn texts(&mut self, value: Option<&Attr>) {
        match value {
            Some(Attr::L(items)) => {
                let texts: Vec<&str> = items.iter().filter_map(Attr::as_str).collect();
                self.warnings.add_if(texts.len() < items.len(), ExportWarning::ValueOfOtherType);
                write_strings(texts.into_iter(), self.writer);
            }
            other => self.empty("[]", other),
        }
    }

    fn location(&mut self, name: &str, value: Option<&Attr>) {
        self.text(name, value.filter(|value| value.as_str() != Some(PENDING)));
    }

    /// Files by resolution, without what else MRE may have put beside them.
    fn files(&mut self, name: &str, list: &str, value: Option<&Attr>) {
        self.writer.key(name);
        match value {
            Some(Attr::M(row)) => self.map(row, |guide, resolution, entry| {
                guide.writer.key(resolution);
                guide.writer.open_object();
                guide.writer.key(list);
                guide.texts(entry.as_map().and_then(|entry| entry.get(list)));
                guide.writer.close_object();
            }),
            other => self.empty("{}", other),
        }
    }
}
