// Package filestore keeps the objects of a [backup.Store] as files below one
// folder, on a disk that is not the one of what is backed up.
//
// An object is written beside its name, synced, and given the name by a hard
// link, which fails where the name is taken: the file system must know hard
// links and honour fsync, which the local ones of Linux do, and network file
// systems in part. Files have mode 0600, folders 0700.
//
// A killed Put leaves a file that begins with a dot and ends in ".tmp-" and
// random letters; nobody reads it, and [Store.Sweep] removes it.
//
// Do not use it where whoever can destroy the database can destroy the folder
// too: a backup on the same machine protects against mistakes, and not against
// the loss of the machine or an intruder.
package filestore
