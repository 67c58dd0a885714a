//! MP4 files as trees of boxes, so that damage in one place leaves the sizes right everywhere else.

use crate::seeds::FILES;
use export_fuzz::damage::{Damage, apply, damage, number, overwrite};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;
use std::sync::LazyLock;

/// A box.
#[derive(Debug, Clone)]
struct Node {
    kind: [u8; 4],
    size: Size,
    /// What comes before the boxes in it; the whole body if there are none.
    fields: Vec<u8>,
    children: Vec<Node>,
}

/// What the header says of the size.
#[derive(Debug, Clone, Copy)]
enum Size {
    True,
    /// In 64 bits.
    Large,
    /// Up to the end of the file.
    Open,
    Lie(u32),
    LargeLie(u64),
}

/// One change of a box, which is named by its place among all of them.
#[derive(Debug, Clone)]
struct Change(Index, Action);

#[derive(Debug, Clone)]
enum Action {
    Number {
        field: Index,
        width: usize,
        value: u64,
    },
    Damage(Vec<Damage>),
    /// The type of another box.
    Rename(Index),
    Size(Size),
    Remove,
    Repeat(usize),
    /// Puts a box of another file before it.
    Graft(Index, Index),
}

static TREES: LazyLock<Vec<Vec<Node>>> = LazyLock::new(|| FILES.iter().map(|file| parse(file)).collect());

/// Files with changes to their boxes, and then to any bytes.
pub(crate) fn files() -> impl Strategy<Value = Vec<u8>> {
    let at = any::<Index>;
    let size = prop_oneof![
        Just(Size::Large),
        Just(Size::Open),
        number().prop_map(|value| Size::Lie(u32::try_from(value & 0xffff_ffff).unwrap())),
        number().prop_map(Size::LargeLie),
    ];
    let action = prop_oneof![
        8 => (at(), prop::sample::select(vec![1, 2, 4, 4, 4, 8]), number())
            .prop_map(|(field, width, value)| Action::Number { field, width, value }),
        2 => damage(3).prop_map(Action::Damage),
        1 => at().prop_map(Action::Rename),
        1 => size.prop_map(Action::Size),
        1 => Just(Action::Remove),
        2 => (1..4_usize).prop_map(Action::Repeat),
        2 => (at(), at()).prop_map(|(file, from)| Action::Graft(file, from)),
    ];
    let change = (at(), action).prop_map(|(at, action)| Change(at, action));
    (0..FILES.len(), vec(change, 0..6), damage(3)).prop_map(|(file, changes, damage)| {
        let mut tree = TREES[file].clone();
        for change in &changes {
            change.apply(&mut tree);
        }
        let mut bytes = Vec::new();
        write(&tree, &mut bytes);
        apply(&damage, &mut bytes, &FILES[(file + 1) % FILES.len()]);
        bytes
    })
}

/// Fields of 32 bits: mostly small, and then as many samples fit into a file.
fn word() -> impl Strategy<Value = u32> {
    prop_oneof![30 => 0..40_u32, 1 => number().prop_map(low_half)]
}

fn low_half(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap()
}

/// A count that mostly tells the truth.
fn count_of(things: usize) -> impl Strategy<Value = u32> {
    prop_oneof![10 => Just(u32::try_from(things).unwrap()), 1 => number().prop_map(low_half)]
}

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Indexes written by the syntax (8.16.3).
pub(crate) fn indexes() -> impl Strategy<Value = Vec<u8>> {
    let entries = vec((word(), word(), any::<u32>()), 0..9);
    let entries = entries.prop_flat_map(|entries| (count_of(entries.len()), Just(entries)));
    (0..2_u32, 0..3_u32, [word(), word()], [number(), number()], entries).prop_map(
        |(version, timescale, halves, times, (count, entries))| {
            let times = if version == 0 { bytes(&halves) } else { times.map(u64::to_be_bytes).concat() };
            let entries: Vec<u32> =
                entries.into_iter().flat_map(|(size, duration, sap)| [size, duration, sap]).collect();
            let head = bytes(&[version << 24, 1, timescale]);
            boxed(*b"sidx", &[&head, &times, &bytes(&[count & 0xffff]), &bytes(&entries)])
        },
    )
}

/// Fragments written by the syntax (8.8), with any flags, and how much media there may be.
pub(crate) fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let flags = |all: &'static [u32]| {
        prop::sample::subsequence(all, 0..=all.len()).prop_map(|chosen| chosen.iter().sum::<u32>())
    };
    // Data offset and first sample's flags come once, the others for every sample.
    let run = (0..2_u32, flags(&[0x1, 0x4, 0x100, 0x200, 0x400, 0x800]), 0..6_usize, 80..400_u32)
        .prop_flat_map(|(version, flags, samples, offset)| {
            let each = usize::try_from((flags >> 8).count_ones()).unwrap();
            let first = usize::from(flags & 4 != 0);
            let offset = prop_oneof![9 => Just(offset), 1 => word()];
            let fields = vec(word(), samples * each + first);
            (Just((version << 24) | flags), count_of(samples), offset, fields)
        })
        .prop_map(|(head, count, offset, fields)| {
            let offset = if head & 1 == 0 { Vec::new() } else { bytes(&[offset]) };
            boxed(*b"trun", &[&bytes(&[head, count]), &offset, &bytes(&fields)])
        });
    let track = (
        flags(&[0x1, 0x2, 0x8, 0x10, 0x20, 0x2_0000]),
        prop_oneof![9 => 1..3_u32, 1 => word()],
        number(),
        vec(word(), 4),
        option::weighted(0.9, (any::<bool>(), number())),
        vec(run, 0..4),
    );
    let track = track.prop_map(|(flags, id, base, defaults, time, runs)| {
        let base = if flags & 1 == 0 { Vec::new() } else { (base % 512).to_be_bytes().to_vec() };
        let defaults = &defaults[..usize::try_from((flags & 0x3a).count_ones()).unwrap()];
        let tfhd = boxed(*b"tfhd", &[&bytes(&[flags, id]), &base, &bytes(defaults)]);
        let tfdt = match time {
            None => Vec::new(),
            Some((true, time)) => boxed(*b"tfdt", &[&[1, 0, 0, 0], &time.to_be_bytes()]),
            Some((false, time)) => boxed(*b"tfdt", &[&[0; 4], &time.to_be_bytes()[4..]]),
        };
        boxed(*b"traf", &[&tfhd, &tfdt, &runs.concat()])
    });
    vec((vec(track, 1..3), 0..300_usize), 1..3).prop_map(|fragments| {
        let fragment = |(tracks, payload): (Vec<Vec<u8>>, usize)| {
            let moof = boxed(*b"moof", &[&boxed(*b"mfhd", &[&[0; 8]]), &tracks.concat()]);
            [moof, boxed(*b"mdat", &[&vec![0; payload]])].concat()
        };
        fragments.into_iter().flat_map(fragment).collect()
    })
}

