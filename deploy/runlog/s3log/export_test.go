package s3log

// SetPage makes a LIST return at most n keys.
func (l *Log) SetPage(n int32) { l.page = n }
