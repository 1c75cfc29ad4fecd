//! Problems with known derivatives, finite differences and seeded data, for the tests of the workspace.
