package dirbackup

import "time"

// SetOpened calls f whenever a file was opened, before it is read, with the number
// of the attempt. It may be called from several goroutines.
func (p *Producer) SetOpened(f func(path string, attempt int)) { p.opened = f }

// SetTrustMargin replaces the margin of TrustTimes.
func (p *Producer) SetTrustMargin(d time.Duration) { p.margin = d }

// SmallFile and Ahead are the limits of what is read ahead.
const (
	SmallFile = smallFile
	Ahead     = ahead
)
