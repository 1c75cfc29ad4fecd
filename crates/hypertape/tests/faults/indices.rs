//! Numbers that become indices are checked.
