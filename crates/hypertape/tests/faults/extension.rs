//! Extension points are checked, not believed.
