// Command v3 is a bad release: it throws at boot.
package main

func main() { panic("v3 cannot boot: its configuration names a database that is gone") }
