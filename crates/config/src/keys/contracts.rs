//! Keys of `contract`.

use super::{LOG_OFF, key, needed};
use crate::shape::{Kind, Shape};

pub(crate) static CONTRACT: Shape = Shape {
    fields: &[
        needed("openapi", Kind::Text),
        key("mode", Kind::TextOr(&LOG_OFF)),
        key("operations", Kind::Named(&Kind::TextOr(&LOG_OFF))),
        key("responses", Kind::Text),
        key("routes", Kind::Flag),
        key("strict_objects", Kind::Flag),
        key("strict_query", Kind::Flag),
        key("base", Kind::Text),
        key("opaque", Kind::List(&Kind::Text)),
        key("gzip", Kind::Flag),
    ],
};
