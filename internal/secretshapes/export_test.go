package secretshapes

// Anchors returns the texts one of which is in each secret of this shape or
// before it, and whether their case does not matter.
func (s Shape) Anchors() (anchors []string, fold bool) { return s.anchors, s.fold }