/// A box of these parts.
pub(crate) fn boxed(kind: [u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [&u32::try_from(body.len() + 8).unwrap().to_be_bytes()[..], &kind, &body].concat()
}

/// How many bytes come before the boxes in a box; `None` if it holds none.
fn fields_before_boxes(kind: [u8; 4]) -> Option<usize> {
    match &kind {
        b"moov" | b"trak" | b"edts" | b"mdia" | b"minf" | b"dinf" | b"stbl" | b"mvex" | b"moof" | b"traf" => {
            Some(0)
        }
        b"stsd" | b"dref" => Some(8),
        b"avc1" | b"hvc1" | b"hev1" => Some(78),
        b"mp4a" => Some(28),
        _ => None,
    }
}

/// The boxes of an audio file.
fn parse(mut data: &[u8]) -> Vec<Node> {
    let mut nodes = Vec::new();
    while let Some((size, rest)) = data.split_first_chunk::<4>() {
        let kind = *rest.first_chunk().unwrap();
        let (whole, after) = data.split_at(usize::try_from(u32::from_be_bytes(*size)).unwrap());
        let body = &whole[8..];
        let split = fields_before_boxes(kind).unwrap_or(body.len());
        let (fields, inner) = (body[..split].to_vec(), &body[split..]);
        nodes.push(Node { kind, size: Size::True, fields, children: parse(inner) });
        data = after;
    }
    nodes
}

fn count(nodes: &[Node]) -> usize {
    nodes.iter().map(|node| 1 + count(&node.children)).sum()
}

/// The list that holds the box at a place among all, parents first, and where in it.
fn find(nodes: &mut Vec<Node>, mut place: usize) -> (&mut Vec<Node>, usize) {
    let mut at = 0;
    while place > 0 {
        let inner = 1 + count(&nodes[at].children);
        if place < inner {
            return find(&mut nodes[at].children, place - 1);
        }
        place -= inner;
        at += 1;
    }
    (nodes, at)
}

impl Change {
    fn apply(&self, tree: &mut Vec<Node>) {
        let Self(at, action) = self;
        let total = count(tree);
        if total == 0 {
            return;
        }
        let kind = |tree: &mut Vec<Node>, place: &Index| {
            let (list, at) = find(tree, place.index(total));
            list[at].kind
        };
        let like = if let Action::Rename(like) = action { Some(kind(tree, like)) } else { None };
        let (list, at) = find(tree, at.index(total));
        let node = &mut list[at];
        match action {
            Action::Number { field, width, value } => {
                if !node.fields.is_empty() {
                    let field = field.index(node.fields.len());
                    overwrite(&mut node.fields, field, *width, *value);
                }
            }
            Action::Damage(damage) => {
                let donor = node.fields.clone();
                apply(damage, &mut node.fields, &donor);
            }
            Action::Rename(_) => node.kind = like.unwrap_or(node.kind),
            Action::Size(size) => node.size = *size,
            Action::Remove => drop(list.remove(at)),
            Action::Repeat(times) => {
                let copies = vec![node.clone(); *times];
                list.splice(at..at, copies);
            }
            Action::Graft(file, from) => {
                let mut donor = TREES[file.index(TREES.len())].clone();
                let place = from.index(count(&donor));
                let (donors, from) = find(&mut donor, place);
                list.insert(at, donors.swap_remove(from));
            }
        }
    }
}

fn write(nodes: &[Node], out: &mut Vec<u8>) {
    for node in nodes {
        node.write(out);
    }
}

impl Node {
    fn write(&self, out: &mut Vec<u8>) {
        let mut body = self.fields.clone();
        write(&self.children, &mut body);
        let (length, large) = match self.size {
            Size::True => (u32::try_from(body.len() + 8).unwrap(), None),
            Size::Large => (1, Some(u64::try_from(body.len() + 16).unwrap())),
            Size::Open => (0, None),
            Size::Lie(size) => (size, None),
            Size::LargeLie(size) => (1, Some(size)),
        };
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&self.kind);
        out.extend(large.into_iter().flat_map(u64::to_be_bytes));
        out.append(&mut body);
    }
}

#[test]
fn an_unchanged_tree_is_the_file() {
    for (tree, file) in TREES.iter().zip(FILES.iter()) {
        let mut bytes = Vec::new();
        write(tree, &mut bytes);
        assert_eq!(&bytes, file);
        assert!(count(tree) > 30);
    }
}
