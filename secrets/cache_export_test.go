package secrets

// Entries returns how many names the cache knows something of.
func (c *Cache) Entries() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries)
}
