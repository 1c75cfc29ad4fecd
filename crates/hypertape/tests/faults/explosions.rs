//! A derivative that a method's own arithmetic explodes is not handed out without a word.
