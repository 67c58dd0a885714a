//! The writing of a clip's file: pictures and audio on the clip's clock, in the clip's container.

pub(crate) mod assembly;
pub(crate) mod container;
pub(crate) mod marks;
