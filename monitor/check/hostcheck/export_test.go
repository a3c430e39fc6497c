package hostcheck

// Samples is how many a disk keeps.
func (c *Disk) Samples() int {
	c.trend.mu.Lock()
	defer c.trend.mu.Unlock()
	return len(c.trend.samples)
}
