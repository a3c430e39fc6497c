package s3store

// SetPage makes a list give at most n keys at a time.
func (s *Store) SetPage(n int32) { s.page = n }
